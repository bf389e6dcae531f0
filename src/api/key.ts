/** Keys: made here, shown once, kept as hashes. */

import type { KeyRow, Runtime, Scope } from "../core/ports.ts";

/** Every scope. */
export const SCOPES = [
  "read",
  "write",
  "operate",
  "admin",
  "bus",
] as const satisfies readonly Scope[];

/** So that people and secret scanners know one when they see it. */
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
