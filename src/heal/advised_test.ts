import { deepEqual, equal, ok } from "node:assert/strict";
import type { Proposal } from "../core/healing.ts";
import type { Degradation, Finding } from "../core/incident.ts";
import { json, OBEYING, WITHOUT } from "./_scripted_answers.ts";
import { openScene } from "./_advice_scene.ts";
import { advised } from "./adviser.ts";

const FIGURES = {
  attempts: 100,
  perMinute: 100,
  failedShare: 0.4,
  timedOutShare: 0.4,
  retriedShare: 0.2,
};

const DEGRADATION: Degradation = {
  workflow: "shop/order",
  step: "charge",
  signal: "timeouts",
  error: "gateway_slow",
  saturated: true,
  sinceMs: 0,
  windowMs: 60_000,
  now: FIGURES,
  before: { ...FIGURES, failedShare: 0 },
  chance: 1e-9,
};

const FINDING: Finding = {
  failureType: "overload",
  confidence: 0.62,
  says: "more comes in than is done",
  evidence: [{ id: "took", says: "p95 rose from 0.4 s to 9 s" }, { id: "share", says: "40 %" }],
};

function proposal(id: string, more: Partial<Proposal>): Proposal {
  return {
    id,
    action: { kind: "hold_system", system: "gateway", untilMs: 1 },
    tier: "T0",
    evidence: ["took"],
    confidence: 0.5,
    blastRadius: { workflows: ["shop/order"], tasksPerHour: 60 },
    expected: `what ${id} does`,
    load: "reduces",
    repeats: false,
    ...more,
  };
}

/** Statistics cannot distinguish the first two; each of the others is another decision. */
const PROPOSALS = [
  proposal("p1", {}),
  proposal("p2", { confidence: 0.47 }),
  proposal("p3", { tier: "T2", load: "adds", confidence: 0.46 }),
  proposal("p4", { load: "same", repeats: true, confidence: 0.3 }),
];
const INCIDENT = { degradation: DEGRADATION, finding: FINDING, proposals: PROPOSALS };

Deno.test("whatever a model answers, what is chosen is as good and as safe as without it", async (test) => {
  const scripts = [
    ...Object.entries(OBEYING),
    ...Object.entries(WITHOUT).map(([name, [script]]) => [name, script] as const),
  ].filter(([name]) => !/silence|drip/.test(name));
  for (const [name, script] of scripts) {
    await test.step(name, async () => {
      await using scene = await openScene(script);

      const { proposals, chosen } = await advised(scene.adviser, {
        ...INCIDENT,
        chosen: PROPOSALS[0],
      });

      ok(chosen?.id === "p1" || chosen?.id === "p2");
      deepEqual(proposals.slice(2), PROPOSALS.slice(2));
      deepEqual(new Set(proposals), new Set(PROPOSALS));
      ok(scene.model.bodies.length <= 2);
    });
  }
});

Deno.test("a model orders what statistics cannot distinguish", async () => {
  await using scene = await openScene(() => json({ ranking: ["a3", "a2", "a1"] }));

  const { proposals, chosen, advice } = await advised(scene.adviser, {
    ...INCIDENT,
    chosen: PROPOSALS[0],
  });

  deepEqual(proposals.map(({ id }) => id), ["p2", "p1", "p3", "p4"]);
  equal(chosen?.id, "p2");
  deepEqual(advice?.explanation[0]?.evidence, ["took", "share"]);
});

Deno.test("a model chooses nothing where rules forbid to change anything", async () => {
  await using scene = await openScene(() => json({ ranking: ["a2"] }));

  const { chosen } = await advised(scene.adviser, { ...INCIDENT, chosen: undefined });

  equal(chosen, undefined);
});

Deno.test("without a model nothing is different", async () => {
  const [chosen] = PROPOSALS;

  deepEqual(await advised(undefined, { ...INCIDENT, chosen }), { proposals: PROPOSALS, chosen });
});
