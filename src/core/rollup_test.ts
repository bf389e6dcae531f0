import assert from "node:assert/strict";
import fc from "fast-check";
import { type DriverStep, TaskDriver } from "../../tests/support/task_driver.ts";
import type { When } from "./graph.ts";
import type { JsonText } from "./payload.ts";
import type { PlannedStep } from "./plan.ts";
import { nextDueAtMs } from "./due.ts";
import { countOf, rollup } from "./rollup.ts";
import { isSettled, isUnderWay, type StepState } from "./state.ts";
import type { StepKind } from "./workflow.ts";

/** Of full length: by its default fast-check makes lists of ten at most. */
const RUNS = 1_000;
const WHENS: readonly When[] = [
  "succeeded",
  "succeeded",
  "succeeded",
  "failed",
  "cancelled",
  "always",
];
const KINDS: readonly StepKind[] = ["local", "local", "local", "remote", "sleep", "signal"];

/** A random workflow: each step may depend on any before it. */
const workflows = fc.array(
  fc.record({
    when: fc.constantFrom(...WHENS),
    kind: fc.constantFrom(...KINDS),
    atMostOnce: fc.boolean(),
    onExhausted: fc.constantFrom("park" as const, "fail" as const),
    timeoutMs: fc.constantFrom(undefined, 50, 500),
    queueTimeoutMs: fc.constantFrom(undefined, undefined, 200),
    parents: fc.array(fc.nat(30), { maxLength: 3 }),
  }),
  { minLength: 1, maxLength: 12, size: "max" },
);

/** What holds for the whole task. */
const settings = fc.record({
  failurePolicy: fc.constantFrom("continue_independent" as const, "fail_fast" as const),
  deadlineMs: fc.constantFrom(undefined, undefined, 700),
});

/** What may happen to a step or the task; `at` picks the step. */
const happenings = fc.array(
  fc.record({
    at: fc.nat(30),
    act: fc.constantFrom(
      "complete",
      "complete",
      "complete",
      "throw",
      "fail",
      "time",
      "time",
      "stale",
      "signal",
      "retry",
      "resolve",
      "skip",
      "pause",
      "resume",
      "cancel",
      "interrupt",
      "passivate",
      "hold",
      "admit",
    ),
  }),
  { maxLength: 60, size: "max" },
);

type Settings = typeof settings extends fc.Arbitrary<infer T> ? T : never;
type Workflow = typeof workflows extends fc.Arbitrary<infer T> ? T : never;
type Happening = (typeof happenings extends fc.Arbitrary<infer T> ? T : never)[number];

function stepsOf(workflow: Workflow): DriverStep[] {
  return workflow.map((step, index) => {
    const after = index === 0
      ? []
      : [...new Set(step.parents.map((parent) => `s${parent % index}`))];
    return {
      name: `s${index}`,
      kind: step.kind,
      when: after.length === 0 ? "succeeded" : step.when,
      after,
      atMostOnce: step.kind === "local" && step.atMostOnce,
      ...(step.kind === "sleep" ? { sleepMs: 100 } : {}),
      policy: {
        onExhausted: step.onExhausted,
        retry: { attemptsMax: 2, delayMsMin: 10 },
        ...(step.timeoutMs === undefined ? {} : { timeoutMs: step.timeoutMs }),
        ...(step.queueTimeoutMs === undefined ? {} : { queueTimeoutMs: step.queueTimeoutMs }),
      },
    };
  });
}

/** A task that has begun. */
function begin(workflow: Workflow, { failurePolicy, deadlineMs }: Settings): TaskDriver {
  const deadline = deadlineMs === undefined ? {} : { deadlineMs };
  return new TaskDriver(stepsOf(workflow), { failurePolicy, ...deadline }).start();
}

function happen(play: TaskDriver, { at, act }: Happening): void {
  const { steps } = play.actor.plan;
  const index = at % steps.length;
  const name = steps[index]?.name as string;
  const by = { by: "fuzz", reason: "" };
  const result = "1" as JsonText;
  const newest = play.state.steps[index]?.attempt ?? 0;
  switch (act) {
    case "complete":
      return void play.complete(name);
    case "throw":
      return void play.throw(name);
    case "fail":
      return void play.fail(name);
    case "time":
      return void play.after(at * 10);
    case "stale":
      return void play.result(name, { kind: "completed", result }, Math.max(0, newest - 1));
    case "signal":
      return void play.send({ kind: "SendSignal", name, payload: result });
    case "retry":
      return void play.send({ kind: "RetryStep", step: name, ...by });
    case "resolve":
      return void play.send({ kind: "ResolveStep", step: name, result, ...by });
    case "skip":
      return void play.send({ kind: "SkipStep", step: name, result, ...by });
    case "pause":
      return void play.send({ kind: "PauseTask", ...by });
    case "resume":
      return void play.send({ kind: "ResumeTask", ...by });
    case "cancel":
      return void play.send({ kind: "CancelTask", ...by });
    case "interrupt":
      return void play.send({ kind: "RecordInterruption", steps: [index] });
    case "passivate":
      return void play.send({ kind: "Passivate" });
    case "hold":
      return void play.held.add(name);
    case "admit":
      return void play.admit(name);
  }
}

/** The invariant of the rollup, said once more from the states of the steps. */
function checkInvariant(play: TaskDriver): void {
  const { state } = play;
  const rolled = rollup(play.actor.plan, state);
  const hasPerson = countOf(state, "parked") > 0 || state.paused;
  const moves = state.ready.size > 0 || countOf(state, "running") > 0 ||
    countOf(state, "waiting_for_reply") + countOf(state, "waiting_for_retry") > 0;
  if (state.end !== undefined) {
    assert.ok(
      state.steps.every((step) => isSettled(step.state)),
      "an ended task has only ended steps",
    );
  } else {
    assert.ok(moves || hasPerson, `nothing moves the task: ${JSON.stringify(play.steps)}`);
    assert.equal(rolled.state === "blocked", rolled.blockedReason !== undefined);
    assert.ok(
      !state.steps.every((step) => isSettled(step.state)),
      "all steps ended, the task did not",
    );
  }
  state.counts.forEach((count, index) => assert.ok(count >= 0, `count ${index}`));
  assert.equal(state.counts.reduce((sum, count) => sum + count, 0), state.steps.length);
}

