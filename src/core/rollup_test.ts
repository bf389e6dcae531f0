import assert from "node:assert/strict";
import fc from "fast-check";
import { type DriverStep, TaskDriver } from "../../tests/support/task_driver.ts";
import type { When } from "./graph.ts";
import type { JsonText } from "./payload.ts";
import type { PlannedStep } from "./plan.ts";
import { nextDueAtMs } from "./due.ts";
import { countOf, rollup } from "./rollup.ts";
import { isEnded, isUnderWay, type StepState } from "./state.ts";
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
const KINDS: readonly StepKind[] = [
  "local",
  "local",
  "local",
  "remote",
  "sleep",
  "signal",
  "transform",
];

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
      // Half of them have no value, and fail.
      ...(step.kind === "transform" ? { with: step.atMostOnce ? "$.input" : "${input.none}" } : {}),
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

function happen(driver: TaskDriver, { at, act }: Happening): void {
  const { steps } = driver.actor.plan;
  const index = at % steps.length;
  const name = steps[index]?.name as string;
  const by = { by: "fuzz", reason: "" };
  const result = "1" as JsonText;
  const newest = driver.state.steps[index]?.attempt ?? 0;
  switch (act) {
    case "complete":
      return void driver.complete(name);
    case "throw":
      return void driver.throw(name);
    case "fail":
      return void driver.fail(name);
    case "time":
      return void driver.after(at * 10);
    case "stale":
      return void driver.result(name, { kind: "completed", result }, Math.max(0, newest - 1));
    case "signal":
      return void driver.send({ kind: "SendSignal", name, payload: result });
    case "retry":
      return void driver.send({ kind: "RetryStep", step: name, ...by });
    case "resolve":
      return void driver.send({ kind: "ResolveStep", step: name, result, ...by });
    case "skip":
      return void driver.send({ kind: "SkipStep", step: name, result, ...by });
    case "pause":
      return void driver.send({ kind: "PauseTask", ...by });
    case "resume":
      return void driver.send({ kind: "ResumeTask", ...by });
    case "cancel":
      return void driver.send({ kind: "CancelTask", ...by });
    case "interrupt":
      return void driver.send({ kind: "RecordInterruption", steps: [index] });
    case "passivate":
      return void driver.send({ kind: "Passivate" });
    case "hold":
      return void driver.held.add(name);
    case "admit":
      return void driver.admit(name);
  }
}

/** The invariant of the rollup, said once more from the states of the steps. */
function checkInvariant(driver: TaskDriver): void {
  const { state } = driver;
  const rolled = rollup(driver.actor.plan, state);
  const hasPerson = countOf(state, "parked") > 0 || state.paused;
  const moves = state.ready.size > 0 || countOf(state, "running") > 0 ||
    countOf(state, "waiting_for_reply") + countOf(state, "waiting_for_retry") > 0;
  if (state.end !== undefined) {
    assert.ok(
      state.steps.every((step) => isEnded(step.state)),
      "an ended task has only ended steps",
    );
  } else {
    assert.ok(moves || hasPerson, `nothing moves the task: ${JSON.stringify(driver.steps)}`);
    assert.equal(rolled.state === "blocked", rolled.blockedReason !== undefined);
    assert.ok(
      !state.steps.every((step) => isEnded(step.state)),
      "all steps ended, the task did not",
    );
  }
  state.counts.forEach((count, index) => assert.ok(count >= 0, `count ${index}`));
  assert.equal(state.counts.reduce((sum, count) => sum + count, 0), state.steps.length);
}

/** How an ended step counts for those after it, said once more; undefined: it has not ended. */
function endOf(driver: TaskDriver, index: number): string | undefined {
  const step = driver.state.steps[index] as StepState;
  if (!isEnded(step.state)) return undefined;
  if (step.state === "failed" || step.state === "cancelled") return step.state;
  if (step.state !== "unreached") return "well";
  const end = endOf(driver, step.cause);
  return end === "well" ? "neither" : end;
}

