import assert from "node:assert/strict";
import type { Command } from "../core/command.ts";
import { type Plan, planOf } from "../core/plan.ts";
import type { Attempt } from "../core/ports.ts";
import type { StepCode, WorkflowCode } from "../core/workflow.ts";
import { definitionOf } from "../../tests/support/task_driver.ts";
import { attemptFor, DispatchHarness, TASK } from "../../tests/support/dispatch_harness.ts";
import { LocalRunner } from "./local.ts";
import { openRunner } from "./runner.ts";

const plan = planOf(
  "hash",
  definitionOf([
    { name: "local", owner: "shop" },
    { name: "remote", kind: "remote", owner: "stock" },
    { name: "fixed", kind: "sleep", sleepMs: 5 },
    { name: "computed", kind: "sleep" },
    { name: "signal", kind: "signal" },
  ]),
);

const CODE: WorkflowCode = {
  steps: new Map<string, StepCode>([
    ["local", { run: () => 1 }],
    ["remote", {}],
    ["computed", { sleepMs: () => 7 }],
  ]),
};

function opened(code: WorkflowCode | undefined = CODE) {
  const { runtime, log } = new DispatchHarness();
  const recorded: Command[] = [];
  const seen: string[] = [];
  const runner = openRunner({
    local: new LocalRunner({ runtime, log, record: (command) => void recorded.push(command) }),
    remote: {
      start: ({ step }: Attempt) => void seen.push(`start ${step}`),
      stop: (_task: string, _plan: Plan, step: number) => void seen.push(`stop ${step}`),
      unconfirmed: () => 3,
    },
    http: {
      runtime,
      egress: { request: () => new Promise(() => {}) },
    },
    codeOf: (hash) => hash === plan.hash ? code : undefined,
    isLocalOwner: (owner) => owner === "shop",
  });
  return { runtime, runner, recorded, seen };
}

function stepOf(name: string): number {
  return plan.indexOf.get(name) as number;
}

function canStart(code: WorkflowCode | undefined) {
  const { runner } = opened(code);
  return plan.steps.filter(({ index }) => runner.canStart(plan, index)).map(({ name }) => name);
}

Deno.test("a node with the code can start every step", () => {
  assert.deepEqual(canStart(CODE), ["local", "remote", "fixed", "computed", "signal"]);
});

Deno.test("any node can start a step of another system, or a sleep, whose input is mapped by data", () => {
  const mapped = planOf(
    "other",
    definitionOf([
      { name: "remote", kind: "remote", owner: "stock", with: "$.input" },
      { name: "computed", kind: "sleep", with: "$.input.ms" },
      { name: "local", owner: "shop", with: "$.input" },
    ]),
  );
  const { runner } = opened(undefined);

  const started = mapped.steps.filter(({ index }) => runner.canStart(mapped, index));

  assert.deepEqual(started.map(({ name }) => name), ["remote", "computed"]);
});

Deno.test("a node whose code lacks a step cannot run it, nor compute its sleep", () => {
  assert.deepEqual(canStart({ steps: new Map() }), ["remote", "fixed", "signal"]);
});

Deno.test("a node without the workflow's code starts only what needs none", () => {
  const { runner } = opened();
  const other = planOf("other", plan.definition);

  const names = other.steps.filter(({ index }) => runner.canStart(other, index));

  assert.deepEqual(names.map(({ name }) => name), ["fixed", "signal"]);
});

Deno.test("a node cannot start a local step of a system that is not its own", () => {
  const { runner } = opened();
  const foreign = planOf("hash", definitionOf([{ name: "local", owner: "bank" }]));

  assert.equal(runner.canStart(foreign, 0), false);
});

Deno.test("a node cannot start a step that the plan does not have", () => {
  assert.equal(opened().runner.canStart(plan, 99), false);
});

Deno.test("each attempt goes where its step runs", async () => {
  const { runtime, runner, recorded, seen } = opened();

  for (const { index } of plan.steps) runner.start(attemptFor(plan, { step: index }));
  await runtime.settle();

  assert.deepEqual(seen, [`start ${stepOf("remote")}`]);
  assert.deepEqual(recorded.map((command) => [command.kind, "step" in command && command.step]), [
    ["RecordStepResult", stepOf("fixed")],
    ["RecordSleep", stepOf("computed")],
    ["RecordStepResult", stepOf("local")],
  ]);
});

Deno.test("only steps that run somewhere are asked to stop", () => {
  const { runner, seen } = opened();

  for (const { index } of plan.steps) runner.stop(TASK, plan, index);

  assert.deepEqual(seen, [`stop ${stepOf("remote")}`]);
});

Deno.test("of a local step it is known whether it runs; all others may", async () => {
  const { runtime, runner } = opened();
  const running = () =>
    plan.steps.filter(({ index }) => runner.isRunning(TASK, plan, index, 1)).map(({ name }) =>
      name
    );
  const before = running();

  runner.start(attemptFor(plan, { step: stepOf("local") }));

  assert.deepEqual(before, ["remote", "fixed", "computed", "signal"]);
  assert.deepEqual(running(), ["local", ...before]);
  await runtime.settle();
});

Deno.test("unconfirmed envelopes are the remote half's", () => {
  assert.equal(opened().runner.unconfirmed(TASK), 3);
});
