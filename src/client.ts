/**
 * The typed client over HTTP: starts tasks, follows them and decides about them, from Deno, Node or
 * a browser. It needs `fetch` and nothing else.
 *
 * Calls that may succeed later are repeated while `retryForMs` lasts. Each write carries an
 * Idempotency-Key of its own, so a repeat after a lost answer changes nothing twice.
 */

import type {
  Accepted,
  CallName,
  ClientOptions,
  DeadLetter,
  DeadLetterFilter,
  EntryOf,
  FeedItem,
  Health,
  JournalEntry,
  Key,
  ListName,
  MadeKey,
  OperationInput,
  OperationResult,
  OperatorOptions,
  PolicyHistory,
  PolicyVersion,
  StartOptions,
  System,
  Task,
  TaskFilter,
  TaskOf,
  TaskSummary,
  WaitOptions,
  Workflow,
  WorkflowSummary,
} from "./client/documents.ts";
import {
  type CallOptions,
  Http,
  openPlatform,
  RETRY_FOR_MS,
  split,
  type WriteOptions,
} from "./client/http.ts";
import { exportLines } from "./client/export.ts";
import { ROUTES } from "./client/routes.ts";
import { followStream } from "./client/stream.ts";
import { isTerminal } from "./core/state.ts";

export type * from "./client/documents.ts";
export { ClientError, type ClientErrorCode } from "./client/error.ts";
export type { CallOptions, WriteOptions } from "./client/http.ts";

/** How long the server is asked to hold a long poll. */
const WAIT_MS = 30_000;
/** Entries of a page. */
const PAGE_SIZE = 100;

/**
 * Opens a client. Nothing is sent before the first call.
 *
 * @example
 * ```ts
 * import { type Client, openClient } from "tasker/client";
 *
 * const tasker = openClient({ url: "http://127.0.0.1:8080", key: "tasker_…" });
 *
 * async function order(tasker: Client) {
 *   const { id } = await tasker.start("shop/checkout", { input: { cents: 4200 }, key: "A-1" });
 *   for await (const { kind, step } of tasker.events(id)) console.log(kind, step);
 *   return await tasker.get(id);
 * }
 * ```
 */
export function openClient(options: ClientOptions): Client {
  return new Client(
    new Http({
      url: options.url.replace(/\/+$/, ""),
      key: options.key,
      agent: options.agent,
      retryForMs: options.retryForMs ?? RETRY_FOR_MS,
      runtime: options.runtime ?? openPlatform(),
      fetch: options.fetch ?? ((request) => fetch(request)),
      onRetry: options.onRetry ?? (() => {}),
    }),
  );
}

/**
 * A client of one server. `call` and `entries` send any operation of the table; the other methods
 * are the same operations with arguments in order. Every method can throw a `ClientError`; the codes
 * named beside a method are its own, in addition to `client.*`, `api.*`, `journal.unavailable` and
 * `node.draining`.
 */
export class Client {
  constructor(private readonly http: Http) {}

  /**
   * Sends an operation: `call("listTasks", { state: "blocked" })`. A repeat of a write under the
   * same `idempotencyKey` changes nothing.
   *
   * @throws {ClientError} the codes of the operation, as in `/openapi.json`
   */
  async call<Name extends CallName>(
    name: Name,
    input: OperationInput<Name>,
    options: WriteOptions = {},
  ): Promise<OperationResult<Name>> {
    return await this.http.send(ROUTES[name], input, options) as OperationResult<Name>;
  }

  /** Yields all entries of a list, asking for the next page when its first entry is needed. */
  async *entries<Name extends ListName>(
    name: Name,
    input: OperationInput<Name>,
    options: CallOptions = {},
  ): AsyncGenerator<EntryOf<Name>> {
    const { pages } = ROUTES[name];
    if (pages === undefined) throw new TypeError(`Cannot list "${name}": it has no pages`);
    const { entries, next, from } = pages;
    for (let begin = {};;) {
      const page = await this.http.send(ROUTES[name], { ...input, ...begin }, options) as {
        readonly [field: string]: unknown;
      };
      yield* page[entries] as readonly EntryOf<Name>[];
      if (page[next] === undefined) return;
      begin = { [from]: page[next] };
    }
  }

