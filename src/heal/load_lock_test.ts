import { deepEqual, equal } from "node:assert/strict";
import { Counts, type StatisticsCell } from "../core/statistics.ts";
import { MemoryPolicies } from "../journal/memory_stores.ts";
import { SILENT_LOG } from "../telemetry/log.ts";
import { openIncidentSteps } from "./incident_steps.ts";

const MINUTE = 60_000;
const NOW = 1_000 * MINUTE;
const FIGURES = {
  ...{ attempts: 60, perMinute: 60, failedShare: 0.3 },
  ...{ timedOutShare: 0.3, retriedShare: 0 },
};
const DEGRADATION = {
  ...{ workflow: "shop/order", step: "charge", signal: "timeouts" as const, saturated: false },
  ...{ sinceMs: NOW - MINUTE, windowMs: MINUTE, now: FIGURES, before: FIGURES, chance: 0 },
};
const INCIDENT = { about: "a", number: 1, degradation: DEGRADATION };
const CHANGE = {
  ...{ namespace: "shop", name: "order" },
  changes: [{ path: ["steps", "charge", "timeoutMs"], value: 4_000 }],
};
const PROPOSED = {
  proposals: [{
    ...{ id: "p1", change: CHANGE, tier: "T1" as const, evidence: [], confidence: 0.7 },
    action: { kind: "set_timeout", workflow: "shop/order", step: "charge", timeoutMs: 4_000 },
    inverse: { ...CHANGE, changes: [{ path: ["steps", "charge", "timeoutMs"] }] },
    blastRadius: { workflows: ["shop/order"], tasksPerHour: 60 },
    ...{ expected: "it helps", load: "adds" as const, repeats: false },
  }],
  ...{ chosen: "p1", notes: [] },
};

/** The steps of an incident; of 60 attempts in the last minute so many have ended, and half a one before. */
function stepsWith(ended: number, earlier = 60) {
  const policies = new MemoryPolicies();
  const steps = openIncidentSteps(
    {
      ...{ runtime: { now: () => NOW, after: () => () => {} }, log: SILENT_LOG, policies },
      tasks: { tasks: () => [] },
      statistics: {
        read: ({ sinceMs }: { readonly sinceMs: number }) => {
          const counts = new Counts();
          counts.starts = 60;
          const isUsual = sinceMs < DEGRADATION.sinceMs - MINUTE;
          const isEarlier = !isUsual && sinceMs < DEGRADATION.sinceMs - 1;
          counts.addOutcome("completed", isUsual ? 60 : isEarlier ? earlier : ended);
          const cell: StatisticsCell = {
            ...{ workflow: "shop/order", version: "1", step: "charge", policyVersion: 0, counts },
            ...{ fromMs: sinceMs + 1, untilMs: sinceMs + MINUTE },
          };
          return Promise.resolve([cell]);
        },
      },
    } as unknown as Parameters<typeof openIncidentSteps>[0],
  );
  return { steps, policies };
}

Deno.test("what adds load is not applied once more comes in than is done", async () => {
  const approval = { approved: true, by: "ada", reason: "it looks right" };
  const given = { taskId: "t", incident: INCIDENT, proposed: PROPOSED, approval };
  const [calm, piling, lately] = [stepsWith(60), stepsWith(30), stepsWith(60, 30)];

  equal((await calm.steps.apply(given)).isApplied, true);
  for (const { steps, policies } of [piling, lately]) {
    equal((await steps.apply(given)).isApplied, false);
    deepEqual(await policies.versions("shop", "order"), []);
  }
});

Deno.test("what adds load is taken back instead of given to all once more comes in than is done", async () => {
  const approval = { approved: true, by: "tasker", reason: "tier T1" };
  const outcomes = await Promise.all([60, 30].map(async (ended) => {
    const { steps, policies } = stepsWith(60);
    const given = { taskId: "t", incident: INCIDENT, proposed: PROPOSED };
    const applied = await steps.apply({ ...given, approval });
    const later = stepsWith(ended);
    for (const { version, ...overlay } of await policies.versions("shop", "order")) {
      await later.policies.put("shop", "order", overlay, version - 1);
    }
    const verdict = { verdict: "better" as const, says: "fewer fail" };
    return (await later.steps.conclude({ ...given, applied, verdict })).outcome;
  }));

  deepEqual(outcomes, ["kept", "reverted"]);
});
