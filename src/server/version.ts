/** The version of this software, as it stands in deno.json. */
export const VERSION = "0.1.0";
