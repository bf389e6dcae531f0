/** Failures: what happened, what Tasker does next, and what a person can do. */

import { ProtocolError, ProtocolErrorCode } from "@modelcontextprotocol/server";
import { ClientError } from "../client.ts";
import { type ErrorCode, ERRORS, type Fault, type Retry } from "../core/errors.ts";
import { shownText } from "./shown.ts";

/** A call that failed, in the three parts that people and models need. */
export interface Failure {
  readonly code: string;
  /** What happened. */
  readonly what: string;
  /** What Tasker does next, and what came of the call. */
  readonly next: string;
  /** What a person can do. */
  readonly action: string;
  readonly retry: Retry;
  readonly retryAfterMs?: number;
  /** The wrong parts of what was given. */
  readonly faults?: readonly Fault[];
  /** Finds this occurrence in the server's log. */
  readonly reference?: string;
}

/** Codes after which nobody knows whether the call was carried out. */
const OPEN: ReadonlySet<string> = new Set([
  "journal.outcome_unknown",
  "journal.unavailable",
  "client.late",
  "client.unreachable",
  "client.unreadable",
  "api.internal",
]);

const CORRECT = "Correct the arguments, then call again";

/** What a person or a model can do, by code, in words of tools. Absent: what the server advises fits. */
const ACTIONS: Readonly<Record<string, string>> = {
  "api.bad_request": CORRECT,
  "api.busy": "Wait as long as said above, then call again",
  "api.internal": "Look for the reference in the server's log; the call may be made again",
  "api.key_reused": "Use a new `key` for each call",
  "api.rate_limited": "Wait as long as said above; make fewer calls at once",
  "contract.violation":
    "Give a value that matches the contract; the resource tasker://workflow/{namespace}/{name} shows it",
  "definition.unknown": "Use a workflow of resources/list; they are named tasker://workflow/…",
  "journal.conflict": "Use another `key`, or the same arguments as before",
  "journal.fenced": "Call again; another node has taken over",
  "journal.outcome_unknown": "Make the same call with the same `key` again",
  "journal.ownership_lost": "Call again",
  "journal.unavailable":
    "Check the database, and make the same call with the same `key` again; what was acknowledged is kept",
  "mailbox.full": "Wait as long as said above, then call again",
  "node.draining": "Call another node, or again after the restart",
  "signal.not_awaited": "See the steps of the task with get_task; each step of a signal takes one",
  "step.not_found": "See the steps of the task with get_task",
  "system.not_found": "Use a system that a loaded workflow names, or that has registered",
  "task.id_invalid": "Use an id that start_task or search_tasks answered",
  "task.not_failed": "See with get_task what the task waits for",
  "workflow.starts_held": "Wait as long as said above, then call again",
  "workflow.starts_late": "Wait as long as said above, then call again",
} satisfies Partial<Record<ErrorCode, string>>;

/** A fault in what a client gave, found before anything was asked of Tasker. */
export class BadArguments extends Error {
  override readonly name = "BadArguments";

  constructor(message: string, readonly faults: readonly Fault[] = []) {
    super(message);
  }
}

/** Makes the error of a call that was refused here, with a code of the list. */
export function refused(code: ErrorCode, what: string, retryAfterMs?: number): ClientError {
  const { title, action, retry, http } = ERRORS[code];
  return new ClientError(what, { code, title, action, retry, status: http, retryAfterMs });
}

/** Describes anything that a call threw. Nothing of an unexpected error is shown. */
export function failureOf(thrown: unknown, isWrite: boolean): Failure {
  if (thrown instanceof BadArguments) {
    return {
      code: "api.bad_request",
      what: shownText(thrown.message),
      next: "Nothing was asked of Tasker",
      action: CORRECT,
      retry: "never",
      ...(thrown.faults.length > 0 && { faults: thrown.faults }),
    };
  }
  if (!(thrown instanceof ClientError)) return UNEXPECTED;
  const { code, detail, action, retry, retryAfterMs, faults, reference } = thrown;
  return {
    code,
    what: shownText(detail),
    next: nextOf(thrown, isWrite),
    action: ACTIONS[code] ?? action,
    retry,
    ...(retryAfterMs !== undefined && { retryAfterMs }),
    ...(faults.length > 0 && { faults: faults.map(shownFault) }),
    ...(reference !== undefined && { reference }),
  };
}

const UNEXPECTED: Failure = {
  code: "api.internal",
  what: "Something broke in the server",
  next: "It is in the server's log; nothing is tried again",
  action: "Look for the call in the server's log; it may be made again",
  retry: "later",
};

function nextOf({ code, retry, retryAfterMs }: ClientError, isWrite: boolean): string {
  if (isWrite && OPEN.has(code)) {
    return "It may have been carried out: look before it is called again";
  }
  if (retry === "never") return "Nothing was changed, and Tasker does nothing more about the call";
  const wait = retryAfterMs === undefined ? "later" : `after ${Math.ceil(retryAfterMs / 1_000)} s`;
  return `Nothing was changed; the same call may succeed ${wait}`;
}

function shownFault({ path, code, detail }: Fault): Fault {
  return { path: shownText(path), code, detail: shownText(detail) };
}

/** Writes a failure as text: one part a line. */
export function failureText({ what, next, action }: Failure): string {
  return `${what}\n${next}\n${action}`;
}

/** Makes a JSON-RPC error of anything that was thrown outside of a call of a tool. */
export function protocolErrorOf(thrown: unknown): ProtocolError {
  if (thrown instanceof ProtocolError) return thrown;
  const failure = failureOf(thrown, false);
  const { InvalidParams, InternalError } = ProtocolErrorCode;
  const code = failure.retry === "never" ? InvalidParams : InternalError;
  return new ProtocolError(code, failureText(failure), failure);
}
