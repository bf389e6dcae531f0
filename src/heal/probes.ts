/** Probes: the few attempts that a trickle lets through show whether a system works again. */

import type { HealingAction } from "../core/healing.ts";
import type { Degradation } from "../core/incident.ts";
import type { HealerDeps } from "./healer_deps.ts";
import { windowOf } from "./window.ts";

/**
 * Windows of probes that are looked at, and how many there must be to say that a system works: where nine
 * in ten fail, one time in 10,000 do four in a row complete by chance.
 */
const PROBED_WINDOWS = 1.5;
const PROBES_MIN = 4;

/** It is not probed for more windows than this: then its time is over, whatever the probes say. */
const PROBED_WINDOWS_MAX = 720;

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
  { statistics, runtime }: Pick<HealerDeps, "statistics" | "runtime">,
  { workflow, step, windowMs, before }: Degradation,
  untilMs: number,
): Promise<boolean> {
  const nowMs = runtime.now();
  if (nowMs > untilMs + PROBED_WINDOWS_MAX * windowMs) return false;
  const sinceMs = nowMs - PROBED_WINDOWS * windowMs;
  const cells = await statistics.read({ workflow, step, sinceMs, untilMs: nowMs });
  const { counts: { ended, failed, starts } } = windowOf(
    cells.filter((cell) => cell.step === step),
    { fromMs: sinceMs, untilMs: nowMs },
  );
  if (starts === 0) return false;
  return ended < PROBES_MIN || failed > 2 * before.failedShare * ended;
}
