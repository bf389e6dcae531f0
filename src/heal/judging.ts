/** Judging: what a change did, from the statistics of the step and of its tasks since. */

import type { Change, HealingAction, OverlayChange, Proposal } from "../core/healing.ts";
import { actionOf } from "../core/healing_action.ts";
import { chosenOf, type Degradation } from "../core/incident.ts";
import { Counts, type StatisticsCell } from "../core/statistics.ts";
import { INTERVAL_MS } from "../core/statistics_tiers.ts";
import { STEP_MAX } from "./candidate.ts";
import { seenIn } from "./case.ts";
import { isCrowdLimit } from "./crowd.ts";
import { isSaturated } from "./detection.ts";
import type { HealerDeps } from "./healer_deps.ts";
import type { AppliedIncident, IncidentSteps } from "./incident.ts";
import { type Conflict, type Standing, standingOf, tryOther, widen } from "./overlay_change.ts";
import { isStartRate, isTrickle } from "./following.ts";
import { readCells, readFacts, readWindow, type Span, unattended, usualSpan } from "./reading.ts";
import { rescuesOf } from "./rescues.ts";
import { ADDS_LOAD } from "./rules.ts";
import { isFree, SEEN_WINDOWS } from "./saturated.ts";
import { isSilent, offText, settingsIn } from "./settings.ts";
import { shorterThan } from "./timeout_candidates.ts";
import { compare, compareFigures, type Group, type Groups, sumOf, worseThan } from "./verdict.ts";
import { figuresOf, windowOf } from "./window.ts";

/** The shares of the tasks that try a change, one after the other, in percent. */
const SHARES = [5, 25, 50] as const;

/**
 * The share that tries it first: of the attempts that go well, a change must not endanger more than
 * one in twenty, so the more of them fail, and the fewer of the others it can touch, the more of the tasks
 * may try it.
 */
export function firstShare(failedShare: number, touchedShare = 1): number {
  const most = SHARES[0] / Math.max(0.01, (1 - failedShare) * touchedShare);
  return SHARES.findLast((share) => share <= most) ?? SHARES[0];
}

/** Windows for which one share tries it, and the attempts that should have ended by then. */
const STAGE_WINDOWS = { min: 0.5, max: 3 };
const STAGE_ATTEMPTS = 2;

/**
 * After so many windows without an answer, a change that is tried is taken back, if in most of them there
 * were looks, four in a window, or attempts. While no server runs, or the database is away, there is
 * neither, and nothing that could have answered. The clock may have been set back, so there are no more
 * than `max` looks.
 */
const DEADLINE_WINDOWS = 15;
const DEADLINE_LOOKS = { min: 52, max: 80 };

/** Attempts that say what the trouble does, and the windows that they are looked for in. */
const FAULT_ATTEMPTS = 40;
const FAULT_WINDOWS = 3;

/** Windows since the change that it is judged by while it holds. */
const LOOK_WINDOWS = 2;

type Reads = Pick<HealerDeps, "statistics" | "tasks" | "plans"> & {
  readonly runtime: Pick<HealerDeps["runtime"], "now">;
};

/** Whether more comes in than is done now: it may have begun after a change was proposed or tried. */
export async function isSaturatedNow(deps: Reads, of: Degradation): Promise<boolean> {
  return await isSaturatedAt(deps, of, deps.runtime.now());
}

/** Whether more came in than was done in the window that ended then. */
export async function isSaturatedAt(
  deps: Pick<Reads, "statistics" | "tasks" | "plans">,
  of: Degradation,
  nowMs: number,
): Promise<boolean> {
  const { workflow, step, windowMs } = of;
  const before = usualSpan(of);
  const usual = await readWindow(deps, of, before);
  const since = await readWindow(deps, of, { fromMs: nowMs - windowMs, untilMs: nowMs });
  if (usual.counts.starts === 0 || !isSaturated(since, usual)) return false;
  const read = async (span: Span) => {
    const facts = await readFacts(deps, { workflow, step, ...span, olderMs: 10 * windowMs });
    return facts.filter((fact) => fact.step === step);
  };
  const recent = await read({ fromMs: nowMs - FAULT_WINDOWS * windowMs, untilMs: nowMs });
  const cells = await readCells(deps, of, {
    fromMs: nowMs - SEEN_WINDOWS * windowMs,
    untilMs: nowMs,
  });
  const figures = {
    sinceMs: since.fromMs,
    windowMs,
    now: figuresOf(since),
    before: figuresOf(usual),
  };
  return !isFree(seenIn({ recent, before: await read(before), cells }, figures));
}