  /**
   * Starts a task; it is journaled when the promise resolves. Safe to repeat with the same `key`.
   *
   * Shape: `workflow` is `namespace/name`. Give the input's type to have it checked.
   *
   * @example
   * ```ts
   * import { type Client, type InputOf } from "tasker/client";
   * import { step, workflow, z } from "tasker";
   *
   * const input = z.object({ name: z.string() });
   * const hello = workflow({ namespace: "docs", name: "hello", version: "1.0.0", input }, (w) => {
   *   w.step("greet", step({ input, success: z.string(), run: ({ input }) => input.name }));
   * });
   *
   * function greet(tasker: Client) {
   *   return tasker.start<InputOf<typeof hello>>("docs/hello", { input: { name: "Ada" } });
   * }
   * ```
   * @throws {ClientError} definition.unknown, contract.violation, journal.conflict, mailbox.full
   */
  start<Input = unknown>(
    workflow: string,
    { key, signal, ...input }: StartOptions<Input>,
  ): Promise<Task> {
    return this.call("startTask", { workflow, ...input }, { idempotencyKey: key, signal });
  }

  /**
   * Starts a task and waits for its end, in one request if it ends within 30 s; after `waitMsMax`
   * (ms; no limit unless given) it returns the task as it is. Safe to repeat with the same `key`;
   * throws as `start` does. Typed: `run<InputOf<typeof hello>, OutputOf<typeof hello>>(…)`.
   */
  async run<Input = unknown, Output = unknown>(
    workflow: string,
    { key, signal, waitMsMax = Infinity, ...input }: StartOptions<Input> & WaitOptions,
  ): Promise<TaskOf<Output>> {
    const { runtime } = this.http;
    const untilMs = runtime.monotonic() + waitMsMax;
    const waitMs = Math.ceil(Math.min(WAIT_MS, waitMsMax));
    const options = { idempotencyKey: key, signal };
    const task = await this.call("startTask", { workflow, ...input, waitMs }, options);
    if (isTerminal(task.state)) return task as TaskOf<Output>;
    return await this.wait<Output>(task.id, { waitMsMax: untilMs - runtime.monotonic(), signal });
  }

  /** Reads a task with its steps. @throws {ClientError} task.not_found, task.id_invalid */
  get(id: string, options: CallOptions = {}): Promise<Task> {
    return this.call("getTask", { id }, options);
  }

  /**
   * Waits for a task to end; after `waitMsMax` (ms; no limit unless given) it returns the task as it
   * is, so look at its `state`.
   *
   * @throws {ClientError} task.not_found, task.id_invalid
   */
  async wait<Output = unknown>(id: string, options: WaitOptions = {}): Promise<TaskOf<Output>> {
    const { waitMsMax = Infinity, signal } = options;
    const { runtime } = this.http;
    const untilMs = runtime.monotonic() + waitMsMax;
    while (true) {
      const leftMs = Math.max(0, untilMs - runtime.monotonic());
      const waitMs = Math.ceil(Math.min(WAIT_MS, leftMs));
      const task = await this.call("getTask", { id, waitMs }, { signal });
      if (isTerminal(task.state) || runtime.monotonic() >= untilMs) return task as TaskOf<Output>;
    }
  }

  /** Lists tasks, newest first, asking for pages as they are needed. */
  list({ signal, pageSize = PAGE_SIZE, ...filter }: TaskFilter = {}): AsyncGenerator<TaskSummary> {
    return this.entries("listTasks", { ...filter, limit: pageSize }, { signal });
  }

