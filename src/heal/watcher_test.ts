import { deepEqual, match } from "node:assert/strict";
import { Counts, type StatisticsCell } from "../core/statistics.ts";
import type { Event } from "../core/event.ts";
import { mintTaskId } from "../core/ids.ts";
import { encodePayload } from "../core/payload.ts";
import type { StartRequest, WholeTask } from "../core/ports.ts";
import { planOf } from "../core/plan.ts";
import { SILENT_LOG } from "../telemetry/log.ts";
import { definitionOf } from "../../tests/support/task_driver.ts";
import { MemoryAttendance, MemoryPolicies } from "../journal/memory_stores.ts";
import type { HealerDeps } from "./healer_deps.ts";
import { readIncidents } from "./reading.ts";
import { Watcher } from "./watcher.ts";

const WINDOW = 60_000;
const NOW = 1_000 * WINDOW;

/** An hour in which a step did well, and the last minute, in which half of its attempts fail. */
function cellsOf(workflow: string, step: string): readonly StatisticsCell[] {
  return [0, ...Array.from({ length: 58 }, (_, at) => at + 2)].map((age) => {
    const counts = new Counts();
    counts.starts = 60;
    const failed = age === 0 ? 30 : age % 3;
    counts.addOutcome("completed", 60 - failed);
    counts.addOutcome("thrown", failed);
    for (let at = 0; at < 60; at++) counts.waited.add(0);
    for (let at = failed; at < 60; at++) counts.ran.add(100);
    const fromMs = NOW - (age + 1) * WINDOW + 1;
    const span = { fromMs, untilMs: fromMs + WINDOW };
    return { workflow, version: "1.0.0", step, policyVersion: 0, counts, ...span };
  });
}

const INCIDENT_PLAN = planOf("hash", definitionOf([{ name: "diagnose" }]));

/** An incident of another workflow that began in this hour, and goes on. */
function incidentTask(number: number): WholeTask {
  const taskId = mintTaskId(NOW, 7, crypto.randomUUID());
  const figures = {
    ...{ attempts: 60, perMinute: 60, failedShare: 0.3 },
    ...{ timedOutShare: 0.3, retriedShare: 0 },
  };
  const degradation = {
    ...{ workflow: `shop/other${number}`, step: "charge", signal: "failures", saturated: false },
    ...{ sinceMs: NOW, windowMs: WINDOW, now: figures, before: figures, chance: 0 },
  };
  const started: Event = {
    ...{ kind: "TaskStarted", atMs: NOW - WINDOW, definitionHash: "hash", tags: [] },
    input: encodePayload({ about: "it", number: 1, degradation }, "it"),
  };
  const summary = {
    ...{ taskId, namespace: "tasker", workflow: "incident", version: "1.0.0" },
    ...{ definitionHash: "hash", state: "running" as const, blockedReason: undefined, tags: [] },
    labels: [],
    ...{ createdAtMs: NOW - WINDOW, endedAtMs: undefined },
  };
  return { summary, turns: [{ turn: 1, commandIds: [], events: [started] }] };
}

/** Looks once, and returns what it started. */
async function lookAt(
  workflows: Readonly<Record<string, string>>,
  more: {
    readonly read?: (workflow: string) => void;
    readonly start?: (request: StartRequest) => void;
    /** How often it looks; once unless said. */
    readonly looks?: number;
    /** How many incidents of other workflows began in the last hour. */
    readonly begun?: number;
  } = {},
): Promise<readonly StartRequest[]> {
  const started: StartRequest[] = [];
  let look: (() => void) | undefined;
  let looked = Promise.withResolvers<void>();
  const cells = Object.entries(workflows).map(([name, step]) => cellsOf(name, step));
  const deps: HealerDeps = {
    attendance: new MemoryAttendance(),
    runtime: {
      now: () => NOW,
      // The watcher sleeps again once it has looked.
      after: (_ms, call) => {
        look = call;
        looked.resolve();
        return () => {};
      },
      digest: (text) => `${text.length} ${text.slice(-60)}`,
    },
    log: SILENT_LOG,
    policies: {
      newest: () => Promise.resolve(new Map()),
      versions: () => Promise.resolve([]),
      put: () => Promise.reject(new Error("nothing is put")),
    },
    active: () => Promise.resolve(Object.keys(workflows)),
    statistics: {
      read: ({ workflow, sinceMs, untilMs }) => {
        if (workflow !== undefined) more.read?.(workflow);
        return Promise.resolve(
          cells.flat().filter((cell) =>
            (workflow ?? cell.workflow) === cell.workflow && cell.fromMs >= sinceMs &&
            cell.fromMs < untilMs
          ),
        );
      },
    },
    tasks: {
      async *tasks({ limit, states }) {
        if (states !== undefined) return; // none began before the last day
        const begun = Math.min(limit, more.begun ?? 0);
        for (let number = 0; number < begun; number++) yield incidentTask(number);
      },
    },
    plans: {
      find: (workflow) => {
        const [namespace = "", name = ""] = workflow.split("/");
        const steps = [{ name: workflows[workflow] ?? "" }];
        return planOf("hash", definitionOf(steps, { namespace, name }));
      },
      cached: () => undefined,
      byHash: () => Promise.resolve(INCIDENT_PLAN),
    },
    sink: {
      send: () => Promise.reject(new Error("nothing is sent")),
      mintTaskId: () => {
        throw new Error("no id is made");
      },
    },
    starter: {
      start: (request) => {
        more.start?.(request);
        started.push(request);
        return Promise.resolve({ taskId: "t" as never, turn: 1, changed: true });
      },
    },
    systems: () => [],
    whyNotSwitched: () => undefined,
    diagnose: () => Promise.reject(new Error("nothing is diagnosed")),
    owns: () => true,
    isWatched: () => true,
    windowMs: WINDOW,
  };
  const watcher = new Watcher(deps);
  watcher.start();
  for (let count = 0; count < (more.looks ?? 1); count++) {
    looked = Promise.withResolvers();
    look?.();
    await looked.promise;
  }
  watcher.stop();
  return started;
}

