/** Statistics of systems: what was counted of steps, added up by whom their definitions ask. */

import { calledBy } from "../core/http_call.ts";
import type { Runtime } from "../core/ports.ts";
import { Recent } from "../core/recent.ts";
import type { StatisticsCell } from "../core/statistics.ts";
import { type Definition, namespaceOf } from "../core/workflow.ts";
import type { STATISTICS } from "../operations/statistics.ts";
import { timeText } from "../operations/schema.ts";
import type { ResultOf } from "../operations/operation.ts";
import type { Handlers, Services } from "./handler.ts";
import { countedOf, type Window, windowOf } from "./statistics.ts";

type Answer = ResultOf<typeof STATISTICS["getSystemStatistics"]>;

/** Workflows whose steps are read for one answer. */
const WORKFLOWS_MAX = 50;

/** How long an answer is given again: nodes count in intervals of ten seconds. */
const ANSWER_KEPT_MS = 10_000;

/** Answers that are kept at least: one for each set of namespaces and length of intervals. */
const ANSWERS_KEPT = 16;

/** How long the definitions are taken to say the same: all of them are read, with every version. */
const ASKING_KEPT_MS = 60_000;

/** Which system each step asks, by workflow, then by version and step. */
type Asking = ReadonlyMap<string, ReadonlyMap<string, string>>;

/** What was read lately: it is given again for a while, and who comes meanwhile waits for it too. */
class Lately<T> {
  #last: { readonly atMs: number; readonly value: Promise<T> } | undefined;

  constructor(readonly runtime: Pick<Runtime, "monotonic">, readonly keptMs: number) {}

  get(read: () => Promise<T>): Promise<T> {
    const nowMs = this.runtime.monotonic();
    if (this.#last !== undefined && nowMs - this.#last.atMs < this.keptMs) return this.#last.value;
    const last = { atMs: nowMs, value: read() };
    this.#last = last;
    last.value.catch(() => {
      if (this.#last === last) this.#last = undefined;
    });
    return last.value;
  }
}

/** The handler of `stats systems`: many pages ask the same, and one of them reads. */
export function systemStatisticsHandlers(
  services: Services,
): Pick<Handlers<typeof STATISTICS>, "getSystemStatistics"> {
  const { runtime } = services;
  const answers = new Recent<string, Lately<Answer>>(ANSWERS_KEPT);
  const asking = new Lately<Asking>(runtime, ASKING_KEPT_MS);
  return {
    async getSystemStatistics({ intervals }, { caller }) {
      const key = JSON.stringify([intervals, caller.namespaces]);
      const answer = answers.get(key) ?? new Lately<Answer>(runtime, ANSWER_KEPT_MS);
      answers.set(key, answer);
      const read = async () => {
        const all = await asking.get(() => readAsking(services));
        const seen = [...all].filter(([workflow]) => caller.covers(namespaceOf(workflow)));
        return await answerOf(services, intervals, new Map(seen));
      };
      return { status: 200, body: await answer.get(read) };
    },
  };
}

async function answerOf(services: Services, intervals: number, asking: Asking): Promise<Answer> {
  const window = windowOf({ intervals }, services.runtime.now());
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
  const statistics = [...bySystem].map(([system, cells]) => ({
    system,
    workflows: [...new Set(cells.map(({ workflow }) => workflow))],
    ...countedOf(cells, window),
  }));
  const { sinceMs, untilMs, everyMs } = window;
  return {
    ...{ since: timeText(sinceMs), until: timeText(untilMs), everyMs },
    statistics: statistics.toSorted((one, other) => other.starts - one.starts),
    omitted: Math.max(0, busiest.length - WORKFLOWS_MAX),
  };
}

async function readAsking({ definitions }: Pick<Services, "definitions">): Promise<Asking> {
  const asking = new Map<string, Map<string, string>>();
  for (const { definition } of await definitions.list()) {
    const { namespace, name, version, steps } = definition;
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
  return kind === "remote" ? owner : calledBy(http);
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
