/** Statistics of systems: what was counted of steps, added up by whom their definitions ask. */

import type { StatisticsCell } from "../core/statistics.ts";
import type { Definition } from "../core/workflow.ts";
import type { STATISTICS } from "../operations/statistics.ts";
import { timeText } from "../operations/schema.ts";
import type { ResultOf } from "../operations/operation.ts";
import type { Caller } from "./access.ts";
import type { Handlers, Services } from "./handler.ts";
import { rowOf, type Window, windowOf } from "./statistics.ts";

type Answer = ResultOf<typeof STATISTICS["getSystemStatistics"]>;

/** Workflows whose steps are read for one answer. */
const WORKFLOWS_MAX = 50;

/** How long an answer is given again: nodes count in intervals of ten seconds. */
const KEPT_MS = 10_000;

/** Answers that are kept: one for each set of namespaces and length of intervals. */
const KEPT_MAX = 32;

/** An answer that is kept, or on its way. */
interface Kept {
  readonly atMs: number;
  readonly answer: Promise<Answer>;
}

/** The handler of `stats systems`: many pages ask the same, and one of them reads. */
export function systemStatisticsHandlers(
  services: Services,
): Pick<Handlers<typeof STATISTICS>, "getSystemStatistics"> {
  const kept = new Map<string, Kept>();
  return {
    async getSystemStatistics({ intervals }, { caller }) {
      const nowMs = services.runtime.monotonic();
      const key = JSON.stringify([intervals, caller.namespaces]);
      let known = kept.get(key);
      if (known === undefined || nowMs - known.atMs >= KEPT_MS) {
        known = { atMs: nowMs, answer: read(services, intervals, caller) };
        kept.delete(key);
        kept.set(key, known);
        for (const oldest of [...kept.keys()].slice(0, -KEPT_MAX)) kept.delete(oldest);
        known.answer.catch(() => kept.delete(key));
      }
      return { status: 200, body: await known.answer };
    },
  };
}

async function read(services: Services, intervals: number, caller: Caller): Promise<Answer> {
  const window = windowOf({ intervals }, services.runtime.now());
  const asking = await workflowsThatAsk(services, caller);
  const busiest = await byStarts(services, [...asking.keys()], window);
  const bySystem = new Map<string, StatisticsCell[]>();
  for (const workflow of busiest.slice(0, WORKFLOWS_MAX)) {
    for (const cell of await services.statistics.read({ ...window, workflow })) {
      const system = asking.get(workflow)?.get(`${cell.version}\n${cell.step}`);
      if (system === undefined) continue;
      const cells = bySystem.get(system) ?? [];
      bySystem.set(system, cells);
      cells.push(cell);
    }
  }
  const statistics = [...bySystem].map(([system, cells]) => {
    const { workflow: _workflow, step: _step, version: _version, policyVersion: _policy, ...row } =
      rowOf(
        cells,
        window,
      );
    return { system, workflows: [...new Set(cells.map(({ workflow }) => workflow))], ...row };
  });
  const { sinceMs, untilMs, everyMs } = window;
  return {
    ...{ since: timeText(sinceMs), until: timeText(untilMs), everyMs },
    statistics: statistics.toSorted((one, other) => other.starts - one.starts),
    omitted: Math.max(0, busiest.length - WORKFLOWS_MAX),
  };
}

/** The workflows that ask systems: by version and step, which one. */
async function workflowsThatAsk(
  { definitions }: Pick<Services, "definitions">,
  caller: Caller,
): Promise<ReadonlyMap<string, ReadonlyMap<string, string>>> {
  const asking = new Map<string, Map<string, string>>();
  for (const { definition } of await definitions.list()) {
    const { namespace, name, version, steps } = definition;
    if (!caller.covers(namespace)) continue;
    for (const step of steps) {
      const system = systemOf(step);
      if (system === undefined) continue;
      const workflow = `${namespace}/${name}`;
      const known = asking.get(workflow) ?? new Map<string, string>();
      asking.set(workflow, known.set(`${version}\n${step.name}`, system));
    }
  }
  return asking;
}

function systemOf({ kind, owner, http }: Definition["steps"][number]): string | undefined {
  return kind === "remote" ? owner : http?.origin;
}

/** Workflows with the most starts in the window first; long tasks may have none. */
async function byStarts(
  { statistics }: Pick<Services, "statistics">,
  workflows: readonly string[],
  window: Window,
): Promise<readonly string[]> {
  if (workflows.length <= WORKFLOWS_MAX) return workflows;
  const starts = new Map<string, number>();
  for (const { workflow, counts } of await statistics.read(window)) {
    starts.set(workflow, (starts.get(workflow) ?? 0) + counts.starts);
  }
  return workflows.toSorted((one, other) => (starts.get(other) ?? 0) - (starts.get(one) ?? 0));
}
