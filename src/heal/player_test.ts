import { deepEqual, equal } from "node:assert/strict";
import type { Event } from "../core/event.ts";
import type { TaskId } from "../core/ids.ts";
import type { JsonText } from "../core/payload.ts";
import { planOf } from "../core/plan.ts";
import { AttemptPlayer, recordedOf } from "./player.ts";

const PLAN = planOf("hash", {
  namespace: "shop",
  name: "checkout",
  version: "1.0.0",
  failurePolicy: "continue_independent",
  steps: [{
    name: "call",
    kind: "local",
    owner: "shop",
    needs: {},
    after: [],
    when: "succeeded",
    contract: {},
    atMostOnce: false,
    policy: {},
  }],
});

const OF = { step: 0, policyVersion: 0 } as const;
const RESULT = "{}" as JsonText;

function started(atMs: number, attempt: number): Event {
  return { kind: "StepStarted", atMs, attempt, waitedMs: 0, dueAtMs: atMs + 150, ...OF };
}

function timedOut(atMs: number, attempt: number): Event {
  const failure = { class: "timed_out" as const, error: RESULT };
  return { kind: "StepAttemptFailed", atMs, attempt, ranMs: 1, failure, nextAttemptAtMs: 1, ...OF };
}

function completed(atMs: number, attempt: number): Event {
  return { kind: "StepCompleted", atMs, attempt, ranMs: 1, result: RESULT, step: 0 };
}

/** A player of tasks with these events. */
function playerOf(...tasks: readonly (readonly Event[])[]): AttemptPlayer {
  const recorded = tasks.map((events, n) => {
    const taskId = `task${n}` as TaskId;
    const turns = [{ turn: 1, commandIds: [], events }];
    return [taskId, recordedOf({ taskId, plan: PLAN, turns })] as const;
  });
  return new AttemptPlayer(PLAN, new Map(recorded), 1);
}

Deno.test("an answer that crossed its time-out comes again as late, and makes no other attempt late", () => {
  const player = playerOf(
    [started(0, 1), timedOut(160, 1), completed(170, 1)],
    [started(0, 1), timedOut(160, 1), started(700, 2), completed(800, 2)],
    [started(0, 1), completed(90, 1)],
  );

  const late = player.answer("task0" as TaskId, 0, 1);
  const cut = player.answer("task1" as TaskId, 0, 1);

  deepEqual([late?.afterMs, late?.isStoppable], [170, false]);
  equal(cut?.isStoppable, true);
});

Deno.test("an answer that counted although its time-out had passed is in time again", () => {
  const player = playerOf([started(0, 1), completed(158, 1)]);

  equal(player.answer("task0" as TaskId, 0, 1)?.afterMs, 149);
});
