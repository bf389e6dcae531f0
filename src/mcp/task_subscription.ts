/**
 * Task subscriptions: streams that say how tasks stand whenever that changes, as `tasks/get` would.
 *
 * A stream is written as its client reads it. What changes meanwhile is one mark a task, so a client that
 * never reads costs its marks and one notification.
 *
 * Source: the Tasks extension (SEP-2663), `notifications/tasks`.
 */

import {
  CLIENT_CAPABILITIES_META_KEY,
  MissingRequiredClientCapabilityError,
  SUBSCRIPTION_ID_META_KEY,
} from "@modelcontextprotocol/server";
import { z } from "zod";
import { type Client, ClientError, type Task } from "../client.ts";
import { wait } from "../core/backoff.ts";
import type { Runtime } from "../core/ports.ts";
import { refused } from "./failure.ts";
import type { McpSession } from "./session.ts";
import { TASKS_EXTENSION, type TaskView } from "./task_handle.ts";
import { viewOf } from "./task_methods.ts";

/** Tasks of one stream; a client asks for more by a second one. */
const TASKS_MAX = 20;

/** Streams at once, and of one key. */
const OPEN_MAX = 256;
const OPEN_OF_KEY_MAX = 16;

/** The shortest time between two notifications of a stream, in milliseconds. */
const REST_MS = 200;

/** How often a silent stream shows that it lives, in milliseconds. */
const BEAT_MS = 15_000;

/** A stream whose client takes nothing for this long is ended, and its place is free again, in milliseconds. */
const STALL_MS = 60_000;

/** An event number behind the last of any turn: the stream of a task begins after that turn. */
const AFTER_ALL = 999_999;

/** The method that opens a subscription. */
const LISTEN = "subscriptions/listen";

const Listen = z.looseObject({
  id: z.union([z.string(), z.number()]),
  method: z.literal(LISTEN),
  params: z.looseObject({
    _meta: z.looseObject({
      [CLIENT_CAPABILITIES_META_KEY]: z.looseObject({
        elicitation: z.unknown().optional(),
        extensions: z.record(z.string(), z.unknown()).optional(),
      }),
    }),
    notifications: z.looseObject({ taskIds: z.array(z.string().max(64)).min(1) }),
  }),
});

/** A request for how tasks stand. */
export type TaskListen = z.output<typeof Listen>;

