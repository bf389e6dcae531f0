import { deepEqual, equal } from "node:assert/strict";
import { TaskDriver } from "../../tests/support/task_driver.ts";
import { readCondition, readLabels } from "./search.ts";

const SEARCH = {
  region: { from: "$.input.region", type: "keyword" },
  total: { from: "$.input.total", type: "number" },
  vip: { from: "$.input.vip", type: "bool" },
  paid: { from: "$.pay.at", type: "datetime" },
} as const;

function labelsOf(task: TaskDriver): readonly string[] | undefined {
  return task.actor.task.row?.labels;
}

Deno.test("a task has the labels of its input at once, and those of a result when it is there", () => {
  const task = new TaskDriver([{ name: "pay" }, { name: "ship", after: ["pay"] }], {
    search: SEARCH,
  });

  task.start({ region: "eu", total: 12.5, vip: true });
  deepEqual(labelsOf(task), ["k:region=eu", "n:total=12.5", "k:vip=true"]);

  task.complete("pay", { at: "2026-01-31T12:00:00Z" });
  deepEqual(labelsOf(task)?.slice(3), [`t:paid=${Date.UTC(2026, 0, 31, 12)}`]);
  deepEqual(task.reload().complete("ship").task, "completed");
  equal(labelsOf(task)?.length, 4);
});

Deno.test("a value of another type gives no label, and a long keyword a part of it", () => {
  const task = new TaskDriver([{ name: "pay" }], { search: SEARCH });

  task.start({ region: "x".repeat(500), total: "12", vip: 1 });

  deepEqual(labelsOf(task), [`k:region=${"x".repeat(128)}`]);
});

Deno.test("a parked step is a label until somebody decides, a failed one stays", () => {
  const task = new TaskDriver([{ name: "pay", policy: { retry: { attemptsMax: 1 } } }]);

  task.start().throw("pay");
  deepEqual(labelsOf(task), ["parked:pay", "class:thrown", "code:thrown", "needs:choice"]);

  task.send({ kind: "ResolveStep", step: "pay", by: "ada", reason: "", result: "1" as never });
  deepEqual([task.task, labelsOf(task)], ["completed", ["decided:pay"]]);

  const failed = new TaskDriver([{ name: "pay" }]).start().fail("pay");
  deepEqual(labelsOf(failed), ["step:pay", "class:failed"].concat(labelsOf(failed)!.slice(2)));
  equal(failed.task, "failed");
});

Deno.test("a task is found by the steps that somebody decided about, and by no other", () => {
  const parked = () =>
    new TaskDriver([{ name: "pay", policy: { retry: { attemptsMax: 1 } } }, { name: "log" }])
      .start().throw("pay");
  const by = { by: "ada", reason: "" };

  const retried = parked().send({ kind: "RetryStep", step: "pay", ...by }).complete("pay");
  const cancelled = parked().send({ kind: "CancelTask", ...by });

  const decided = (task: TaskDriver) =>
    labelsOf(task)?.filter((label) => label.startsWith("decided:"));
  deepEqual(decided(parked()), []);
  deepEqual(decided(retried), ["decided:pay"]);
  deepEqual(decided(retried.reload().complete("log")), ["decided:pay"]);
  deepEqual(decided(cancelled), ["decided:pay"]);
});

Deno.test("a task that awaits a signal needs it, and one without labels says nothing of them", () => {
  const task = new TaskDriver([{ name: "sign", kind: "signal" }]).start();
  deepEqual(labelsOf(task), ["needs:signal"]);

  const plain = new TaskDriver([{ name: "pay" }]).start();
  equal("labels" in plain.actor.task.row!, false);
  equal("labels" in plain.complete("pay").actor.task.row!, false);
});

Deno.test("labels are read as what they were made of", () => {
  const { attributes, times, needs, parkedSteps, priority } = readLabels([
    ...["k:a=b=c", "n:total=1e+21", "t:paid=5", "needs:signal", "parked:pay", "priority:2"],
    "later:kind",
  ]);

  deepEqual({ ...attributes }, { a: "b=c", total: 1e21 });
  deepEqual([times.paid, needs, parkedSteps, priority], [5, ["signal"], ["pay"], 2]);
});

Deno.test("a condition asks for a text, a number or a time, as far as its value is one", () => {
  deepEqual(readCondition("region=eu")?.labels, [["k:region=eu"]]);
  deepEqual(readCondition("total=5.0")?.labels, [["k:total=5.0", "n:total=5"]]);
  deepEqual(readCondition("paid=2026-01-31")?.labels, [
    ["k:paid=2026-01-31", `t:paid=${Date.UTC(2026, 0, 31)}`],
  ]);
  deepEqual(readCondition("total>=5")?.ranges, [{ name: "n:total", min: 5, isMinOpen: false }]);
  deepEqual(readCondition("paid<2026-01-31T00:00:00Z")?.ranges, [
    { name: "t:paid", max: Date.UTC(2026, 0, 31), isMaxOpen: true },
  ]);
  for (const text of ["region", "=eu", "total>much", "total>=", "A=1", ""]) {
    equal(readCondition(text), undefined, text);
  }
});
