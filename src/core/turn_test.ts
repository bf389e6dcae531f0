import assert from "node:assert/strict";
import { TaskDriver } from "../../tests/support/task_driver.ts";
import { attemptsUsed } from "./attempt.ts";
import type { JsonText } from "./payload.ts";
import { type Instance, ReadinessInput, ReadinessOutput } from "./readiness.ts";
import { LiveTask } from "./live_task.ts";
import { takeTurns, type TurnDeps, type TurnTaker } from "./turn.ts";

const by = { by: "ada", reason: "test" };

Deno.test("the turn that starts a task starts its roots", () => {
  const driver = new TaskDriver([{ name: "a" }, { name: "b" }, { name: "c", after: ["a", "b"] }])
    .start();

  assert.deepEqual(driver.events.map((event) => event.kind), [
    "TaskStarted",
    "StepStarted",
    "StepStarted",
  ]);
  assert.equal(driver.turns.length, 1);
});

Deno.test("one turn records the end of a step and the start of the next", () => {
  const driver = new TaskDriver([{ name: "a" }, { name: "b", after: ["a"] }]).start().complete("a");

  assert.deepEqual(driver.turns[1]?.events.map((event) => event.kind), [
    "StepCompleted",
    "StepStarted",
  ]);
});

Deno.test("a chain of n steps takes n + 1 turns and completes", () => {
  const names = Array.from({ length: 10 }, (_, index) => `s${index}`);
  const driver = new TaskDriver(
    names.map((name, index) => ({ name, after: index ? [`s${index - 1}`] : [] })),
  ).start();

  for (const name of names) driver.complete(name);

  assert.equal(driver.turns.length, 11);
  assert.equal(driver.task, "completed");
});

Deno.test("a step's second result is dropped without an event", () => {
  const driver = new TaskDriver([{ name: "a" }, { name: "b", after: ["a"] }]).start().complete(
    "a",
    1,
  )
    .complete("a", 2);

  assert.equal(driver.turns.length, 2);
  assert.equal(driver.step("a")["result"], "1");
});

Deno.test("a failed attempt waits for its retry, and the retry has the next number", () => {
  const driver = new TaskDriver([{ name: "a" }]).start().throw("a");
  assert.equal(driver.steps["a"], "waiting_for_retry");
  assert.equal(driver.task, "waiting");

  driver.after(60_000);

  assert.equal(driver.steps["a"], "running");
  assert.equal(driver.state.steps[0]?.attempt, 2);
});

Deno.test("a step whose attempts are used up is parked", () => {
  const driver = new TaskDriver([{ name: "a" }]).start();

  for (let attempt = 0; attempt < 3; attempt++) driver.throw("a").after(60_000);

  assert.equal(driver.steps["a"], "parked");
  assert.equal(driver.task, "blocked");
  assert.deepEqual(driver.step("a")["choices"], ["retry", "resolve", "skip", "cancel"]);
});

Deno.test("a step whose attempts are used up fails when its policy says so", () => {
  const driver = new TaskDriver([{
    name: "a",
    policy: { onExhausted: "fail", retry: { attemptsMax: 1 } },
  }])
    .start();

  driver.throw("a");

  assert.equal(driver.task, "failed");
});

Deno.test("a failure by contract is for good, and reaches the step that waits for it", () => {
  const driver = new TaskDriver([
    { name: "a" },
    { name: "b", after: ["a"] },
    { name: "help", after: ["a"], when: "failed" },
  ]).start().fail("a");
  assert.deepEqual(driver.steps, { a: "failed", b: "unreached", help: "running" });

  driver.complete("help");

  assert.equal(driver.task, "failed");
});

Deno.test("a step that waits for a failure is unreached when there was none", () => {
  const driver = new TaskDriver([{ name: "a" }, { name: "help", after: ["a"], when: "failed" }])
    .start()
    .complete("a");

  assert.deepEqual(driver.steps, { a: "completed", help: "unreached" });
  assert.equal(driver.task, "completed");
});

