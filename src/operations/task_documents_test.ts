import assert from "node:assert/strict";
import { type DriverStep, TaskDriver } from "../../tests/support/task_driver.ts";
import { fillPolicy } from "../core/policy.ts";
import type { TaskSummary } from "../core/ports.ts";
import { SensitiveValues } from "../core/sensitive.ts";
import { entriesOf, type Shown, taskDocument } from "./task_documents.ts";

/** A task as JSON shows it, whose row says `listed`. */
function show(
  task: TaskDriver,
  listed: Pick<TaskSummary, "state" | "blockedReason">,
  state = task.folded(),
  isRevealed = false,
) {
  const { plan, taskId } = task.actor;
  const summary: TaskSummary = {
    taskId,
    namespace: "test",
    workflow: "played",
    version: "1.0.0",
    definitionHash: plan.hash,
    tags: [],
    labels: [],
    createdAtMs: task.nowMs,
    endedAtMs: undefined,
    ...listed,
  };
  const policyOf = () => fillPolicy(false);
  const shown = isRevealed ? "all" : SensitiveValues.of(plan, state);
  return taskDocument({ plan, summary, isSameTurn: false, state, policyOf, shown });
}

const REMOTE: DriverStep = { name: "a", kind: "remote", policy: { retry: { backoff: "none" } } };
const BUDGET = { state: "waiting", blockedReason: 'step "a": retry_budget' } as const;

Deno.test("a retry that waits for its system's budget shows that reason", () => {
  const task = new TaskDriver([REMOTE]).start();
  task.held.add("a");
  task.throw("a");

  const { state, blockedReason } = show(task, BUDGET);

  assert.deepEqual({ state, blockedReason }, BUDGET);
});

Deno.test("a step that waits for its first start shows that reason", () => {
  const task = new TaskDriver([{ ...REMOTE, kind: "local" }]);
  task.held.add("a");
  task.start();
  const listed = { state: "waiting", blockedReason: 'step "a": concurrency_max' } as const;

  const { state, blockedReason } = show(task, listed);

  assert.deepEqual({ state, blockedReason }, listed);
});

Deno.test("a retry whose code no node has is shown as it is listed: blocked", () => {
  const task = new TaskDriver([{ ...REMOTE, kind: "local" }]).start();
  task.held.add("a");
  task.throw("a");
  const listed = { state: "blocked", blockedReason: 'step "a": code_not_loaded' } as const;

  const { state, blockedReason } = show(task, listed);

  assert.deepEqual({ state, blockedReason }, listed);
});

Deno.test("an outdated reason is not shown", () => {
  const task = new TaskDriver([{ ...REMOTE, kind: "local" }]).start();

  const { state, blockedReason } = show(task, BUDGET);

  assert.deepEqual({ state, blockedReason }, { state: "running", blockedReason: undefined });
});

Deno.test("a step that asks by capability shows the system that was chosen, an owned one its owner", () => {
  const shown = (system?: string) => {
    const task = new TaskDriver([{ name: "a", kind: "local" }]).start();
    const state = task.folded();
    Object.assign(state.steps[0] ?? {}, system === undefined ? {} : { system });
    return show(task, { ...BUDGET }, state).steps[0]?.system;
  };

  assert.equal(shown("bank"), "bank");
  assert.equal(shown(), undefined);
});

Deno.test("a parked step shows its choices with labels, its alternatives, and where the diagnosis is", () => {
  const alternatives = [{ name: "backup", system: "second" }];
  const task = new TaskDriver([{ ...REMOTE, policy: { retry: { attemptsMax: 1 } }, alternatives }])
    .start().throw("a");

  const [step] = show(task, { state: "blocked", blockedReason: undefined }).steps;

  assert.deepEqual(step?.options?.map(({ choice }) => choice), [
    "retry",
    "backup",
    "resolve",
    "skip",
    "cancel",
  ]);
  assert.equal(step?.options?.[1]?.label, 'Let system "second" do the step');
  assert.equal(step?.diagnosis, `/v1/tasks/${task.state.taskId}/diagnosis?step=a`);
});

Deno.test("the entry of a choice shows the cause that a person gave, which is not a step", () => {
  const task = new TaskDriver([{ ...REMOTE, policy: { retry: { attemptsMax: 1 } } }]).start().throw(
    "a",
  );
  const choice = { kind: "ChooseStep", step: "a", choice: "retry", by: "ada", reason: "" } as const;

  task.send({ ...choice, cause: "overload" });

  const turns = task.turns.map(({ turn, events, commandIds }) => ({ turn, events, commandIds }));
  const entries = turns.flatMap((turn) => entriesOf(task.actor.plan, turn, "all"));
  assert.equal(entries.find(({ kind }) => kind === "StepChosen")?.cause, "overload");
});

Deno.test("what contracts mark as sensitive is hidden in tasks and journals, unless it is revealed", () => {
  const marked = { type: "object", properties: { pin: { type: "string", writeOnly: true } } };
  const task = new TaskDriver(
    [{ name: "a", contract: { success: marked } }],
    { input: marked },
  ).start({ pin: "4711" });
  task.complete("a", { pin: "0815", left: 3 });
  const state = task.folded();
  const { plan } = task.actor;
  const [turn] = task.turns;

  const hidden = show(task, { state: "completed", blockedReason: undefined }, state);
  const revealed = show(task, { state: "completed", blockedReason: undefined }, state, true);

  assert.deepEqual([hidden.input, hidden.steps[0]?.result], [
    { pin: "<sensitive>" },
    { pin: "<sensitive>", left: 3 },
  ]);
  assert.deepEqual([revealed.input, revealed.steps[0]?.result], [
    { pin: "4711" },
    { pin: "0815", left: 3 },
  ]);
  assert.ok(turn !== undefined);
  const entries = (shown: Shown) => JSON.stringify(entriesOf(plan, turn, shown));
  assert.doesNotMatch(entries(new SensitiveValues(plan)), /4711/);
  assert.match(entries("all"), /4711/);
});
