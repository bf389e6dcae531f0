/** Redaction: what a log line may hold. Secrets and payloads are taken out by the names of fields. */

import { messageOf, TaskerError } from "../core/errors.ts";
import { redactText } from "../core/redaction.ts";

/** Longer texts are cut. */
export const LOG_TEXT_LENGTH_MAX = 4_096;

/** Deeper values are replaced by "…": it bounds cycles, too. */
const LOG_DEPTH_MAX = 4;

/** More entries of one list or object than this are left out. */
const LOG_ENTRIES_MAX = 32;

/** A value that JSON can carry. */
export type Loggable =
  | string
  | number
  | boolean
  | null
  | readonly Loggable[]
  | { readonly [name: string]: Loggable };

/** Names of secrets, without what parts their words: `x-api-key` is read as `xapikey`. */
const SECRET =
  /password|passwd|passphrase|secret|token|credential|authorization|cookie|(api|access|private|admin|signing)key/;
/** Words that name a secret only where they stand alone: not in "bypass" or "keyId". */
const SECRET_WORDS: ReadonlySet<string> = new Set(["pass", "pwd", "jwt", "bearer"]);
const PAYLOAD = /^(input|result|output|payload|body|data)$/i;
/** What is looked through for secrets; it is far more than what is kept. */
const SEARCH_LENGTH_MAX = 16 * LOG_TEXT_LENGTH_MAX;

/** How values are shown. */
interface Shown {
  /** Deeper values are replaced by "…". */
  readonly depthMax: number;
  /** Takes out of a text what may not be shown. */
  readonly hide: (text: string) => string;
}

const SHOWN: Shown = { depthMax: LOG_DEPTH_MAX, hide: (text) => redactText(text).text };

/**
 * Returns a field's value as it may be logged.
 *
 * Shape: a secret becomes `***`, a payload its type alone, an error its name, code, message and
 * causes; texts are redacted; texts, depth and lists are bounded.
 */
export function redact(name: string, value: unknown, options: Partial<Shown> = {}): Loggable {
  const shown = { ...SHOWN, ...options };
  const { depthMax, hide } = shown;
  if (value === undefined || value === null) return null;
  if (isSecretName(name)) return "***";
  if (PAYLOAD.test(name)) return `(${Array.isArray(value) ? "list" : typeof value}, not logged)`;
  if (typeof value === "string") return cut(value, hide);
  if (typeof value === "number") return Number.isFinite(value) ? value : String(value);
  if (typeof value === "boolean") return value;
  if (typeof value !== "object") return cut(String(value), hide);
  if (depthMax === 0) return "…";
  if (value instanceof Error) return describeError(value, shown);
  const inside = { hide, depthMax: depthMax - 1 };
  if (Array.isArray(value)) {
    return value.slice(0, LOG_ENTRIES_MAX).map((inner) => redact("", inner, inside));
  }
  return redactFields(value, inside);
}

/** Returns all fields of an object as they may be logged. */
export function redactFields(
  fields: object,
  options: Partial<Shown> = {},
): { readonly [name: string]: Loggable } {
  const entries = Object.entries(fields).filter(([, value]) => value !== undefined);
  return Object.fromEntries(
    entries.slice(0, LOG_ENTRIES_MAX).map(([name, value]) => [name, redact(name, value, options)]),
  );
}

/** Whether a field's name says that its value is a secret, however its words are written. */
export function isSecretName(name: string): boolean {
  if (SECRET.test(name.toLowerCase().replaceAll(/[^a-z]/g, ""))) return true;
  if (name.toLowerCase() === "key") return true;
  const words = name.split(/[^A-Za-z]+|(?<=[a-z])(?=[A-Z])/);
  return words.some((word) => SECRET_WORDS.has(word.toLowerCase()));
}

function describeError(error: Error, { depthMax, hide }: Shown): Loggable {
  const { cause } = error;
  return {
    name: error.name,
    ...(error instanceof TaskerError ? { code: error.code, ...error.ids } : {}),
    message: cut(messageOf(error), hide),
    ...(error instanceof TaskerError || error.stack === undefined
      ? {}
      : { stack: cut(error.stack, hide) }),
    ...(cause === undefined
      ? {}
      : { cause: redact("cause", cause, { hide, depthMax: depthMax - 1 }) }),
  };
}

function cut(text: string, hide: Shown["hide"]): string {
  const safe = hide(text.slice(0, SEARCH_LENGTH_MAX));
  return safe.length <= LOG_TEXT_LENGTH_MAX ? safe : `${safe.slice(0, LOG_TEXT_LENGTH_MAX)}…`;
}
