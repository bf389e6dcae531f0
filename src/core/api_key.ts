/** API keys: what they may look like and what they may do. Apart, because the launcher reads it and loads no library. */

/** Characters of a key; a longer one is not hashed. */
export const API_KEY_LENGTH_MAX = 512;

/** What an Authorization header can carry. */
export const API_KEY = new RegExp(`^[\\x21-\\x7e]{1,${API_KEY_LENGTH_MAX}}$`);

/** Every scope of a key. */
export const SCOPES = ["read", "write", "operate", "deploy", "admin", "bus"] as const;

/** What a key may do. */
export type Scope = (typeof SCOPES)[number];

/** In a key's namespaces or systems: all of them. */
export const EVERYTHING = "*";
