/** An incident goes on after a crash in any of its steps, and changes what it would have changed. */

import { deepEqual, equal } from "node:assert/strict";
import { openOracle } from "../../ffi/oracle.ts";
import type { Incarnation } from "../../src/core/ids.ts";
import { APPROVAL, INCIDENT_WORKFLOW, incidentOf } from "../../src/core/incident.ts";
import { TaskerError } from "../../src/core/errors.ts";
import { encodePayload } from "../../src/core/payload.ts";
import type { TaskId } from "../../src/core/ids.ts";
import { Counts, type StatisticsCell } from "../../src/core/statistics.ts";
import { type IncidentSteps, incidentWorkflow } from "../../src/heal/incident.ts";
import { openIncidentSteps } from "../../src/heal/incident_steps.ts";
import { MemoryJournal } from "../../src/journal/memory_journal.ts";
import {
  MemoryDefinitions,
  MemoryPolicies,
  MemorySharedStates,
} from "../../src/journal/memory_stores.ts";
import { step, workflow, z } from "../../src/mod.ts";
import { openRegistry } from "../../src/registry/load.ts";
import { openStarter } from "../../src/registry/workflows.ts";
import { Engine } from "../../src/server/engine.ts";
import { VirtualRuntime } from "../../src/server/virtual_runtime.ts";
import { SILENT_LOG } from "../../src/telemetry/log.ts";

const STEPS = ["diagnose", "propose", "apply", "judge", "conclude", "release", "learn"] as const;
const MINUTE = 60_000;
const FIGURES = {
  attempts: 60,
  perMinute: 60,
  failedShare: 0.3,
  timedOutShare: 0.3,
  retriedShare: 0,
};

const shop = workflow({
  namespace: "shop",
  name: "order",
  version: "1.0.0",
  input: z.object({}),
  heal: { tier: "T1", timeoutMs: [500, 60_000] },
}, (w) => {
  w.step("charge", step({ input: z.object({}), success: z.object({}), run: () => ({}) }));
});

/** How long the trouble is there. */
const TROUBLE_MINUTES = 25;

/** What an incident is tried with: an action that is canaried, or one that ends by itself. */
type Tried = "canary" | "hold";

/** A proposal of a time-out for a share of the tasks, or of a limit for all of them. */
function proposalOf(tried: Tried, nowMs: number) {
  const isCanary = tried === "canary";
  const untilMs = nowMs + 10 * MINUTE;
  const path = isCanary ? ["steps", "charge", "timeoutMs"] : ["steps", "*", "ratePerS"];
  const change = {
    namespace: isCanary ? "shop" : "",
    name: isCanary ? "order" : "payments",
    changes: [{ path, value: 4_000 }],
  };
  const action = isCanary
    ? { kind: "set_timeout", workflow: "shop/order", step: "charge", timeoutMs: 4_000 }
    : { kind: "limit_system", system: "payments", capability: "*", ratePerS: 4_000, untilMs };
  return {
    id: "p1",
    action,
    change,
    inverse: { ...change, changes: [{ path }] },
    tier: isCanary ? "T1" as const : "T0" as const,
    evidence: [],
    confidence: 0.7,
    blastRadius: { workflows: ["shop/order"], tasksPerHour: 60 },
    expected: "it helps",
    load: "same" as const,
    repeats: false,
    ...(!isCanary && { untilMs }),
  };
}

/** Attempts under the canary complete; those beside it fail in a third while there is trouble. */
function cellsAt(sinceMs: number, canary: number, isTrouble: boolean): StatisticsCell[] {
  return [0, canary].flatMap((policyVersion) =>
    [undefined, "charge"].map((step): StatisticsCell => {
      const counts = new Counts();
      counts.starts = 100;
      const failed = !isTrouble || (policyVersion === canary && canary > 0) ? 0 : 33;
      counts.addOutcome("completed", 100 - failed);
      if (failed > 0) counts.addOutcome("timed_out", failed);
      for (let at = 0; at < 100 - failed; at++) counts.ran.add(1_000);
      const workflow = "shop/order";
      const span = { fromMs: sinceMs + 1, untilMs: sinceMs + MINUTE };
      return { workflow, version: "1.0.0", policyVersion, counts, ...span, ...(step && { step }) };
    })
  );
}