/** Compares a change with what went on without it; undefined: it is too early to say. */
export async function judge(
  deps: HealerDeps,
  of: AppliedIncident & { readonly look: number },
): ReturnType<IncidentSteps["judge"]> {
  const { proposed, applied } = of;
  if (!applied.isApplied) return { verdict: "none" as const, says: applied.says };
  const proposal = chosenOf({ propose: proposed });
  const { change } = proposal ?? {};
  if (proposal === undefined || change === undefined) {
    return { verdict: "better" as const, says: applied.says };
  }
  const action = actionOf(proposal.action);
  if (isTrickle(action) || isStartRate(action) || isCrowdLimit(action)) {
    return { verdict: "unclear" as const, says: "it is looked at while it holds" };
  }
  if (applied.percent === undefined) return await judgeForAll(deps, of);
  return await judgeTrial(deps, { ...of, change, action, load: proposal.load });
}

interface Trial extends AppliedIncident {
  readonly change: OverlayChange;
  readonly action: HealingAction | undefined;
  readonly load: Proposal["load"];
  readonly look: number;
}

/** Those that try a change, beside those that go on as before; more and more of them try it. */
async function judgeTrial(deps: HealerDeps, of: Trial): ReturnType<IncidentSteps["judge"]> {
  const { taskId, incident: { degradation }, applied, change } = of;
  const standing = await standingOf(deps.policies, { incident: taskId, change });
  if (standing.kind === "conflict" || standing.percent === undefined) {
    return { verdict: "none" as const, says: standing.says };
  }
  const nowMs = deps.runtime.now();
  const timeoutMs = timeoutIn(standing.values);
  const blocks = await blocksOf(deps, of, { tried: standing.tried, settleMs: timeoutMs ?? 0 });
  const shorterMs = shorterIn(deps, of, timeoutMs);
  const rescues = await rescuesOf(deps, of, { ...standing, timeoutMs, shorterMs });
  const compared = compare(blocks, degradation.now.failedShare, rescues);
  const [changed, unchanged] = [sumOf(blocks, "changed").step, sumOf(blocks, "unchanged").step];
  const deadlineMs = DEADLINE_WINDOWS * degradation.windowMs;
  // Other values have as long.
  const sinceMs = standing.tried[0]?.atMs ?? applied.atMs;
  const turns = 1 + standing.others;
  const isWatched = of.look >= turns * DEADLINE_LOOKS.min ||
    blocks.length * INTERVAL_MS >= deadlineMs;
  const isLate = (nowMs >= sinceMs + deadlineMs && isWatched) ||
    of.look > turns * DEADLINE_LOOKS.max;
  const span = { fromMs: applied.atMs, untilMs: nowMs };
  const verdict = (verdict: "better" | "worse" | "unclear", says: string) => ({
    verdict,
    says: standing.others > 0
      ? `${says}; the time-out that is tried is ${timeoutMs} ms by now`
      : says,
    with: figuresOf({ ...span, counts: changed }),
    without: figuresOf({ ...span, counts: unchanged }),
  });
  const settings = settingsIn(await deps.policies.newest());
  if (settings.mode !== "on") return verdict("unclear", offText(settings));
  if (compared.verdict === "worse" || isLate) return verdict(compared.verdict, compared.says);
  if (isSilent(settings, { ...degradation, nowMs })) return undefined;
  if (compared.verdict === "better") return verdict("better", compared.says);
  if (rescues?.maySooner && await triesShorter(deps, of, { shorterMs, says: rescues.says })) {
    return undefined;
  }
  if (rescues?.inVain !== undefined) {
    const { inVain, says } = rescues;
    const why = inVain === "longer" ? await tryLonger(deps, of, { timeoutMs, says }) : says;
    return why === undefined ? undefined : verdict("unclear", why);
  }
  const share = SHARES.find((one) => one > (standing.percent ?? 100));
  if (share === undefined) return undefined;
  const { windowMs } = degradation;
  const { atMs: stageMs } = standing;
  const lostMs = await unattended(deps, { sinceMs: stageMs, nowMs, windowMs });
  const triedMs = nowMs - stageMs - lostMs(stageMs);
  if (!isStageOver(of, { standing, triedMs, changed })) return undefined;
  if (of.load === "adds" && await isSaturatedNow(deps, degradation)) {
    return verdict("unclear", ADDS_LOAD);
  }
  const why = changed.ended === 0
    ? "none of their attempts has ended yet, so that fewer tasks would show nothing"
    : `nothing speaks against it so far, by ${changed.ended} attempts`;
  await widen(deps.policies, { incident: taskId, change, why, nowMs }, share);
  deps.log.info("More tasks try a change", { incident: taskId, percent: share });
  return undefined;
}

