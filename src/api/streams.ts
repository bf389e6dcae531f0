/** Routes of event streams: one task from its beginning, or all tasks from now on. */

import type { Turn } from "../core/event.ts";
import type { TaskId } from "../core/ids.ts";
import type { Plan } from "../core/plan.ts";
import type { CommittedTurn, TaskSummary } from "../core/ports.ts";
import type { Caller } from "./access.ts";
import { entriesOf } from "./journal_entry.ts";
import { badRequest } from "./problem.ts";
import { type Asked, type Route, route } from "./route.ts";
import type { Services } from "./services.ts";
import { eventStream, type Frame, type Send, streamHead } from "./sse.ts";
import { TaskParams } from "./tasks.ts";

/** Turns read at once for a stream. */
const TURNS_PAGE = 100;
/** Turns of the live feed that wait for a slow client; newer ones are then counted, not kept. */
export const FEED_TURNS_MAX = 1_000;

/** The last event a client has seen. */
interface Seen {
  readonly turn: number;
  readonly number: number;
}

const STREAM = {
  method: "GET",
  group: "tasks",
  right: "read",
  repeat: "harmless",
  waits: true,
} as const;

/** All routes that stream. */
export function streamRoutes(services: Services): readonly Route[] {
  return [
    route({
      ...STREAM,
      path: "/v1/tasks/{id}/events",
      name: "streamTask",
      summary: "Streams a task's events to its end; Last-Event-ID resumes without a gap",
      params: TaskParams,
      answers: {
        200: { description: "Journal entries, one an event", mediaType: "text/event-stream" },
        204: { description: "The task has ended, and all of it was seen" },
      },
      problems: ["task.not_found", "task.id_invalid", "api.busy", "node.draining"],
      handle: (asked) => streamTask(services, asked),
    }),
    route({
      ...STREAM,
      path: "/v1/events",
      name: "streamAll",
      summary: "Streams turns of all tasks the key may see and this node runs, from now on",
      answers: {
        200: {
          description: "Committed turns; the event `lost` counts those left out for a slow client",
          mediaType: "text/event-stream",
        },
      },
      problems: ["api.busy", "node.draining"],
      handle: (asked) => Promise.resolve(streamAll(services, asked)),
    }),
  ];
}

async function streamTask(
  services: Services,
  { params, caller, headers, isHead, signal }: Asked<{ id: string }, unknown, unknown>,
): Promise<Response> {
  const { tasks, waiting, watch, runtime } = services;
  const seen = parseSeen(headers.get("last-event-id"));
  const summary = await tasks.find(params.id, caller);
  const plan = await tasks.planOf(summary);
  if (await isOver(services, summary, seen)) return new Response(null, { status: 204 });
  if (isHead) return streamHead();
  const place = waiting.enter(signal, caller);
  const follower = watch.follow(summary.taskId);
  return eventStream({
    runtime,
    signal: place.signal,
    run: (send, ends) =>
      sendTask(services, { taskId: summary.taskId, plan, seen, send, ends, follower }),
    done: () => {
      follower.close();
      place.leave();
    },
  });
}

/** A client that saw the end connects again, as browsers do: 204 tells it to stop. */
async function isOver({ history }: Services, summary: TaskSummary, seen: Seen): Promise<boolean> {
  if (summary.endedAtMs === undefined || seen.turn === 0) return false;
  const { turns } = await history.turns(summary.taskId, seen.turn - 1, 2);
  return turns.every((turn) => turn.turn === seen.turn && turn.events.length <= seen.number);
}

async function sendTask(
  { history }: Services,
  { taskId, plan, send, ends, follower, ...from }: {
    taskId: TaskId;
    plan: Plan;
    seen: Seen;
    send: Send;
    ends: AbortSignal;
    follower: { next(signal: AbortSignal): Promise<void> };
  },
): Promise<void> {
  let afterTurn = Math.max(0, from.seen.turn - 1);
  while (!ends.aborted) {
    const { turns, isLast } = await history.turns(taskId, afterTurn, TURNS_PAGE);
    for (const turn of turns) {
      const frames = framesOf(plan, turn, from.seen);
      if (frames.length > 0) await send(frames);
      if (hasEnded(turn)) return;
      afterTurn = turn.turn;
    }
    if (isLast) await follower.next(ends);
  }
}

function framesOf(plan: Plan, turn: Turn, seen: Seen): Frame[] {
  return entriesOf(plan, turn)
    .filter((entry) => entry.turn > seen.turn || entry.number > seen.number)
    .map((entry) => ({ id: `${entry.turn}.${entry.number}`, data: entry }));
}

function hasEnded({ events }: Turn): boolean {
  return events.some((event) => event.kind === "TaskEnded");
}

function parseSeen(text: string | null): Seen {
  if (text === null || text === "") return { turn: 0, number: 0 };
  const parts = /^(\d{1,12})\.(\d{1,12})$/.exec(text);
  if (parts === null) throw badRequest("Cannot read Last-Event-ID: expected turn.number");
  return { turn: Number(parts[1]), number: Number(parts[2]) };
}

function streamAll(
  services: Services,
  { caller, isHead, signal }: Asked<unknown, unknown, unknown>,
): Response {
  const { feed, waiting, runtime } = services;
  if (isHead) return streamHead();
  const place = waiting.enter(signal, caller);
  const queue = new FeedQueue(caller);
  const leave = feed.subscribe((committed) => queue.add(committed));
  return eventStream({
    runtime,
    signal: place.signal,
    run: async (send, ends) => {
      while (!ends.aborted) {
        const frames = queue.take();
        if (frames.length > 0) await send(frames);
        else await queue.filled(ends);
      }
    },
    done: () => {
      leave();
      place.leave();
    },
  });
}

/** Turns that wait for one client. */
class FeedQueue {
  #turns: CommittedTurn[] = [];
  #lost = 0;
  #wake: () => void = () => {};

  constructor(private readonly caller: Caller) {}

  add(committed: CommittedTurn): void {
    if (!this.caller.covers(committed.namespace)) return;
    if (this.#turns.length < FEED_TURNS_MAX) this.#turns.push(committed);
    else this.#lost += 1;
    this.#wake();
  }

  take(): Frame[] {
    const frames: Frame[] = this.#turns.map((committed) => ({
      data: committedDocument(committed),
    }));
    if (this.#lost > 0) frames.push({ event: "lost", data: { turns: this.#lost } });
    this.#turns = [];
    this.#lost = 0;
    return frames;
  }

  filled(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = () => {
        signal.removeEventListener("abort", this.#wake);
        resolve();
      };
      signal.addEventListener("abort", this.#wake, { once: true });
    });
  }
}

function committedDocument({ taskId, plan, turn, state }: CommittedTurn) {
  const { namespace, name, version } = plan.definition;
  const events = entriesOf(plan, turn);
  return { id: taskId, namespace, workflow: name, version, state, turn: turn.turn, events };
}
