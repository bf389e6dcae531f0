import assert from "node:assert/strict";
import { definitionOf, type DriverStep } from "../../tests/support/task_driver.ts";
import { failureOf } from "./attempt.ts";
import type { Command, Decision } from "./command.ts";
import { decide } from "./decide.ts";
import type { Context } from "./decision.ts";
import type { Event } from "./event.ts";
import { foldTask } from "./evolve.ts";
import { mintTaskId } from "./ids.ts";
import type { JsonText } from "./payload.ts";
import { type Plan, planOf } from "./plan.ts";
import { policyUnder } from "./policy.ts";
import type { TaskState } from "./state.ts";
import type { Definition, StepDefinition } from "./workflow.ts";

const taskId = mintTaskId(1, 7, "00000000-0000-4000-8000-000000000000");
const by = { by: "ada", reason: "test" };
const input = "{}" as JsonText;
const commandId = "c";

/** A task in the middle: what it is decided on. */
interface Case {
  readonly plan: Plan;
  readonly state: TaskState;
}

function caseOf(
  specs: readonly DriverStep[],
  events: readonly Event[],
  more: Partial<Definition> = {},
): Case {
  const plan = planOf("hash", definitionOf(specs, more));
  const start: Event = {
    kind: "TaskStarted",
    atMs: 1_000,
    definitionHash: "hash",
    input,
    tags: [],
    ...(more.deadlineMs === undefined ? {} : { deadlineAtMs: 1_000 + more.deadlineMs }),
  };
  const turn = { turn: 1, commandIds: [], events: [start, ...events] };
  return { plan, state: foldTask(taskId, plan, [turn]) as TaskState };
}

function startedAt(atMs: number, more: { step?: number; attempt?: number; dueAtMs?: number } = {}) {
  const { step = 0, attempt = 1, ...due } = more;
  return {
    kind: "StepStarted",
    atMs,
    step,
    attempt,
    waitedMs: 0,
    policyVersion: 0,
    ...due,
  } as const;
}

function contextOf(plan: Plan, nowMs: number): Context {
  return {
    plan,
    nowMs,
    policyVersion: 3,
    policyOf: (step) => policyUnder(plan.definition.steps[step] as StepDefinition),
  };
}

function decideAt(nowMs: number, { plan, state }: Case, command: Command): Decision {
  return decide(state, command, contextOf(plan, nowMs));
}

function eventsOf(decision: Decision): readonly Event[] {
  assert.equal(decision.kind, "accepted");
  return (decision as Extract<Decision, { kind: "accepted" }>).events;
}

function codeOf(decision: Decision): string | undefined {
  return decision.kind === "refused" ? decision.error.code : undefined;
}

const RUNNING = caseOf([{ name: "a", policy: { timeoutMs: 100 } }], [
  startedAt(1_000, { dueAtMs: 1_100 }),
]);
const FAILURE = failureOf("thrown", "boom");
const failed = (attempt: number): Command => ({
  kind: "RecordStepResult",
  taskId,
  step: 0,
  attempt,
  outcome: { kind: "failed", failure: FAILURE, retryable: true },
});

Deno.test("decide() takes a start as a task's first command, and refuses any other", () => {
  const { plan } = RUNNING;
  const context = contextOf(plan, 5);
  const start = {
    namespace: "test",
    workflow: plan.workflow,
    version: "1.0.0",
    input,
    tags: ["x"],
  };

  const begun = decide(
    undefined,
    { kind: "StartTask", taskId, commandId, definitionHash: "hash", deadlineMs: 10, ...start },
    context,
  );
  const refused = decide(undefined, { kind: "PauseTask", taskId, commandId, ...by }, context);

  assert.deepEqual(eventsOf(begun), [{
    kind: "TaskStarted",
    atMs: 5,
    definitionHash: "hash",
    input,
    tags: ["x"],
    deadlineAtMs: 15,
  }]);
  assert.equal(codeOf(refused), "task.not_found");
});

Deno.test("decide() records a result with how long the attempt ran, and drops a second one", () => {
  const outcome = { kind: "completed", result: "1" as JsonText } as const;
  const command = { kind: "RecordStepResult", taskId, step: 0, attempt: 1, outcome } as const;

  const events = eventsOf(decideAt(1_040, RUNNING, command));
  const ended = caseOf([{ name: "a" }, { name: "b" }], [startedAt(1_000), ...events]);

  const completed = { kind: "StepCompleted", atMs: 1_040, step: 0, attempt: 1, ranMs: 40 };
  assert.deepEqual(events, [{ ...completed, result: "1" }]);
  assert.deepEqual(eventsOf(decideAt(1_050, ended, command)), []);
});

Deno.test("decide() gives a failed attempt another try after its delay", () => {
  const policy = { retry: { backoff: [70] } } as const;
  const task = caseOf([{ name: "a", policy }], [startedAt(1_000)]);

  const [event, ...others] = eventsOf(decideAt(1_010, task, failed(1)));

  assert.equal(event?.kind === "StepAttemptFailed" && event.policyVersion, 3);
  const nextMs = event?.kind === "StepAttemptFailed" ? event.nextAttemptAtMs - 1_010 : -1;
  assert.ok(nextMs >= 0 && nextMs <= 70, `the delay is ${nextMs}`);
  assert.deepEqual(others, []);
});