Deno.test("unreached through a failure counts as failed for those after it", () => {
  const driver = new TaskDriver([
    { name: "a" },
    { name: "b", after: ["a"] },
    { name: "help", after: ["b"], when: "failed" },
  ]).start().fail("a");

  assert.deepEqual(driver.steps, { a: "failed", b: "unreached", help: "running" });
});

Deno.test("cancel ends what runs, and runs the steps that ask for it", () => {
  const driver = new TaskDriver([
    { name: "a" },
    { name: "b", after: ["a"] },
    { name: "undo", after: ["a"], when: "cancelled" },
  ]).start().send({ kind: "CancelTask", ...by });
  assert.deepEqual(driver.steps, { a: "cancelled", b: "cancelled", undo: "running" });

  driver.complete("undo");

  assert.equal(driver.task, "cancelled");
});

Deno.test("a child of a cancelled step never waits for ever", () => {
  const driver = new TaskDriver([{ name: "a" }, { name: "b", after: ["a"] }]).start();

  driver.send({ kind: "CancelTask", ...by });

  assert.equal(driver.task, "cancelled");
});

Deno.test("cancel repeated is the same", () => {
  const driver = new TaskDriver([{ name: "a" }]).start().send({ kind: "CancelTask", ...by });

  driver.send({ kind: "CancelTask", ...by });

  assert.deepEqual(driver.refusals, []);
});

Deno.test("a paused task starts nothing and goes on where it was", () => {
  const driver = new TaskDriver([{ name: "a" }, { name: "b", after: ["a"] }]).start()
    .send({ kind: "PauseTask", ...by }).complete("a");
  assert.deepEqual(driver.steps, { a: "completed", b: "pending" });
  assert.equal(driver.task, "paused");

  driver.send({ kind: "ResumeTask", ...by });

  assert.equal(driver.steps["b"], "running");
});

Deno.test("a retry that comes due while the task is paused starts once it is resumed", () => {
  const driver = new TaskDriver([{ name: "a" }]).start().throw("a").send({
    kind: "PauseTask",
    ...by,
  });
  driver.after(60_000);
  assert.equal(driver.steps["a"], "waiting_for_retry");

  driver.send({ kind: "ResumeTask", ...by });

  assert.equal(driver.steps["a"], "running");
});

Deno.test("fail_fast cancels the other branches", () => {
  const driver = new TaskDriver([{ name: "a" }, { name: "b" }], { failurePolicy: "fail_fast" })
    .start()
    .fail("a");

  assert.deepEqual(driver.steps, { a: "failed", b: "cancelled" });
  assert.equal(driver.task, "failed");
});

Deno.test("continue_independent lets the other branches end", () => {
  const driver = new TaskDriver([{ name: "a" }, { name: "b" }]).start().fail("a");
  assert.equal(driver.task, "running");

  driver.complete("b");

  assert.equal(driver.task, "failed");
});

Deno.test("an attempt that takes too long times out and is tried again", () => {
  const driver = new TaskDriver([{ name: "a", policy: { timeoutMs: 100 } }]).start().after(100);

  assert.equal(driver.steps["a"], "waiting_for_retry");
  assert.equal(driver.state.steps[0]?.failure?.class, "timed_out");
});

Deno.test("a completed of an earlier attempt counts while the step has not ended", () => {
  const driver = new TaskDriver([{ name: "a", policy: { timeoutMs: 100 } }]).start().after(100)
    .after(
      60_000,
    );
  assert.equal(driver.state.steps[0]?.attempt, 2);

  driver.result("a", { kind: "completed", result: "1" as JsonText }, 1);

  assert.equal(driver.task, "completed");
});