Deno.test("a workflow whose statistics cannot be read holds up no other", async () => {
  const started = await lookAt({ "shop/bad": "charge", "shop/good": "charge" }, {
    read: (workflow) => {
      if (workflow === "shop/bad") throw new Error("it is broken");
    },
  });

  deepEqual(started.map(({ tags }) => tags[0]), ["shop/good"]);
});

Deno.test("an incident that cannot start holds up no other", async () => {
  const started = await lookAt({ "shop/bad": "charge", "shop/good": "charge" }, {
    start: ({ tags }) => {
      if (tags[0] === "shop/bad") throw new Error("it is refused");
    },
  });

  deepEqual(started.map(({ tags }) => tags[0]), ["shop/good"]);
});

Deno.test("under the longest names the second incident has another key than the first", async () => {
  const long = "x".repeat(64);

  const [request] = await lookAt({ [`${long}/${long}`]: long });

  // It ends with the number of the incident.
  match(request?.key ?? "", /^\d+ .* #1$/);
});

Deno.test("60 incidents begin in an hour, of however many workflows that fail", async () => {
  const begun = [0, 59, 60, 400];

  const started = [];
  for (const count of begun) {
    started.push(await lookAt({ "shop/order": "charge" }, { begun: count }));
  }

  deepEqual(started.map(({ length }) => length), [1, 1, 0, 0]);
});

Deno.test("of hundreds of incidents each one is read: a sample could miss the one in the way", async () => {
  const tasks = Array.from({ length: 500 }, (_, number) => incidentTask(number));
  const read = await readIncidents({
    tasks: {
      async *tasks({ limit, states }) {
        if (states === undefined) yield* tasks.slice(0, limit);
      },
    },
    plans: {
      find: () => undefined,
      cached: () => undefined,
      byHash: () => Promise.resolve(INCIDENT_PLAN),
    },
    policies: new MemoryPolicies(),
  }, { nowMs: NOW });

  deepEqual(read.length, 500);
});

Deno.test("a look reads each workflow once, however many of them have an incident that is open", async () => {
  const workflows = Object.fromEntries(
    Array.from({ length: 60 }, (_, number) => [`shop/other${number}`, "charge"]),
  );
  const read = new Map<string, number>();

  const started = await lookAt(workflows, {
    begun: 20,
    read: (workflow) => void read.set(workflow, (read.get(workflow) ?? 0) + 1),
  });

  const open = Array.from({ length: 20 }, (_, number) => read.get(`shop/other${number}`));
  deepEqual([...new Set(open)], [1]);
  deepEqual([read.size, started.length], [60, 3]);
});

Deno.test("of many workflows each is looked at in its turn, also when none can be read", async () => {
  const workflows = Array.from({ length: 600 }, (_, at) => [`shop/order${at}`, "charge"]);
  const seen = new Map<string, number>();

  await lookAt(Object.fromEntries(workflows), {
    looks: 6,
    read: (workflow) => {
      seen.set(workflow, (seen.get(workflow) ?? 0) + 1);
      throw new Error("it is broken");
    },
  });

  // 250 a look: 1,500 in all.
  deepEqual([seen.size, Math.min(...seen.values()), Math.max(...seen.values())], [600, 2, 3]);
});
