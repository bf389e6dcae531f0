import assert from "node:assert/strict";
import { TaskDriver } from "../../tests/support/task_driver.ts";
import { failureOf } from "./attempt.ts";
import { attemptError, type AttemptFact, attemptFacts } from "./attempt_fact.ts";
import type { Outcome } from "./command.ts";
import type { JsonText } from "./payload.ts";

const retrying = [{
  name: "a",
  policy: { timeoutMs: 100, retry: { attemptsMax: 2, delayMsMin: 10 } },
}];

function factsOf(driver: TaskDriver): readonly AttemptFact[] {
  const { plan, taskId } = driver.actor;
  return attemptFacts(plan, taskId, ["vip"], [driver]);
}

Deno.test("attemptFacts() has each attempt that ended, in order, with what its event says", () => {
  const driver = new TaskDriver([{
    name: "a",
    policy: { retry: { attemptsMax: 2, delayMsMin: 10 } },
  }])
    .start();
  driver.nowMs += 7;
  driver.throw("a").after(100_000);
  driver.nowMs += 3;
  driver.complete("a");

  const facts = factsOf(driver);

  const { taskId } = driver.actor;
  const of = { taskId, workflow: "test/played", version: "1.0.0", step: "a", tags: ["vip"] };
  const waitedMs = facts[1]?.waitedMs ?? 0;
  assert.ok(waitedMs > 0);
  assert.deepEqual(facts, [
    {
      ...of,
      attempt: 1,
      startedAtMs: 1_000_000,
      endedAtMs: 1_000_007,
      waitedMs: 0,
      ranMs: 7,
      outcome: "thrown",
      error: { class: "thrown", code: "thrown", message: "boom" },
      isRetried: true,
      policyVersion: 0,
    },
    {
      ...of,
      attempt: 2,
      startedAtMs: 1_100_007,
      endedAtMs: 1_100_010,
      waitedMs,
      ranMs: 3,
      outcome: "completed",
      isRetried: false,
      policyVersion: 0,
    },
  ]);
});

Deno.test("attemptFacts() has no fact of an attempt that is under way", () => {
  assert.deepEqual(factsOf(new TaskDriver(retrying).start()), []);
});

Deno.test("an attempt that was given up keeps its time-out, and when its result came late", () => {
  const driver = new TaskDriver([{ ...retrying[0]!, kind: "remote", event: "e" }]).start()
    .after(100);
  driver.nowMs += 1;
  driver.result("a", { kind: "completed", result: "1" as JsonText }, 1);

  const facts = factsOf(driver);

  assert.deepEqual(facts.map(({ outcome, ranMs, lateAtMs }) => [outcome, ranMs, lateAtMs]), [
    ["timed_out", 100, 1_000_101],
  ]);
});

Deno.test("an attempt that a late result of an earlier one overtook counts as cancelled", () => {
  const driver = new TaskDriver([{ ...retrying[0]!, kind: "remote", event: "e" }]).start()
    .after(100).after(5_000);
  driver.nowMs += 1;
  driver.result("a", { kind: "completed", result: "1" as JsonText }, 1);

  const facts = factsOf(driver);

  assert.deepEqual(facts.map(({ attempt, outcome }) => [attempt, outcome]), [
    [1, "timed_out"],
    [2, "cancelled"],
  ]);
});

Deno.test("a step that was never started has no fact, however it ended", () => {
  const driver = new TaskDriver([{ name: "a" }, { name: "b", after: ["a"] }]).start()
    .send({ kind: "SkipStep", step: "b", by: "ada", reason: "test" });

  assert.deepEqual(factsOf(driver), []);
});

Deno.test("a parked attempt has the failure that parked it", () => {
  const driver = new TaskDriver([{ name: "a", policy: { retry: { attemptsMax: 1 } } }]).start()
    .throw("a");

  const facts = factsOf(driver);

  assert.deepEqual(facts.map(({ outcome, isRetried }) => [outcome, isRetried]), [
    ["thrown", false],
  ]);
});

Deno.test("attemptError() caps the words of others, and parses no error that is too long", () => {
  const error = (value: unknown) => JSON.stringify(value) as JsonText;
  const long = "x".repeat(70_000);

  assert.deepEqual(attemptError({ class: "failed", error: error({ code: 503, message: "no" }) }), {
    class: "failed",
    code: "503",
    message: "no",
  });
  const capped = attemptError({
    class: "failed",
    error: error({ error_code: "c".repeat(900), error_message: "m".repeat(900) }),
  });
  assert.deepEqual([capped.code?.length, capped.message?.length], [200, 500]);
  assert.deepEqual(attemptError({ class: "failed", error: error({ code: "c", long }) }), {
    class: "failed",
  });
  assert.deepEqual(attemptError({ class: "failed", error: error("no") }), { class: "failed" });
});

Deno.test("a code that holds more than a code is redacted, and a word is not", () => {
  const codeOf = (error_code: string) =>
    attemptError({ class: "failed", error: JSON.stringify({ error_code }) as JsonText }).code;

  for (const code of ["HTTP_503", "card_declined", "com.example.payments.CardDeclined", "P0001"]) {
    assert.equal(codeOf(code), code);
  }
  assert.match(codeOf("no user ada@example.com") ?? "", /^no user <email:[0-9a-f]{4}>$/);
  assert.equal(codeOf("sk_live_4eC39HqLyjWDarjtT1zdp7dc"), "<secret>");
});

Deno.test("attemptFacts() repeats no secret of an error's message", () => {
  const driver = new TaskDriver([{ name: "a" }]).start();
  const { plan, taskId } = driver.actor;
  const message = "for ada@example.com: password=hunter2";
  driver.result("a", {
    kind: "failed",
    failure: failureOf("failed", message),
    retryable: false,
  });

  const [fact] = attemptFacts(plan, taskId, [], [driver]);

  assert.match(fact?.error?.message ?? "", /^for <email:[0-9a-f]{4}>: password=<secret>$/);
});

Deno.test("a fact names the instance that answered, and none that did not", () => {
  const driver = new TaskDriver([{ ...retrying[0]!, kind: "remote", event: "e" }]).start();
  const failure = { class: "thrown" as const, error: "{}" as JsonText };
  const answered = (outcome: Outcome, instance: string) =>
    driver.send({ kind: "RecordStepResult", step: 0, attempt: 1, outcome, instance });
  answered({ kind: "failed", failure, retryable: true }, "w-1");
  driver.after(5_000);
  answered({ kind: "completed", result: "1" as JsonText }, "w-2");

  const facts = factsOf(driver);

  assert.deepEqual(facts.map(({ outcome, instance }) => [outcome, instance]), [
    ["thrown", "w-1"],
    ["cancelled", undefined],
  ]);
});
