/** Handlers of event streams: one task from its beginning, or all tasks from now on. */

import type { TaskId } from "../core/ids.ts";
import type { Plan } from "../core/plan.ts";
import type { TaskSummary } from "../core/ports.ts";
import { TURN_MAX } from "../operations/schema.ts";
import type { TASKS } from "../operations/tasks.ts";
import { badRequest, type Call, type Handlers, type Services } from "./handler.ts";
import { emptyStream, eventStream, type Send } from "./sse.ts";
import type { Seen } from "./task_frames.ts";
import type { Follower } from "./watch.ts";

/** Handlers of everything that streams. */
export function streamHandlers(
  services: Services,
): Pick<Handlers<typeof TASKS>, "streamTask" | "streamAll"> {
  return {
    async streamTask({ id }, call) {
      const body = await streamTask(services, id, call);
      return body === undefined ? { status: 204 } : { status: 200, body };
    },
    streamAll: (_input, call) => Promise.resolve({ status: 200, body: streamAll(services, call) }),
  };
}

/** Opens the stream of a task; undefined: its reader has seen all of it. */
async function streamTask(
  services: Services,
  id: string,
  { caller, lastEventId, isHead, signal }: Call,
): Promise<ReadableStream<Uint8Array> | undefined> {
  const { tasks, connections, watch, runtime, streamMemory } = services;
  const seen = parseSeen(lastEventId);
  const summary = await tasks.find(id, caller);
  const plan = await tasks.planOf(summary);
  if (await isOver(services, summary, seen)) return undefined;
  if (isHead) return emptyStream();
  const connection = connections.open(signal, caller);
  const follower = watch.follow(summary.taskId);
  return eventStream({
    runtime,
    memory: streamMemory,
    signal: connection.signal,
    run: (send, ends) =>
      sendTask(services, { taskId: summary.taskId, plan, seen, send, ends, follower }),
    done: () => {
      follower.close();
      connection.release();
    },
  });
}

/** Whether a client has seen the end of a task. Browsers connect again: a 204 makes them stop. */
async function isOver({ history }: Services, summary: TaskSummary, seen: Seen): Promise<boolean> {
  if (summary.endedAtMs === undefined || seen.turn === 0) return false;
  const { turns } = await history.turns(summary.taskId, seen.turn - 1, 2);
  return turns.every((turn) => turn.turn === seen.turn && turn.events.length <= seen.number);
}

/** Sends what a client has not seen and then each new turn, until the task ends. */
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

function parseSeen(text = ""): Seen {
  if (text === "") return { turn: 0, number: 0 };
  const parts = /^(\d{1,12})\.(\d{1,12})$/.exec(text);
  if (parts === null || Number(parts[1]) > TURN_MAX) {
    throw badRequest("Cannot read Last-Event-ID: expected turn.number");
  }
  return { turn: Number(parts[1]), number: Number(parts[2]) };
}

function streamAll(
  services: Services,
  { caller, isHead, signal }: Call,
): ReadableStream<Uint8Array> {
  const { live, connections, runtime, streamMemory } = services;
  if (isHead) return emptyStream();
  const connection = connections.open(signal, caller);
  const listener = live.listen(caller);
  return eventStream({
    runtime,
    memory: streamMemory,
    signal: connection.signal,
    run: async (send, ends) => {
      while (!ends.aborted) {
        const bytes = listener.take();
        if (bytes === undefined) await listener.filled(ends);
        else await send(bytes);
      }
    },
    done: () => {
      listener.close();
      connection.release();
    },
  });
}
