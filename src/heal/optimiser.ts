/** The optimiser of a server: reads tasks, plays them, and says what would be better. */

import { TaskerError } from "../core/errors.ts";
import type { Optimisation } from "../core/optimisation.ts";
import type { ArmsReport } from "../core/arms.ts";
import type {
  ArmsQuestion,
  LearnFrom,
  Optimiser,
  WhatifChange,
  WhatifQuestion,
} from "../core/ports.ts";
import type { WhatifReport } from "../core/whatif.ts";
import type { Instance } from "../core/system.ts";
import type { WorkflowCode } from "../core/workflow.ts";
import { effectOf } from "./effect.ts";
import { optimise } from "./optimise.ts";
import { compareArms } from "./arms.ts";
import { readsOf } from "./reads.ts";
import { readSample, readTraces, type Sample, type SampleDeps } from "./sample.ts";
import { cannotDrop, whatif } from "./whatif.ts";

/** What an optimiser works with. */
export interface OptimiserDeps extends SampleDeps {
  /** The code of a workflow, where it is loaded here. */
  codeOf(hash: string): WorkflowCode | undefined;
  /** The instances of all systems: they declare what their capabilities do. */
  instances(): readonly Instance[];
}

/** How long who comes while another one is served should wait. */
const BUSY_RETRY_MS = 5_000;

/** Opens the optimiser: it serves one question at a time, because each takes seconds of CPU. */
export function openOptimiser(deps: OptimiserDeps): Optimiser {
  let isBusy = false;
  const alone = async <T>(act: () => Promise<T>): Promise<T> => {
    if (isBusy) {
      throw new TaskerError(
        "api.busy",
        "Cannot play tasks: this server plays some for another question",
        { retryAfterMs: BUSY_RETRY_MS },
      );
    }
    isBusy = true;
    try {
      return await act();
    } finally {
      isBusy = false;
    }
  };
  return {
    whatif: (question) => alone(() => answerWhatif(deps, question)),
    arms: (of) => answerArms(deps, of),
    optimise: (from) => alone(() => answerOptimise(deps, from)),
  };
}

async function answerOptimise(deps: OptimiserDeps, from: LearnFrom): Promise<Optimisation> {
  const sample = await readSample(deps, from);
  if (sample === undefined) return { ...noTasks(from), ...NOTHING_FOUND };
  const { plan } = sample;
  const instances = deps.instances();
  return await optimise({
    sample,
    playback: deps.playback,
    code: deps.codeOf(plan.hash),
    effectOf: ({ definition }) => effectOf(definition, instances),
    ...(from.signal !== undefined && { signal: from.signal }),
  });
}

/** Tasks that are read of an experiment; of more, a sample. */
const ARMS_TASKS_MAX = 4_000;

async function answerArms(deps: OptimiserDeps, of: ArmsQuestion): Promise<ArmsReport> {
  const { namespace, name, metric, untilMs } = of;
  const overlays = await deps.policies.versions(namespace, name);
  const newest = overlays.toSorted((a, b) => b.version - a.version)[0];
  const workflow = `${namespace}/${name}`;
  if (newest?.canary === undefined) {
    throw new TaskerError(
      "policy.no_canary",
      `Cannot compare policies of "${workflow}": its newest overlay is for all tasks`,
    );
  }
  const range = { workflow, sinceMs: newest.atMs, untilMs, limit: ARMS_TASKS_MAX };
  const traces = await readTraces(deps, range);
  return { workflow, ...compareArms(traces, { ...newest, canary: newest.canary }, metric) };
}

const NOTHING_FOUND = {
  bottlenecks: [],
  parallel_opportunities: [],
  retry_patterns: [],
  suggested_optimizations: [],
  declined: [],
  critical_path_optimization: [],
  retry_tuning: [],
  timeout_adjustment: [],
  dependency_optimization: [],
} satisfies Partial<Optimisation>;

async function answerWhatif(
  deps: OptimiserDeps,
  { change, ...from }: WhatifQuestion,
): Promise<WhatifReport> {
  const sample = await readSample(deps, from);
  if (sample === undefined) return noTasks(from);
  const { plan, steps, tasks } = sample;
  for (const edge of change.dropEdges) demandUnread(deps, sample, edge);
  const { signal } = from;
  const request = { plan, steps, tasks, change, ...(signal !== undefined && { signal }) };
  return { ...aboutSample(sample), ...await whatif(deps.playback, request) };
}

/** Refuses to drop an edge over which code reads; `whatif` looks at mappings itself. */
function demandUnread(
  { codeOf }: Pick<OptimiserDeps, "codeOf">,
  { plan, tasks }: Sample,
  edge: WhatifChange["dropEdges"][number],
): void {
  const step = plan.steps[plan.indexOf.get(edge.to) ?? -1];
  if (step === undefined || step.mapping !== undefined) return;
  const reads = readsOf(step, codeOf(plan.hash), tasks);
  if (reads.kind === "unknown") return;
  const read = reads.parents.get(plan.indexOf.get(edge.from) ?? -1);
  if (read === undefined) return;
  const why = `"${edge.to}" reads ${read.paths.at(-1)} in ${read.tasks} of ${reads.tasks} tasks`;
  throw cannotDrop(edge, why);
}

/** What a report says of the tasks that were learned from. */
function aboutSample({ plan, policyVersion, tasks, leftOut, isSample }: Sample) {
  const { workflow, definition: { version } } = plan;
  return { workflow, version, policyVersion, tasks: tasks.length, leftOut, isSample };
}

function noTasks({ workflow, version = "", sinceMs }: LearnFrom) {
  const refusal = `no task of it was started since ${new Date(sinceMs).toISOString()}`;
  return { workflow, version, policyVersion: 0, tasks: 0, leftOut: 0, isSample: false, refusal };
}