Deno.test("a failure of a stale attempt is dropped", () => {
  const driver = new TaskDriver([{ name: "a", policy: { timeoutMs: 100 } }]).start().after(100)
    .after(
      60_000,
    );
  const turns = driver.turns.length;

  driver.result("a", {
    kind: "failed",
    failure: { class: "thrown", error: "1" as JsonText },
    retryable: true,
  }, 1);

  assert.equal(driver.turns.length, turns);
});

Deno.test("a silent attempt times out by its heartbeat; a sign of life keeps it", () => {
  const driver = new TaskDriver([{ name: "a", policy: { heartbeatMs: 50 } }]).start();
  driver.nowMs += 40;
  driver.send({ kind: "RecordProgress", step: 0, attempt: 1 }).after(40);
  assert.equal(driver.steps["a"], "running");

  driver.after(50);

  assert.match(driver.state.steps[0]?.failure?.error ?? "", /heartbeat_timed_out/);
});

Deno.test("a step that waits too long to be started is parked", () => {
  const driver = new TaskDriver([{ name: "a", policy: { queueTimeoutMs: 100 } }]);
  driver.held.add("a");
  driver.start().after(100);

  assert.equal(driver.steps["a"], "parked");
  assert.match(driver.state.steps[0]?.failure?.error ?? "", /queue_timed_out/);
});

Deno.test("a retry that would only be due after the task's deadline is not waited for", () => {
  const retry = { attemptsMax: 9, backoff: "none", delayMsMin: 1_000 } as const;
  const play = (onExhausted: "park" | "fail", deadlineMs: number) =>
    new TaskDriver([{ name: "a", policy: { retry, onExhausted } }], { deadlineMs })
      .start().throw("a");

  const parked = play("park", 1_000);
  const waiting = play("park", 2_000);

  assert.equal(parked.step("a")["reason"], "deadline_before_retry");
  assert.equal(play("fail", 1_000).state.end, "failed");
  assert.equal(waiting.steps["a"], "waiting_for_retry");
});

Deno.test("at its deadline a task fails and cancels what is left", () => {
  const driver = new TaskDriver([{ name: "a" }, { name: "b", after: ["a"] }], { deadlineMs: 100 })
    .start()
    .after(100);

  assert.deepEqual(driver.steps, { a: "failed", b: "cancelled" });
  assert.equal(driver.task, "failed");
});

Deno.test("an at-most-once step parks when its attempt is interrupted", () => {
  const driver = new TaskDriver([{ name: "a", atMostOnce: true }]).start();

  driver.send({ kind: "RecordInterruption", steps: [0] });

  assert.equal(driver.step("a")["reason"], "at_most_once");
});

Deno.test("an interruption does not spend an attempt, and ten of them park the step", () => {
  const driver = new TaskDriver([{ name: "a" }]).start();

  for (let death = 0; death < 9; death++) {
    driver.send({ kind: "RecordInterruption", steps: [0] });
    assert.equal(driver.steps["a"], "running", `after death ${death + 1}`);
  }
  driver.send({ kind: "RecordInterruption", steps: [0] });

  assert.equal(driver.step("a")["reason"], "interrupted_too_often");
});

Deno.test("a hang spends no attempt, keeps its reason, and the second in a row parks the step", () => {
  const driver = new TaskDriver([{ name: "a" }]).start();
  const hang = { kind: "RecordInterruption", steps: [0], isHang: true } as const;

  driver.send(hang);

  assert.equal(driver.steps["a"], "running");
  assert.match(driver.state.steps[0]?.failure?.error ?? "", /event loop .* hung/);
  assert.equal(attemptsUsed(driver.state.steps[0]!), 1);
  driver.send(hang);
  assert.equal(driver.step("a")["reason"], "hung_twice");
});

Deno.test("a death between two hangs is no hang, and an at-most-once step parks at the first", () => {
  const driver = new TaskDriver([{ name: "a" }, { name: "b", atMostOnce: true }]).start();

  driver.send({ kind: "RecordInterruption", steps: [0, 1], isHang: true });
  driver.send({ kind: "RecordInterruption", steps: [0] });

  assert.deepEqual(driver.steps, { a: "running", b: "parked" });
});

