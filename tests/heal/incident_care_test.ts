/** What incidents cannot do for themselves: nothing that they applied stays unwatched, and people win. */

import { deepEqual, equal, match, rejects } from "node:assert/strict";
import type { TaskId } from "../../src/core/ids.ts";
import { outcomeOf } from "../../src/core/incident.ts";
import { care } from "../../src/heal/care.ts";
import { revertIncident } from "../../src/heal/healer.ts";
import { IncidentRun } from "../support/incident_run.ts";

const TRIES = { charge: { timeoutMs: 4_000 } };
const HELD = { "*": { ratePerS: 4_000 } };

/** Sets how far the healer may go. */
async function setMode({ policies, runtime }: IncidentRun, mode: "on" | "off" | "observe") {
  await policies.put("tasker", "healing", {
    ...{ by: "ada", reason: "we look ourselves", atMs: runtime.now() },
    steps: { "*": { mode, actionsPerHour: 12, silences: [] } as never },
  });
}

Deno.test("what is not decided is taken back at once when healing is switched off, and stays so", async () => {
  for (const mode of ["off", "observe"] as const) {
    for (const [tried, put, back] of [["canary", TRIES, {}], ["hold", HELD, {}]] as const) {
      await using run = await IncidentRun.open({ tried });
      await run.runtime.advance(20_000);
      await setMode(run, mode);

      const takenBack = await care(run.deps);
      const now = await run.end();
      const again = await care(run.deps);
      await run.minutes(30);
      const { incident } = await run.read();

      deepEqual([takenBack.length, again], [1, []]);
      deepEqual(now.versions, [[put, tried === "canary" ? 5 : undefined], [back, undefined]]);
      const { state, outcome, versions } = await run.end();
      deepEqual([state, outcome, versions], ["completed", "reverted", now.versions]);
      equal(outcomeOf(incident)?.says, `healing is set to "${mode}"`);
    }
  }
});

Deno.test("an incident itself takes back what is not decided, should nobody else", async () => {
  for (const tried of ["canary", "hold"] as const) {
    await using run = await IncidentRun.open({ tried });
    await run.runtime.advance(20_000);
    await setMode(run, "off");

    await run.minutes(10);
    const { outcome, versions } = await run.end();

    deepEqual([outcome, versions.length, versions.at(-1)], ["reverted", 2, [{}, undefined]]);
  }
});

Deno.test("what an incident applied is taken back once it is cancelled", async () => {
  for (const tried of ["canary", "hold"] as const) {
    await using run = await IncidentRun.open({ tried });
    await run.runtime.advance(20_000);
    const { incident } = await run.read();
    const taskId = incident.id as TaskId;
    await run.engine.router.send({
      ...{ kind: "CancelTask", commandId: "c", taskId, by: "ada", reason: "enough" },
    });
    await run.runtime.advance(1_000);

    const takenBack = await care(run.deps);
    await run.minutes(10);
    const { state, versions } = await run.end();

    deepEqual([takenBack.length, await care(run.deps)], [1, []]);
    deepEqual([state, versions.length, versions.at(-1)], ["cancelled", 2, [{}, undefined]]);
  }
});

Deno.test("an incident whose version has no code after an upgrade is cancelled, and its change taken back", async () => {
  await using run = await IncidentRun.open({ tried: "canary" });
  await run.runtime.advance(20_000);
  const { deps } = run;
  const find = () => ({ hash: "another version" }) as ReturnType<typeof deps.plans.find>;
  const upgraded = {
    ...deps,
    plans: {
      byHash: (hash: string) => deps.plans.byHash(hash),
      cached: (hash: string) => deps.plans.cached(hash),
      find,
    },
  };

  const takenBack = await care(upgraded);
  await run.runtime.advance(1_000);
  const again = await care(upgraded);
  const { state, versions } = await run.end();

  deepEqual([takenBack.length, again], [1, []]);
  deepEqual([state, versions.at(-1)], ["cancelled", [{}, undefined]]);
});

const HOUR_MS = 3_600_000;

/** Looks after an incident as a server does, for some hours of a clock of its own. */
async function careFor(
  { deps }: IncidentRun,
  { fromHour, hours }: { readonly fromHour: number; readonly hours: number },
): Promise<void> {
  const sinceMs = deps.runtime.now() + fromHour * HOUR_MS;
  for (let pastMs = 0; pastMs <= hours * HOUR_MS; pastMs += HOUR_MS / 15) {
    await care({ ...deps, runtime: { now: () => sinceMs + pastMs } });
  }
}

Deno.test("a proposal that nobody answers in a day of servers ends as unanswered; its task completes", async () => {
  await using run = await IncidentRun.open({ tried: "canary", isAsked: true });
  await run.minutes(5);
  await care(run.deps);
  const asked = await run.end();
  await careFor(run, { fromHour: 0, hours: 16 });
  // For twelve hours no server ran.
  await careFor(run, { fromHour: 28, hours: 7.5 });
  await run.runtime.advance(1_000);
  const afterOutage = await run.end();
  await careFor(run, { fromHour: 35.5, hours: 1 });
  await run.minutes(5);
  const { state, phase, outcome, versions } = await run.end();

  const waiting = "waiting_for_approval";
  deepEqual([asked.phase, afterOutage.phase], [waiting, waiting]);
  deepEqual([state, phase, outcome, versions], ["completed", "ended", "unanswered", []]);
});