/** Whether the ends of a step's parents let it run, never will, or leave it open. */
function judge(driver: TaskDriver, index: number): "runs" | "never" | "open" {
  const { parents, definition: { when } } = driver.actor.plan.steps[index] as PlannedStep;
  const ends = parents.map((parent) => endOf(driver, parent));
  if (when === "succeeded") {
    if (ends.some((end) => end !== undefined && end !== "well")) return "never";
    return ends.includes(undefined) ? "open" : "runs";
  }
  if (ends.includes(undefined)) return "open";
  return when === "always" || ends.includes(when) ? "runs" : "never";
}

/** What is ready is what the rules say, no more and no less. */
function checkReady(driver: TaskDriver): void {
  const { state, nowMs } = driver;
  if (state.end !== undefined) return;
  state.steps.forEach((step, index) => {
    const isDue = step.state === "waiting_for_retry" && step.nextAttemptAtMs <= nowMs;
    const said = judge(driver, index);
    const name = `s${index} ${step.state} ${said}: ${JSON.stringify(driver.steps)}`;
    if (step.state === "pending") assert.notEqual(said, "never", name);
    const mayStart = (step.state === "pending" && said === "runs") || isDue;
    assert.equal(state.ready.has(index), mayStart && !state.paused, name);
  });
}

/** Ends what can be ended by completing, signalling, resolving and resuming. */
function finish(driver: TaskDriver): void {
  for (const name of driver.held) driver.admit(name);
  if (driver.state.paused) driver.send({ kind: "ResumeTask", by: "fuzz", reason: "" });
  for (let round = 0; driver.state.end === undefined; round++) {
    assert.ok(round < 100, `the task does not end: ${JSON.stringify(driver.steps)}`);
    driver.after(100_000);
    for (const { name, index } of driver.actor.plan.steps) {
      const state = driver.state.steps[index]?.state;
      if (state === "running" || state === "waiting_for_reply") driver.complete(name);
      if (state === "parked") {
        driver.send({
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
      const driver = begin(workflow, setting);
      for (const one of list) {
        happen(driver, one);
        checkInvariant(driver);
        checkReady(driver);
      }
    }),
    { numRuns: RUNS },
  );
});

Deno.test("every task can be brought to its end, whatever happened before", () => {
  fc.assert(
    fc.property(workflows, settings, happenings, (workflow, setting, list) => {
      const driver = begin(workflow, setting);
      for (const one of list) happen(driver, one);

      finish(driver);

      assert.equal(driver.state.end, driver.task);
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
      const driver = begin(workflow, setting);
      for (const one of list) happen(driver, one);

      const folded = driver.folded();

      // Readiness and signs of life are kept in memory only.
      const { ready: _, steps, ...kept } = driver.state;
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
      const driver = begin(workflow, setting);
      for (const one of list) {
        happen(driver, one);
        wakeUp(driver);

        const fork = driver.fork();

        assert.deepEqual(fork.events, driver.events, "the reading decided something");
        assert.deepEqual(
          [...fork.state.ready.keys()].sort(),
          [...driver.state.ready.keys()].sort(),
        );
        assert.equal(nextDue(fork), nextDue(driver));
        assert.deepEqual(
          rollup(fork.actor.plan, fork.state),
          rollup(driver.actor.plan, driver.state),
        );
      }
    }),
    { numRuns: RUNS },
  );
});

/** Wakes the task until nothing is due: what an abort leaves is due at the next wake. */
function wakeUp(driver: TaskDriver): void {
  for (let turns = -1; turns !== driver.turns.length;) {
    turns = driver.turns.length;
    driver.after(0);
  }
}

function nextDue({ actor, deps, nowMs, state }: TaskDriver): number | undefined {
  return nextDueAtMs(state, deps.contextOf(actor, nowMs));
}
