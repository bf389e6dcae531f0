import assert from "node:assert/strict";
import { optionsFor } from "./alternative.ts";
import { TaskDriver } from "../../tests/support/task_driver.ts";

const by = { by: "ada", reason: "test" };

Deno.test("a retry by hand is not lost when the step already waits to be admitted", () => {
  const driver = new TaskDriver([{ name: "a" }]).start().throw("a");
  driver.held.add("a");
  driver.after(60_000);
  assert.ok(driver.state.ready.has(0));

  driver.send({ kind: "RetryStep", step: "a", ...by });
  driver.admit("a");

  assert.equal(driver.steps["a"], "running");
});

Deno.test("a retry by hand of a step that waits for its retry starts it at once", () => {
  const driver = new TaskDriver([{ name: "a" }]).start().throw("a", { retryAfterMs: 3_600_000 });

  driver.send({ kind: "RetryStep", step: "a", ...by });

  assert.equal(driver.steps["a"], "running");
  assert.equal(driver.state.steps[0]?.attempt, 2);
});

Deno.test("a retry by hand in a paused task starts once it is resumed", () => {
  const driver = new TaskDriver([{ name: "a", policy: { retry: { attemptsMax: 1 } } }]).start()
    .throw(
      "a",
    )
    .send({ kind: "PauseTask", ...by }).send({ kind: "RetryStep", step: "a", ...by });
  assert.equal(driver.steps["a"], "waiting_for_retry");

  driver.send({ kind: "ResumeTask", ...by });

  assert.equal(driver.steps["a"], "running");
});

Deno.test("cancel ends what waits for its retry, is parked or sleeps", () => {
  const driver = new TaskDriver([
    { name: "retrying" },
    { name: "parked", policy: { retry: { attemptsMax: 1 } } },
    { name: "nap", kind: "sleep", sleepMs: 1_000 },
    { name: "reply", kind: "remote" },
  ]).start().throw("retrying").throw("parked");

  driver.send({ kind: "CancelTask", ...by });

  assert.deepEqual(new Set(Object.values(driver.steps)), new Set(["cancelled"]));
  assert.equal(driver.task, "cancelled");
});

Deno.test("cancel lets a step with when always run, retry and end", () => {
  const driver = new TaskDriver([{ name: "a" }, { name: "clean", after: ["a"], when: "always" }])
    .start()
    .send({ kind: "CancelTask", ...by });
  assert.equal(driver.steps["clean"], "running");
  driver.throw("clean").after(60_000);
  assert.equal(driver.state.steps[1]?.attempt, 2);

  driver.complete("clean");

  assert.deepEqual(driver.steps, { a: "cancelled", clean: "completed" });
  assert.equal(driver.task, "cancelled");
});

Deno.test("cancel of a paused task left its clean-up waiting for a resume", () => {
  const driver = new TaskDriver([{ name: "a" }, { name: "clean", after: ["a"], when: "always" }])
    .start()
    .send({ kind: "PauseTask", ...by });

  driver.send({ kind: "CancelTask", ...by });
  assert.equal(driver.steps["clean"], "running");
  driver.complete("clean");

  assert.equal(driver.task, "cancelled");
});

Deno.test("a refused command is named as people name it", () => {
  const driver = new TaskDriver([{ name: "read" }]).start();
  const retry = (step: string) =>
    driver.send({ kind: "RetryStep", step, ...by }).refusals.at(-1)?.message;
  const { taskId } = driver.state;

  assert.equal(retry("read"), 'Cannot retry step "read": it is running');
  assert.equal(retry("raed"), `Cannot retry step "raed": task "${taskId}" has no such step`);
  driver.complete("read");
  assert.equal(retry("read"), 'Cannot retry step "read": its task is completed');
  driver.send({ kind: "CancelTask", ...by });
  assert.equal(driver.refusals.at(-1)?.message, `Cannot cancel task "${taskId}": it is completed`);
});

const parked = () =>
  new TaskDriver([{ name: "a", policy: { retry: { attemptsMax: 1 } } }]).start().throw("a");
const choose = (choice: string) => ({ kind: "ChooseStep", step: "a", choice, ...by }) as const;

