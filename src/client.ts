/**
 * The typed client over HTTP: starts tasks, follows them and decides about them, from Deno, Node or
 * a browser. It needs `fetch` and nothing else.
 *
 * Calls that may succeed later are repeated while `retryForMs` lasts. Each write carries an
 * Idempotency-Key, one a call, so a repeat after a lost answer changes nothing twice.
 */

import type { ClientError } from "./client/error.ts";
import type {
  Accepted,
  CommittedTurn,
  Health,
  JournalEntry,
  System,
  Task,
  TaskSummary,
  Time,
} from "./client/documents.ts";
import { Http, RETRY_FOR_MS } from "./client/http.ts";
import {
  ApiKeys,
  type CallOptions,
  Dead,
  Policies,
  Workflows,
  type WriteOptions,
} from "./client/operations.ts";
import { pagesOf } from "./client/pages.ts";
import { type ClientRuntime, openPlatform } from "./client/platform.ts";
import { followStream } from "./client/stream.ts";
import { isTerminal, type TaskStateName } from "./core/state.ts";

export type * from "./client/documents.ts";
export { ClientError, type ClientErrorCode } from "./client/error.ts";
export type { CallOptions, WriteOptions } from "./client/operations.ts";

/** Where a server is, and how to talk to it. */
export interface ClientOptions {
  /** `http://127.0.0.1:8080`; a path in front of the routes is kept. */
  readonly url: string;
  readonly key?: string;
  /** How long a call that may succeed later is repeated, in ms; 0 = one try. */
  readonly retryForMs?: number;
  /** Called before each repeat. */
  readonly onRetry?: (error: ClientError, restMs: number) => void;
  /** In place of the platform's: tests, proxies. */
  readonly fetch?: (request: Request) => Promise<Response>;
  /** In place of the platform's clock and timers: tests. */
  readonly runtime?: ClientRuntime;
}

/** What a task is started with. */
export interface StartOptions<Input> extends CallOptions {
  readonly input: Input;
  /** Unique in the namespace: same key and body, same task. Made anew unless said. */
  readonly key?: string;
  /** Absent: the highest. */
  readonly version?: string;
  readonly tags?: readonly string[];
  /** How long the task may take, in ms. */
  readonly deadlineMs?: number;
}

/** Which tasks to list. */
export interface TaskFilter extends CallOptions {
  /** `namespace/name`. */
  readonly workflow?: string;
  readonly state?: TaskStateName;
  readonly tag?: string;
  /** Created at or after. */
  readonly since?: Time;
  /** Created before. */
  readonly until?: Time;
  /** Tasks asked for at once, 1..200. */
  readonly pageSize?: number;
}

/** Who asks by hand, and why. */
export interface OperatorOptions extends WriteOptions {
  /** The name of the key unless said. */
  readonly by?: string;
  readonly reason?: string;
}

/** What the live feed tells: a turn, or that some were lost (`turns`: how many, where known). */
export type FeedItem =
  | { readonly kind: "turn"; readonly turn: CommittedTurn }
  | { readonly kind: "lost"; readonly turns: number | undefined };

/** The input that tasks of a workflow module take: `InputOf<typeof checkout>`. */
export type InputOf<W> = W extends
  { readonly input: { readonly "~standard": { readonly types?: infer T } } }
  ? NonNullable<T> extends { readonly input: infer I } ? I : unknown
  : unknown;

/** How long the server is asked to hold a long poll. */
const WAIT_MS = 30_000;
const PAGE_SIZE = 100;

/**
 * Opens a client. Nothing is sent until it is asked for something.
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
      retryForMs: options.retryForMs ?? RETRY_FOR_MS,
      runtime: options.runtime ?? openPlatform(),
      fetch: options.fetch ?? ((request) => fetch(request)),
      onRetry: options.onRetry ?? (() => {}),
    }),
  );
}

/**
 * A client of one server. Every call can throw a `ClientError`; those named beside a call are its
 * own, in addition to `client.*`, `api.*`, `journal.unavailable` and `node.draining`.
 */
export class Client {
  readonly workflows: Workflows;
  readonly policies: Policies;
  readonly keys: ApiKeys;
  readonly dead: Dead;

  constructor(private readonly http: Http) {
    this.workflows = new Workflows(http);
    this.policies = new Policies(http);
    this.keys = new ApiKeys(http);
    this.dead = new Dead(http);
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
    { key, signal, ...body }: StartOptions<Input>,
  ): Promise<Task> {
    return this.http.ask({
      method: "POST",
      path: "/v1/tasks",
      body: { workflow, ...body },
      idempotencyKey: key,
      signal,
    });
  }

  /** Reads a task with its steps. @throws {ClientError} task.not_found, task.id_invalid */
  get(id: string, { signal }: CallOptions = {}): Promise<Task> {
    return this.http.ask({ path: taskPath(id), signal });
  }

  /**
   * Waits for a task to end; after `waitMsMax` (ms; no limit unless said) it answers the task as it
   * stands, so look at its `state`.
   *
   * @throws {ClientError} task.not_found, task.id_invalid
   */
  async wait(
    id: string,
    { waitMsMax = Infinity, signal }: CallOptions & { readonly waitMsMax?: number } = {},
  ): Promise<Task> {
    const { runtime } = this.http;
    const untilMs = runtime.monotonic() + waitMsMax;
    while (true) {
      const leftMs = Math.max(0, untilMs - runtime.monotonic());
      const waitMs = Math.ceil(Math.min(WAIT_MS, leftMs));
      const task = await this.http.ask<Task>({
        path: taskPath(id),
        query: { waitMs },
        waitMs,
        signal,
      });
      if (isTerminal(task.state) || runtime.monotonic() >= untilMs) return task;
    }
  }