Deno.test("a person takes a change back while a share of the tasks tries it, and it ends as reverted", async () => {
  await using run = await IncidentRun.open({ tried: "canary" });
  await run.runtime.advance(20_000);
  const { incident } = await run.read();

  await revertIncident(run.deps, incident, { by: "ada", reason: "not on a Friday" });
  await run.minutes(30);
  const { outcome, versions } = await run.end();
  const { incident: ended } = await run.read();

  deepEqual([outcome, versions.length, versions.at(-1)], ["reverted", 2, [{}, undefined]]);
  match(outcomeOf(ended)?.says ?? "", /not on a Friday, by ada with version 2/);
});

Deno.test("an incident is decided though the clock is set back or forward while a share tries its change", async () => {
  for (const stepMs of [-3_600_000, 36 * 3_600_000]) {
    await using run = await IncidentRun.open({ tried: "canary" });
    await run.runtime.advance(20_000);
    const now = run.runtime.now.bind(run.runtime);
    run.runtime.now = () => now() + stepMs;

    await run.minutes(120);
    const { state, phase, versions } = await run.end();

    deepEqual([state, phase, versions.at(-1)?.[1]], ["completed", "ended", undefined]);
  }
});

Deno.test("a person withdraws what is proposed before it is decided, and nothing is changed", async () => {
  await using run = await IncidentRun.open({ tried: "canary", isAsked: true });
  await run.minutes(5);
  const { incident } = await run.read();
  const who = { by: "ada", reason: "not on a Friday" };

  const says = await revertIncident(run.deps, incident, who);
  await run.minutes(5);
  const { state, phase, outcome, versions } = await run.end();
  const { incident: ended } = await run.read();

  equal(says, "its proposal; nothing is changed");
  deepEqual([state, phase, outcome, versions], ["completed", "ended", "not_applied", []]);
  equal(outcomeOf(ended)?.says, "not on a Friday");
});

Deno.test("a person who withdraws what is approved and not put yet is asked to come back", async () => {
  await using run = await IncidentRun.open({ tried: "canary" });
  await run.runtime.advance(20_000);
  const { incident } = await run.read();
  const { apply: _, conclude: __, ...before } = incident;

  const refused = revertIncident(run.deps, before, { by: "ada", reason: "" });

  await rejects(refused, { code: "proposal.not_open", message: /ask again in a few seconds$/ });
});

Deno.test("what an incident applied is taken back once the incident is paused: nobody watches it", async () => {
  for (const tried of ["canary", "hold"] as const) {
    await using run = await IncidentRun.open({ tried });
    await run.runtime.advance(20_000);
    const { incident } = await run.read();
    const by = { taskId: incident.id as TaskId, by: "ada", reason: "wait" };
    await run.engine.router.send({ kind: "PauseTask", commandId: "p", ...by });
    await run.runtime.advance(1_000);

    const takenBack = await care(run.deps);
    const paused = await run.end();
    await run.engine.router.send({ kind: "ResumeTask", commandId: "r", ...by });
    await run.minutes(30);
    const { state, outcome, versions } = await run.end();

    deepEqual([takenBack.length, paused.state, paused.versions.at(-1)], [1, "paused", [
      {},
      undefined,
    ]]);
    deepEqual([state, outcome, versions], ["completed", "reverted", paused.versions]);
  }
});

Deno.test("an incident that cannot be looked after holds up no other", async () => {
  await using run = await IncidentRun.open({ tried: "canary" });
  await run.runtime.advance(20_000);
  await setMode(run, "off");
  const warned: string[] = [];
  const { deps } = run;
  const policies = {
    newest: () => deps.policies.newest(),
    put: deps.policies.put.bind(deps.policies),
    versions: () => Promise.reject(new Error("no database")),
  };

  const failing = {
    ...deps,
    policies,
    log: { info: () => {}, warn: (text: string) => warned.push(text) },
  };
  const takenBack = await care(failing as unknown as typeof deps);
  const again = await care(deps);

  deepEqual([takenBack, warned.length, again.length], [[], 1, 1]);
});

Deno.test("a share tries a change for three windows of servers: time without one does not count", async () => {
  await using run = await IncidentRun.open({ tried: "canary", isUntried: true });
  await run.runtime.advance(20_000);
  const now = run.runtime.now.bind(run.runtime);
  run.runtime.now = () => now() + 10 * 60_000; // for ten minutes no server ran
  const percents = async () => (await run.end()).versions.map(([, percent]) => percent);

  await run.minutes(2);
  const soon = await percents();
  await run.minutes(2);

  deepEqual([soon, await percents()], [[5], [5, 25]]);
});
