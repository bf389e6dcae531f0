import { equal } from "node:assert/strict";
import type { AttemptFact } from "../core/attempt_fact.ts";
import { factsOf, type Went } from "./_facts.ts";
import { classify } from "./confidence.ts";
import { collectEvidence } from "./evidence.ts";
import { sceneOf } from "./scene.ts";

const STEP = { kind: "remote", system: "gateway", atMostOnce: false, timeoutMs: 4_000 };

/** The type of the last failure among some attempts, and the ids of what speaks for it. */
function found(facts: readonly AttemptFact[]) {
  const failure = facts.findLast(({ outcome }) => outcome !== "completed") as AttemptFact;
  const evidence = collectEvidence(sceneOf({ facts, failure, stepOf: () => STEP }));
  return { type: classify(evidence)[0]?.type, ids: evidence.map(({ id }) => id) };
}

/** Eighty tasks that complete in a time, and forty of which every third is cut off. */
function cutOff(ranMs: number, waitedMs = 0): readonly AttemptFact[] {
  const went = (task: number): readonly Went[] =>
    task >= 80 && task % 3 === 0 ? [["timed_out", 4_000]] : [["ok", ranMs + task]];
  return factsOf(120, went).map((fact, at) => at < 80 ? fact : { ...fact, waitedMs });
}

Deno.test("what is cut off near the usual time is overload while attempts wait, else a short time-out", () => {
  equal(found(cutOff(3_500)).type, "timeout");
  equal(found(cutOff(3_500)).ids.includes("narrow_timeout"), true);
  equal(found(cutOff(3_500, 20_000)).type, "overload");
});

Deno.test("what is cut off long after all others have answered hangs, and waiting is no overload", () => {
  equal(found(cutOff(100)).ids.includes("unanswered"), true);
  equal(found(cutOff(100, 20_000)).type, "timeout");
});

Deno.test("a full disk is the worker's while the other workers go on", () => {
  const facts = factsOf(
    120,
    (task) => task >= 80 && task % 4 === 0 ? [["ENOSPC", 40]] : [["ok", 90]],
  );
  const by = (instanceOf: (task: number) => number) =>
    facts.map((fact, task) => ({ ...fact, instance: `w${instanceOf(task)}` }));

  equal(found(by((task) => task % 4)).type, "worker_local");
  equal(found(by((task) => task % 7)).type, "storage");
});

Deno.test("the evidence of an error speaks of its text only where the text is the service's own", () => {
  const said = (error: AttemptFact["error"] & object) => {
    const [fact] = factsOf(1, () => [["x", 40]]);
    const failure = { ...fact as AttemptFact, outcome: error.class, error };
    return collectEvidence(sceneOf({ facts: [failure], failure, stepOf: () => STEP }))[0]?.text;
  };

  equal(said({ class: "timed_out", message: "Took too long" }), "attempt 1 ended as timed_out");
  equal(said({ class: "failed", code: "E7" }), "attempt 1 ended as failed with E7");
  equal(
    said({ class: "failed", code: "E7", message: "Blue" }),
    "attempt 1 ended as failed with E7, with a text that names no known kind of failure",
  );
});
