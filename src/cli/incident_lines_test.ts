import assert from "node:assert/strict";
import type { OperationResult } from "../client.ts";
import { noPaint } from "./format.ts";
import { incidentLines } from "./incident_lines.ts";

type Incident = OperationResult<"getIncident">;

const FIGURES = {
  attempts: 100,
  perMinute: 100,
  failedShare: 0.25,
  timedOutShare: 0.25,
  retriedShare: 0,
  p95Ms: 1_000,
};
const MINUTES = Array.from({ length: 48 }, (_, at) => ({
  atMs: at * 60_000,
  failedShare: at < 10 || at > 20 ? 0 : 0.25,
  p95Ms: 1_000,
}));
const CHANGE = {
  namespace: "shop",
  name: "order",
  changes: [{ path: ["steps", "charge", "timeoutMs"], value: 4_000 }],
};

/** An incident whose change was kept. */
const KEPT: Incident = {
  id: "01a22898-623a-701b-933a-84e394431322",
  about: "shop/order charge timeouts",
  number: 1,
  phase: "ended",
  startedAt: "2026-01-01T10:00:00.000Z",
  endedAt: "2026-01-01T10:05:00.000Z",
  degradation: {
    ...{ workflow: "shop/order", step: "charge", signal: "timeouts", saturated: false },
    ...{ sinceMs: 600_000, windowMs: 60_000, chance: 0, now: FIGURES, before: FIGURES },
  },
  finding: { failureType: "timeout", confidence: 0.9, says: "it is slow", evidence: [] },
  proposals: [{
    id: "p1",
    action: { kind: "set_timeout", workflow: "shop/order", step: "charge", timeoutMs: 4_000 } as {
      kind: string;
    },
    change: CHANGE,
    tier: "T1",
    evidence: [],
    confidence: 0.7,
    blastRadius: { workflows: ["shop/order"], tasksPerHour: 60 },
    expected: "26 of 215 attempts were cut off at 2000 ms, and those that completed took longer " +
      "than before; so attempts that take up to 4000 ms complete",
    load: "adds",
    repeats: false,
  }],
  chosen: "p1",
  notes: [],
  approval: { approved: true, by: "tasker", reason: "tier T1" },
  applied: { isApplied: true, says: "by 20 % of the tasks", atMs: 660_000, version: 3, base: 2 },
  verdict: { verdict: "better", says: "fewer fail" },
  conclusion: { outcome: "kept", says: "fewer fail", atMs: 900_000 },
  lesson: { before: FIGURES, during: FIGURES, after: FIGURES, minutes: MINUTES },
};

Deno.test("a report stands in 80 columns, and says what to type to take the change back", () => {
  const lines = incidentLines(KEPT, noPaint);

  const wide = lines.filter((line) => [...line].length > 80 && !line.includes("deno task"));
  assert.deepEqual(wide, []);
  assert.ok(lines.includes('  chosen: set the time-out of "charge" to 4000 ms (tier T1)'));
  assert.ok(lines.some((line) => line.endsWith(`tasker proposals revert ${KEPT.id}`)));
});

Deno.test("a report of a change that is not in force any more does not offer to take it back", () => {
  const conclusion = { outcome: "reverted" as const, says: "by ada, with version 5", atMs: 1 };

  const lines = incidentLines({ ...KEPT, conclusion }, noPaint);

  assert.ok(lines.includes("  reverted: by ada, with version 5"));
  assert.deepEqual(lines.filter((line) => line.includes("proposals revert")), []);
});

Deno.test("a report says how many tasks try a change now, not only how many did at first", () => {
  const { conclusion: _, lesson: __, verdict: ___, ...trying } = KEPT;

  const lines = incidentLines({ ...trying, phase: "observing", triedPercent: 50 }, noPaint);

  assert.ok(lines.includes("  50 % of the tasks try it now, and are compared with the others"));
});

Deno.test("a report says once why nothing was changed", () => {
  const says = "it is something that only people can do";
  const approval = { approved: false, by: "tasker", reason: says };

  const lines = incidentLines({
    ...KEPT,
    approval,
    applied: { isApplied: false, says, atMs: 660_000 },
    verdict: { verdict: "none", says },
    conclusion: { outcome: "not_applied", says, atMs: 660_000 },
  }, noPaint);

  assert.equal(lines.filter((line) => line.includes(says)).length, 1);
});
