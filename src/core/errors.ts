/** Operating errors: a closed list of codes, each with its cause, what happens next and what to do. */

/** Whether the same request may succeed: at once, after a while, or only when it is changed. */
export type Retry = "now" | "later" | "never";

interface Meaning {
  readonly retry: Retry;
  /** HTTP status of the problem document. */
  readonly http: number;
  /** The short name of the problem, the same for every occurrence (RFC 9457 §3.1.3). */
  readonly title: string;
  /** What a person can do. */
  readonly action: string;
}

function meaning(retry: Retry, http: number, title: string, action: string): Meaning {
  return { retry, http, title, action };
}

/** Every code Tasker can answer with. Codes are stable: programs may compare them. */
export const ERRORS = {
  "api.unauthorized": meaning(
    "never",
    401,
    "No valid API key",
    "Use another key, or a new link of `deno task tasker sign-in`; a request sends its key as `Authorization: Bearer KEY`",
  ),
  "api.forbidden": meaning(
    "never",
    403,
    "The key does not cover this",
    "Use a key with the scope, namespace or system named in the detail",
  ),
  "event.not_signed": meaning(
    "never",
    401,
    "No trigger of this address takes an event that is signed so",
    "Compare the address, the scheme and the secret of the trigger with those of the sender, and the " +
      "clocks of both; a changed trigger is seen by all nodes within two seconds",
  ),
  "api.foreign_page": meaning(
    "never",
    403,
    "The request came from a page of another site",
    "Do it on a page of this server; a program sends a key in `Authorization`, and no cookie. Behind " +
      "a proxy, let the proxy pass on the Host header",
  ),
  "api.not_found": meaning("never", 404, "No such route", "See /openapi.json for the routes"),
  "api.bad_request": meaning(
    "never",
    400,
    "The request is not valid",
    "Correct the fields that the answer lists, then send the request again",
  ),
  "api.method_not_allowed": meaning(
    "never",
    405,
    "The route does not take this method",
    "Use one of the methods named in the Allow header",
  ),
  "api.key_reused": meaning(
    "never",
    409,
    "The Idempotency-Key was used for another request",
    "Use a new Idempotency-Key for each request",
  ),
  "api.busy": meaning(
    "later",
    503,
    "Too many clients are waiting here",
    "Wait as long as Retry-After says, or ask another node",
  ),
  "api.rate_limited": meaning(
    "later",
    429,
    "Too many requests come with this key",
    "Wait as long as Retry-After says; send fewer at once",
  ),
  "api.internal": meaning(
    "later",
    500,
    "Something broke in the server",
    "Look for the reference in the server's log; the request may be sent again",
  ),
  "api.too_large": meaning(
    "never",
    413,
    "The body is too large or too deep",
    "Send less data, or store it elsewhere and pass a reference",
  ),
  "bus.unavailable": meaning(
    "later",
    503,
    "The bus cannot be reached",
    "Check the broker; steps wait in the journal and go out when it is back",
  ),
  "bus.envelope_invalid": meaning(
    "never",
    400,
    "The envelope is broken",
    "Send CloudEvents 1.0 JSON with the attributes named in the detail",
  ),
  "bus.reply_refused": meaning(
    "never",
    403,
    "The reply is not accepted",
    "Answer with the reply token of the newest envelope for this step",
  ),
  "config.invalid": meaning(
    "never",
    500,
    "The configuration is not valid",
    "Correct the variables named in the detail, then start again",
  ),
  "contract.violation": meaning(
    "never",
    422,
    "A value breaks its contract",
    "Send a value that matches the contract shown by GET /v1/workflows",
  ),
  "definition.breaks": meaning(
    "never",
    409,
    "The version breaks others",
    "Keep what they rely on, as the answer lists it, or deploy it with `force` and a reason",
  ),
  "definition.changed": meaning(
    "never",
    409,
    "A definition changed under the same version",
    "Raise the workflow's version, or take the change back",
  ),
  "definition.in_file": meaning(
    "never",
    409,
    "A file defines the workflow",
    "Change the file that the detail names, or remove it and start the server again",
  ),
  "definition.invalid": meaning(
    "never",
    400,
    "The workflow is not valid",
    "Correct the places listed, then load or deploy the workflow again",
  ),
  "definition.not_highest": meaning(
    "never",
    409,
    "The workflow has a higher version already",
    "Give the document a version above the one that the detail names",
  ),
  "definition.unknown": meaning(
    "never",
    404,
    "No such workflow",
    "See GET /v1/workflows for what is loaded here",
  ),
  "dead_letter.not_found": meaning(
    "never",
    404,
    "No such dead letter",
    "See GET /v1/dead; it may have been replayed or discarded already",
  ),
  "document.edit_refused": meaning("never", 422, "The edit is refused", "Do as the detail says"),
  "document.given_up": meaning(
    "never",
    422,
    "The document takes too long",
    "Split the workflow, or make it smaller; other documents are worked on again",
  ),
  "egress.refused": meaning(
    "never",
    422,
    "The address may not be called",
    "Name the host, or the range of its addresses, in TASKER_EGRESS, then start the server again",
  ),
  "egress.unavailable": meaning(
    "later",
    503,
    "The guard of HTTP requests is away",
    "Nothing: the launcher starts it again, and what it was asked is asked again",
  ),
  "egress.failed": meaning(
    "later",
    502,
    "The other side did not answer",
    "Check the host that the detail names; the engine tries again as the step's policy says",
  ),
  "ffi.broken": meaning(
    "never",
    500,
    "The Rust core answered with an error",
    "See the log; the node continues with the TypeScript core",
  ),
  "graph.cycle": meaning(
    "never",
    400,
    "The steps depend on each other in a cycle",
    "Remove one of the edges named in the detail",
  ),
  "graph.invalid": meaning(
    "never",
    400,
    "The graph is not valid",
    "Correct the edges named in the detail",
  ),
  "journal.conflict": meaning(
    "never",
    409,
    "Another task has this key, with different input",
    "Use another Idempotency-Key, or send the same body",
  ),
  "journal.fenced": meaning(
    "later",
    503,
    "This node lost its place",
    "Send the request again; another node has taken over",
  ),
  "journal.format_unknown": meaning(
    "never",
    500,
    "The journal was written by a newer version",
    "Start or update a node of that version: the task's slot goes to it, and the task goes on",
  ),
  "journal.outcome_unknown": meaning(
    "later",
    503,
    "Postgres did not say whether it committed",
    "Send the same request with the same Idempotency-Key again",
  ),
  "journal.ownership_lost": meaning(
    "now",
    503,
    "Another node owns this task now",
    "Send the request again",
  ),
  "journal.poison": meaning(
    "never",
    422,
    "Postgres refused the data",
    "Remove what the detail names, such as \\u0000, and send it again",
  ),
  "journal.too_slow": meaning(
    "later",
    503,
    "Postgres takes too long for this task",
    "Look for locks on the task's rows and for a slow disk; the node retries automatically",
  ),
  "journal.unavailable": meaning(
    "later",
    503,
    "Postgres cannot be reached",
    "Check the database, and send the same request with the same Idempotency-Key again; " +
      "no acknowledged request is lost",
  ),
  "key.last": meaning(
    "never",
    409,
    "This is the last key that can create keys",
    "First create another key with the scope admin, all namespaces and no expiry",
  ),
  "key.not_found": meaning(
    "never",
    404,
    "No such API key",
    "See GET /v1/keys for the keys this one may see",
  ),
  "mailbox.full": meaning(
    "later",
    429,
    "The task has too many waiting commands",
    "Wait as long as Retry-After says and send it again",
  ),
  "node.draining": meaning(
    "later",
    503,
    "This node is stopping",
    "Send the request to another node, or again after the restart",
  ),
  "payload.too_large": meaning(
    "never",
    413,
    "A value is too large",
    "Store large data elsewhere and pass a reference",
  ),
  "policy.invalid": meaning(
    "never",
    422,
    "The policy is not valid",
    "Correct the fields that the answer lists",
  ),
  "policy.no_canary": meaning(
    "never",
    409,
    "There is no experiment",
    "Put a policy for a share of the tasks first: `policies put WORKFLOW --canary`",
  ),
  "policy.conflict": meaning(
    "never",
    409,
    "Somebody else changed the policy first",
    "Read the policy again, and send the change with its newest version as expectedVersion",
  ),
  "proposal.not_open": meaning(
    "never",
    409,
    "The incident waits for no approval, or has changed nothing that could be put back",
    "Look at it with `tasker incidents ID`; what it changed can also be put by `tasker policies put`",
  ),
  "step.not_found": meaning(
    "never",
    404,
    "The task has no such step",
    "See GET /v1/tasks/{id} for its steps",
  ),
  "step.not_parked": meaning(
    "never",
    409,
    "The step does not wait for a person",
    "Only a parked step, or one that waits for its retry, can be changed by an operator",
  ),
  "task.not_failed": meaning(
    "never",
    409,
    "Nothing of the task has failed",
    "`tasker show ID` says what the task waits for",
  ),
  "step.choice_invalid": meaning(
    "never",
    409,
    "The step has no such choice",
    "Use one of the choices that the detail and `tasker show ID` list",
  ),
  "signal.not_awaited": meaning(
    "never",
    409,
    "The task has no such signal",
    "See the workflow's signal steps in GET /v1/workflows; each takes one signal",
  ),
  "system.full": meaning(
    "later",
    429,
    "There is no room for another registration",
    "See GET /v1/systems; let instances leave when they stop, and register smaller schemas",
  ),
  "system.invalid": meaning(
    "never",
    422,
    "The registration is not valid",
    "Correct the places that the answer lists, then register again",
  ),
  "system.not_found": meaning(
    "never",
    404,
    "No such system",
    "See GET /v1/systems; a system exists once a workflow that is loaded names it, or it has registered",
  ),
  "task.ended": meaning("never", 409, "The task has ended", "Start a new task"),
  "task.fork_refused": meaning(
    "never",
    409,
    "The task cannot be forked there",
    "See the detail; `tasker fork ID STEP --dry-run` says what a fork would keep and run",
  ),
  "task.id_invalid": meaning(
    "never",
    400,
    "Not a valid task id",
    "Use the id that POST /v1/tasks returned",
  ),
  "task.not_found": meaning(
    "never",
    404,
    "No such task",
    "Check the id, and that the key covers its namespace",
  ),
  "task.quarantined": meaning(
    "later",
    503,
    "The task is quarantined",
    "Fix the cause named in the detail; slow tasks are retried automatically, others at the next restart",
  ),
  "workflow.starts_late": meaning("later", 429, "It would be late", "Send it after Retry-After"),
  "workflow.starts_held": meaning(
    "later",
    429,
    "Starts of the workflow are held back",
    "Wait as long as Retry-After says and send it again; `tasker policies` shows who holds them back",
  ),
  "trigger.not_found": meaning(
    "never",
    404,
    "No such trigger",
    "List them with `tasker triggers`",
  ),
  "trigger.invalid": meaning(
    "never",
    422,
    "The trigger does not fit its workflow",
    "Correct the places that the answer lists; `tasker workflows NAME` shows the contracts",
  ),
  "trigger.ambiguous": meaning(
    "never",
    409,
    "Several tasks have what the event names",
    "Signal the right one with `tasker signal`; let the trigger name what only one task has",
  ),
  "webhook.not_found": meaning(
    "never",
    404,
    "No such webhook",
    "List them with `tasker webhooks`",
  ),
} as const satisfies Record<string, Meaning>;

