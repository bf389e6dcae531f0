/** An incident goes on after a crash in any of its steps, and changes what it would have changed. */

import { deepEqual, equal } from "node:assert/strict";
import { type IncidentOptions, IncidentRun, STEPS } from "../support/incident_run.ts";

async function incidentWith(tried: IncidentOptions["tried"], crash?: IncidentOptions["crash"]) {
  await using run = await IncidentRun.open({ tried, crash });
  await run.minutes(60);
  equal(run.hasCrashed, crash !== undefined);
  const { state: _, ...end } = await run.end();
  return end;
}

Deno.test("an incident whose canary does better is kept for all, and a crash in any step changes nothing", async () => {
  const whole = await incidentWith("canary");

  const steps = { charge: { timeoutMs: 4_000 } };
  deepEqual(whole, {
    phase: "ended",
    verdict: "better",
    outcome: "kept",
    versions: [[steps, 5], [steps, undefined]],
  });
  for (const step of STEPS) {
    for (const when of ["before", "after"] as const) {
      deepEqual(await incidentWith("canary", { step, when }), whole, `crash ${when} ${step}`);
    }
  }
});

Deno.test("what ends by itself holds on while the trouble is there, and a crash in any step changes nothing", async () => {
  const whole = await incidentWith("hold");

  const held = [{ "*": { ratePerS: 4_000 } }, undefined];
  const lifted = [{}, undefined];
  deepEqual(whole.versions, [held, lifted, held, lifted, lifted]);
  deepEqual([whole.phase, whole.outcome], ["ended", "released"]);
  for (const step of STEPS) {
    for (const when of ["before", "after"] as const) {
      deepEqual(await incidentWith("hold", { step, when }), whole, `crash ${when} ${step}`);
    }
  }
});