  /** Lists tasks, newest first, asking for pages as they are needed. */
  list({ signal, pageSize = PAGE_SIZE, ...filter }: TaskFilter = {}): AsyncGenerator<TaskSummary> {
    return pagesOf(async (cursor) => {
      const { tasks, nextCursor } = await this.http.ask<
        { tasks: readonly TaskSummary[]; nextCursor?: string }
      >({ path: "/v1/tasks", query: { ...filter, limit: pageSize, cursor }, signal });
      return { entries: tasks, next: nextCursor };
    });
  }

  /**
   * Reads a task's journal as it stands, in order.
   *
   * @throws {ClientError} task.not_found, task.id_invalid
   */
  journal(
    id: string,
    { afterTurn = 0, signal }: CallOptions & { readonly afterTurn?: number } = {},
  ): AsyncGenerator<JournalEntry> {
    return pagesOf(async (cursor: number | undefined) => {
      const { events, nextAfterTurn } = await this.http.ask<
        { events: readonly JournalEntry[]; nextAfterTurn?: number }
      >({ path: taskPath(id, "journal"), query: { afterTurn: cursor ?? afterTurn }, signal });
      return { entries: events, next: nextAfterTurn };
    });
  }

  /**
   * Follows a task's journal to its end, as it is written. Each event comes once and none is left
   * out, over lost connections and restarts of the server too.
   *
   * Shape: `after` is `turn.number` of the last event seen; all events unless said.
   *
   * @throws {ClientError} task.not_found, task.id_invalid
   */
  async *events(
    id: string,
    { after, signal }: CallOptions & { readonly after?: string } = {},
  ): AsyncGenerator<JournalEntry> {
    for await (const part of followStream(this.http, taskPath(id, "events"), { after, signal })) {
      if (part.kind !== "frame" || part.event !== "message") continue;
      const entry: JournalEntry = JSON.parse(part.data);
      yield entry;
      if (entry.kind === "TaskEnded") return;
    }
  }

  /**
   * Follows all tasks the key may see and the answering node runs, from now on and without an end.
   * A feed, not a log: what happens while the connection is lost is missed, and said to be.
   */
  async *feed({ signal }: CallOptions = {}): AsyncGenerator<FeedItem> {
    for await (const part of followStream(this.http, "/v1/events", { signal })) {
      if (part.kind === "reconnected") yield { kind: "lost", turns: undefined };
      else if (part.event === "lost") yield { kind: "lost", turns: JSON.parse(part.data).turns };
      else yield { kind: "turn", turn: JSON.parse(part.data) };
    }
  }

  /** Cancels a task; its running steps are told. @throws {ClientError} task.not_found, task.ended */
  cancel(id: string, options: OperatorOptions = {}): Promise<Accepted> {
    return this.#hand(taskPath(id, "cancel"), options);
  }

  /** Lets no step of a task start until it is resumed. @throws {ClientError} task.ended */
  pause(id: string, options: OperatorOptions = {}): Promise<Accepted> {
    return this.#hand(taskPath(id, "pause"), options);
  }

  /** Lets a paused task go on. @throws {ClientError} task.ended */
  resume(id: string, options: OperatorOptions = {}): Promise<Accepted> {
    return this.#hand(taskPath(id, "resume"), options);
  }

  /**
   * Sends a signal; one that comes early is kept.
   *
   * @throws {ClientError} signal.not_awaited, contract.violation, task.ended
   */
  signal(
    id: string,
    name: string,
    { payload = null, signal, idempotencyKey }: WriteOptions & { readonly payload?: unknown } = {},
  ): Promise<Accepted> {
    const path = taskPath(id, "signals", name);
    return this.http.ask({ method: "POST", path, body: payload, idempotencyKey, signal });
  }

  /** Tries a parked step again, at once. @throws {ClientError} step.not_found, step.not_parked */
  retry(id: string, step: string, options: OperatorOptions = {}): Promise<Accepted> {
    return this.#hand(taskPath(id, "steps", step, "retry"), options);
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
    return this.#hand(taskPath(id, "steps", step, "resolve"), options);
  }

  /**
   * Goes on without a step. A result is asked for when a later step needs it.
   *
   * @throws {ClientError} step.not_found, step.not_parked, contract.violation
   */
  skip(
    id: string,
    step: string,
    options: OperatorOptions & { readonly result?: unknown } = {},
  ): Promise<Accepted> {
    return this.#hand(taskPath(id, "steps", step, "skip"), options);
  }

  /** Lists owners of steps, with circuit and queue. @throws {ClientError} bus.unavailable */
  async systems({ signal }: CallOptions = {}): Promise<readonly System[]> {
    const { systems } = await this.http.ask<{ systems: readonly System[] }>({
      path: "/v1/systems",
      signal,
    });
    return systems;
  }

  /** Reads how every part of the answering node is. */
  health({ signal }: CallOptions = {}): Promise<Health> {
    return this.http.ask({ path: "/health", signal });
  }

  /** Resolves when the answering process lives; it needs no key. */
  async live({ signal }: CallOptions = {}): Promise<void> {
    await this.http.ask({ path: "/health/live", signal });
  }

  #hand(path: string, { signal, idempotencyKey, ...body }: OperatorOptions): Promise<Accepted> {
    return this.http.ask({ method: "POST", path, body, idempotencyKey, signal });
  }
}

function taskPath(id: string, ...rest: readonly string[]): string {
  return ["/v1/tasks", ...[id, ...rest].map(encodeURIComponent)].join("/");
}
