/** API keys: made here, shown once, kept as hashes; the first one is made with the database. */

import { EVERYTHING, SCOPES } from "../core/api_key.ts";
import type { KeyRow, Keys, Runtime } from "../core/ports.ts";

/** By this, people and secret scanners recognize a key. */
const PREFIX = "tasker_";

/** A key and what is kept of it. */
export interface NewKey {
  /** Shown once; never kept. */
  readonly secret: string;
  readonly row: KeyRow;
}

/** Makes a key. Shape: `tasker_` and 64 hex digits out of 366 random bits. */
export function makeKey(
  runtime: Pick<Runtime, "uuid" | "digest" | "now">,
  of: Pick<KeyRow, "name" | "scopes" | "namespaces" | "systems" | "expiresAtMs">,
  secret: string = PREFIX + runtime.digest([1, 2, 3].map(() => runtime.uuid()).join()),
): NewKey {
  const row = {
    ...of,
    id: runtime.uuid(),
    hash: runtime.digest(secret),
    createdAtMs: runtime.now(),
  };
  return { secret, row };
}

/**
 * Makes the first key of a database.
 *
 * Of several nodes that start at once, the first writer wins. `secret` is `TASKER_ADMIN_KEY`; if it is
 * absent, one is made.
 *
 * If there are keys already, none is made, and `warn` is called for a `secret` that is not one of them.
 *
 * @returns the key to write to the file, or undefined when there are keys already
 */
export async function makeFirstKey(
  keys: Pick<Keys, "addFirst" | "find">,
  runtime: Pick<Runtime, "uuid" | "digest" | "now">,
  secret: string | undefined,
  warn: (text: string) => void = () => {},
): Promise<string | undefined> {
  const made = makeKey(
    runtime,
    { name: "first key", scopes: SCOPES, namespaces: [EVERYTHING], systems: [EVERYTHING] },
    secret,
  );
  if (await keys.addFirst(made.row)) return made.secret;
  if (secret !== undefined && await keys.find(made.row.hash) === undefined) warn(IGNORED);
  return undefined;
}

const IGNORED = "TASKER_ADMIN_KEY is ignored: the database has keys already, and it is not one " +
  "of them; use one of those, or make a key with POST /v1/keys";

/** Says where the first key is, for the one line that is printed; the operator's own is not shown. */
export function firstKeyLine(secret: string, file: string, isOwn: boolean): string {
  return isOwn
    ? `first API key: the one in TASKER_ADMIN_KEY (kept in ${file} for the command line)`
    : `first API key (shown once, kept in ${file} for the command line): ${secret}`;
}
