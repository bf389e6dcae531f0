/** SQLSTATE: what a failed query means, and which of our errors it becomes. */

import { messageOf, TaskerError } from "../core/errors.ts";

/**
 * What a failed query means.
 *
 * data: the same rows fail again · again: nothing was done, the same works again · unknown: it may
 * have been done
 */
export type Failing = "data" | "again" | "unknown";

/**
 * Classes that blame the data: cardinality, data exceptions, integrity, program limits. Class 42
 * does not: a table that is not there is nobody's row's fault.
 */
const DATA = /^(21|22|23|54)...$/;

/** Serialisation and deadlock. */
const AGAIN = new Set(["40001", "40P01"]);

/**
 * Says what a failed query means. All that is neither the data's fault nor certainly undone is
 * unknown, timeouts and shutdowns too: postgres.js blames a killed backend's error on the next query.
 */
export function meaningOf(error: unknown): Failing {
  const code = codeOf(error);
  if (AGAIN.has(code)) return "again";
  return DATA.test(code) ? "data" : "unknown";
}

/** Whether a query failed because its connection ended: by postgres.js' or the platform's code. */
export function isOfConnection(error: unknown): boolean {
  return /^(CONNECT|E[A-Z_]+$)/.test(codeOf(error));
}

/** Turns what a query threw into one of our errors. */
export function errorOf(error: unknown): TaskerError {
  if (error instanceof TaskerError) return error;
  const code = codeOf(error);
  const why = code === "" ? messageOf(error) : `${messageOf(error)} (${code})`;
  return meaningOf(error) === "data"
    ? new TaskerError("journal.poison", `Cannot write to Postgres: ${why}`, { cause: error })
    : unavailable(why, error);
}

/** Says that Postgres did not do, or did not say whether it did, what was asked. */
export function unavailable(why: string, cause?: unknown): TaskerError {
  return new TaskerError("journal.unavailable", `Cannot query Postgres: ${why}`, { cause });
}

/** The SQLSTATE of what a query threw, or "". */
export function codeOf(error: unknown): string {
  return typeof error === "object" && error !== null && "code" in error ? String(error.code) : "";
}
