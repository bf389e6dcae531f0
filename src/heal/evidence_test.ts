import { deepEqual, equal } from "node:assert/strict";
import type { AttemptFact } from "../core/attempt_fact.ts";
import { factsOf, type Went } from "./_facts.ts";
import { classify } from "./confidence.ts";
import { collectEvidence } from "./evidence.ts";
import { ofSameTasks } from "./same_tasks.ts";
import { type SceneInput, sceneOf } from "./scene.ts";
import { symptomsOf } from "./symptoms.ts";

const STEP = { kind: "remote", system: "gateway", atMostOnce: false, timeoutMs: 4_000 };

/** The type of the last failure among some attempts, and the ids of what speaks for it. */
function found(facts: readonly AttemptFact[], parts: Partial<SceneInput> = {}) {
  const failure = facts.findLast(({ outcome }) => outcome !== "completed") as AttemptFact;
  const evidence = collectEvidence(sceneOf({ facts, failure, stepOf: () => STEP, ...parts }));
  return { type: classify(evidence, failure.outcome)[0]?.type, ids: evidence.map(({ id }) => id) };
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
  // Half are as quick as ever: a part of the work has become long.
  const part = cutOff(700, 20_000).map((fact, task) =>
    task >= 80 && task % 6 === 1 ? { ...fact, ranMs: 3_900 } : fact
  );
  equal(found(part).type, "timeout");
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

Deno.test("one task that hangs each time is poison, also where it holds up others at the end", () => {
  const bomb: readonly Went[] = Array.from({ length: 5 }, () => ["timed_out", 4_000]);
  const startMs = 90 * 60_000 - 16_500;
  const facts = factsOf(
    120,
    (task) => task === 90 ? bomb : task === 91 ? [["timed_out", 4_000]] : [["ok", 100]],
    (task) => task === 90 ? { startMs } : {},
  ).toSorted((one, other) => one.endedAtMs - other.endedAtMs);
  const own = facts.filter(({ taskId }) => taskId === "task90");

  const { type, ids } = found(facts, { failure: own.at(-1) as AttemptFact });

  equal(type, "poison");
  equal(ids.includes("one_task"), false);
});

Deno.test("tasks that fail again at each retry while others go well beside them are not a slow system", () => {
  const bad: readonly Went[] = [["timed_out", 4_000], ["timed_out", 4_000]];
  const facts = factsOf(120, (task) => task >= 60 && task % 4 === 0 ? bad : [["ok", 100 + task]]);

  equal(found(facts).ids.includes("same_tasks"), true);
  equal(found(facts).type, "timeout");
});

Deno.test("retries are not compared with all attempts, but with those that ended nearest to them", () => {
  const bad: readonly Went[] = [["E7", 40], ["E7", 40]];
  const facts = factsOf(2_000, (task) => task % 8 === 0 ? bad : [["ok", 100]]);
  let reads = 0;
  const counted = facts.toSorted((one, other) => one.endedAtMs - other.endedAtMs).map((fact) => ({
    ...fact,
    get endedAtMs() {
      reads++;
      return fact.endedAtMs;
    },
  }));
  const scene = sceneOf({
    facts: counted,
    failure: counted.findLast(({ outcome }) => outcome !== "completed") as AttemptFact,
    stepOf: () => STEP,
  });
  reads = 0;

  equal(ofSameTasks(scene, symptomsOf(scene.failure.error))?.id, "same_tasks");

  equal(reads < 10 * facts.length, true, `${reads} reads of ${facts.length} attempts`);
});

Deno.test("where more tasks start than before, all that time out is overload and no system that is down", () => {
  const facts = factsOf(80, (task) => task < 40 ? [["ok", 100]] : [["timed_out", 4_000]]);
  const startsOf = (more: number) =>
    Array.from({ length: 60 }, (_, at) => ({
      fromMs: at * 60_000,
      untilMs: (at + 1) * 60_000,
      starts: at < 38 ? 20 : 20 * more,
    }));
  const under = (more: number) => found(facts, { starts: new Map([["x/y", startsOf(more)]]) });

  equal(under(3).type, "overload");
  equal(under(1).type, "dependency_down");
  equal(under(1).ids.includes("demand"), false);
});

Deno.test("a step that has come to hold the system far longer is why another one is cut off", () => {
  const mine = factsOf(
    120,
    (task) => task >= 80 && task % 2 === 0 ? [["timed_out", 4_000]] : [["ok", 90 + task]],
  );
  const others = factsOf(120, (task) => [["ok", task < 80 ? 90 : 30_000]])
    .map((fact) => ({ ...fact, workflow: "shop/report" }));

  equal(found([...mine, ...others]).ids.includes("other_step"), true);
  equal(found([...mine, ...others]).type, "overload");
});

Deno.test("of what times out the instance is to blame that has stopped completing", () => {
  const facts = factsOf(
    400,
    (task) => task >= 200 && task % 4 === 0 ? [["timed_out", 4_000]] : [["ok", 90]],
  ).map((fact, task) =>
    fact.outcome === "completed" ? { ...fact, instance: `w${task % 4}` } : fact
  );

  equal(found(facts).type, "worker_local");
  const two = facts.map((fact) =>
    fact.instance === "w1" && fact.endedAtMs > 200 * 60_000 ? { ...fact, instance: "w4" } : fact
  );
  equal(found(two).ids.includes("silent_instance"), false);
});

Deno.test("a part that fails now more, now less, does not come and go, and a task's retries count once", () => {
  const flaps = (isBad: (task: number) => boolean, attempts = 1) => {
    const bad: readonly Went[] = Array.from({ length: attempts }, () => ["ECONNREFUSED", 10]);
    return found(factsOf(240, (task) => task >= 60 && isBad(task) ? bad : [["ok", 90]]));
  };

  equal(flaps((task) => task % 60 < 30).type, "flapping");
  equal(
    flaps((task) => task % 60 < 30 ? task % 2 === 0 : task % 7 === 0).ids.includes("flapping"),
    false,
  );
  equal(flaps((task) => task % 10 === 0, 8).ids.includes("flapping"), false);
});

Deno.test("a policy that came while most failed already is not what they began with", () => {
  const change = (wellBefore: number) => {
    const facts = factsOf(
      200,
      (task) => task < wellBefore ? [["ok", 90]] : task < 150 ? [["E1", 90]] : [["E2", 90]],
    );
    return found(facts.map((fact, task) => task < 150 ? fact : { ...fact, policyVersion: 3 })).ids;
  };

  equal(change(150).includes("began_with_policy"), true);
  equal(change(30).includes("began_with_policy"), false);
});

Deno.test("a system that answers some, late, is not down", () => {
  const facts = factsOf(
    160,
    (task) => task < 80 ? [["ok", 100]] : task % 3 === 0 ? [["ok", 900]] : [["http_502", 2_000]],
  );

  equal(found(facts).type, "overload");
});

Deno.test("what answers too late is slow, and does not hang", () => {
  const cut = factsOf(
    120,
    (task) => task >= 80 && task % 3 !== 0 ? [["timed_out", 4_000]] : [["ok", 900]],
  );
  const late = cut.map((fact) =>
    fact.outcome === "timed_out" ? { ...fact, lateAtMs: fact.startedAtMs + 5_000 } : fact
  );

  equal(found(cut).ids.includes("unanswered"), true);
  equal(found(late).ids.includes("latency"), true);
});

Deno.test("where the quickest are as quick as ever attempts wait for others, else the system has become slow", () => {
  const slow = (timesAt: (task: number) => number) =>
    factsOf(
      160,
      (task) =>
        task >= 80 && task % 3 === 0
          ? [["timed_out", 4_000]]
          : [["ok", task < 80 ? 300 : 300 * timesAt(task)]],
    ).map((fact, task) => task < 80 ? fact : { ...fact, waitedMs: 20_000 });

  equal(found(slow(() => 5)).type, "latency_shift");
  equal(found(slow((task) => task % 10 < 4 ? 1 : 5)).type, "overload");
});

Deno.test("many tasks that fail each time by the same bug are no poison", () => {
  const bug: readonly Went[] = Array.from({ length: 4 }, () => ["TypeError", 40]);
  const facts = factsOf(160, (task) => task >= 80 && task % 5 === 0 ? bug : [["ok", 90]]);
  const one = factsOf(160, (task) => task === 120 || task === 150 ? bug : [["ok", 90]]);

  equal(found(facts).type, "data_quality");
  equal(found(one).type, "poison");
});

Deno.test("a quota that more tasks have spent is a limit, also when it is answered as forbidden", () => {
  const facts = factsOf(80, (task) => task < 40 ? [["ok", 100]] : [["http_403", 30]])
    .map((fact): AttemptFact => {
      const { error } = fact;
      const message = "403 Forbidden: the quota of this hour is spent";
      return error === undefined ? fact : { ...fact, error: { ...error, message } };
    });

  equal(found(facts).type, "rate_limit");
  equal(found(facts).ids.includes("credential"), false);
});

Deno.test("what surrounds a failure is believed less than its words, and what is doubted goes to others", () => {
  const said = { id: "error", text: "", weights: { auth: 6 } };
  const bare = { ...said, weights: {} };
  const around = { id: "contrast_tag", text: "", weights: { auth: 6 } };
  const [words, others, time] = [
    classify([said], "thrown"),
    classify([bare, around], "thrown"),
    classify([said], "timed_out"),
  ];

  for (const candidates of [words, others, time]) {
    equal(candidates[0]?.type, "auth");
    equal(Math.round(1e9 * candidates.reduce((sum, { confidence }) => sum + confidence, 0)), 1e9);
  }
  const sure = words[0]?.confidence ?? 0;
  equal([others, time].every(([first]) => (first?.confidence ?? 1) < 0.98 * sure), true);
  equal(classify([bare], "thrown")[0]?.type, "novel");
});

Deno.test("where some instances are slow and the others as quick as ever, it is those and no line", () => {
  const facts = (slow: readonly number[]) =>
    factsOf(
      200,
      (task) =>
        task >= 100 && task % 5 === 0
          ? [["timed_out", 4_000]]
          : [["ok", task >= 100 && slow.includes(task % 4) ? 2_000 : 300]],
    ).map((fact, task) => ({
      ...fact,
      waitedMs: task < 100 ? 0 : 9_000,
      instance: `w${task % 4}`,
    }));

  equal(found(facts([1, 2, 3])).type, "latency_shift");
  equal(found(facts([1, 3])).ids.includes("slow_instances"), true);
  equal(found(facts([2])).type, "worker_local");
  equal(found(facts([0, 1, 2, 3])).ids.includes("slow_instances"), false);
});

Deno.test("one task that hung a few times may have met one instance, and is no poison yet", () => {
  const hung = (times: number): readonly Went[] =>
    Array.from({ length: times }, () => ["timed_out", 4_000]);
  const after = (times: number) =>
    found(factsOf(120, (task) => task === 100 ? hung(times) : [["ok", 100]]));

  equal(after(3).type, "timeout");
  equal(after(5).type, "poison");
  deepEqual(after(5).ids.filter((id) => id === "one_task" || id === "same_task"), ["one_task"]);
});