Deno.test("a choice is recorded before what it leads to", () => {
  const driver = parked();
  const before = driver.events.length;

  driver.send({ ...choose("retry"), diagnosed: "timeout", confidence: 0.9, cause: "overload" });

  const [chosen, next] = driver.events.slice(before);
  assert.deepEqual(chosen, {
    kind: "StepChosen",
    atMs: chosen?.atMs,
    step: 0,
    ...by,
    choice: "retry",
    diagnosed: "timeout",
    confidence: 0.9,
    cause: "overload",
  });
  assert.equal(next?.kind, "StepRetried");
  assert.equal(driver.steps["a"], "running");
});

for (
  const [choice, state] of [
    ["resolve", "resolved_manually"],
    ["skip", "skipped"],
    ["cancel", "cancelled"],
  ] as const
) {
  Deno.test(`the choice ${choice} leads where its own command does`, () => {
    const driver = parked().send(choose(choice));

    assert.equal(driver.steps["a"], state);
    assert.deepEqual(driver.refusals, []);
  });
}

Deno.test("what ends a step with a result says that it needs one where the contract allows no null", () => {
  const driver = new TaskDriver([{
    name: "a",
    contract: { success: { type: "object" } },
    policy: { retry: { attemptsMax: 1 } },
    alternatives: [{ name: "phone", manual: "Call the customer" }],
  }]).start().throw("a");

  for (const choice of ["resolve", "phone"]) {
    const refusal = driver.send(choose(choice)).refusals.at(-1);
    assert.equal(refusal?.code, "contract.violation");
    assert.match(`${refusal?.message}`, new RegExp(`"${choice}" for step "a" without a `));
  }
  driver.send({ ...choose("phone"), result: "{}" as never });
  assert.equal(driver.steps["a"], "resolved_manually");
});

Deno.test("a person is asked for a result by each choice that ends the step with one, and by no other", () => {
  const options = optionsFor(["retry", "resolve", "skip", "cancel"], [
    { name: "backup", system: "second_gateway" },
    { name: "phone", manual: "Call the customer" },
  ]);

  const asked = options.filter(({ takesResult }) => takesResult).map(({ choice }) => choice);
  assert.deepEqual(asked, ["phone", "resolve"]);
});

Deno.test("only a parked step takes a choice, and only one that it has", () => {
  const driver = new TaskDriver([{ name: "a" }]).start().send(choose("retry"));
  assert.equal(driver.refusals.at(-1)?.code, "step.not_parked");

  const other = parked().send(choose("backup"));
  assert.equal(other.refusals.at(-1)?.code, "step.choice_invalid");

  const retry = parked().send({ ...choose("retry"), result: "1" as never });
  assert.equal(retry.refusals.at(-1)?.code, "step.choice_invalid");
  assert.equal(retry.steps["a"], "parked");
});

/** A parked remote step that may go to another system, use another capability, or be done by hand. */
const withAlternatives = () =>
  new TaskDriver([{
    name: "a",
    kind: "remote",
    owner: "gateway",
    event: "card.charge",
    policy: { retry: { attemptsMax: 1 } },
    alternatives: [
      { name: "backup", system: "second" },
      { name: "invoice", capability: { name: "invoice.send", range: "^1" } },
      { name: "phone", manual: "Call the customer" },
    ],
  }]).start().throw("a");

Deno.test("an alternative sends the step's next attempts where it leads, and a later choice back", () => {
  const driver = withAlternatives().send(choose("backup"));
  assert.deepEqual(driver.step("a").elsewhere, { system: "second" });
  assert.equal(driver.steps["a"], "waiting_for_reply");

  driver.throw("a").send(choose("invoice"));
  assert.deepEqual(driver.step("a").elsewhere, { capability: "invoice.send@^1" });

  driver.throw("a").send(choose("retry"));
  assert.equal(driver.step("a").elsewhere, undefined);
});

Deno.test("what a person does by hand ends the step with the given result", () => {
  const driver = withAlternatives().send({ ...choose("phone"), result: '{"paid":true}' as never });

  assert.equal(driver.steps["a"], "resolved_manually");
  assert.equal(driver.step("a").result, '{"paid":true}');
});
