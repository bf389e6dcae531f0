import { deepEqual, equal, match, rejects } from "node:assert/strict";
import type { Command } from "../core/command.ts";
import { TaskerError } from "../core/errors.ts";
import { MemoryPolicies } from "../journal/memory_stores.ts";
import type { HealerDeps } from "./healer_deps.ts";
import { openIncidentSteps } from "./incident_steps.ts";
import { firstShare } from "./judging.ts";
import { putChange, takeBack } from "./overlay_change.ts";
import { whyNotNow } from "./changing.ts";

const POISON = "01a22a02-f7fc-7864-915a-ab583b7b5cf9";
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
const CHANGE = {
  ...{ namespace: "shop", name: "order" },
  changes: [{ path: ["steps", "charge", "timeoutMs"], value: 4_000 }],
};

/** Asks again under other settings than those of the proposal. */
async function askedUnder(
  settings: object,
  { isPut = false, by = "tasker" }: { readonly isPut?: boolean; readonly by?: string } = {},
): Promise<string | undefined> {
  const policies = new MemoryPolicies();
  const nowMs = NOW;
  if (isPut) await putChange(policies, { incident: "i1", change: CHANGE, why: "", nowMs }, {});
  await policies.put("tasker", "healing", {
    ...{ by: "ada", reason: "", atMs: NOW },
    steps: { "*": { mode: "on", actionsPerHour: 12, silences: [], ...settings } as never },
  });
  const deps = {
    policies,
    runtime: { now: () => NOW },
    tasks: { async *tasks() {} },
    plans: {
      find: () => undefined,
      cached: () => undefined,
      byHash: () => Promise.resolve(undefined),
    },
    whyNotSwitched: () => undefined,
  };
  const statistics = { read: () => Promise.resolve([]) };
  return await whyNotNow({ ...deps, statistics }, {
    ...{ load: "same", action: undefined },
    ...{ incident: "i1", degradation: DEGRADATION, change: CHANGE, by },
  });
}

const SILENCE = { silences: [{ fromMs: NOW - MINUTE, untilMs: NOW + MINUTE }] };

Deno.test("a silence, or a bound, that comes after the proposal holds for its change", async () => {
  match(await askedUnder(SILENCE) ?? "", /silence/);
  match(await askedUnder({ actionsPerHour: 0 }) ?? "", /at most 0/);
  match(await askedUnder({ mode: "observe" }) ?? "", /observe/);
  equal(await askedUnder({}), undefined);
});

Deno.test("what a person approved is done in a silence too, and not while healing is off", async () => {
  equal(await askedUnder(SILENCE, { by: "ada (key 1)" }), undefined);
  match(await askedUnder({ mode: "off" }, { by: "ada (key 1)" }) ?? "", /off/);
});

Deno.test("a change that was put before a crash counts as made, though healing was switched off", async () => {
  equal(await askedUnder({ mode: "off" }, { isPut: true }), undefined);
});

Deno.test("a change that was taken back before a crash is reverted, though healing was switched off", async () => {
  const policies = new MemoryPolicies();
  const deed = { incident: "i1", change: CHANGE, why: "worse", nowMs: NOW };
  const put = await putChange(policies, deed, { percent: 20 });
  const inverse = { ...CHANGE, changes: [{ path: ["steps", "charge", "timeoutMs"] }] };
  await takeBack(policies, deed);
  await policies.put("tasker", "healing", {
    ...{ by: "ada", reason: "", atMs: NOW },
    steps: { "*": { mode: "off", actionsPerHour: 12, silences: [] } as never },
  });
  const steps = openIncidentSteps(
    { policies, runtime: { now: () => NOW } } as unknown as HealerDeps,
  );
  const proposal = {
    ...{ id: "p1", action: { kind: "set_timeout" }, change: CHANGE, inverse, tier: "T1" as const },
    ...{ evidence: [], confidence: 0.5, expected: "", load: "same" as const, repeats: false },
    blastRadius: { workflows: ["shop/order"], tasksPerHour: 60 },
  };

  const { outcome } = await steps.conclude({
    ...{ taskId: "i1", incident: { about: "it", number: 1, degradation: DEGRADATION } },
    proposed: { proposals: [proposal], chosen: "p1", notes: [] },
    applied: { isApplied: true, says: "", atMs: NOW, version: 1, base: 0, percent: 20, inverse },
    verdict: { verdict: "worse", says: "worse" },
  });

  equal(put.kind, "put");
  equal(outcome, "reverted");
});

