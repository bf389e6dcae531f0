import assert from "node:assert/strict";
import type { ArmResult } from "./arm.ts";
import { reportOf } from "./report.ts";

/** A run with some minutes breached. */
function run(name: string, heals: boolean, more: Partial<ArmResult> = {}): ArmResult {
  return {
    path: `/scenarios/${name}.ts`,
    seed: 1,
    heals,
    name,
    about: "a test",
    isControl: false,
    minutes: 80,
    faultMinutes: 50,
    breachMinutes: heals ? 5 : 50,
    goodput: heals ? 0.9 : 0.4,
    tasks: 100,
    attempts: 1,
    touches: heals ? 10 : 100,
    refused: heals ? 1 : 0,
    actions: [],
    diagnoses: [],
    tookMs: 1,
    ...more,
  };
}

const ACTION = {
  atMs: 0,
  target: "shop/order",
  kinds: ["set_timeout"],
  isReturn: false,
  unsafe: [],
};
const RIGHT = {
  type: "auth",
  confidence: 0.9,
  isRight: true,
  isUnknown: false,
  path: { score: 1, missed: [], wrong: [] },
};

Deno.test("a scenario counts as healed when four fifths of its breach are cut", () => {
  const report = reportOf([
    run("a", false),
    run("a", true),
    run("b", false),
    run("b", true, { breachMinutes: 11 }),
  ]);

  assert.deepEqual([report.healed.count, report.healed.of], [1, 2]);
  assert.ok(Math.abs(report.touchesSaved.value - 0.9) < 1e-9);
  assert.equal(
    report.missed.includes("37 of 40 faults cut by 80 %, or held by limits and circuits"),
    true,
  );
});

Deno.test("a fault that limits and circuits hold is counted apart, and not as healed", () => {
  const { healed, held, good, cut } = reportOf([
    run("held", false, { breachMinutes: 2 }),
    run("held", true, { breachMinutes: 2.5 }),
    run("worse", false, { breachMinutes: 2 }),
    run("worse", true, { breachMinutes: 3 }),
    run("short", false, { breachMinutes: 1, faultMinutes: 0.3 }),
    run("short", true, { breachMinutes: 1, faultMinutes: 0.3 }),
    run("healed", false),
    run("healed", true),
  ]);

  assert.deepEqual([healed.count, healed.of], [1, 2]);
  assert.deepEqual([held.count, held.of], [2, 4]);
  assert.deepEqual([good.count, good.of], [3, 4]);
  assert.ok(Math.abs(cut.value - (0.9 - 0.5) / 2) < 1e-9);
});

Deno.test("a suggestion too many, or too few of what was planted, misses a goal", () => {
  const score = { suggested: 10, planted: 10, wrong: ["w1 retry:call"], missed: [] };
  const { optimiser, missed } = reportOf([], {
    workflows: 30,
    bottlenecks: 1,
    ...score,
  });

  assert.deepEqual([optimiser?.precision.count, optimiser?.recall.count], [9, 10]);
  assert.ok(missed.includes("no wrong suggestion"));
  assert.ok(!missed.includes("80 % of what was planted suggested"));
});

Deno.test("actions in controls and unsafe actions are counted, and goals are missed by them", () => {
  const { actionsInControls, unsafe, missed } = reportOf([
    run("c", false, { isControl: true, breachMinutes: 0 }),
    run("c", true, { isControl: true, actions: [{ ...ACTION, unsafe: ["it is forbidden"] }] }),
  ]);

  assert.equal(actionsInControls, 1);
  assert.deepEqual(unsafe, ["c: it is forbidden"]);
  assert.ok(missed.includes("no action where nothing is wrong"));
  assert.ok(missed.includes("no unsafe action"));
});

Deno.test("the calibration error is the distance of confidence from truth", () => {
  const wrong = { ...RIGHT, isRight: false };
  const { diagnosis } = reportOf([
    run("a", true, { diagnoses: [RIGHT, RIGHT, RIGHT, wrong] }),
  ]);

  assert.equal(diagnosis.right.count, 3);
  assert.ok(Math.abs(diagnosis.ece - 0.15) < 1e-9);
});
