/** Client errors: why a call failed, in a form that people and programs can act on. */

import { type ErrorCode, ERRORS, type Fault, messageOf, type Retry } from "../core/errors.ts";

/** Codes of the server, and of a client: no answer, no answer in time, or not an answer of Tasker. */
export type ClientErrorCode =
  | ErrorCode
  | "client.unreachable"
  | "client.late"
  | "client.unreadable";

/** What is known of a failed call. */
export interface ClientErrorParts {
  readonly code: ClientErrorCode;
  readonly title: string;
  readonly action: string;
  readonly retry: Retry;
  readonly status?: number | undefined;
  readonly retryAfterMs?: number | undefined;
  readonly faults?: readonly Fault[];
  readonly reference?: string | undefined;
  readonly cause?: unknown;
}

/**
 * A call that failed. `message` and `detail` say what happened to this one, `title` what kind of
 * error it is, `action` what a person can do.
 */
export class ClientError extends Error {
  override readonly name = "ClientError";
  /** Stable: programs may compare it. A newer server may know codes that this type does not. */
  readonly code: ClientErrorCode;
  readonly title: string;
  readonly detail: string;
  readonly action: string;
  /** Whether the same call may succeed: at once, after a while, or only when it is changed. */
  readonly retry: Retry;
  /** HTTP status; absent when there was no answer. */
  readonly status: number | undefined;
  /** How long the server asks to wait. */
  readonly retryAfterMs: number | undefined;
  /** What is wrong with the input, one entry per field. */
  readonly faults: readonly Fault[];
  /** Finds this occurrence in the server's log. */
  readonly reference: string | undefined;

  constructor(detail: string, parts: ClientErrorParts) {
    super(detail, parts.cause === undefined ? undefined : { cause: parts.cause });
    this.detail = detail;
    this.code = parts.code;
    this.title = parts.title;
    this.action = parts.action;
    this.retry = parts.retry;
    this.status = parts.status;
    this.retryAfterMs = parts.retryAfterMs;
    this.faults = parts.faults ?? [];
    this.reference = parts.reference;
  }
}

/** The error of a call whose address would be that of something else. */
export function unsendable(field: string, value: string): ClientError {
  const { title, action, retry } = ERRORS["api.bad_request"];
  const detail = `Cannot send the request: "${field}" is "${value}", expected a name or an id`;
  return new ClientError(detail, { code: "api.bad_request", title, action, retry });
}

/** The error of a call without an answer. */
export function unreachable(url: string, cause: unknown): ClientError {
  return new ClientError(`Cannot reach ${url}: ${reasonOf(cause)}`, {
    code: "client.unreachable",
    title: "Tasker cannot be reached",
    action: "Check the address, and that the server runs (`deno task serve`)",
    retry: "later",
    cause,
  });
}

/** The error of a call whose answer did not come in time. */
export function late(url: string, ms: number): ClientError {
  return new ClientError(`Cannot wait longer for ${url}: no answer for ${ms} ms`, {
    code: "client.late",
    title: "Tasker did not answer in time",
    action: "Read the server's log and its /health; the call may be repeated",
    retry: "later",
  });
}

/** The error of an answer that is not from Tasker, such as the page of a proxy. */
export function unreadable(url: string, status: number, retryAfterMs?: number): ClientError {
  return new ClientError(
    `Cannot read the answer of ${url}: it is not from Tasker, its status is ${status}`,
    {
      code: "client.unreadable",
      title: "The answer is not from Tasker",
      action: "Check the address; a proxy in between may have answered instead",
      // Proxies answer like this while the server behind them restarts.
      retry: [429, 502, 503, 504].includes(status) ? "later" : "never",
      status,
      retryAfterMs,
    },
  );
}

/** Reads the error from an answer whose status is not 2xx. */
export async function errorOf(response: Response, url: string): Promise<ClientError> {
  const retryAfterMs = retryAfterMsOf(response.headers);
  const problem: unknown = await response.json().catch(() => undefined);
  if (!isProblem(problem)) return unreadable(url, response.status, retryAfterMs);
  return new ClientError(problem.detail ?? problem.title, {
    code: problem.code,
    title: problem.title,
    action: problem.action ?? "",
    // The server sends Retry-After exactly when the same request may succeed later.
    retry: retryAfterMs === undefined ? "never" : "later",
    status: response.status,
    retryAfterMs,
    faults: problem.errors ?? [],
    reference: problem.instance?.replace("urn:uuid:", ""),
  });
}

interface Problem {
  readonly code: ErrorCode;
  readonly title: string;
  readonly detail?: string;
  readonly action?: string;
  readonly instance?: string;
  readonly errors?: readonly Fault[];
}

function isProblem(value: unknown): value is Problem {
  return typeof value === "object" && value !== null && "code" in value && "title" in value;
}

/** The header in seconds. Its other form, a date, needs a correct clock, and is ignored. */
function retryAfterMsOf(headers: Headers): number | undefined {
  const text = headers.get("retry-after") ?? "";
  return /^\d{1,6}$/.test(text) ? Number(text) * 1_000 : undefined;
}

/** Runtimes hide why a fetch failed in its cause, or behind the URL and their own layers. */
function reasonOf(thrown: unknown): string {
  const { cause } = thrown instanceof Error ? thrown : { cause: undefined };
  if (cause instanceof Error && cause.message !== "") return reasonOf(cause);
  const message = messageOf(thrown);
  return message.startsWith("error sending request") ? message.split(": ").at(-1) ?? "" : message;
}
