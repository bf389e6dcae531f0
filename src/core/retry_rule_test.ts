import assert from "node:assert/strict";
import { TaskDriver } from "../../tests/support/task_driver.ts";
import { failureOf } from "./attempt.ts";
import type { FailureClass } from "./event.ts";
import { RetryFields } from "./fields.ts";
import type { HttpCall } from "./http_call.ts";
import type { JsonText } from "./payload.ts";
import { contradictionOf, fillPolicy, type Policy } from "./policy.ts";

/** A played task with one step under a policy. */
function driverOf(policy: Policy, http?: HttpCall): TaskDriver {
  const kind = http === undefined ? {} : { kind: "http" as const, http };
  return new TaskDriver([{ name: "a", policy, ...kind }]).start();
}

function fail(
  driver: TaskDriver,
  { code, status, retryable = true, class: kind = "thrown" }: {
    code?: string;
    status?: number;
    retryable?: boolean;
    class?: FailureClass;
  },
): TaskDriver {
  const failure = status === undefined ? failureOf(kind, "boom", code) : {
    class: kind,
    error: JSON.stringify({ error_code: `http_${status}`, http_status: status }) as JsonText,
  };
  return driver.result("a", { kind: "failed", failure, retryable });
}

Deno.test("the first rule that matches a failure says how often and when it is retried", () => {
  const retry = {
    attemptsMax: 3,
    backoff: [0],
    by: [
      { code: "rate_limited", attemptsMax: 9, backoff: [60_000], delayMsMin: 60_000 },
      { class: "thrown" as const, attemptsMax: 1 },
    ],
  };

  const limited = fail(driverOf({ retry }), { code: "rate_limited" });
  const thrown = fail(driverOf({ retry }), { code: "other" });
  const timedOut = fail(driverOf({ retry }), { class: "timed_out" });

  assert.equal(limited.steps["a"], "waiting_for_retry");
  assert.equal(limited.step("a")["nextAttemptAtMs"], limited.nowMs + 60_000);
  assert.equal(thrown.steps["a"], "parked");
  assert.equal(timedOut.steps["a"], "running"); // no rule: at once again
});

Deno.test("a rule counts all attempts of the step", () => {
  const by = [{ code: "x", attemptsMax: 2 }];
  const driver = driverOf({ retry: { attemptsMax: 5, backoff: "none", by } });

  fail(driver, { code: "y" });
  fail(driver, { code: "x" });

  assert.equal(driver.step("a")["reason"], "attempts_exhausted");
});

Deno.test("a status is that of an http step's answer, and a host that of its request", () => {
  const http = { method: "GET", origin: "https://api.shop.test:8443" } as const;
  const under = (rule: object) => driverOf({ retry: { by: [{ ...rule, attemptsMax: 1 }] } }, http);

  const states = [
    fail(under({ status: 503 }), { status: 503 }),
    fail(under({ status: 503 }), { status: 502 }),
    fail(under({ host: "api.shop.test:8443" }), { status: 500 }),
    fail(under({ host: "api.shop.test" }), { status: 500 }),
    fail(under({ host: "api.shop.test:8443", status: 503 }), { status: 500 }),
  ].map((driver) => driver.steps["a"]);

  assert.deepEqual(states, [
    "parked",
    "waiting_for_retry",
    "parked",
    "waiting_for_retry",
    "waiting_for_retry",
  ]);
});

Deno.test("what is not to be retried fails, unless its rule parks it; no rule retries it", () => {
  const park = driverOf({ retry: { by: [{ status: 401, onExhausted: "park" }] } });
  const more = driverOf({ retry: { by: [{ status: 401, attemptsMax: 9 }] } });
  const failure = { status: 401, class: "failed", retryable: false } as const;

  fail(park, failure);
  fail(more, failure);

  assert.equal(park.step("a")["reason"], "not_retryable");
  assert.equal(more.steps["a"], "failed");
});

Deno.test("an error that is not an object falls under no rule of a code", () => {
  const driver = driverOf({ retry: { by: [{ code: "x", attemptsMax: 1 }] } });
  const failure = { class: "failed" as const, error: "null" as JsonText };

  driver.result("a", { kind: "failed", failure, retryable: true });

  assert.equal(driver.steps["a"], "waiting_for_retry");
});

Deno.test("a rule takes what it does not say from the policy under it", () => {
  const policy = fillPolicy(
    false,
    { retry: { attemptsMax: 7, backoff: "none", by: [{ code: "x", attemptsMax: 2 }] } },
    { onExhausted: "fail", retry: { delayMsMin: 5, by: [{ code: "y", backoff: "linear" }] } },
  );

  assert.deepEqual(policy.by, [{
    code: "y",
    attemptsMax: 7,
    backoff: "linear",
    delayMsMin: 5,
    delayMsMax: 60_000,
    onExhausted: "fail",
    parksAll: false,
  }]);
});

Deno.test("rules that say nothing, or that an earlier one leaves nothing to, are refused", () => {
  const isTaken = (...by: readonly object[]) => RetryFields.safeParse({ by }).success;

  assert.ok(isTaken({ code: "x", class: "thrown", attemptsMax: 1 }, { code: "x", attemptsMax: 2 }));
  assert.ok(!isTaken({ attemptsMax: 1 }));
  assert.ok(!isTaken({ code: "x" }));
  assert.ok(!isTaken({ code: "x", attemptsMax: 1 }, { code: "x", attemptsMax: 2 }));
  assert.ok(
    !isTaken({ code: "x", attemptsMax: 1 }, { class: "thrown", code: "x", attemptsMax: 2 }),
  );
  assert.ok(!isTaken({ host: "API.shop.test", attemptsMax: 1 }));
});

Deno.test("delays of a rule that contradict each other are found, with the rule", () => {
  const policy = fillPolicy(false, {
    retry: { delayMsMin: 100, by: [{ code: "x", delayMsMax: 200 }, { code: "y", delayMsMax: 50 }] },
  });

  assert.equal(contradictionOf(policy)?.field, "by.1.delayMsMax");
});
