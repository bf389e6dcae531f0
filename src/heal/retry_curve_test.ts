import { deepEqual, equal, ok } from "node:assert/strict";
import { factsOf, type Went } from "./_facts.ts";
import { retryAdvice } from "./retry_curve.ts";

const SETTING = {
  attemptsMax: 3,
  atMostOnce: false,
  effect: undefined,
  slowsUnderLoad: false,
} as const;

const OK: Went = ["ok", 500];
const BUSY: Went = ["busy", 500];

/** Every fifth task needs a second attempt, which always helps. */
function helpful(task: number): readonly Went[] {
  return task % 5 === 0 ? [BUSY, OK] : [OK];
}

Deno.test("the curve counts who reached an attempt and who succeeded with it", () => {
  const { evidence } = retryAdvice(factsOf(200, helpful), SETTING);

  deepEqual(
    evidence.curve.map(({ attempt, reached, succeeded }) => [attempt, reached, succeeded]),
    [[1, 200, 160], [2, 40, 40]],
  );
  equal(evidence.curve[1]?.costMs, 1_500, "the wait before it counts");
});

Deno.test("retries that help stay as they are", () => {
  const advice = retryAdvice(factsOf(200, helpful), SETTING);

  deepEqual(advice.kind === "none" && advice.reason, "fits");
});

Deno.test("attempts that never succeed are cut, once that is certain and they cost much", () => {
  const useless = (task: number) => task % 3 === 0 ? [BUSY, BUSY, BUSY] : [OK];
  const slow = () => ({ delayMs: 30_000 });

  const few = retryAdvice(factsOf(150, useless, slow), SETTING);
  const many = retryAdvice(factsOf(900, useless, slow), SETTING);

  equal(few.kind, "none");
  deepEqual(many.kind === "attempts" && many.attemptsMax, 1);
});

Deno.test("an error after which repeats never help is not repeated, while others are", () => {
  const advice = retryAdvice(
    factsOf(
      900,
      (task) =>
        task % 3 === 0
          ? [["invalid", 500], ["invalid", 500], ["invalid", 500]]
          : task % 3 === 1
          ? [BUSY, OK]
          : [OK],
      () => ({ delayMs: 30_000 }),
    ),
    SETTING,
  );

  deepEqual(advice.kind === "error" && advice.match, { code: "invalid" });
});

Deno.test("steps that give up although attempts help get more attempts", () => {
  const advice = retryAdvice(
    factsOf(300, (task) => task % 10 === 0 ? [BUSY, BUSY] : task % 3 === 0 ? [BUSY, OK] : [OK]),
    { ...SETTING, attemptsMax: 2 },
  );

  ok(advice.kind === "attempts" && advice.attemptsMax > 2 && advice.attemptsMax <= 4);
});

Deno.test("no attempt is added where it may have its effect twice, or adds load to a step that suffers of it", () => {
  const facts = factsOf(
    300,
    (task) => task % 3 === 0 ? [BUSY, BUSY] : task % 2 === 0 ? [BUSY, OK] : [OK],
  );
  const reasonOf = (setting: Partial<Parameters<typeof retryAdvice>[1]>) => {
    const advice = retryAdvice(facts, { ...SETTING, attemptsMax: 2, ...setting });
    return advice.kind === "none" ? advice.reason : advice.kind;
  };

  equal(reasonOf({}), "attempts");
  equal(reasonOf({ effect: "external" }), "not_idempotent");
  equal(reasonOf({ atMostOnce: true }), "at_most_once");
  equal(reasonOf({ slowsUnderLoad: true }), "saturation");
});

Deno.test("failures of an outage say nothing of other times", () => {
  const { evidence } = retryAdvice(
    factsOf(400, (task) => task >= 200 && task < 240 ? [BUSY, BUSY, BUSY] : [OK]),
    SETTING,
  );

  ok(evidence.inOutages >= 40, `${evidence.inOutages}`);
  deepEqual(evidence.curve.map(({ attempt }) => attempt), [1]);
});

Deno.test("a person's retry begins a new run", () => {
  const parked = factsOf(1, () => [BUSY, BUSY, BUSY]);
  const again = factsOf(1, () => [OK], () => ({ startMs: 900_000 }));

  const { evidence } = retryAdvice([...parked, ...again], SETTING);

  deepEqual(evidence.curve.map(({ reached, succeeded }) => [reached, succeeded]), [[2, 1], [1, 0], [
    1,
    0,
  ]]);
});