Deno.test("decide() parks a step whose attempts are used up, with the choices a person has", () => {
  const task = caseOf([{ name: "a", policy: { retry: { attemptsMax: 1 } } }], [startedAt(1_000)]);

  assert.deepEqual(eventsOf(decideAt(1_010, task, failed(1))), [{
    kind: "StepParked",
    atMs: 1_010,
    step: 0,
    attempt: 1,
    ranMs: 10,
    reason: "attempts_exhausted",
    choices: ["retry", "resolve", "skip", "cancel"],
    failure: FAILURE,
    policyVersion: 3,
  }]);
});

Deno.test("decide() drops the failure of an attempt that is not the newest", () => {
  const task = caseOf([{ name: "a" }], [startedAt(1_000), startedAt(1_020, { attempt: 2 })]);

  assert.deepEqual(eventsOf(decideAt(1_030, task, failed(1))), []);
  assert.equal(eventsOf(decideAt(1_030, task, failed(2))).length, 1);
});

Deno.test("decide() finds nothing due before a time-out, and the time-out at its time", () => {
  const wake = { kind: "Wake", taskId } as const;

  const before = eventsOf(decideAt(1_099, RUNNING, wake));
  const [event, ...others] = eventsOf(decideAt(1_100, RUNNING, wake));

  assert.deepEqual(before, []);
  assert.equal(event?.kind === "StepAttemptFailed" && event.failure.class, "timed_out");
  assert.deepEqual(others, []);
});

Deno.test("decide() fails a task at its deadline: what runs times out, what waits is cancelled", () => {
  const specs = [{ name: "a" }, { name: "b", after: ["a"] }];
  const task = caseOf(specs, [startedAt(1_000)], { deadlineMs: 50 });

  const events = eventsOf(decideAt(1_050, task, { kind: "Wake", taskId }));

  assert.deepEqual(events.map((event) => ["step" in event ? event.step : undefined, event.kind]), [
    [undefined, "TaskAborted"],
    [0, "StepFailed"],
    [1, "StepCancelled"],
  ]);
});

Deno.test("decide() ends a pause with a cancel, and keeps the steps that ask for a cancelled parent", () => {
  const specs = [{ name: "a" }, { name: "undo", after: ["a"], when: "cancelled" as const }];
  const task = caseOf(specs, [startedAt(1_000), { kind: "TaskPaused", atMs: 1_001, ...by }]);

  assert.deepEqual(
    eventsOf(decideAt(1_010, task, { kind: "CancelTask", taskId, commandId, ...by })),
    [
      { kind: "TaskResumed", atMs: 1_010, ...by },
      { kind: "TaskCancelRequested", atMs: 1_010, ...by },
      { kind: "StepCancelled", atMs: 1_010, step: 0 },
    ],
  );
});

Deno.test("decide() keeps a signal that comes early, and refuses a second one", () => {
  const specs = [{ name: "a" }, { name: "ok", kind: "signal" as const, after: ["a"] }];
  const payload = "7" as JsonText;
  const signal = { kind: "SendSignal", taskId, commandId, name: "ok", payload } as const;
  const task = caseOf(specs, [startedAt(1_000)]);

  const events = eventsOf(decideAt(1_010, task, signal));
  const again = decideAt(1_020, caseOf(specs, [startedAt(1_000), ...events]), signal);

  assert.deepEqual(events, [{ kind: "SignalReceived", atMs: 1_010, step: 1, payload }]);
  assert.equal(codeOf(again), "signal.not_awaited");
});

Deno.test("decide() lets a task leave memory only while no attempt of it runs here", () => {
  const nap = caseOf([{ name: "nap", kind: "sleep" }], [startedAt(1_000, { dueAtMs: 9_000 })]);
  const passivate = { kind: "Passivate", taskId } as const;

  assert.deepEqual(eventsOf(decideAt(1_010, RUNNING, passivate)), []);
  assert.deepEqual(eventsOf(decideAt(1_010, nap, passivate)), [
    { kind: "TaskPassivated", atMs: 1_010, wakeAtMs: 9_000 },
  ]);
});

Deno.test("decide() dates no event before the one before it, however the clock was set", () => {
  const events = eventsOf(decideAt(400, RUNNING, { kind: "PauseTask", taskId, commandId, ...by }));

  assert.deepEqual(events, [{ kind: "TaskPaused", atMs: 1_000, ...by }]);
});

Deno.test("decide() leaves the state as it was", () => {
  const commands: readonly Command[] = [
    failed(1),
    { kind: "Wake", taskId },
    { kind: "CancelTask", taskId, commandId, ...by },
    { kind: "PauseTask", taskId, commandId, ...by },
    { kind: "SkipStep", taskId, commandId, step: "a", ...by },
    { kind: "RecordInterruption", taskId, steps: [0] },
  ];
  const before = structuredClone(RUNNING.state);

  for (const command of commands) decideAt(5_000, RUNNING, command);

  assert.deepEqual(RUNNING.state, before);
});
