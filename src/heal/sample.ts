/** Samples: the tasks of a workflow that are learned from, of one version and under one overlay. */

import type { Plan } from "../core/plan.ts";
import type {
  LearnFrom,
  Plans,
  Playback,
  Policies,
  PolicyOverlay,
  TaskRange,
  TaskReader,
} from "../core/ports.ts";
import { eachInTurn, type StoredTask, type TaskTrace, traceOf } from "./trace.ts";

/** What reading a sample needs. */
export interface SampleDeps {
  readonly reader: TaskReader;
  readonly plans: Pick<Plans, "byHash">;
  readonly policies: Pick<Policies, "versions">;
  readonly playback: Playback;
}

/** Tasks in which nothing moves any more. */
export interface Sample {
  readonly plan: Plan;
  readonly policyVersion: number;
  /** The overlay that they ran under. */
  readonly steps: PolicyOverlay["steps"];
  readonly tasks: readonly StoredTask[];
  readonly traces: readonly TaskTrace[];
  /** Tasks of other versions or overlays, or that still move. */
  readonly leftOut: number;
  /** There may be more tasks than were read. */
  readonly isSample: boolean;
}

/**
 * Reads the tasks of the version that was started last, unless one is named; of those, the tasks under
 * the overlay that most of them ran under. Undefined: there are none.
 *
 * Cost: as `TaskReader.tasks`, and O(events).
 *
 * @throws {TaskerError} journal.unavailable
 */
export async function readSample(deps: SampleDeps, from: LearnFrom): Promise<Sample | undefined> {
  const { signal, ...range } = from;
  const found: { readonly hash: string; readonly task: StoredTask }[] = [];
  for await (const { summary, turns } of deps.reader.tasks(range)) {
    const plan = await deps.plans.byHash(summary.definitionHash);
    if (plan !== undefined) {
      found.push({ hash: plan.hash, task: { taskId: summary.taskId, plan, turns } });
    }
    if (signal?.aborted === true) break;
  }
  const newest = found.reduce<typeof found[0] | undefined>(
    (last, one) => last === undefined || one.task.taskId > last.task.taskId ? one : last,
    undefined,
  );
  if (newest === undefined) return undefined;
  const { plan } = newest.task;
  const ofPlan = found.filter(({ hash }) => hash === plan.hash);
  const traced = await eachInTurn(ofPlan, {
    rest: deps.playback.rest,
    work: ({ task }) => {
      const trace = traceOf(task);
      return trace === undefined || isMixed(trace) ? [] : [{ task, trace }];
    },
  });
  const settled = traced.flat();
  const chosen = largest(Map.groupBy(settled, ({ trace }) => trace.policyVersion));
  const policyVersion = chosen?.[0] ?? 0;
  const kept = chosen?.[1] ?? [];
  return {
    plan,
    policyVersion,
    steps: await overlayOf(deps, plan, policyVersion),
    tasks: kept.map(({ task }) => task),
    traces: kept.map(({ trace }) => trace),
    leftOut: found.length - kept.length,
    isSample: found.length >= from.limit,
  };
}

/** Reads the traces of tasks that ran under one overlay each, of any version. */
export async function readTraces(
  { reader, plans }: Pick<SampleDeps, "reader" | "plans">,
  range: TaskRange,
): Promise<readonly TaskTrace[]> {
  const traces: TaskTrace[] = [];
  for await (const { summary: { taskId, definitionHash }, turns } of reader.tasks(range)) {
    const plan = await plans.byHash(definitionHash);
    const trace = plan && traceOf({ taskId, plan, turns });
    if (trace !== undefined && !isMixed(trace)) traces.push(trace);
  }
  return traces;
}

/** Whether its attempts began under different overlays. */
function isMixed({ policyVersion, steps }: TaskTrace): boolean {
  return [...steps.values()].some(({ attempts }) =>
    attempts.some((attempt) => attempt.policyVersion !== policyVersion)
  );
}

function largest<K, V>(groups: ReadonlyMap<K, readonly V[]>): [K, readonly V[]] | undefined {
  return [...groups].sort(([, a], [, b]) => b.length - a.length)[0];
}

async function overlayOf(
  { policies }: Pick<SampleDeps, "policies">,
  { definition: { namespace, name } }: Plan,
  version: number,
): Promise<PolicyOverlay["steps"]> {
  if (version === 0) return {};
  const overlays = await policies.versions(namespace, name);
  return overlays.find((overlay) => overlay.version === version)?.steps ?? {};
}
