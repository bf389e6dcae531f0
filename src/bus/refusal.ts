/** Why a broker cannot be connected to: it is away, or this process may not. */

import { addressOf, brokerOf, BROKERS, serversOf } from "../core/broker.ts";
import { messageOf, TaskerError } from "../core/errors.ts";

/**
 * Makes one of our errors of what a library threw while it connected to the broker at `url`.
 *
 * A permission that is missing will not come back, and is config.invalid; all else may, and is
 * bus.unavailable.
 */
export function connectionRefusal(error: unknown, url: string): TaskerError {
  const kind = brokerOf(url);
  const broker = kind === undefined ? "the broker" : BROKERS[kind].name;
  const servers = (serversOf(url) ?? []).map(addressOf).join(", ");
  if (!isForbidden(error)) {
    return new TaskerError(
      "bus.unavailable",
      `Cannot connect to ${broker} at "${servers}": ${messageOf(error)}`,
      { cause: error },
    );
  }
  return new TaskerError(
    "config.invalid",
    `Cannot use BUS_URL: this process may not connect to ${broker} at "${servers}" ` +
      `(${messageOf(error)}), start it by \`deno task serve\`, or allow that`,
    { cause: error },
  );
}

/** Libraries wrap what Deno refuses, some in lists. */
function isForbidden(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  if (error.name === "NotCapable" || error.name === "PermissionDenied") return true;
  return isForbidden(error.cause) ||
    (error instanceof AggregateError && error.errors.some(isForbidden));
}
