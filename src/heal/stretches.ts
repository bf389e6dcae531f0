/** Stretches: whether a step goes badly and well in turns. Pure. */

import { compared } from "./contrast.ts";
import type { Evidence } from "./evidence.ts";
import { hasCompleted, type Scene } from "./scene.ts";
import { isOutage, type Symptoms } from "./symptoms.ts";

/** The length of the windows that are called good or bad, in tasks. */
const WINDOW = 5;

/** Of a good window at most this share fails, and of a bad one at least that. */
const GOOD_MAX = 0.2;
const BAD_MIN = 0.8;

/** Bad stretches, each between good ones, that are more than two accidents. */
const STRETCHES_MIN = 3;

/** Within less than this, stretches are retries that come back together. */
const LASTED_MS_MIN = 60_000;

/** Stretches are longer than chance makes them by this many standard deviations at least. */
const RUNS_Z_MAX = -4;

/** Good and bad stretches take turns. */
export function ofStretches(
  { ofStep, isAlike, beganAtMs }: Scene,
  symptoms: Symptoms,
): Evidence | undefined {
  const facts = compared(ofStep, isAlike).filter(({ endedAtMs }) => endedAtMs >= beganAtMs);
  const windows = windowsOf(facts);
  const shares = windows.map((of) => of.filter((isGood) => !isGood).length / of.length);
  const clear = shares.filter((share) => share <= GOOD_MAX || share >= BAD_MIN);
  const stretches = clear.map((share) => share >= BAD_MIN)
    .filter((isBad, at, all) => isBad !== all[at - 1]);
  const bad = stretches.filter(Boolean).length;
  // Between up and down there is little: else a part fails all the time, now more, now less.
  const down = clear.filter((share) => share >= BAD_MIN).length;
  if (shares.length - clear.length > down) return undefined;
  const lastedMs = (facts.at(-1)?.endedAtMs ?? 0) - (facts[0]?.endedAtMs ?? 0);
  if (bad < STRETCHES_MIN || lastedMs < LASTED_MS_MIN || runsZ(windows.flat()) > RUNS_Z_MAX) {
    return undefined;
  }
  return {
    id: "flapping",
    text: `it comes and goes: ${bad} bad stretches, each followed by a good one, since it began`,
    weights: isOutage(symptoms) ? { flapping: 6, dependency_down: -1 } : { flapping: 4 },
  };
}

/**
 * Whether tasks went well, in windows of so many tasks, by time. A task counts once in a window: its
 * retries come back together, and say the same again.
 */
function windowsOf(facts: Scene["ofStep"]): readonly (readonly boolean[])[] {
  const windows: boolean[][] = [];
  let current = new Map<string, boolean>();
  for (const fact of facts) {
    current.set(fact.taskId, (current.get(fact.taskId) ?? false) || hasCompleted(fact));
    if (current.size < WINDOW) continue;
    windows.push([...current.values()]);
    current = new Map();
  }
  return windows;
}

/** The runs test: far below 0 when equal outcomes stand together. Source: Wald and Wolfowitz, 1940. */
function runsZ(outcomes: readonly boolean[]): number {
  const n = outcomes.length;
  const good = outcomes.filter(Boolean).length;
  const both = 2 * good * (n - good);
  if (both === 0) return 0;
  const runs = outcomes.filter((one, at) => one !== outcomes[at - 1]).length;
  const variance = both * (both - n) / (n * n * (n - 1));
  return variance <= 0 ? 0 : (runs - (both / n + 1)) / Math.sqrt(variance);
}