  /**
   * Reads a task's journal as it is now, in order.
   *
   * @throws {ClientError} task.not_found, task.id_invalid
   */
  journal(
    id: string,
    { afterTurn = 0, signal }: CallOptions & { readonly afterTurn?: number } = {},
  ): AsyncGenerator<JournalEntry> {
    return this.entries("getJournal", { id, afterTurn }, { signal });
  }

  /** Reads all tasks of a filter or their journals, newest first, over lost connections too. */
  export(input: OperationInput<"exportTasks">, options: CallOptions = {}) {
    return exportLines(this.http, input, options);
  }

  /**
   * Follows a task's journal to its end, as it is written. Each event comes once and none is left
   * out, over lost connections and restarts of the server too.
   *
   * Shape: `after` is `turn.number` of the last event seen; all events unless given.
   *
   * @throws {ClientError} task.not_found, task.id_invalid
   */
  async *events(
    id: string,
    { after, signal }: CallOptions & { readonly after?: string | undefined } = {},
  ): AsyncGenerator<JournalEntry> {
    const stream = { route: ROUTES.streamTask, input: { id } };
    for await (const part of followStream(this.http, stream, { after, signal })) {
      if (part.kind !== "frame" || part.event !== "message") continue;
      const entry: JournalEntry = JSON.parse(part.data);
      yield entry;
      if (entry.kind === "TaskEnded") return;
    }
  }

  /**
   * Follows all tasks that the key covers and the answering node runs, from now on and without an
   * end. A feed, not a log: what happens while the connection is lost is missed, and reported as
   * `lost`.
   */
  async *feed({ signal }: CallOptions = {}): AsyncGenerator<FeedItem> {
    const stream = { route: ROUTES.streamAll, input: {} };
    for await (const part of followStream(this.http, stream, { signal })) {
      if (part.kind === "reconnected") yield { kind: "lost", turns: undefined };
      else if (part.event === "lost") yield { kind: "lost", turns: JSON.parse(part.data).turns };
      else yield { kind: "turn", turn: JSON.parse(part.data) };
    }
  }

  /**
   * Cancels a task; its running steps are asked to stop.
   *
   * @throws {ClientError} task.not_found, task.ended
   */
  cancel(id: string, options: OperatorOptions = {}): Promise<Accepted> {
    return this.call("cancelTask", ...split({ id, ...options }));
  }

  /** Starts no more steps of a task until it is resumed. @throws {ClientError} task.ended */
  pause(id: string, options: OperatorOptions = {}): Promise<Accepted> {
    return this.call("pauseTask", ...split({ id, ...options }));
  }

  /** Lets a paused task go on. @throws {ClientError} task.ended */
  resume(id: string, options: OperatorOptions = {}): Promise<Accepted> {
    return this.call("resumeTask", ...split({ id, ...options }));
  }

  /**
   * Sends a signal; one that comes early is kept.
   *
   * @throws {ClientError} signal.not_awaited, contract.violation, task.ended
   */
  signal(
    id: string,
    name: string,
    { payload = null, ...options }: WriteOptions & { readonly payload?: unknown } = {},
  ): Promise<Accepted> {
    return this.call("sendSignal", { id, name, payload }, options);
  }

  /** Tries a parked step again, at once. @throws {ClientError} step.not_found, step.not_parked */
  retry(id: string, step: string, options: OperatorOptions = {}): Promise<Accepted> {
    return this.call("retryStep", ...split({ id, step, ...options }));
  }

  /**
   * Gives a parked step its result.
   *
   * @throws {ClientError} step.not_found, step.not_parked, contract.violation
   */
  resolve(
    id: string,
    step: string,
    options: OperatorOptions & { readonly result: unknown },
  ): Promise<Accepted> {
    return this.call("resolveStep", ...split({ id, step, ...options }));
  }

