/** What it costs to watch a thousand workflows, beside a hundred open incidents. */

import process from "node:process";
import type { Event } from "../../src/core/event.ts";
import { mintTaskId } from "../../src/core/ids.ts";
import { encodePayload } from "../../src/core/payload.ts";
import { planOf } from "../../src/core/plan.ts";
import type { StatisticsQuery, WholeTask } from "../../src/core/ports.ts";
import { Counts, encodeCells } from "../../src/core/statistics.ts";
import { StatisticsAnswer } from "../../src/core/statistics_tiers.ts";
import type { HealerDeps } from "../../src/heal/healer_deps.ts";
import { Watcher } from "../../src/heal/watcher.ts";
import { MemoryAttendance, MemoryPolicies } from "../../src/journal/memory_stores.ts";
import { SILENT_LOG } from "../../src/telemetry/log.ts";
import { definitionOf } from "../support/task_driver.ts";
import type { Figure } from "./figure.ts";

const WORKFLOWS = 1_000;
const STEPS = ["reserve", "charge", "ship", "mail", "close"];
const INCIDENTS = 100;

/** Of the statistics, and of the looks, ms. */
const INTERVAL_MS = 10_000;
const LOOK_MS = 15_000;

/** Looks until each workflow was looked at, and those that are measured: two windows. */
const FIRST_LOOKS = 4;
const LOOKS = 8;

const NAMES = Array.from({ length: WORKFLOWS }, (_, at) => `shop/order_${at}`);

/** The rows of one interval; all intervals are alike, so one body stands for all. */
const BODIES = [true, false].map((ofSteps) => {
  const cells = (ofSteps ? STEPS : [undefined]).map((step) => {
    const counts = new Counts();
    counts.starts = 20;
    counts.addOutcome("completed", 20);
    for (let at = 0; at < 20; at++) {
      counts.ran.add(50 + 17 * at);
      counts.waited.add(at % 3);
    }
    return { version: "1.0.0", policyVersion: 0, counts, ...(step !== undefined && { step }) };
  });
  return { ofSteps, body: encodeCells(cells) };
});

/** Statements of the watcher. */
let statements = 0;

function readCells(query: StatisticsQuery) {
  const { workflow = "", sinceMs, untilMs } = query;
  statements++;
  const answer = new StatisticsAnswer(query);
  const first = Math.ceil(sinceMs / INTERVAL_MS) * INTERVAL_MS;
  for (let fromMs = first; fromMs < untilMs; fromMs += INTERVAL_MS) {
    for (const row of BODIES) {
      answer.add({ workflow, fromMs, untilMs: fromMs + INTERVAL_MS, ...row });
    }
  }
  return Promise.resolve(answer.cells());
}

const INCIDENT_PLAN = planOf("hash", definitionOf([{ name: "diagnose" }]));

function openIncident(number: number, nowMs: number): WholeTask {
  const taskId = mintTaskId(nowMs, 7, crypto.randomUUID());
  const figures = {
    attempts: 60,
    perMinute: 60,
    failedShare: 0.3,
    timedOutShare: 0,
    retriedShare: 0,
  };
  const degradation = {
    ...{ workflow: NAMES[number], step: "charge", signal: "failures", saturated: false },
    ...{ sinceMs: nowMs, windowMs: 60_000, now: figures, before: figures, chance: 0 },
  };
  const started: Event = {
    ...{ kind: "TaskStarted", atMs: nowMs, definitionHash: "hash", tags: [] },
    input: encodePayload({ about: `${number}`, number: 1, degradation }, "it"),
  };
  const summary = {
    ...{ taskId, namespace: "tasker", workflow: "incident", version: "1.0.0", labels: [] },
    ...{ definitionHash: "hash", state: "waiting" as const, blockedReason: undefined, tags: [] },
    ...{ createdAtMs: nowMs, endedAtMs: undefined },
  };
  return { summary, turns: [{ turn: 1, commandIds: [], events: [started] }] };
}

/** Looks, by hand, at times of its own. */
class Looks {
  nowMs = 2_000_000_000_000;
  #look: () => void = () => {};
  #looked = Promise.withResolvers<void>();
  readonly watcher: Watcher;

  constructor() {
    const incidents = Array.from({ length: INCIDENTS }, (_, at) => openIncident(at, this.nowMs));
    const deps: HealerDeps = {
      runtime: {
        now: () => this.nowMs,
        after: (_ms, call) => {
          this.#look = call;
          this.#looked.resolve();
          return () => {};
        },
        digest: (text) => text.slice(-60),
      },
      log: SILENT_LOG,
      attendance: new MemoryAttendance(),
      policies: new MemoryPolicies(),
      active: () => {
        statements++;
        return Promise.resolve(NAMES);
      },
      statistics: { read: readCells },
      tasks: {
        async *tasks({ states }) {
          statements++;
          if (states?.includes("waiting") !== false) yield* incidents;
        },
      },
      plans: {
        find: (workflow) => {
          const [namespace = "", name = ""] = workflow.split("/");
          const steps = STEPS.map((name) => ({ name }));
          return planOf("hash", definitionOf(steps, { namespace, name }));
        },
        cached: () => undefined,
        byHash: () => Promise.resolve(INCIDENT_PLAN),
      },
      sink: {
        send: () => Promise.resolve({ taskId: "t" as never, turn: 1, changed: true }),
        mintTaskId: () => mintTaskId(this.nowMs, 7, crypto.randomUUID()),
      },
      starter: { start: () => Promise.reject(new Error("all is well")) },
      systems: () => [],
      whyNotSwitched: () => undefined,
      diagnose: () => Promise.reject(new Error("all is well")),
      owns: () => true,
      isWatched: () => true,
    };
    this.watcher = new Watcher(deps);
    this.watcher.start();
  }

  async look(times: number): Promise<void> {
    for (let at = 0; at < times; at++) {
      this.nowMs += LOOK_MS;
      this.#looked = Promise.withResolvers<void>();
      this.#look();
      await this.#looked.promise;
    }
  }
}

/** Watches for some windows. The store is in memory: statements are counted, not run. */
export async function benchWatch(): Promise<Figure[]> {
  const before = Deno.memoryUsage().rss;
  const looks = new Looks();
  await looks.look(FIRST_LOOKS);
  const [cpu, sent] = [process.cpuUsage(), statements];
  await looks.look(LOOKS);
  const { user, system } = process.cpuUsage(cpu);
  looks.watcher.stop();
  const windows = LOOKS * LOOK_MS / 60_000;
  const bench = "watch_1000";
  return [
    { bench, metric: "cpu_ms_per_min", value: (user + system) / 1_000 / windows, unit: "ms" },
    {
      bench,
      metric: "statements_per_min",
      value: (statements - sent) / windows,
      unit: "statements",
    },
    { bench, metric: "rss_mb", value: (Deno.memoryUsage().rss - before) / 1e6, unit: "MB" },
  ];
}