Deno.test("a change endangers at first one in twenty of the attempts that go well", () => {
  equal(firstShare(0), 5);
  equal(firstShare(0.5), 5);
  equal(firstShare(0.8), 25);
  equal(firstShare(1), 50);
});

Deno.test("an outage while a poison task is paused fails the attempt, and the next one pauses the task once", async () => {
  const sent: Command[] = [];
  const failures = ["journal.unavailable", "journal.unavailable"] as const;
  const deps = {
    policies: new MemoryPolicies(),
    runtime: { now: () => NOW },
    tasks: { async *tasks() {} },
    plans: { find: () => undefined },
    statistics: { read: () => Promise.resolve([]) },
    sink: {
      send: (command: Command) => {
        const code = failures[sent.push(command) - 1];
        return code === undefined ? Promise.resolve() : Promise.reject(new TaskerError(code, code));
      },
    },
  };
  const steps = openIncidentSteps(deps as unknown as HealerDeps);
  const action = { kind: "quarantine_task", taskId: POISON, workflow: "shop/order" };
  const proposal = {
    ...{ id: "p1", action, tier: "T0" as const, evidence: [], confidence: 0.9, expected: "" },
    ...{ load: "reduces" as const, repeats: false },
    blastRadius: { workflows: ["shop/order"], tasksPerHour: 60 },
  };
  const apply = () =>
    steps.apply({
      ...{ taskId: "i1", incident: { about: "it", number: 1, degradation: DEGRADATION } },
      proposed: { proposals: [proposal], chosen: "p1", notes: [] },
      approval: { approved: true, by: "tasker", reason: "" },
    });

  await rejects(apply, { code: "journal.unavailable" });
  await rejects(apply, { code: "journal.unavailable" });
  const applied = await apply();

  deepEqual(applied, { isApplied: true, says: `task ${POISON} is paused`, atMs: NOW });
  const reason = "Incident i1: it fails again and again";
  const pause = { kind: "PauseTask", commandId: "i1/pause", taskId: POISON, by: "tasker", reason };
  deepEqual(sent, [pause, pause, pause]);
});

Deno.test("time in which nothing was looked at does not bring a trial to its deadline", async () => {
  const judged = async (windows: number, look: number) => {
    const policies = new MemoryPolicies();
    const deed = { incident: "i1", change: CHANGE, why: "", nowMs: NOW };
    await putChange(policies, deed, { percent: 50 });
    const steps = openIncidentSteps({
      policies,
      runtime: { now: () => NOW + windows * MINUTE },
      statistics: { read: () => Promise.resolve([]) },
      tasks: { async *tasks() {} },
      plans: { find: () => undefined },
    } as unknown as HealerDeps);
    const action = {
      ...{ kind: "set_timeout", workflow: "shop/order", step: "charge", timeoutMs: 4_000 },
    };
    const proposal = {
      ...{ id: "p1", action, change: CHANGE, tier: "T1" as const, evidence: [], confidence: 0.5 },
      ...{ expected: "", load: "reduces" as const, repeats: false },
      blastRadius: { workflows: ["shop/order"], tasksPerHour: 60 },
    };
    const verdict = await steps.judge({
      ...{ taskId: "i1", incident: { about: "it", number: 1, degradation: DEGRADATION } },
      proposed: { proposals: [proposal], chosen: "p1", notes: [] },
      applied: { isApplied: true, says: "", atMs: NOW, version: 1, base: 0, percent: 50 },
      look,
    });
    return verdict?.verdict;
  };

  equal(await judged(14, 56), undefined, "there is time left");
  equal(await judged(15, 58), "unclear", "nobody answered in time");
  equal(await judged(90, 8), undefined, "the servers were down for most of it");
  equal(await judged(2, 81), "unclear", "the clock was set back");
});