Deno.test("Retry-After is never undercut", () => {
  const driver = new TaskDriver([{ name: "a" }]).start().throw("a", { retryAfterMs: 90_000 });

  assert.ok(Number(driver.step("a")["nextAttemptAtMs"]) >= driver.nowMs + 90_000);
});

Deno.test("a sleep ends at its time, and not before", () => {
  const driver = new TaskDriver([{ name: "nap", kind: "sleep", sleepMs: 1_000 }]).start().after(
    999,
  );
  assert.equal(driver.task, "waiting");

  driver.after(1);

  assert.equal(driver.task, "completed");
});

Deno.test("a signal that came early ends its step at once", () => {
  const driver = new TaskDriver([{ name: "a" }, { name: "ok", kind: "signal", after: ["a"] }, {
    name: "b",
    after: ["ok"],
  }])
    .start().send({ kind: "SendSignal", name: "ok", payload: "7" as JsonText });

  driver.complete("a");

  assert.deepEqual(driver.steps, { a: "completed", ok: "completed", b: "running" });
});

Deno.test("a signal nobody sends fails its step, or parks it", () => {
  const driver = new TaskDriver([
    { name: "x", kind: "signal", policy: { timeoutMs: 10 } },
    { name: "y", kind: "signal", policy: { timeoutMs: 10 }, onTimeout: "park" },
  ]).start().after(10);

  assert.deepEqual(driver.steps, { x: "failed", y: "parked" });
});

Deno.test("a signal the workflow does not have is refused", () => {
  const driver = new TaskDriver([{ name: "a" }]).start().send({
    kind: "SendSignal",
    name: "z",
    payload: "1" as JsonText,
  });

  assert.equal(driver.refusals[0]?.code, "signal.not_awaited");
});

Deno.test("a parked step retried by hand has all its attempts again", () => {
  const driver = new TaskDriver([{ name: "a", policy: { retry: { attemptsMax: 1 } } }]).start()
    .throw(
      "a",
    );
  assert.equal(driver.steps["a"], "parked");

  driver.send({ kind: "RetryStep", step: "a", ...by });

  assert.equal(driver.steps["a"], "running");
  assert.equal(driver.state.steps[0]?.attempt, 2);
});

Deno.test("a parked step resolved by hand lets the task go on, if the result keeps the contract", () => {
  const contract = {
    success: { type: "object", properties: { n: { type: "number" } }, required: ["n"] },
  };
  const driver = new TaskDriver([
    { name: "a", contract, policy: { retry: { attemptsMax: 1 } } },
    { name: "b", needs: { a: "a" } },
  ]).start().throw("a");
  driver.send({ kind: "ResolveStep", step: "a", result: `{"n":"x"}` as JsonText, ...by });
  assert.equal(driver.refusals[0]?.code, "contract.violation");

  driver.send({ kind: "ResolveStep", step: "a", result: `{"n":1}` as JsonText, ...by });

  assert.deepEqual(driver.steps, { a: "resolved_manually", b: "running" });
});

Deno.test("skipping a step that a later one needs asks for a result", () => {
  const driver = new TaskDriver([{ name: "a", policy: { retry: { attemptsMax: 1 } } }, {
    name: "b",
    needs: { a: "a" },
  }])
    .start().throw("a").send({ kind: "SkipStep", step: "a", ...by });
  assert.equal(driver.refusals[0]?.code, "contract.violation");

  driver.send({ kind: "SkipStep", step: "a", result: "1" as JsonText, ...by });

  assert.deepEqual(driver.steps, { a: "skipped", b: "running" });
});

Deno.test("a running step cannot be retried by hand", () => {
  const driver = new TaskDriver([{ name: "a" }]).start().send({
    kind: "RetryStep",
    step: "a",
    ...by,
  });

  assert.equal(driver.refusals[0]?.code, "step.not_parked");
});

