import assert from "node:assert/strict";
import type { StartTask } from "../src/core/command.ts";
import { hash32, type TaskId } from "../src/core/ids.ts";
import type { JsonText } from "../src/core/payload.ts";
import { planOf } from "../src/core/plan.ts";
import { type AnswerAttempt, openSimulation } from "../src/server/simulation.ts";
import { VirtualRuntime } from "../src/server/virtual_runtime.ts";
import { definitionOf } from "./support/task_driver.ts";

/** The system is four times as slow from here to there, and as it always was before and after. */
const [FAULT_BEGINS_MS, FAULT_ENDS_MS, END_MS] = [10_000, 20_000, 60_000];

const PLAN = planOf(
  "hash",
  definitionOf([{
    name: "charge",
    kind: "remote",
    owner: "bank",
    event: "charge",
    policy: {
      timeoutMs: 1_000,
      retry: { attemptsMax: 4, backoff: [50, 100, 200] },
      onExhausted: "fail",
    },
  }]),
);

/** One run: its load, how long a task may take, and what makes it differ from others. */
interface Load {
  readonly perS: number;
  readonly deadlineMs: number | undefined;
  readonly seed: number;
}

/**
 * Ten workers take 100 ms for an attempt on average and serve a queue in order. They finish whatever
 * they were sent, though nobody may wait for it any more: that is what keeps an overload going when its
 * cause has gone (Bronson et al., "Metastable Failures in Distributed Systems", HotOS '21).
 */
class Workers {
  readonly #queue: { answer: AnswerAttempt; dueAtMs: number }[] = [];
  #busy = 0;

  constructor(readonly runtime: VirtualRuntime, readonly random: () => number) {}

  take(answer: AnswerAttempt, dueAtMs = Infinity): void {
    this.#queue.push({ answer, dueAtMs });
    this.#work();
  }

  #work(): void {
    const nowMs = this.runtime.monotonic();
    const slowness = nowMs >= FAULT_BEGINS_MS && nowMs < FAULT_ENDS_MS ? 4 : 1;
    while (this.#busy < 10) {
      const taken = this.#queue.shift();
      if (taken === undefined) return;
      this.#busy++;
      this.runtime.after(100 * slowness * (0.5 + this.random()), () => {
        this.#busy--;
        const isAwaited = this.runtime.now() < taken.dueAtMs;
        if (isAwaited) taken.answer({ kind: "completed", result: "1" as JsonText });
        this.#work();
      });
    }
  }
}

function startOf(taskId: TaskId, deadlineMs: number | undefined): StartTask {
  return {
    kind: "StartTask",
    taskId,
    commandId: taskId,
    namespace: "test",
    workflow: PLAN.workflow,
    version: "1.0.0",
    definitionHash: PLAN.hash,
    input: "{}" as JsonText,
    tags: [],
    ...(deadlineMs !== undefined && { deadlineMs }),
  };
}

/** Of the tasks that were asked for after the fault: the share that completed. */
async function goodputAfterFault({ perS, deadlineMs, seed }: Load): Promise<number> {
  let draws = 0;
  const random = () => hash32(`${seed}/${draws++}`) / 2 ** 32;
  const runtime = new VirtualRuntime(seed);
  const workers = new Workers(runtime, random);
  await using simulation = await openSimulation({
    runtime,
    plans: { cached: () => PLAN, byHash: () => Promise.resolve(PLAN) },
    player: { start: ({ dueAtMs }, answer) => workers.take(answer, dueAtMs) },
  });
  const { router, supervisor } = simulation.engine;
  const [begun, completed] = [new Set<TaskId>(), new Set<TaskId>()];
  supervisor.subscribe(({ taskId, turn: { events } }) => {
    const end = events.at(-1);
    if (end?.kind === "TaskEnded" && end.end === "completed") completed.add(taskId);
  });
  const start = (taskId: TaskId): void => {
    router.send(startOf(taskId, deadlineMs)).catch((error) => {
      // It is pushed back: it comes again as it is asked to.
      assert.equal(error.code, "workflow.starts_late");
      runtime.after(error.retryAfterMs, () => start(taskId));
    });
  };
  const arrive = () => {
    const nowMs = runtime.monotonic();
    if (nowMs >= END_MS) return;
    const taskId = router.mintTaskId();
    if (nowMs >= FAULT_ENDS_MS) begun.add(taskId);
    start(taskId);
    runtime.after(-Math.log(1 - random()) * 1_000 / perS, arrive);
  };
  arrive();
  await runtime.advance(END_MS + 10_000);
  return begun.intersection(completed).size / begun.size;
}

// Before admission knew deadlines and limited what a system gets: 0.00 with a deadline, 0.05 to 0.17
// without.
for (const perS of [60, 85]) {
  for (const deadlineMs of [5_000, undefined]) {
    const what = deadlineMs === undefined ? "without a deadline" : "with a deadline of 5 s";
    Deno.test(`${perS} tasks a second ${what} are served again once a slow system is quick`, async () => {
      for (const seed of [1, 2, 3]) {
        const goodput = await goodputAfterFault({ perS, deadlineMs, seed });

        assert.ok(goodput >= 0.95, `seed ${seed}: ${goodput.toFixed(3)}`);
      }
    });
  }
}
