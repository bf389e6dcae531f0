import { deepEqual } from "node:assert/strict";
import type { Candidate } from "./candidate.ts";
import type { Case } from "./case.ts";
import { weigh } from "./rules.ts";

const NOW_MS = 1_000_000;
const SETTINGS = { mode: "on" as const, actionsPerHour: 9, silences: [] };

function ejection(instance: string): Candidate {
  return {
    action: { kind: "eject_instance", system: "cook", instance, untilMs: NOW_MS + 60_000 },
    tier: "T1",
    confidence: 0.9,
    because: "it fails",
    expected: "others do not",
  };
}

/** The case of a step whose system has so many instances. */
function caseOf(instances: number): Case {
  return {
    degradation: { workflow: "test/tea", step: "boil", windowMs: 1, now: { perMinute: 1 } },
    finding: { evidence: [] },
    definition: {},
    policy: {},
    bounds: {},
    system: "cook",
    instances: Array.from({ length: instances }, (_, at) => `i${at}`),
    recent: [],
    past: [],
    nowMs: NOW_MS,
  } as unknown as Case;
}

/** Whether the ejection of `i0` is proposed while others are ejected until a time. */
function isProposed(instances: number, ejected: Readonly<Record<string, number>> = {}): boolean {
  const overlays = () => ({ steps: { "*": { ejected } } });
  const { proposals } = weigh([ejection("i0")], caseOf(instances), {
    settings: SETTINGS,
    overlays,
  });
  return proposals.length === 1;
}

Deno.test("no incident ejects more than a quarter of the instances, together with those before it", () => {
  deepEqual([isProposed(3), isProposed(4), isProposed(7), isProposed(8)], [
    false,
    true,
    true,
    true,
  ]);
  deepEqual(isProposed(4, { i1: NOW_MS + 1 }), false);
  deepEqual(isProposed(8, { i1: NOW_MS + 1 }), true);
  deepEqual(isProposed(4, { i1: NOW_MS }), true); // that one is over
  deepEqual(isProposed(4, { i0: NOW_MS + 1 }), true); // the same once more
});