function timeoutIn(values: readonly Change[]): number | undefined {
  const value = values.find(({ path }) => path.at(-1) === "timeoutMs")?.value;
  return typeof value === "number" ? value : undefined;
}

/** A shorter time-out than the one that is tried, within the bounds; undefined: there is none to try. */
function shorterIn(
  { plans }: Pick<HealerDeps, "plans">,
  { incident: { degradation: { workflow, before } }, load }: Trial,
  timeoutMs: number | undefined,
): number | undefined {
  const least = plans.find(workflow)?.definition.heal?.timeoutMs?.[0];
  if (load !== "reduces" || least === undefined || before.p95Ms === undefined) return undefined;
  return timeoutMs && shorterThan(timeoutMs, { usualMs: before.p95Ms, leastMs: least });
}

/** Lets those that try a shorter time-out try one that is shorter still; false: more comes in than is done. */
async function triesShorter(
  deps: HealerDeps,
  of: Trial,
  { shorterMs, says }: { readonly shorterMs: number | undefined; readonly says: string },
): Promise<boolean> {
  if (await isSaturatedNow(deps, of.incident.degradation)) return false;
  await tryTimeout(deps, of, { kind: "lowers", timeoutMs: shorterMs, says });
  return true;
}

/** Smaller steps are not worth another trial. */
const LONGER_MIN = 1.25;

/**
 * Lets those that try a longer time-out have twice as long again, within the bounds. Returns why it does not: then
 * all that is known is that they take longer.
 */
async function tryLonger(
  deps: HealerDeps,
  of: Trial,
  { timeoutMs = 0, says }: { readonly timeoutMs: number | undefined; readonly says: string },
): Promise<string | undefined> {
  const { incident: { degradation } } = of;
  const plan = deps.plans.find(degradation.workflow);
  const most = plan?.definition.heal?.timeoutMs?.[1] ?? 0;
  const wanted = Math.min(STEP_MAX * timeoutMs, most);
  if (wanted < LONGER_MIN * timeoutMs) return says;
  if (await isSaturatedNow(deps, degradation)) return ADDS_LOAD;
  await tryTimeout(deps, of, { kind: "raises", timeoutMs: wanted, says });
  return undefined;
}

/** Lets those that try a time-out try another one. */
async function tryTimeout(
  deps: HealerDeps,
  { taskId, change }: Trial,
  { kind, timeoutMs, says }: {
    readonly kind: "raises" | "lowers";
    readonly timeoutMs: number | undefined;
    readonly says: string;
  },
): Promise<void> {
  const changes = change.changes.map(({ path }) => ({ path, value: timeoutMs }));
  const deed = { incident: taskId, change, kind, why: says, nowMs: deps.runtime.now() };
  await tryOther(deps.policies, deed, changes);
  deps.log.info("Those that try a change try another time-out", { incident: taskId, timeoutMs });
}

