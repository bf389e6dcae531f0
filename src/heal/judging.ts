/** Judging: what a change did, from the statistics of the step and of its tasks since. */

import { actionOf } from "../core/healing_action.ts";
import type { Degradation } from "../core/incident.ts";
import { isSaturated } from "./detection.ts";
import type { AppliedIncident, IncidentSteps } from "./incident.ts";
import { Counts, type StatisticsCell } from "../core/statistics.ts";
import type { HealerDeps } from "./healer_deps.ts";
import { overtakenBy } from "./overlay_change.ts";
import { isTrickle } from "./probes.ts";
import { isStartRate } from "./start_rate.ts";
import { readFacts } from "./reading.ts";
import { isFree } from "./saturated.ts";
import { compare, compareFigures, type Comparison, type Group } from "./verdict.ts";
import { figuresOf, windowOf } from "./window.ts";

/** After so many windows without an answer, a change that is tried is taken back. */
const DEADLINE_WINDOWS = 15;

/** Attempts that say what the trouble does, and the windows that they are looked for in. */
const FAULT_ATTEMPTS = 40;
const FAULT_WINDOWS = 3;

/** Windows since the change that it is judged by while it holds. */
const LOOK_WINDOWS = 2;

/** Windows before the trouble that say what is usual. */
const USUAL_WINDOWS = 20;

type Reads = Pick<HealerDeps, "statistics" | "tasks" | "plans"> & {
  readonly runtime: Pick<HealerDeps["runtime"], "now">;
};

/** What the attempts of a step came to since a moment, and what was usual before the trouble. */
export async function sinceAndUsual(
  { statistics, runtime }: Reads,
  { workflow, step, windowMs, sinceMs }: Degradation,
  fromMs: number,
) {
  const usualMs = sinceMs - windowMs;
  const read = async (span: { readonly fromMs: number; readonly untilMs: number }) => {
    const range = { workflow, step, sinceMs: span.fromMs, untilMs: span.untilMs };
    const cells = await statistics.read(range);
    return windowOf(cells.filter((cell) => cell.step === step), span);
  };
  return {
    since: await read({ fromMs, untilMs: runtime.now() }),
    usual: await read({ fromMs: usualMs - USUAL_WINDOWS * windowMs, untilMs: usualMs }),
  };
}

/** Whether more comes in than is done now: it may have begun after a change was proposed or tried. */
export async function isSaturatedNow(deps: Reads, of: Degradation): Promise<boolean> {
  const { workflow, step, windowMs, sinceMs } = of;
  const nowMs = deps.runtime.now();
  const { since, usual } = await sinceAndUsual(deps, of, nowMs - windowMs);
  if (usual.counts.starts === 0 || !isSaturated(since, usual)) return false;
  const read = async (fromMs: number, untilMs: number) => {
    const facts = await readFacts(deps, { workflow, fromMs, untilMs, olderMs: 10 * windowMs });
    return facts.filter((fact) => fact.step === step);
  };
  const recent = await read(nowMs - FAULT_WINDOWS * windowMs, nowMs);
  return !isFree({ recent, before: await read(usual.fromMs, sinceMs - windowMs) });
}

/** Compares a change with what went on without it; undefined: it is too early to say. */
export async function judge(
  deps: HealerDeps,
  of: AppliedIncident,
): ReturnType<IncidentSteps["judge"]> {
  const { proposed, applied } = of;
  if (!applied.isApplied) return { verdict: "none" as const, says: applied.says };
  const { change, action } = proposed?.proposals.find(({ id }) => id === proposed.chosen) ?? {};
  if (change === undefined) return { verdict: "better" as const, says: applied.says };
  const done = action && actionOf(action);
  if (isTrickle(done) || isStartRate(done)) {
    return { verdict: "unclear" as const, says: "it is looked at while it holds" };
  }
  const { version, percent } = applied;
  if (percent === undefined || version === undefined) return await judgeForAll(deps, of);
  const other = await overtakenBy(deps.policies, change, version);
  if (other === undefined) return await judgeCanary(deps, of, version);
  return { verdict: "none" as const, says: `${other.by} has put version ${other.version}` };
}

/** Those that try a change, beside those that go on as before. */
async function judgeCanary(deps: HealerDeps, { incident, applied }: AppliedIncident, of: number) {
  const { workflow, step, windowMs } = incident.degradation;
  const { base, atMs } = applied;
  const nowMs = deps.runtime.now();
  const cells = await deps.statistics.read({ workflow, sinceMs: atMs, untilMs: nowMs });
  const group = (of: number): Group => ({
    step: countsOf(cells, { step, of }),
    tasks: countsOf(cells, { step: undefined, of }),
  });
  const [changed, unchanged] = [group(of), group(base ?? 0)];
  const compared = compare(changed, unchanged);
  const isOpen = compared === undefined || compared.verdict === "unclear";
  if (isOpen && nowMs < atMs + DEADLINE_WINDOWS * windowMs) return undefined;
  const span = { fromMs: atMs, untilMs: nowMs };
  return {
    verdict: compared?.verdict ?? "unclear" as const,
    says: compared?.says ?? "too few attempts ended to compare",
    with: figuresOf({ ...span, counts: changed.step }),
    without: figuresOf({ ...span, counts: unchanged.step }),
  };
}

/** A change that all tasks are under: it ends by itself and is looked at until then, so no answer is one. */
async function judgeForAll(deps: HealerDeps, of: AppliedIncident) {
  const { after, fault, compared } = await compareWithFault(deps, of, of.applied.atMs);
  return {
    verdict: compared?.verdict ?? "unclear" as const,
    says: compared?.says ?? "too few attempts ended to say",
    with: after,
    without: fault,
  };
}

/** Compares the newest windows since a moment with the last attempts before the change. */
export async function compareWithFault(
  deps: HealerDeps,
  { incident, applied: { atMs } }: AppliedIncident,
  sinceMs: number,
) {
  const { workflow, step, windowMs } = incident.degradation;
  const nowMs = deps.runtime.now();
  const read = { workflow, sinceMs: atMs - FAULT_WINDOWS * windowMs, untilMs: nowMs };
  const cells = (await deps.statistics.read(read)).filter((cell) => cell.step === step);
  const fromMs = Math.max(sinceMs, nowMs - LOOK_WINDOWS * windowMs);
  const after = figuresOf(windowOf(cells, { fromMs, untilMs: nowMs }));
  const fault = figuresOf(lastBefore(cells, atMs));
  const compared: Comparison | undefined = compareFigures(after, fault);
  return { after, fault, compared };
}

/**
 * The last attempts before a moment, as few cells as have enough of them: a whole window may begin
 * before the trouble did, and would make it look smaller than it is.
 */
export function lastBefore(cells: readonly StatisticsCell[], atMs: number) {
  const counts = new Counts();
  let fromMs = atMs;
  for (const cell of cells.toSorted((one, other) => other.fromMs - one.fromMs)) {
    if (cell.fromMs >= atMs) continue;
    if (counts.ended >= FAULT_ATTEMPTS && cell.fromMs < fromMs) break;
    counts.merge(cell.counts);
    fromMs = cell.fromMs;
  }
  return { fromMs, untilMs: atMs, counts };
}

/** What was counted under one version of the overlay; of whole tasks without a step. */
function countsOf(
  cells: readonly StatisticsCell[],
  { step, of }: { readonly step: string | undefined; readonly of: number },
): Counts {
  const counts = new Counts();
  for (const cell of cells) {
    if (cell.step === step && cell.policyVersion === of) counts.merge(cell.counts);
  }
  return counts;
}
