/** Redaction: what a log line may hold. Secrets and payloads are taken out by the names of fields. */

import { messageOf, TaskerError } from "../core/errors.ts";

/** Longer texts are cut. */
export const LOG_TEXT_LENGTH_MAX = 4_096;

/** Deeper values are replaced by "…": it bounds circles, too. */
export const LOG_DEPTH_MAX = 4;

/** More entries of one list or object than this are left out. */
export const LOG_ENTRIES_MAX = 32;

/** A value that JSON can carry. */
export type Loggable =
  | string
  | number
  | boolean
  | null
  | readonly Loggable[]
  | { readonly [name: string]: Loggable };

const SECRET =
  /password|passwd|secret|token|credential|authorization|cookie|api_?key|private_?key|admin_?key|^key$/i;
const PAYLOAD = /^(input|result|output|payload|body|data)$/i;
/** A password inside a URL, as drivers put them into their messages. */
const URL_PASSWORD = /(:\/\/[^\s:/@]*):[^\s@]+@/g;
/** What is looked through for passwords; it is far more than what is kept. */
const SEARCH_LENGTH_MAX = 16 * LOG_TEXT_LENGTH_MAX;

/**
 * Returns a field's value as it may be logged.
 *
 * Shape: a secret becomes `***`, a payload its type alone, an error its name, code, message and
 * causes; texts, depth and lists are bounded.
 */
export function redact(name: string, value: unknown, depthMax: number = LOG_DEPTH_MAX): Loggable {
  if (value === undefined || value === null) return null;
  if (SECRET.test(name)) return "***";
  if (PAYLOAD.test(name)) return `(${Array.isArray(value) ? "list" : typeof value}, not logged)`;
  if (typeof value === "string") return cut(value);
  if (typeof value === "number") return Number.isFinite(value) ? value : String(value);
  if (typeof value === "boolean") return value;
  if (typeof value !== "object") return cut(String(value));
  if (depthMax === 0) return "…";
  if (value instanceof Error) return describeError(value, depthMax);
  if (Array.isArray(value)) {
    return value.slice(0, LOG_ENTRIES_MAX).map((inner) => redact("", inner, depthMax - 1));
  }
  return redactFields(value, depthMax - 1);
}

/** Returns all fields of an object as they may be logged. */
export function redactFields(
  fields: object,
  depthMax: number = LOG_DEPTH_MAX,
): { readonly [name: string]: Loggable } {
  const entries = Object.entries(fields).filter(([, value]) => value !== undefined);
  return Object.fromEntries(
    entries.slice(0, LOG_ENTRIES_MAX).map(([name, value]) => [name, redact(name, value, depthMax)]),
  );
}

function describeError(error: Error, depthMax: number): Loggable {
  const { cause } = error;
  return {
    name: error.name,
    ...(error instanceof TaskerError ? { code: error.code, ...error.ids } : {}),
    message: cut(messageOf(error)),
    ...(error instanceof TaskerError || error.stack === undefined
      ? {}
      : { stack: cut(error.stack) }),
    ...(cause === undefined ? {} : { cause: redact("cause", cause, depthMax - 1) }),
  };
}

function cut(text: string): string {
  const safe = text.slice(0, SEARCH_LENGTH_MAX).replace(URL_PASSWORD, "$1:***@");
  return safe.length <= LOG_TEXT_LENGTH_MAX ? safe : `${safe.slice(0, LOG_TEXT_LENGTH_MAX)}…`;
}