/** Whether as many tasks have tried a change as should before more do, or none will in time. */
function isStageOver(
  { incident: { degradation: { windowMs } } }: Trial,
  { standing, triedMs, changed }: {
    readonly standing: Pick<Exclude<Standing, Conflict>, "tried">;
    /** How long servers have looked at it. */
    readonly triedMs: number;
    readonly changed: Counts;
  },
): boolean {
  const windows = triedMs / windowMs;
  if (windows >= STAGE_WINDOWS.max) return true;
  return windows >= STAGE_WINDOWS.min && changed.ended >= STAGE_ATTEMPTS * standing.tried.length;
}

/** What was counted since a change is tried: each interval of the statistics is a block. */
async function blocksOf(
  { statistics, runtime }: Pick<HealerDeps, "statistics" | "runtime">,
  { incident: { degradation: { workflow, step } }, applied }: Trial,
  { tried, settleMs }: {
    readonly tried: readonly { readonly version: number; readonly atMs: number }[];
    /** After more tasks try it: before, too few of their attempts have ended as they will. */
    readonly settleMs: number;
  },
): Promise<readonly Groups[]> {
  const nowMs = runtime.now();
  const cells = await statistics.read({ workflow, sinceMs: applied.atMs, untilMs: nowMs });
  const versions = new Set(tried.map(({ version }) => version));
  const isSettled = ({ fromMs, untilMs }: StatisticsCell) =>
    fromMs >= applied.atMs && untilMs <= nowMs &&
    tried.every(({ atMs }) => untilMs <= atMs || fromMs >= atMs + settleMs);
  const intervals = Map.groupBy(cells.filter(isSettled), ({ fromMs }) => fromMs);
  return [...intervals].toSorted(([one], [other]) => one - other).map(([, cells]) => {
    const group = (isIn: (version: number) => boolean): Group => {
      const own = cells.filter(({ policyVersion }) => isIn(policyVersion));
      return {
        step: totalOf(own.filter((cell) => cell.step === step)),
        tasks: totalOf(own.filter((cell) => cell.step === undefined)),
      };
    };
    return {
      changed: group((version) => versions.has(version)),
      unchanged: group((version) => version === (applied.base ?? 0)),
    };
  });
}

function totalOf(cells: readonly StatisticsCell[]): Counts {
  const counts = new Counts();
  for (const cell of cells) counts.merge(cell.counts);
  return counts;
}

/** A change that all tasks are under: it ends by itself and is looked at until then, so no answer is one. */
async function judgeForAll(deps: HealerDeps, of: AppliedIncident) {
  const { after, fault } = await sinceAndFault(deps, of, of.applied.atMs);
  const compared = compareFigures(after, fault);
  return {
    verdict: compared?.verdict ?? "unclear" as const,
    says: compared?.says ?? "too few attempts ended to say",
    with: after,
    without: fault,
  };
}

/** How a change that holds since a moment makes things worse; undefined: nothing says so. */
export async function worseSince(
  deps: HealerDeps,
  of: AppliedIncident,
  sinceMs: number,
): Promise<string | undefined> {
  const { cells, after, fault } = await sinceAndFault(deps, of, sinceMs);
  const intervals = Map.groupBy(cells, ({ fromMs }) => fromMs);
  const since = [...intervals].toSorted(([one], [other]) => one - other)
    .map(([, cells]) => totalOf(cells));
  return worseThan(fault, { since, after });
}

/** What attempts came to since a moment, in the newest windows, and the last ones before the change. */
async function sinceAndFault(
  deps: Pick<HealerDeps, "statistics" | "runtime">,
  { incident: { degradation }, applied: { atMs } }: AppliedIncident,
  sinceMs: number,
) {
  const { windowMs } = degradation;
  const nowMs = deps.runtime.now();
  const cells = await readCells(deps, degradation, { fromMs: sinceMs, untilMs: nowMs });
  const fromMs = Math.max(sinceMs, nowMs - LOOK_WINDOWS * windowMs);
  const before = { fromMs: atMs - FAULT_WINDOWS * windowMs, untilMs: atMs };
  return {
    cells,
    after: figuresOf(windowOf(cells, { fromMs, untilMs: nowMs })),
    fault: figuresOf(lastBefore(await readCells(deps, degradation, before), atMs)),
  };
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
