import assert from "node:assert/strict";
import { fillPolicy } from "../../src/core/policy.ts";
import type { AttemptFact } from "../../src/core/attempt_fact.ts";
import type { WholeTask } from "../../src/core/ports.ts";
import { openDiagnoser } from "../../src/heal/diagnoser.ts";
import { diagnose } from "../../src/heal/diagnosis.ts";
import { Cluster } from "../support/cluster.ts";
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

/** Tasks of some nodes, whose step throws where `isFaulty` says; diagnoses the last failure. */
async function diagnoseCluster(
  { count, isFaulty, replacedAt }: {
    readonly count: number;
    isFaulty(node: number): boolean;
    /** The task before which all nodes are replaced. */
    readonly replacedAt?: number;
  },
) {
  const cluster = new Cluster(1, [{ name: "call" }], async (_, node) => {
    await node.sleep(50);
    if (isFaulty(cluster.nodes.indexOf(node))) throw new Error("read-only file system");
    return {};
  });
  const { runtime, plan, store, nodes } = cluster;
  for (let node = 0; node < count; node++) cluster.add();
  await runtime.advance(30_000);
  for (let task = 0; task < 60; task++) {
    if (task === replacedAt) { for (const node of cluster.alive) cluster.replace(node); }
    void cluster.start(`task ${task}`);
    await runtime.advance(10_000);
  }
  await runtime.advance(60_000);
  const tasks = [...store.tasks].map(([taskId, { turns }]) => {
    const summary = { taskId, definitionHash: plan.hash };
    return { summary, turns } as unknown as WholeTask;
  });
  const failed = tasks.findLast(({ turns }) =>
    turns.some(({ events }) => events.some(({ kind }) => kind === "StepAttemptFailed"))
  );
  assert.ok(failed !== undefined);
  const { evidence, failure_type } = await openDiagnoser({
    runtime,
    history: { turns: () => Promise.resolve({ turns: failed.turns, isLast: true }) },
    tasks: {
      async *tasks() {
        yield* tasks;
      },
    },
    statistics: { read: () => Promise.resolve([]) },
    plans: { byHash: () => Promise.resolve(plan) },
    policyOf: () => fillPolicy(false),
    workflowsOf: () => [],
  }).diagnose({ ...failed.summary, namespace: "test", namespaces: undefined });
  const blamed = evidence.flatMap(({ id, text }) => id === "contrast_node" ? text : []);
  return { blamed, failure_type, marks: nodes.map(({ incarnation }) => incarnation.slice(0, 8)) };
}

Deno.test("a fault on one node of two is found as that node", async () => {
  const { blamed, failure_type, marks } = await diagnoseCluster({
    count: 2,
    isFaulty: (node) => node === 1,
  });

  assert.equal(blamed.length, 1);
  assert.match(
    blamed[0] ?? "",
    new RegExp(`^node "${marks[1]}": (\\d+) of \\1 attempts that failed`),
  );
  assert.equal(failure_type, "worker_local");
});

Deno.test("a node is not blamed for failures that were over before the next one began", async () => {
  const { blamed } = await diagnoseCluster({
    count: 1,
    isFaulty: (node) => node === 0,
    replacedAt: 30,
  });

  assert.deepEqual(blamed, []);
});