  /**
   * Goes on without a step. It needs a result where a later step reads it.
   *
   * @throws {ClientError} step.not_found, step.not_parked, contract.violation
   */
  skip(
    id: string,
    step: string,
    options: OperatorOptions & { readonly result?: unknown } = {},
  ): Promise<Accepted> {
    return this.call("skipStep", ...split({ id, step, ...options }));
  }

  /** Lists owners of steps, with circuit and queue. @throws {ClientError} bus.unavailable */
  async systems(options: CallOptions = {}): Promise<readonly System[]> {
    return (await this.call("listSystems", {}, options)).systems;
  }

  /** Reads the health of every part of the answering node. */
  health(options: CallOptions = {}): Promise<Health> {
    return this.call("getHealth", {}, options);
  }

  /** Resolves when the answering process runs; it needs no key. */
  async live(options: CallOptions = {}): Promise<void> {
    await this.call("isLive", {}, options);
  }

  /** Definitions. Shape: a name is `namespace/name`. */
  readonly workflows = {
    list: async (options: CallOptions = {}): Promise<readonly WorkflowSummary[]> =>
      (await this.call("listWorkflows", {}, options)).workflows,
    /** Reads every version of a workflow. @throws {ClientError} definition.unknown */
    get: (name: string, options: CallOptions = {}): Promise<Workflow> =>
      this.call("getWorkflow", nameOf(name), options),
  };

  /** What may be tuned without a new version of a workflow. */
  readonly policies = {
    /** Reads every version of a policy, the newest first. @throws {ClientError} definition.unknown */
    get: (workflow: string, options: CallOptions = {}): Promise<PolicyHistory> =>
      this.call("getPolicy", nameOf(workflow), options),
    /**
     * Adds the next version of a policy, which replaces the one before.
     *
     * Shape: `steps` is by step name, `*` being every step; `expectedVersion` is the newest version
     * that the change was made for (0 = none), and guards against overwriting another's change.
     *
     * @throws {ClientError} definition.unknown, policy.invalid, policy.conflict
     */
    put: (
      workflow: string,
      options: WriteOptions & Omit<OperationInput<"putPolicy">, "namespace" | "name">,
    ): Promise<PolicyVersion> =>
      this.call("putPolicy", ...split({ ...nameOf(workflow), ...options })),
  };

  /** API keys. */
  readonly keys = {
    /** Lists keys, without their secrets. */
    list: async (options: CallOptions = {}): Promise<readonly Key[]> =>
      (await this.call("listKeys", {}, options)).keys,
    /**
     * Makes a key, never with more rights than the one that asks; `key` is shown this once.
     *
     * @throws {ClientError} api.forbidden
     */
    make: (options: WriteOptions & OperationInput<"makeKey">): Promise<MadeKey> =>
      this.call("makeKey", ...split(options)),
    /** Removes a key; other nodes learn it within seconds. @throws {ClientError} key.not_found */
    remove: (id: string, options: WriteOptions = {}): Promise<void> =>
      this.call("removeKey", { id }, options),
  };

  /** Dead letters: envelopes that could not be used. */
  readonly dead = {
    /** Lists dead letters without their bodies, oldest first, page by page. */
    list: ({ signal, ...filter }: DeadLetterFilter = {}): AsyncGenerator<DeadLetter> =>
      this.entries("listDead", { limit: PAGE_SIZE, ...filter }, { signal }),
    /** Puts it back into its channel. @throws {ClientError} dead_letter.not_found, bus.* */
    replay: (id: string, options: WriteOptions = {}): Promise<OperationResult<"replayDead">> =>
      this.call("replayDead", { id }, options),
    /** Discards a dead letter. @throws {ClientError} dead_letter.not_found */
    discard: (id: string, options: WriteOptions = {}): Promise<void> =>
      this.call("discardDead", { id }, options),
  };
}

function nameOf(workflow: string): { namespace: string; name: string } {
  const [namespace = "", ...name] = workflow.split("/");
  return { namespace, name: name.join("/") };
}
