/** Command ids of HTTP requests: the same for a repeat, so that it gets the first answer. */

import type { Runtime } from "../core/ports.ts";
import type { Asked } from "./route.ts";

/**
 * Returns the command id of a request.
 *
 * Shape: `http:<key id>:<operation and target>:<Idempotency-Key>`; without the header a fresh one.
 * The target is in it because command ids of all tasks of a slot meet in one inbox, and the
 * operation because a client may use one header for two requests by mistake.
 */
export function commandIdOf(
  runtime: Pick<Runtime, "uuid">,
  { caller, idempotencyKey }: Pick<Asked<never, never, never>, "caller" | "idempotencyKey">,
  ...operation: readonly string[]
): string {
  if (idempotencyKey === undefined) return `http:${runtime.uuid()}`;
  return ["http", caller.keyId, ...operation, idempotencyKey].join(":");
}
