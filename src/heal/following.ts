/**
 * Following: changes that let only some through are judged by those: the few attempts of a trickle show
 * whether a system works again, and a workflow that is held back for another follows how that fares.
 */

import type { HealingAction, OverlayChange } from "../core/healing.ts";
import type { Degradation } from "../core/incident.ts";
import type { StatisticsCell } from "../core/statistics.ts";
import type { HealerDeps } from "./healer_deps.ts";
import { readCells, readWindow, usualSpan } from "./reading.ts";
import { failedShare, type Window } from "./window.ts";

/**
 * Windows of probes that are looked at, and how many there must be to say that a system works: where four
 * in five fail, one time in 10,000 do six in a row complete by chance.
 */
const PROBED_WINDOWS = 1.5;
const PROBES_MIN = 6;

/** So many probes take this long at one in 20 s, however short a window is. */
const PROBED_MS_MIN = 130_000;

/** A rate below this lets through what shows how a system fares, and does no work. */
const TRICKLE_PER_S_MAX = 0.1;

/** Whether an action stops all but a few attempts, so that it is to stay while those fail. */
export function isTrickle(action: HealingAction | undefined): boolean {
  return action?.kind === "limit_system" && (action.ratePerS ?? Infinity) <= TRICKLE_PER_S_MAX;
}

/**
 * Whether probes still fail, or are too few to say that they do not. Once nobody sends anything, no
 * probe will come: then it is over as well.
 */
export async function probesFail(
  deps: Pick<HealerDeps, "statistics" | "runtime">,
  degradation: Degradation,
): Promise<boolean> {
  const { windowMs, before } = degradation;
  const nowMs = deps.runtime.now();
  const spanMs = Math.max(PROBED_WINDOWS * windowMs, PROBED_MS_MIN);
  const span = { fromMs: nowMs - spanMs, untilMs: nowMs };
  const { counts: { ended, failed, starts } } = await readWindow(deps, degradation, span);
  if (starts === 0) return false;
  const isOver = ended >= PROBES_MIN && failed <= 2 * before.failedShare * ended;
  return !isOver && !(await isVersionGone(deps, degradation, span));
}

/**
 * Whether the trouble came with a version of the workflow, and that begins no more: its tasks keep it, so that
 * they fail whenever they are tried, and those of another version need not wait for that.
 */
async function isVersionGone(
  deps: Pick<HealerDeps, "statistics">,
  degradation: Degradation,
  probed: { readonly fromMs: number; readonly untilMs: number },
): Promise<boolean> {
  const { workflow, windowMs } = degradation;
  const lately = { fromMs: probed.untilMs - windowMs, untilMs: probed.untilMs };
  const tried = startsBy(await readCells(deps, degradation, probed));
  const begun = startsBy(await readCells(deps, { workflow }, lately));
  const usual = startsBy(await readCells(deps, degradation, usualSpan(degradation)));
  // It may have begun shortly before it was seen that something is wrong.
  const [most] = [...usual].toSorted(([, one], [, other]) => other - one)[0] ?? [];
  return begun.size > 0 && [...tried.keys()].every((one) => one !== most && !begun.has(one));
}

/** What started, by version. */
function startsBy(cells: readonly StatisticsCell[]): ReadonlyMap<string, number> {
  const starts = new Map<string, number>();
  for (const { version, counts } of cells) {
    if (counts.starts > 0) starts.set(version, (starts.get(version) ?? 0) + counts.starts);
  }
  return starts;
}

/** What is held back so that others are served gives way at once, and comes back slowly. */
const MORE = 1.1;
const LESS = 0.5;

/** A part of the rate that is used says that some are held back. */
const USED_PART = 0.7;

/** Attempts that wait longer than this part of a window wait too long. */
const WAITS_PART = 1 / 8;

/** Failures beyond what is usual. */
const SHARE_MIN = 0.02;

/** Where attempts take more than so many times as long as usual, no more are let in. */
const LONGER_MAX = 2;

/** What is seen of the rate at which a workflow may begin so that another is served. */
export interface RateSeen {
  readonly ratePerS: number;
  /** What it was at first. */
  readonly firstPerS: number;
  /** Tasks that began in the last two windows, the newest first. */
  readonly begun: readonly [last: number, earlier: number];
  /** The other's step in the last window. */
  readonly last: Window;
  readonly usualShare: number;
  /** What half of its attempts take at most as a rule; undefined: not known. */
  readonly usualMs: number | undefined;
}

/**
 * The next rate; undefined: nothing has to be held back any more. It is raised while the other's step does
 * as usual, left where that takes far longer, and lowered, at most to what it was at first, while attempts of
 * that wait or fail.
 */
export function nextRate(of: RateSeen): number | undefined {
  const { ratePerS, firstPerS, begun, last, usualShare, usualMs = Infinity } = of;
  const spanMs = last.untilMs - last.fromMs;
  const isWaiting = (last.counts.waited.quantile(0.95) ?? 0) > WAITS_PART * spanMs;
  if (isWaiting || failedShare(last) > usualShare + SHARE_MIN) {
    return Math.max(firstPerS, LESS * ratePerS);
  }
  // Attempts may wait at the system itself: more would only wait longer, until they are cut off.
  if ((last.counts.ran.quantile(0.5) ?? 0) > LONGER_MAX * usualMs) return ratePerS;
  const isUsed = Math.max(...begun) >= USED_PART * ratePerS * spanMs / 1_000;
  return isUsed ? MORE * ratePerS : undefined;
}

/** Whether an action holds back starts at a rate that is followed. */
export function isStartRate(
  action: HealingAction | undefined,
): action is Extract<HealingAction, { kind: "pause_starts" }> & { readonly ratePerS: number } {
  return action?.kind === "pause_starts" && action.ratePerS !== undefined;
}

/**
 * Reads what became of a rate; undefined: nothing has to be held back any more. `changes` are those that
 * put the next rate until `untilMs`; none: the one that is there holds long enough.
 */
export async function followRate(
  deps: Pick<HealerDeps, "statistics" | "policies" | "runtime">,
  { action, degradation, change, untilMs }: {
    readonly action: { readonly workflow: string; readonly ratePerS: number };
    readonly degradation: Degradation;
    readonly change: OverlayChange;
    readonly untilMs: number;
  },
): Promise<OverlayChange["changes"] | undefined> {
  const { windowMs, before } = degradation;
  const nowMs = deps.runtime.now();
  const last = { fromMs: nowMs - windowMs, untilMs: nowMs };
  const earlier = { fromMs: last.fromMs - windowMs, untilMs: last.fromMs };
  const begun = async (span: typeof last) =>
    (await readWindow(deps, { workflow: action.workflow }, span)).counts.starts;
  const newest = (await deps.policies.newest()).get(`${change.namespace}/${change.name}`);
  const ratePerS = newest?.starts?.ratePerS ?? action.ratePerS;
  const next = nextRate({
    ratePerS,
    firstPerS: action.ratePerS,
    begun: [await begun(last), await begun(earlier)],
    last: await readWindow(deps, degradation, last),
    usualShare: before.failedShare,
    usualMs: before.p50Ms,
  });
  if (next === undefined) return undefined;
  const isSame = next === ratePerS &&
    (newest?.starts?.untilMs ?? 0) - nowMs > (untilMs - nowMs) / 2;
  if (isSame) return [];
  const value = { ratePerS: Math.round(Math.max(0.01, next) * 100) / 100, untilMs };
  return change.changes.map(({ path }) => ({ path, value }));
}