Deno.test("a task that has ended refuses people and drops machines", () => {
  const driver = new TaskDriver([{ name: "a" }]).start().complete("a");
  const turns = driver.turns.length;

  driver.send({ kind: "PauseTask", ...by }).complete("a").after(1_000);

  assert.deepEqual(driver.refusals.map((error) => error.code), ["task.ended"]);
  assert.equal(driver.turns.length, turns);
});

Deno.test("a command id seen before changes nothing", () => {
  const driver = new TaskDriver([{ name: "a" }]).start().send({
    kind: "PauseTask",
    ...by,
    commandId: "same",
  });
  const turns = driver.turns.length;

  driver.send({ kind: "PauseTask", ...by, commandId: "same" });

  assert.equal(driver.turns.length, turns);
});

Deno.test("event times never go back within a task", () => {
  const driver = new TaskDriver([{ name: "a" }, { name: "b", after: ["a"] }]).start();
  driver.nowMs -= 5_000;

  driver.complete("a");

  assert.ok(
    driver.events.every((event, index, all) =>
      index === 0 || event.atMs >= (all[index - 1]?.atMs ?? 0)
    ),
  );
});

Deno.test("a task that only time moves leaves memory by a turn; anything brings it back", () => {
  const driver = new TaskDriver([{ name: "nap", kind: "sleep", sleepMs: 3_600_000 }]).start().send({
    kind: "Passivate",
  });
  assert.deepEqual(driver.turns.at(-1)?.change, {
    state: "waiting",
    blockedReason: null,
    resident: false,
    wakeAtMs: driver.nowMs + 3_600_000,
  });

  driver.after(3_600_000);

  assert.equal(driver.turns.at(-1)?.change?.resident, true);
  assert.equal(driver.task, "completed");
});

Deno.test("a task whose code runs does not leave memory", () => {
  const driver = new TaskDriver([{ name: "a" }]).start().send({ kind: "Passivate" });

  assert.equal(driver.turns.length, 1);
});

/** Tasks that take their turns together, over a readiness that answers what a test asks for. */
class Group {
  readonly pushed: string[] = [];
  readonly crashes: unknown[] = [];
  readonly takers: (TurnTaker & { readonly name: string })[] = [];
  ticks = 0;
  /** By tick: the steps that are answered as ready, for every task. */
  answers: readonly (readonly number[])[] = [];

  constructor(names: readonly string[], specs: ConstructorParameters<typeof TaskDriver>[0]) {
    for (const [index, name] of names.entries()) {
      const { actor, deps } = new TaskDriver(specs);
      const task = new LiveTask(actor.taskId, actor.plan, this.#depsOf(name, index, deps));
      const start = {
        kind: "StartTask",
        taskId: actor.taskId,
        commandId: name,
        namespace: "test",
        workflow: actor.plan.workflow,
        version: "1.0.0",
        definitionHash: actor.plan.hash,
        input: "{}" as JsonText,
        tags: [],
      } as const;
      const decide = (nowMs: number) => {
        task.begin(nowMs);
        task.decide(start);
      };
      this.takers.push({ name, task, decide, close: () => task.close() });
    }
  }

  take(): void {
    takeTurns(new Set(this.takers), {
      nowMs: 1,
      readiness: { tick: (visit) => this.#tick(visit) },
      find: (instance) => this.takers[instance],
      guard: ({ name }, act) => {
        try {
          act();
        } catch (error) {
          this.crashes.push(`${name}: ${(error as Error).message}`);
        }
      },
    });
  }

  kinds(index: number): string[] | undefined {
    return this.takers[index]?.task.open?.events.map(({ kind }) => kind);
  }

  #tick(visit: (instance: Instance, kind: number, step: number, cause: number) => void): void {
    const ready = this.answers[this.ticks++] ?? [];
    for (const instance of this.takers.keys()) {
      for (const step of ready) visit(instance, ReadinessOutput.ready, step, 0);
    }
  }

  #depsOf(name: string, index: number, deps: TurnDeps): TurnDeps {
    const nameOf = (input: number) =>
      Object.entries(ReadinessInput).find(([, value]) => value === input)?.[0];
    return {
      ...deps,
      openInstance: () => index,
      readiness: {
        push: (_, input, step) => void this.pushed.push(`${name} ${nameOf(input)} ${step}`),
      },
    };
  }
}