/** A stable name of one operating error. */
export type ErrorCode = keyof typeof ERRORS;

/** One place of bad input. `path` is a JSON path such as `steps[2].timeout`. */
export interface Fault {
  readonly path: string;
  readonly code: string;
  readonly detail: string;
}

/** What an operating error may carry beside its code and message. */
export interface ErrorDetails {
  readonly cause?: unknown;
  readonly retryAfterMs?: number;
  readonly faults?: readonly Fault[];
  /** Ids that help a reader of the log: taskId, step, slot. */
  readonly ids?: Readonly<Record<string, string | number>>;
}

/** An operating error: something outside the code's control, with a code to act on. */
export class TaskerError extends Error {
  override readonly name = "TaskerError";
  readonly code: ErrorCode;
  readonly retry: Retry;
  readonly retryAfterMs: number | undefined;
  readonly faults: readonly Fault[];
  readonly ids: Readonly<Record<string, string | number>>;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.retry = ERRORS[code].retry;
    this.retryAfterMs = details.retryAfterMs;
    this.faults = details.faults ?? [];
    this.ids = details.ids ?? {};
  }
}

/** A broken invariant of ours. It crashes the actor; the supervisor decides. */
export class Bug extends Error {
  override readonly name = "Bug";
}

/** Asserts an invariant. @throws {Bug} when it does not hold */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new Bug(message);
}

/** Returns the text of anything thrown. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}

/** Returns what happened and, when we know it, what a person can do: for terminals. */
export function explain(thrown: unknown): string {
  if (!(thrown instanceof TaskerError)) return messageOf(thrown);
  return `${thrown.message}\n${ERRORS[thrown.code].action}`;
}