/** Runs one incident; the process dies in a step, before or after it did what it does. */
async function incidentWith(
  tried: Tried,
  crash?: { readonly step: (typeof STEPS)[number]; readonly when: "before" | "after" },
) {
  const runtime = new VirtualRuntime(1);
  const beganMs = runtime.now();
  const journal = new MemoryJournal(runtime);
  const policies = new MemoryPolicies();
  let crashed = false;
  let died = () => {};
  const death = new Promise<void>((resolve) => died = resolve);
  const steps = (): IncidentSteps => {
    const real = openIncidentSteps({
      runtime,
      log: SILENT_LOG,
      policies,
      statistics: {
        read: ({ sinceMs }) => {
          const minute = (sinceMs - beganMs) / MINUTE;
          const isTrouble = minute >= 0 && minute < TROUBLE_MINUTES;
          return Promise.resolve(cellsAt(sinceMs, tried === "canary" ? 1 : 0, isTrouble));
        },
      },
      tasks: journal,
      plans: registry,
      sink: {
        send: (command) => engine.router.send(command),
        mintTaskId: () => engine.router.mintTaskId(),
      },
      starter: openStarter(registry, engine.router),
      systems: () => [],
      diagnose: () => ({ failureType: "timeout", confidence: 0.5, says: "slow", evidence: [] }),
      isWatched: () => true,
    });
    const propose: IncidentSteps["propose"] = async ({ taskId }) => {
      const payload = { approved: true, by: "tasker", reason: "tier" };
      await engine.router.send({
        kind: "SendSignal",
        commandId: `${taskId}/${APPROVAL}`,
        taskId: taskId as TaskId,
        name: APPROVAL,
        payload: encodePayload(payload, "the approval"),
      });
      return { proposals: [proposalOf(tried, runtime.now())], chosen: "p1", notes: [] };
    };
    const all: IncidentSteps = { ...real, propose };
    const dying = (name: (typeof STEPS)[number]) => async (of: never) => {
      const isDeath = !crashed && crash?.step === name;
      if (isDeath && crash.when === "before") return await die();
      const result = await (all[name] as (of: never) => Promise<unknown>)(of);
      return isDeath ? await die() : result;
    };
    const die = () => {
      crashed = true;
      died();
      return new Promise<never>(() => {});
    };
    return Object.fromEntries(STEPS.map((name) => [name, dying(name)])) as unknown as IncidentSteps;
  };
  const registry = await openRegistry({
    modules: [shop],
    own: [incidentWorkflow(steps)],
    definitions: new MemoryDefinitions(),
    digest: (text) => runtime.digest(text),
    onWarning: () => {},
  });
  const open = (name: string) =>
    new Engine({
      runtime,
      log: SILENT_LOG,
      journal,
      nodes: journal,
      policies,
      sharedStates: new MemorySharedStates(),
      readiness: openOracle(),
      plans: registry,
      codeOf: (hash) => registry.codeOf(hash),
      isLocalOwner: () => true,
      remote: () => ({ start: () => {}, stop: () => {}, unconfirmed: () => 0 }),
      incarnation: name as Incarnation,
      name,
      replaces: undefined,
      fenced: () => {},
    });
  let engine = open("first");
  await engine.start();
  const sinceMs = runtime.now();
  const degradation = {
    ...{ workflow: "shop/order", step: "charge", signal: "timeouts" as const, saturated: false },
    ...{ sinceMs, windowMs: MINUTE, now: FIGURES, before: FIGURES, chance: 0 },
  };
  await openStarter(registry, engine.router).start({
    workflow: INCIDENT_WORKFLOW,
    input: { about: "shop/order charge timeouts", number: 1, degradation },
    tags: [],
    commandId: "start",
  });
  const first = engine;
  void death.then(async () => {
    first.supervisor.stop(new TaskerError("journal.unavailable", "the process died"));
    await first.ownership.stop();
    await journal.release([...Array(4096).keys()].map((slot) => ({ slot, version: 0 })) as never);
    engine = open("again");
    await engine.start();
  });
  for (let minute = 0; minute < 60; minute++) await runtime.advance(MINUTE);
  equal(crashed, crash !== undefined);
  const range = { workflow: INCIDENT_WORKFLOW, sinceMs: 0, untilMs: runtime.now(), limit: 5 };
  const [task] = await Array.fromAsync(journal.tasks(range));
  const plan = task && await registry.byHash(task.summary.definitionHash);
  const incident = task && plan && incidentOf(task, plan);
  const isCanary = tried === "canary";
  const versions = await policies.versions(isCanary ? "shop" : "", isCanary ? "order" : "payments");
  await engine.rest();
  return {
    phase: incident?.phase,
    verdict: incident?.judge?.verdict,
    outcome: (incident?.release ?? incident?.conclude)?.outcome,
    versions: versions.map(({ steps, canary }) => [steps, canary?.percent]),
  };
}

Deno.test("an incident whose canary does better is kept for all, and a crash in any step changes nothing", async () => {
  const whole = await incidentWith("canary");

  const steps = { charge: { timeoutMs: 4_000 } };
  deepEqual(whole, {
    phase: "ended",
    verdict: "better",
    outcome: "kept",
    versions: [[steps, 34], [steps, undefined]],
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