Deno.test("takeTurns() asks readiness once for all tasks, after each has decided", () => {
  const group = new Group(["x", "y"], [{ name: "a" }]);
  group.answers = [[0]];

  group.take();

  assert.equal(group.ticks, 1);
  assert.deepEqual(group.pushed, ["x opened 0", "y opened 0", "x started 0", "y started 0"]);
  assert.deepEqual(group.kinds(0), ["TaskStarted", "StepStarted"]);
  assert.deepEqual(group.kinds(1), ["TaskStarted", "StepStarted"]);
});

Deno.test("takeTurns() asks readiness again only where a signal that came early ended its step", () => {
  const group = new Group(["x"], [{ name: "ok", kind: "signal" }, { name: "b", after: ["ok"] }]);
  group.answers = [[0], [1]];
  const { task } = group.takers[0] as TurnTaker;
  const { decide } = group.takers[0]!;
  group.takers[0] = {
    ...group.takers[0]!,
    decide: (nowMs) => {
      decide(nowMs);
      const { taskId } = task;
      const payload = "7" as JsonText;
      task.decide({ kind: "SendSignal", taskId, commandId: "s", name: "ok", payload });
    },
  };

  group.take();

  assert.equal(group.ticks, 2);
  assert.deepEqual(group.kinds(0), [
    "TaskStarted",
    "SignalReceived",
    "StepStarted",
    "StepCompleted",
    "StepStarted",
  ]);
});

Deno.test("takeTurns() keeps what one task throws from the others", () => {
  const group = new Group(["x", "y"], [{ name: "a" }]);
  group.answers = [[0]];
  group.takers[0] = {
    ...group.takers[0]!,
    decide: () => {
      throw new Error("a bug");
    },
  };

  group.take();

  assert.equal(group.crashes[0], "x: a bug");
  assert.ok(group.crashes.every((text) => String(text).startsWith("x: ")));
  assert.deepEqual(group.kinds(1), ["TaskStarted", "StepStarted"]);
});

Deno.test("a turn records why a ready step waits, once, and starts it when it is granted", () => {
  const driver = new TaskDriver([{ name: "a" }]);
  driver.held.add("a");

  driver.start().after(1).after(1).admit("a");

  assert.deepEqual(
    driver.turns.map(({ events, change }) => [events.length, change?.blockedReason]),
    [
      [1, 'step "a": concurrency_max'],
      [1, null],
    ],
  );
});

Deno.test("a turn without events remembers a command that changed nothing", () => {
  const driver = new TaskDriver([{ name: "a" }]).start();

  driver.send({ kind: "ResumeTask", ...by, commandId: "r" });

  assert.deepEqual(driver.turns[1], {
    turn: 2,
    events: [],
    commandIds: ["r"],
    idleIds: ["r"],
    size: 0,
  });
});

Deno.test("a repeat gets the answer of the first, and changes nothing", () => {
  const driver = new TaskDriver([{ name: "a" }]).start()
    .send({ kind: "PauseTask", ...by, commandId: "p" });
  const { task, taskId } = driver.actor;
  task.begin(driver.nowMs);

  const verdict = task.decide({ kind: "PauseTask", taskId, ...by, commandId: "p" });

  assert.deepEqual(verdict, { turn: 2, changed: true });
  assert.equal(task.open, undefined);
});
