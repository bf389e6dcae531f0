/** Routes of event streams: one task from its beginning, or all tasks from now on. */

import type { TaskId } from "../core/ids.ts";
import type { Plan } from "../core/plan.ts";
import type { TaskSummary } from "../core/ports.ts";
import { badRequest } from "./problem.ts";
import { type Asked, type Route, route } from "./route.ts";
import type { Services } from "./services.ts";
import { TURN_MAX } from "./schema.ts";
import { eventStream, type Send, streamHead } from "./sse.ts";
import type { Seen } from "./task_frames.ts";
import { TaskParams } from "./tasks.ts";
import type { Follower } from "./watch.ts";

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
  const { tasks, waiting, watch, runtime, streamMemory } = services;
  const seen = parseSeen(headers.get("last-event-id"));
  const summary = await tasks.find(params.id, caller);
  const plan = await tasks.planOf(summary);
  if (await isOver(services, summary, seen)) return new Response(null, { status: 204 });
  if (isHead) return streamHead();
  const place = waiting.enter(signal, caller);
  const follower = watch.follow(summary.taskId);
  return eventStream({
    runtime,
    memory: streamMemory,
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

/** Sends what a client has not seen, and then each turn as it comes; ends with the task. */
async function sendTask(
  { frames }: Services,
  { taskId, plan, seen, send, ends, follower }: {
    taskId: TaskId;
    plan: Plan;
    seen: Seen;
    send: Send;
    ends: AbortSignal;
    follower: Follower;
  },
): Promise<void> {
  let frame = seen.turn === 0 ? undefined : await frames.rest(taskId, plan, seen);
  let afterTurn = seen.turn;
  while (!ends.aborted) {
    if (frame !== undefined) {
      if (frame.bytes.length > 0) await send(frame.bytes);
      if (frame.isEnd) return;
      afterTurn = frame.turn;
    }
    if (frame?.isNewest) await follower.next(ends);
    frame = await frames.next(taskId, plan, afterTurn);
    if (frame === undefined) await follower.next(ends);
  }
}

function parseSeen(text: string | null): Seen {
  if (text === null || text === "") return { turn: 0, number: 0 };
  const parts = /^(\d{1,12})\.(\d{1,12})$/.exec(text);
  if (parts === null || Number(parts[1]) > TURN_MAX) {
    throw badRequest("Cannot read Last-Event-ID: expected turn.number");
  }
  return { turn: Number(parts[1]), number: Number(parts[2]) };
}

function streamAll(
  services: Services,
  { caller, isHead, signal }: Asked<unknown, unknown, unknown>,
): Response {
  const { live, waiting, runtime, streamMemory } = services;
  if (isHead) return streamHead();
  const place = waiting.enter(signal, caller);
  const listener = live.listen(caller);
  return eventStream({
    runtime,
    memory: streamMemory,
    signal: place.signal,
    run: async (send, ends) => {
      while (!ends.aborted) {
        const bytes = listener.take();
        if (bytes === undefined) await listener.filled(ends);
        else await send(bytes);
      }
    },
    done: () => {
      listener.close();
      place.leave();
    },
  });
}
