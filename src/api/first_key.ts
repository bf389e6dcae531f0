/** The first key: without one nobody could make any. */

import type { Keys, Runtime } from "../core/ports.ts";
import { EVERYTHING } from "./access.ts";
import { makeKey, SCOPES } from "./key.ts";

/**
 * Makes the first key of a database.
 *
 * Of several nodes that start at once the first writer wins. `secret` is `TASKER_ADMIN_KEY`; absent,
 * one is made.
 *
 * @returns the key to print once and to write to the file, or undefined when there are keys already
 */
export async function makeFirstKey(
  keys: Pick<Keys, "addFirst">,
  runtime: Pick<Runtime, "uuid" | "digest" | "now">,
  secret: string | undefined,
): Promise<string | undefined> {
  const made = makeKey(
    runtime,
    { name: "first key", scopes: SCOPES, namespaces: [EVERYTHING], systems: [EVERYTHING] },
    secret,
  );
  return await keys.addFirst(made.row) ? made.secret : undefined;
}

/** Says a new first key, for the one line that is printed. */
export function firstKeyLine(secret: string, file: string): string {
  return `first API key (shown once, kept in ${file} for the command line): ${secret}`;
}
