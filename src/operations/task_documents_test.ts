import assert from "node:assert/strict";
import { type DriverStep, TaskDriver } from "../../tests/support/task_driver.ts";
import { fillPolicy } from "../core/policy.ts";
import type { TaskSummary } from "../core/ports.ts";
import { taskDocument } from "./task_documents.ts";

/** A task as JSON shows it, whose row says `listed`. */
function show(play: TaskDriver, listed: Pick<TaskSummary, "state" | "blockedReason">) {
  const { plan, taskId } = play.actor;
  const summary: TaskSummary = {
    taskId,
    namespace: "test",
    workflow: "played",
    version: "1.0.0",
    definitionHash: plan.hash,
    tags: [],
    createdAtMs: play.nowMs,
    endedAtMs: undefined,
    ...listed,
  };
  const policyOf = () => fillPolicy(false);
  return taskDocument({ plan, summary, state: play.folded(), startedAtMs: undefined, policyOf });
}

const REMOTE: DriverStep = { name: "a", kind: "remote", policy: { retry: { backoff: "none" } } };
const BUDGET = { state: "waiting", blockedReason: 'step "a": retry_budget' } as const;

Deno.test("a retry that waits for its system's budget shows that reason", () => {
  const play = new TaskDriver([REMOTE]).start();
  play.held.add("a");
  play.throw("a");

  const { state, blockedReason } = show(play, BUDGET);

  assert.deepEqual({ state, blockedReason }, BUDGET);
});

Deno.test("a step that waits for its first start shows that reason", () => {
  const play = new TaskDriver([{ ...REMOTE, kind: "local" }]);
  play.held.add("a");
  play.start();
  const listed = { state: "waiting", blockedReason: 'step "a": concurrency_max' } as const;

  const { state, blockedReason } = show(play, listed);

  assert.deepEqual({ state, blockedReason }, listed);
});

Deno.test("a retry whose code no node has was shown as waiting, and listed as blocked", () => {
  const play = new TaskDriver([{ ...REMOTE, kind: "local" }]).start();
  play.held.add("a");
  play.throw("a");
  const listed = { state: "blocked", blockedReason: 'step "a": code_not_loaded' } as const;

  const { state, blockedReason } = show(play, listed);

  assert.deepEqual({ state, blockedReason }, listed);
});

Deno.test("a reason that the journal has left behind is not shown", () => {
  const play = new TaskDriver([{ ...REMOTE, kind: "local" }]).start();

  const { state, blockedReason } = show(play, BUDGET);

  assert.deepEqual({ state, blockedReason }, { state: "running", blockedReason: undefined });
});
