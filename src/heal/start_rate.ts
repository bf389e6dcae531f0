/** Start rates: how many tasks of a workflow may begin while its starts are held back. */

import type { HealingAction, OverlayChange } from "../core/healing.ts";
import type { Degradation } from "../core/incident.ts";
import type { HealerDeps } from "./healer_deps.ts";
import { failedShare, type Window, windowOf } from "./window.ts";

/** What a rate is raised to while all is well, and lowered to while it is not. */
const MORE = 1.25;
const LESS = 0.8;

/** What is held back so that others are served gives way at once, and comes back slowly. */
const FOR_OTHERS = { more: 1.1, less: 0.5, shareMin: 0.02 };

/** A part of the rate that is used says that some are held back. */
const USED_PART = 0.7;

/** It is not lowered below this part of what it was at first: what waits is worked off in time. */
const LEAST_PART = 0.5;

/** Attempts that wait longer than this part of a window wait too long. */
const WAITS_PART = 1 / 8;

/** Failures beyond what is usual. */
const SHARE_MIN = 0.1;

/** What is seen of a rate. */
export interface RateSeen {
  readonly ratePerS: number;
  /** Whether it is another workflow than the one that does worse. */
  readonly isForOthers: boolean;
  /** What it was at first. */
  readonly firstPerS: number;
  /** Tasks that began in the last two windows, the newest first. */
  readonly begun: readonly [last: number, earlier: number];
  /** The step in the last window. */
  readonly last: Window;
  readonly usualShare: number;
}

/**
 * The next rate; undefined: nothing has to be held back any more. It is raised while what begins is done,
 * lowered while more begins than is done, and left while what waits is worked off.
 */
export function nextRate(of: RateSeen): number | undefined {
  const { ratePerS, isForOthers, firstPerS, begun, last, usualShare } = of;
  const spanMs = last.untilMs - last.fromMs;
  const isWaiting = (last.counts.waited.quantile(0.95) ?? 0) > WAITS_PART * spanMs;
  const shareMin = isForOthers ? FOR_OTHERS.shareMin : SHARE_MIN;
  const isFailing = failedShare(last) > usualShare + shareMin;
  if (!isWaiting && !isFailing) {
    const isUsed = Math.max(...begun) >= USED_PART * ratePerS * spanMs / 1_000;
    return isUsed ? (isForOthers ? FOR_OTHERS.more : MORE) * ratePerS : undefined;
  }
  if (isForOthers) return Math.max(firstPerS, FOR_OTHERS.less * ratePerS);
  const isWorkedOff = begun[0] < last.counts.outcome("completed");
  return isWorkedOff ? ratePerS : Math.max(LEAST_PART * firstPerS, LESS * ratePerS);
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
  { statistics, policies, runtime }: Pick<HealerDeps, "statistics" | "policies" | "runtime">,
  { action, degradation, change, untilMs }: {
    readonly action: { readonly workflow: string; readonly ratePerS: number };
    readonly degradation: Degradation;
    readonly change: OverlayChange;
    readonly untilMs: number;
  },
): Promise<OverlayChange["changes"] | undefined> {
  const { workflow, step, windowMs, before } = degradation;
  const nowMs = runtime.now();
  const span = (age: number) => ({
    fromMs: nowMs - (age + 1) * windowMs,
    untilMs: nowMs - age * windowMs,
  });
  const range = { sinceMs: span(1).fromMs, untilMs: nowMs };
  const own = await statistics.read({ ...range, workflow, step });
  const ofStep = own.filter((cell) => cell.step === step);
  const tasks = await statistics.read({ ...range, workflow: action.workflow });
  const ofTasks = tasks.filter((cell) => cell.step === undefined);
  const newest = (await policies.newest()).get(`${change.namespace}/${change.name}`);
  const ratePerS = newest?.starts?.ratePerS ?? action.ratePerS;
  const next = nextRate({
    ratePerS,
    isForOthers: action.workflow !== workflow,
    firstPerS: action.ratePerS,
    begun: [
      windowOf(ofTasks, span(0)).counts.starts,
      windowOf(ofTasks, span(1)).counts.starts,
    ],
    last: windowOf(ofStep, span(0)),
    usualShare: before.failedShare,
  });
  if (next === undefined) return undefined;
  const isSame = next === ratePerS &&
    (newest?.starts?.untilMs ?? 0) - nowMs > (untilMs - nowMs) / 2;
  if (isSame) return [];
  const value = { ratePerS: Math.round(Math.max(0.01, next) * 100) / 100, untilMs };
  return change.changes.map(({ path }) => ({ path, value }));
}
