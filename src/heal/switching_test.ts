import { deepEqual, equal } from "node:assert/strict";
import { whyNotSwitched } from "../core/alternative.ts";
import type { Event } from "../core/event.ts";
import type { Instance } from "../core/system.ts";
import { SystemDirectory } from "../core/system_directory.ts";
import { planOf } from "../core/plan.ts";
import { MemoryPolicies } from "../journal/memory_stores.ts";
import { SILENT_LOG } from "../telemetry/log.ts";
import { definitionOf } from "../../tests/support/task_driver.ts";
import type { HealerDeps } from "./healer_deps.ts";
import { openIncidentSteps } from "./incident_steps.ts";

const MINUTE = 60_000;
const NOW = 1_000 * MINUTE;
const FIGURES = {
  ...{ attempts: 60, perMinute: 60, failedShare: 1 },
  ...{ timedOutShare: 0, retriedShare: 0 },
};
const DEGRADATION = {
  ...{ workflow: "test/played", step: "charge", signal: "failures" as const, saturated: false },
  ...{ sinceMs: NOW - MINUTE, windowMs: MINUTE, now: FIGURES, before: FIGURES, chance: 0 },
};
const PLAN = planOf(
  "hash",
  definitionOf([{
    ...{ name: "charge", kind: "remote", owner: "gateway", event: "card.charge" },
    capability: { name: "card.charge", range: "^1" },
  }], { heal: { tier: "T1" } }),
);

/** A healthy worker of another system that offers what the step asks for. */
function backup(more: Partial<Instance>): Instance {
  return {
    ...{ system: "backup", instance: "b1", version: "1.0.0", state: "healthy", isDeclared: false },
    namespaces: ["test"],
    capabilities: [{ name: "card.charge", version: "1.0.0", effect: "idempotent" }],
    ...more,
  };
}

/** A task whose only attempt has failed, at the step's owner or where a person sent it. */
function failedTask(number: number, system?: string) {
  const atMs = NOW - MINUTE + number * 1_000;
  const failure = { error: '{"error_code":"down"}', class: "failed", retryable: false } as const;
  const how = {
    attempt: 1,
    waitedMs: 0,
    policyVersion: 0,
    ...(system !== undefined && { system }),
  };
  const started = { kind: "StepStarted", step: 0, ...how, atMs };
  const failed = { kind: "StepFailed", step: 0, attempt: 1, failure, atMs: atMs + 100 };
  const events = [started, failed] as unknown as readonly Event[];
  return {
    summary: { taskId: `task${number}`, definitionHash: "hash", tags: [] },
    turns: [{ turn: 1, events }],
  };
}

/** An incident of a step of which every attempt fails, beside another system. */
function stepsBeside(instance: Instance) {
  const directory = new SystemDirectory((system) => system === "gateway");
  directory.set([instance]);
  const deps = {
    runtime: { now: () => NOW, after: () => () => {} },
    ...{ log: SILENT_LOG, policies: new MemoryPolicies() },
    statistics: { read: () => Promise.resolve([]) },
    tasks: {
      async *tasks({ workflow, untilMs }: { readonly workflow: string; readonly untilMs: number }) {
        if (workflow !== "test/played" || untilMs < NOW) return;
        for (let number = 0; number < 50; number++) yield failedTask(number);
        yield failedTask(50, "elsewhere");
      },
    },
    plans: { find: () => PLAN, byHash: () => Promise.resolve(PLAN) },
    sink: { send: () => Promise.resolve() },
    whyNotSwitched: (...of: Parameters<HealerDeps["whyNotSwitched"]>) =>
      whyNotSwitched(directory, ...of),
    systems: () => [{
      ...{ name: "backup", instances: ["b1"] },
      ...{ capabilities: ["card.charge"], idempotent: ["card.charge"] },
    }],
  } as unknown as HealerDeps;
  return openIncidentSteps(deps);
}

const GIVEN = {
  taskId: "01a22a02-f7fc-7864-915a-ab583b7b5cf9",
  incident: { about: "it", number: 1, degradation: DEGRADATION },
};
const FINDING = { failureType: "novel", confidence: 0, says: "it fails", evidence: [] } as const;

/** Which systems the incident proposes to switch the step to. */
async function proposedTo(instance: Instance): Promise<readonly unknown[]> {
  const look = 6; // the last one: it says what it has
  const finding = { ...FINDING, evidence: [] };
  const proposed = await stepsBeside(instance).propose({ ...GIVEN, finding, look });
  return (proposed?.proposals ?? []).flatMap(({ action }) => "system" in action ? action : [])
    .filter(({ kind }) => kind === "switch_system").map(({ system }) => system);
}

Deno.test("a step is proposed to be switched to a system that its namespace may use", async () => {
  deepEqual(await proposedTo(backup({})), ["backup"]);
});

Deno.test("what a person sent elsewhere does not say which system has failed", async () => {
  const finding = { ...FINDING, evidence: [] };
  const proposed = await stepsBeside(backup({})).propose({ ...GIVEN, finding, look: 6 });
  const limited = (proposed?.proposals ?? []).flatMap(({ action }) =>
    action.kind === "limit_system" ? action.system : []
  );
  deepEqual(limited, ["gateway"]);
});

Deno.test("no switch is proposed to a system that would not get the step", async () => {
  const old = { name: "card.charge", version: "0.9.0" };
  deepEqual(await proposedTo(backup({ namespaces: ["others"] })), [], "of another namespace");
  deepEqual(await proposedTo(backup({ capabilities: [old] })), [], "of another version");
});

Deno.test("a switch that a person approves is not made once the system cannot get the step", async () => {
  const action = {
    ...{ kind: "switch_system", workflow: "test/played", step: "charge", system: "backup" },
  };
  const path = ["steps", "charge", "system"];
  const proposal = {
    ...{ id: "p1", action, tier: "T2" as const, evidence: [], confidence: 0.9, expected: "" },
    change: { namespace: "test", name: "played", changes: [{ path, value: "backup" }] },
    inverse: { namespace: "test", name: "played", changes: [{ path }] },
    ...{ load: "same" as const, repeats: false },
    blastRadius: { workflows: ["test/played"], tasksPerHour: 60 },
  };
  const given = {
    ...GIVEN,
    proposed: { proposals: [proposal], chosen: "p1", notes: [] },
    approval: { approved: true, by: "ada", reason: "" },
  };

  const applied = await stepsBeside(backup({})).apply(given);
  const gone = await stepsBeside(backup({ state: "unhealthy" })).apply(given);

  equal(applied.isApplied, true);
  deepEqual(gone, {
    isApplied: false,
    says: 'system "backup" cannot get step "charge" now: no_healthy_instance',
    atMs: NOW,
  });
});
