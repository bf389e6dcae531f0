import assert from "node:assert/strict";
import type { AttemptFact } from "../../src/core/attempt_fact.ts";
import { diagnose } from "../../src/heal/diagnosis.ts";
import { answers, scoreOf, SEEDS } from "./bench.ts";
import { CASES } from "./cases.ts";
import { drawScene } from "./scenes.ts";

Deno.test("diagnoses of errors whose wording is held out are right, calibrated and honest", () => {
  const score = scoreOf(answers(true, SEEDS));
  console.log(JSON.stringify(score));

  assert.ok(score.count >= 60 * SEEDS.length, "too few failures to say anything");
  assert.ok(score.right / score.count >= 0.85, `right at first: ${score.right} of ${score.count}`);
  assert.ok(score.ece <= 0.1, `calibration error: ${score.ece}`);
  assert.ok(score.novel / score.unknown >= 0.9, `novel: ${score.novel} of ${score.unknown}`);
  assert.equal(score.rightStep, score.count);
});

Deno.test("where another system does what one fails, its workers and its policy are not blamed", () => {
  const unknown = CASES.find(({ type, hits }) => type === "novel" && hits === "all");
  assert.ok(unknown !== undefined);
  const scene = drawScene(unknown, 1);
  const sinceMs = Math.min(
    ...scene.facts.filter(({ outcome }) => outcome === unknown.class).map((of) => of.endedAtMs),
  );
  const switched = { system: "other", instance: "other-1", policyVersion: 3 };
  const facts = scene.facts.map((fact): AttemptFact => {
    if (fact.step !== "call" || fact.taskId === scene.failure.taskId) return fact;
    const isOther = fact.endedAtMs > (sinceMs + scene.nowMs) / 2;
    const { error: _, ...bare } = fact;
    return isOther ? { ...bare, ...switched, outcome: "completed", isRetried: false } : fact;
  });

  const { failure_type, evidence } = diagnose({ ...scene, facts });

  assert.equal(failure_type, "novel");
  const compared = evidence.flatMap(({ id }) => id.startsWith("contrast_") ? id : []);
  assert.deepEqual(compared, ["contrast_system"]);
});

Deno.test("failures of one hour of every day are set apart by the hour, and those of one day are not", () => {
  const nightly = CASES.find(({ type, hits }) => type === "novel" && hits === "all");
  assert.ok(nightly !== undefined);
  const scene = drawScene(nightly, 2);
  const [from = scene.failure] = scene.facts.filter(({ step }) => step === "call");
  const factsEvery = (ms: number) =>
    Array.from({ length: 240 }, (_, at): AttemptFact => {
      const endedAtMs = Date.UTC(2026, 0, 1) + at * ms;
      const isNight = new Date(endedAtMs).getUTCHours() === 2;
      const { error: _error, ...bare } = { ...from, taskId: `t${at}` as AttemptFact["taskId"] };
      const times = { startedAtMs: endedAtMs, endedAtMs };
      return isNight
        ? { ...scene.failure, taskId: bare.taskId, ...times }
        : { ...bare, ...times, outcome: "completed" };
    });
  const hoursIn = (facts: readonly AttemptFact[]) => {
    const failure = facts.findLast(({ outcome }) => outcome !== "completed");
    assert.ok(failure !== undefined);
    const { evidence } = diagnose({ ...scene, facts, failure });
    return evidence.flatMap(({ id, text }) => id === "contrast_hour" ? text.slice(0, 17) : []);
  };

  assert.deepEqual(hoursIn(factsEvery(3_600_000)), ['hour "02:00 UTC":']);
  assert.deepEqual(hoursIn(factsEvery(60_000)), []);
});
