import assert from "node:assert/strict";
import { answers, scoreOf, SEEDS } from "./bench.ts";

Deno.test("diagnoses of errors whose wording is held out are right, calibrated and honest", () => {
  const score = scoreOf(answers(true, SEEDS));
  console.log(JSON.stringify(score));

  assert.ok(score.count >= 60 * SEEDS.length, "too few failures to say anything");
  assert.ok(score.right / score.count >= 0.85, `right at first: ${score.right} of ${score.count}`);
  assert.ok(score.ece <= 0.1, `calibration error: ${score.ece}`);
  assert.ok(score.novel / score.unknown >= 0.9, `novel: ${score.novel} of ${score.unknown}`);
  assert.equal(score.rightStep, score.count);
});
