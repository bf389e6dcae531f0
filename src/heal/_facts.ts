/** Attempt facts for tests. */

import type { AttemptFact } from "../core/attempt_fact.ts";
import type { TaskId } from "../core/ids.ts";

/** How an attempt went: `ok` or the code of its error, and for how long it ran. */
export type Went = readonly ["ok" | "timed_out" | string, ranMs: number];

/** The attempts of one step of a task, one after the other, `delayMs` apart. */
function attemptsOf(
  task: number,
  went: readonly Went[],
  { startMs = task * 60_000, delayMs = 1_000 } = {},
): readonly AttemptFact[] {
  let atMs = startMs;
  return went.map(([how, ranMs], index) => {
    const startedAtMs = atMs;
    atMs += ranMs + delayMs;
    const isLast = index === went.length - 1;
    const isCut = how === "timed_out";
    return {
      taskId: `task${task}` as TaskId,
      workflow: "shop/checkout",
      version: "1.0.0",
      step: "call",
      attempt: index + 1,
      startedAtMs,
      endedAtMs: startedAtMs + ranMs,
      waitedMs: 0,
      ranMs,
      outcome: how === "ok" ? "completed" : isCut ? "timed_out" : "thrown",
      ...(how !== "ok" &&
        { error: { class: isCut ? "timed_out" as const : "thrown" as const, code: how } }),
      isRetried: !isLast,
      policyVersion: 0,
      tags: [],
    };
  });
}

/** Facts of many tasks. */
export function factsOf(
  tasks: number,
  went: (task: number) => readonly Went[],
  how: (task: number) => { startMs?: number; delayMs?: number } = () => ({}),
): readonly AttemptFact[] {
  return Array.from({ length: tasks }, (_, task) => attemptsOf(task, went(task), how(task))).flat();
}
