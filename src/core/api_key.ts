/** API keys: what they may look like and what they may do. Apart, because the launcher reads it and loads no library. */

/** Characters of a key; a longer one is not hashed. */
export const API_KEY_LENGTH_MAX = 512;

/** What an Authorization header can carry. */
export const API_KEY = new RegExp(`^[\\x21-\\x7e]{1,${API_KEY_LENGTH_MAX}}$`);

/** Every scope of a key. */
export const SCOPES = ["read", "write", "operate", "deploy", "admin", "events", "bus"] as const;

/** What a key may do. */
export type Scope = (typeof SCOPES)[number];

/** What people are called who sign in by the identity provider, and what each may do. */
export const ROLES = {
  viewer: ["read"],
  operator: ["read", "write", "operate"],
  admin: SCOPES,
} as const satisfies Readonly<Record<string, readonly Scope[]>>;

/** One of them. */
export type Role = keyof typeof ROLES;

/** In a key's namespaces or systems: all of them. */
export const EVERYTHING = "*";
