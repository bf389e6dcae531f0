import assert from "node:assert/strict";
import { type Backoff, backoffMs, contradictionOf, fillPolicy, policyUnder } from "./policy.ts";

const ATTEMPTS = [1, 2, 3, 4, 5];

/** The shortest and the longest of many delays after each attempt. */
function spans(backoff: Backoff, more: { delayMsMin?: number; delayMsMax?: number } = {}) {
  const policy = fillPolicy(false, { retry: { backoff, ...more } });
  return ATTEMPTS.map((attempt) => {
    const drawn = Array.from(
      { length: 2_000 },
      (_, task) => backoffMs(policy, { key: `${task}/a`, attempt, retryAfterMs: 0 }),
    );
    return { shortest: Math.min(...drawn), longest: Math.max(...drawn) };
  });
}

/** Whether the delays fill what is between the minimum and each bound, and never leave it. */
function assertSpans(
  of: ReturnType<typeof spans>,
  { delayMsMin, bounds }: { delayMsMin: number; bounds: readonly number[] },
): void {
  of.forEach(({ shortest, longest }, index) => {
    const bound = bounds[index] as number;
    const slack = (bound - delayMsMin) * 0.05;
    const said = `${shortest} to ${longest}, expected ${delayMsMin} to ${bound}`;
    assert.ok(shortest >= delayMsMin && shortest <= delayMsMin + slack, said);
    assert.ok(longest <= bound && longest >= bound - slack, said);
  });
}

Deno.test("delays lie between delayMsMin and the curve that the policy names", () => {
  const delayMsMin = 1_000;
  const law = (backoff: Backoff, bounds: readonly number[]) =>
    assertSpans(spans(backoff, { delayMsMin }), { delayMsMin, bounds });

  law("none", [1_000, 1_000, 1_000, 1_000, 1_000]);
  law("linear", [2_000, 3_000, 4_000, 5_000, 6_000]);
  law("exponential", [2_000, 4_000, 8_000, 16_000, 32_000]);
  law("fibonacci", [2_000, 3_000, 5_000, 8_000, 13_000]);
  law([1_000, 2_000], [1_000, 2_000, 2_000, 2_000, 2_000]);
});

Deno.test("a delayMsMin above the default of delayMsMax was cut to it", () => {
  const delayMsMin = 600_000;

  assertSpans(spans("exponential", { delayMsMin }), {
    delayMsMin,
    bounds: ATTEMPTS.map(() => 2 * delayMsMin),
  });
});

Deno.test("without a delayMsMin, none waits for nothing and a table begins at 0", () => {
  assertSpans(spans("none"), { delayMsMin: 0, bounds: [0, 0, 0, 0, 0] });
  assertSpans(spans([8_000]), { delayMsMin: 0, bounds: ATTEMPTS.map(() => 8_000) });
});

Deno.test("a table's last delay repeats, and no default shortens it", () => {
  assertSpans(spans([1_000, 300_000]), {
    delayMsMin: 0,
    bounds: [1_000, 300_000, 300_000, 300_000, 300_000],
  });
});

Deno.test("no delay is longer than delayMsMax", () => {
  assertSpans(spans("exponential", { delayMsMin: 1_000, delayMsMax: 3_000 }), {
    delayMsMin: 1_000,
    bounds: [2_000, 3_000, 3_000, 3_000, 3_000],
  });
  assertSpans(spans([9_000], { delayMsMax: 3_000 }), {
    delayMsMin: 0,
    bounds: ATTEMPTS.map(() => 3_000),
  });
});

Deno.test("delays that contradict each other are named by their field", () => {
  assert.equal(contradictionOf({ delayMsMin: 5, delayMsMax: 1 })?.field, "delayMsMax");
  assert.equal(contradictionOf({ delayMsMin: 5, backoff: [9, 4] })?.field, "backoff");

  assert.equal(contradictionOf({ delayMsMin: 5, delayMsMax: 5, backoff: [5] }), undefined);
  assert.equal(contradictionOf({ delayMsMin: 600_000 }), undefined);
  assert.equal(contradictionOf({}), undefined);
});

Deno.test("the same attempt waits the same time, whoever computes it; another one another", () => {
  const policy = fillPolicy(false, undefined);
  const of = { key: "task/step", attempt: 2, retryAfterMs: 0 };

  assert.equal(backoffMs(policy, of), backoffMs(policy, { ...of }));
  assert.notEqual(backoffMs(policy, of), backoffMs(policy, { ...of, key: "other/step" }));
});

Deno.test("later policies win field by field", () => {
  const policy = fillPolicy(
    false,
    { retry: { attemptsMax: 5, backoff: "linear" }, timeoutMs: 1_000 },
    { retry: { backoff: "none" }, onExhausted: "fail" },
    undefined,
  );

  assert.deepEqual(policy, {
    attemptsMax: 5,
    backoff: "none",
    delayMsMin: 0,
    delayMsMax: 60_000,
    timeoutMs: 1_000,
    queueTimeoutMs: undefined,
    heartbeatMs: undefined,
    concurrencyMax: undefined,
    onExhausted: "fail",
  });
});

Deno.test("a step that waits has no time-out unless its policy says so", () => {
  assert.equal(fillPolicy(true, undefined).timeoutMs, undefined);
  assert.equal(fillPolicy(false, undefined).timeoutMs, 30_000);
  assert.equal(fillPolicy(true, { timeoutMs: 5 }).timeoutMs, 5);
});

Deno.test("an overlay for all steps is for those that do work", () => {
  const everything = {
    timeoutMs: 20_000,
    heartbeatMs: 10_000,
    concurrencyMax: 1,
    queueTimeoutMs: 5,
    onExhausted: "fail",
  } as const;
  const under = (kind: "local" | "remote" | "sleep" | "signal", name: string) =>
    policyUnder({ name, kind, policy: {} }, { "*": everything, named: everything });
  const untouched = fillPolicy(true);

  for (const kind of ["local", "remote"] as const) {
    assert.deepEqual(under(kind, "other"), fillPolicy(false, everything));
  }
  assert.deepEqual(under("sleep", "other"), untouched);
  assert.deepEqual(under("signal", "other"), untouched);
  // Named, a signal can be given another end, and a sleep nothing.
  assert.deepEqual(under("signal", "named"), { ...untouched, timeoutMs: 20_000 });
  assert.deepEqual(under("sleep", "named"), untouched);
});

Deno.test("attempts that have the same time to retry after come back spread, and not before", () => {
  for (const backoff of ["none", "exponential", [1_000]] as const) {
    const policy = fillPolicy(false, { retry: { backoff } });
    const delays = Array.from(
      { length: 1_000 },
      (_, task) => backoffMs(policy, { key: `${task}/a`, attempt: 1, retryAfterMs: 30_000 }),
    );

    const inEachTenth = Array.from({ length: 10 }, (_, tenth) => {
      const widthMs = (Math.max(...delays) - 30_000) / 10;
      const fromMs = 30_000 + tenth * widthMs;
      return delays.filter((delay) => delay >= fromMs && delay < fromMs + widthMs).length;
    });

    assert.ok(Math.min(...delays) >= 30_000);
    assert.ok(Math.max(...delays) <= 33_000, String(Math.max(...delays)));
    assert.ok(Math.min(...inEachTenth) > 50, String(inEachTenth));
  }
});
