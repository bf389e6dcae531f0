import { deepEqual, match } from "node:assert/strict";
import { Counts, type StatisticsCell } from "../core/statistics.ts";
import type { StartRequest } from "../core/ports.ts";
import { planOf } from "../core/plan.ts";
import { SILENT_LOG } from "../telemetry/log.ts";
import { definitionOf } from "../../tests/support/task_driver.ts";
import type { HealerDeps } from "./healer_deps.ts";
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

/** Looks once, and returns what it started. */
async function lookAt(
  workflows: Readonly<Record<string, string>>,
  more: {
    readonly read?: (workflow: string) => void;
    readonly start?: (request: StartRequest) => void;
  } = {},
): Promise<readonly StartRequest[]> {
  const started: StartRequest[] = [];
  let look: (() => void) | undefined;
  const looked = Promise.withResolvers<void>();
  const cells = Object.entries(workflows).map(([name, step]) => cellsOf(name, step));
  const deps: HealerDeps = {
    runtime: {
      now: () => NOW,
      // The watcher sleeps again once it has looked.
      after: (_ms, call) => {
        if (look === undefined) look = call;
        else looked.resolve();
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
    tasks: { async *tasks() {} },
    plans: {
      find: (workflow) => {
        const [namespace = "", name = ""] = workflow.split("/");
        const steps = [{ name: workflows[workflow] ?? "" }];
        return planOf("hash", definitionOf(steps, { namespace, name }));
      },
      cached: () => undefined,
      byHash: () => Promise.resolve(undefined),
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
    diagnose: () => Promise.reject(new Error("nothing is diagnosed")),
    isWatched: () => true,
    windowMs: WINDOW,
  };
  const watcher = new Watcher(deps);
  watcher.start();
  look?.();
  await looked.promise;
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