/** Reads a request; undefined: it is another one. */
export function taskListenOf(text: string): TaskListen | undefined {
  if (!text.includes(LISTEN) || !text.includes("taskIds")) return undefined;
  try {
    return Listen.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

/** The streams of one node. */
export class TaskSubscriptions {
  readonly #open = new Map<AbortController, string>();

  constructor(private readonly runtime: Pick<Runtime, "after" | "monotonic">) {}

  /**
   * Opens a stream over those of the tasks that the key may see; the acknowledgement names them.
   *
   * @throws {MissingRequiredClientCapabilityError} for a client that does not know of tasks
   * @throws {ClientError} api.busy when too many are open
   */
  async open(listen: TaskListen, session: McpSession, signal: AbortSignal): Promise<Response> {
    const { [CLIENT_CAPABILITIES_META_KEY]: capabilities } = listen.params._meta;
    if (capabilities.extensions?.[TASKS_EXTENSION] === undefined) {
      throw new MissingRequiredClientCapabilityError({
        requiredCapabilities: { extensions: { [TASKS_EXTENSION]: {} } },
      });
    }
    const { id: keyId } = await session.key();
    const ends = this.#reserve(keyId, signal);
    const asked = visible(session.client, listen.params.notifications.taskIds);
    const tasks = await asked.catch((error) => {
      ends.abort();
      throw error;
    });
    const isAsking = capabilities.elicitation !== undefined;
    const stream = new Subscription(
      { id: listen.id, session, isAsking, ends, runtime: this.runtime },
      tasks,
    );
    const headers = { "content-type": "text/event-stream", "x-accel-buffering": "no" };
    return new Response(bodyOf(stream.frames(), ends, this.runtime), { headers });
  }

  /** Ends all streams. */
  close(): void {
    for (const ends of this.#open.keys()) ends.abort();
  }

  #reserve(keyId: string, signal: AbortSignal): AbortController {
    const ofKey = [...this.#open.values()].filter((one) => one === keyId).length;
    if (this.#open.size >= OPEN_MAX || ofKey >= OPEN_OF_KEY_MAX) {
      throw refused(
        "api.busy",
        `Cannot open the subscription: ${OPEN_OF_KEY_MAX} of this key, or ${OPEN_MAX}, are open`,
        BEAT_MS,
      );
    }
    const ends = new AbortController();
    this.#open.set(ends, keyId);
    const leave = () => ends.abort();
    signal.addEventListener("abort", leave, { once: true });
    ends.signal.addEventListener("abort", () => {
      this.#open.delete(ends);
      signal.removeEventListener("abort", leave);
    }, { once: true });
    if (signal.aborted) leave();
    return ends;
  }
}

/** Reads the tasks that the key may see. */
async function visible(client: Client, ids: readonly string[]): Promise<readonly Task[]> {
  const found = await Promise.all(
    [...new Set(ids)].slice(0, TASKS_MAX).map((id) =>
      client.get(id).catch((error) => {
        if (error instanceof ClientError && error.retry === "never") return undefined;
        throw error;
      })
    ),
  );
  return found.filter((task) => task !== undefined);
}

/** Sends a frame whenever the client has taken the one before; a client that takes none is left. */
function bodyOf(
  frames: AsyncGenerator<string>,
  ends: AbortController,
  runtime: Pick<Runtime, "after">,
): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  let cancelStall = () => {};
  ends.signal.addEventListener("abort", () => cancelStall());
  return new ReadableStream({
    async pull(controller) {
      cancelStall();
      const { value, done } = await frames.next().catch(() => ({ value: undefined, done: true }));
      if (value !== undefined) controller.enqueue(encoder.encode(value));
      if (done === true) return controller.close();
      cancelStall = runtime.after(STALL_MS, () => {
        controller.error(new Error(`The client took nothing for ${STALL_MS} ms`));
        ends.abort();
      });
    },
    cancel: () => ends.abort(),
  }, { highWaterMark: 0 });
}

/** What a stream is of. */
interface SubscriptionOf {
  /** The id of the request. */
  readonly id: string | number;
  readonly session: McpSession;
  /** The client can ask people. */
  readonly isAsking: boolean;
  readonly ends: AbortController;
  readonly runtime: Pick<Runtime, "after" | "monotonic">;
}

/** One stream: which of its tasks have changed since they were last shown. */
class Subscription {
  /** Tasks that have changed, in that order. */
  readonly #changed = new Set<string>();
  readonly #shown = new Map<string, string>();
  #wake = Promise.withResolvers<void>();

  constructor(private readonly of: SubscriptionOf, private readonly tasks: readonly Task[]) {}

  /** Yields the acknowledgement, then how tasks stand; ends when all of them have ended. */
  async *frames(): AsyncGenerator<string> {
    const { ends, runtime } = this.of;
    const left = new Set(this.tasks.map(({ id }) => id));
    ends.signal.addEventListener("abort", () => this.#wake.resolve());
    try {
      const notifications = left.size === 0 ? {} : { taskIds: [...left] };
      yield this.#notification("notifications/subscriptions/acknowledged", { notifications });
      for (const task of this.tasks) this.#follow(task);
      while (left.size > 0) {
        const id = await this.#next();
        if (ends.signal.aborted) return;
        if (id === undefined) {
          yield ": beat\n\n";
          continue;
        }
        const view = await viewOf(this.of.session, id, this.of);
        if (this.#isNew(view)) yield this.#notification("notifications/tasks", view);
        if (isOver(view)) left.delete(id);
        await wait(runtime, REST_MS, ends.signal);
      }
      yield frameOf({ id: this.of.id, result: { resultType: "complete", _meta: this.#meta() } });
    } finally {
      ends.abort();
    }
  }

  /** Marks a task at first, and then at each of its events; a lost stream ends the subscription. */
  #follow({ id, turn }: Task): void {
    const { session: { client }, ends } = this.of;
    const mark = () => {
      this.#changed.add(id);
      this.#wake.resolve();
    };
    mark();
    const follow = async () => {
      const after = turn === undefined ? undefined : `${turn}.${AFTER_ALL}`;
      for await (const _ of client.events(id, { after, signal: ends.signal })) mark();
    };
    follow().catch(() => ends.abort());
  }

  /** The task that changed first; undefined: none has for a while, or the stream is over. */
  async #next(): Promise<string | undefined> {
    if (this.#changed.size === 0) {
      this.#wake = Promise.withResolvers();
      const { runtime, ends } = this.of;
      const cancel = runtime.after(BEAT_MS, () => this.#wake.resolve());
      if (!ends.signal.aborted) await this.#wake.promise;
      cancel();
    }
    const [id] = this.#changed;
    if (id !== undefined) this.#changed.delete(id);
    return id;
  }

  #isNew(view: TaskView): boolean {
    const { taskId, status, statusMessage, inputRequests = {} } = view;
    const shown = JSON.stringify([status, statusMessage, Object.keys(inputRequests)]);
    const isNew = this.#shown.get(taskId) !== shown;
    this.#shown.set(taskId, shown);
    return isNew;
  }

  #notification(method: string, params: object): string {
    return frameOf({ method, params: { ...params, _meta: this.#meta() } });
  }

  #meta(): Readonly<Record<string, unknown>> {
    return { [SUBSCRIPTION_ID_META_KEY]: this.of.id };
  }
}

function isOver({ status }: TaskView): boolean {
  return status === "completed" || status === "failed" || status === "cancelled";
}

function frameOf(message: object): string {
  return `event: message\ndata: ${JSON.stringify({ jsonrpc: "2.0", ...message })}\n\n`;
}