/** How an ended step counts for those after it, said once more; undefined: it has not ended. */
function endOf(play: TaskDriver, index: number): string | undefined {
  const step = play.state.steps[index] as StepState;
  if (!isSettled(step.state)) return undefined;
  if (step.state === "failed" || step.state === "cancelled") return step.state;
  if (step.state !== "unreached") return "well";
  const end = endOf(play, step.cause);
  return end === "well" ? "neither" : end;
}

/** Whether the ends of a step's parents let it run, never will, or leave it open. */
function judge(play: TaskDriver, index: number): "runs" | "never" | "open" {
  const { parents, definition: { when } } = play.actor.plan.steps[index] as PlannedStep;
  const ends = parents.map((parent) => endOf(play, parent));
  if (when === "succeeded") {
    if (ends.some((end) => end !== undefined && end !== "well")) return "never";
    return ends.includes(undefined) ? "open" : "runs";
  }
  if (ends.includes(undefined)) return "open";
  return when === "always" || ends.includes(when) ? "runs" : "never";
}

/** What is ready is what the rules say, no more and no less. */
function checkReady(play: TaskDriver): void {
  const { state, nowMs } = play;
  if (state.end !== undefined) return;
  state.steps.forEach((step, index) => {
    const isDue = step.state === "waiting_for_retry" && step.nextAttemptAtMs <= nowMs;
    const said = judge(play, index);
    const name = `s${index} ${step.state} ${said}: ${JSON.stringify(play.steps)}`;
    if (step.state === "pending") assert.notEqual(said, "never", name);
    const mayStart = (step.state === "pending" && said === "runs") || isDue;
    assert.equal(state.ready.has(index), mayStart && !state.paused, name);
  });
}

/** Ends what can be ended by completing, signalling, resolving and resuming. */
function finish(play: TaskDriver): void {
  for (const name of play.held) play.admit(name);
  if (play.state.paused) play.send({ kind: "ResumeTask", by: "fuzz", reason: "" });
  for (let round = 0; play.state.end === undefined; round++) {
    assert.ok(round < 100, `the task does not end: ${JSON.stringify(play.steps)}`);
    play.after(100_000);
    for (const { name, index } of play.actor.plan.steps) {
      const state = play.state.steps[index]?.state;
      if (state === "running" || state === "waiting_for_reply") play.complete(name);
      if (state === "parked") {
        play.send({
          kind: "ResolveStep",
          step: name,
          result: "1" as JsonText,
          by: "fuzz",
          reason: "",
        });
      }
    }
  }
}

Deno.test("a task that has not ended has something that moves it, or a named reason, whatever happens", () => {
  fc.assert(
    fc.property(workflows, settings, happenings, (workflow, setting, list) => {
      const play = begin(workflow, setting);
      for (const one of list) {
        happen(play, one);
        checkInvariant(play);
        checkReady(play);
      }
    }),
    { numRuns: RUNS },
  );
});

Deno.test("every task can be brought to its end, whatever happened before", () => {
  fc.assert(
    fc.property(workflows, settings, happenings, (workflow, setting, list) => {
      const play = begin(workflow, setting);
      for (const one of list) happen(play, one);

      finish(play);

      assert.equal(play.state.end, play.task);
    }),
    { numRuns: RUNS },
  );
});

function withoutSignOfLife(step: StepState): StepState {
  return isUnderWay(step) ? { ...step, aliveAtMs: undefined } : step;
}

Deno.test("folding the journal gives the state the actor had, whatever happened", () => {
  fc.assert(
    fc.property(workflows, settings, happenings, (workflow, setting, list) => {
      const play = begin(workflow, setting);
      for (const one of list) happen(play, one);

      const folded = play.folded();

      // Readiness and signs of life are kept in memory only.
      const { ready: _, steps, ...kept } = play.state;
      const { ready: __, steps: foldedSteps, ...foldedKept } = folded;
      assert.deepEqual(foldedKept, kept);
      assert.deepEqual(foldedSteps, steps.map(withoutSignOfLife));
    }),
    { numRuns: RUNS },
  );
});

Deno.test("a node that reads the journal at any moment knows what the one that wrote it knows", () => {
  fc.assert(
    fc.property(workflows, settings, happenings, (workflow, setting, list) => {
      const play = begin(workflow, setting);
      for (const one of list) {
        happen(play, one);
        wakeUp(play);

        const fork = play.fork();

        assert.deepEqual(fork.events, play.events, "the reading decided something");
        assert.deepEqual([...fork.state.ready.keys()].sort(), [...play.state.ready.keys()].sort());
        assert.equal(nextDue(fork), nextDue(play));
        assert.deepEqual(rollup(fork.actor.plan, fork.state), rollup(play.actor.plan, play.state));
      }
    }),
    { numRuns: RUNS },
  );
});

/** Wakes the task until nothing is due: what an abort leaves is due at the next wake. */
function wakeUp(play: TaskDriver): void {
  for (let turns = -1; turns !== play.turns.length;) {
    turns = play.turns.length;
    play.after(0);
  }
}

function nextDue({ actor, deps, nowMs, state }: TaskDriver): number | undefined {
  return nextDueAtMs(state, deps.contextOf(actor.plan, nowMs));
}
