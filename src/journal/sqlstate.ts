/** SQLSTATE: classifies failed queries and turns them into TaskerErrors. */

import { messageOf, TaskerError } from "../core/errors.ts";

/**
 * What a failed query means.
 *
 * data: the same rows fail again · again: nothing was done, the same works again · slow: nothing
 * was done, less of it may work · unknown: it may have been done
 */
export type Failing = "data" | "again" | "slow" | "unknown";

/**
 * Classes that blame the data: cardinality, data exceptions, integrity, program limits. Class 42
 * does not: a missing table is not the fault of a row.
 */
const DATA = /^(21|22|23|54)...$/;

/** Serialisation and deadlock. */
const AGAIN = new Set(["40001", "40P01"]);

/**
 * Statement and lock timeouts, and too little memory: Postgres cancelled a statement and undid it.
 * One large or locked row cancels every statement that contains it.
 */
const SLOW = new Set(["57014", "55P03", "53200"]);

/**
 * Returns what a failed query means. Whatever is neither caused by the data nor certainly undone is
 * unknown, shutdowns too: postgres.js reports a killed backend's error for the next query.
 */
export function meaningOf(error: unknown): Failing {
  const code = codeOf(error);
  if (AGAIN.has(code)) return "again";
  if (SLOW.has(code)) return "slow";
  return DATA.test(code) ? "data" : "unknown";
}

/**
 * Codes of Postgres that a connection does not recover from: it has ended (08, 57P, 25P03), it is
 * one to a server that takes no writes (25006), or a pooler has given it a backend that does not
 * know its prepared statements (26000), or knows them already (42P05).
 */
const CONNECTION = /^(08...|57P..|25P03|25006|26000|42P05)$/;

/**
 * Whether a query failed because its connection ended or can no longer serve, by the code of
 * Postgres, of postgres.js or of the platform: the next query needs a new one.
 */
export function isOfConnection(error: unknown): boolean {
  const code = codeOf(error);
  return CONNECTION.test(code) || /^(CONNECT|E[A-Z_]+$)/.test(code);
}

/** The error of a connection whose server is read-only. */
export function readOnly(): Error {
  const text = "the server is read-only, or a standby: it is asked again until it takes writes";
  return Object.assign(new Error(text), { code: "25006" });
}

/**
 * Whether a query was cancelled because it took too long: by Postgres, or at our own deadline, whose
 * error has no cause.
 */
export function isSlow(error: unknown): boolean {
  if (!(error instanceof TaskerError)) return meaningOf(error) === "slow";
  return error.code === "journal.unavailable" &&
    (error.cause === undefined || meaningOf(error.cause) === "slow");
}

/** Turns what a query threw into a TaskerError. */
export function errorOf(error: unknown): TaskerError {
  if (error instanceof TaskerError) return error;
  const code = codeOf(error);
  const why = code === "" ? messageOf(error) : `${messageOf(error)} (${code})`;
  return meaningOf(error) === "data"
    ? new TaskerError("journal.poison", `Cannot write to Postgres: ${why}`, { cause: error })
    : unavailable(why, error);
}

/** Makes the error of a query that failed, or whose outcome is unknown. */
export function unavailable(why: string, cause?: unknown): TaskerError {
  return new TaskerError("journal.unavailable", `Cannot query Postgres: ${why}`, { cause });
}

/** The SQLSTATE of what a query threw, or "". */
export function codeOf(error: unknown): string {
  return typeof error === "object" && error !== null && "code" in error ? String(error.code) : "";
}
