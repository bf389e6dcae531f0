/**
 * Crowds: more attempts run at once at a system than before, and attempts are cut off for that, tried again,
 * and make it more. The system gets as many at once as when it did them in time, and then as many as it does:
 * one that waits for its turn is done, one that is cut off is done in vain.
 */

import type { AttemptFact } from "../core/attempt_fact.ts";
import type { HealingAction, OverlayChange } from "../core/healing.ts";
import type { Degradation } from "../core/incident.ts";
import { type Candidate, holdUntil, KIND_MIN, LAST, newest } from "./candidate.ts";
import type { Case } from "./case.ts";
import { valueAt } from "./changes.ts";
import { riseIn } from "./comparison.ts";
import type { HealerDeps } from "./healer_deps.ts";
import { othersFailed, OTHERWISE_FAILED_MAX } from "./load_candidates.ts";
import { readWindow, usualSpan } from "./reading.ts";
import { cutOf, isSlowAnyway, othersAt, takesLongerTogether, tookMs } from "./saturated.ts";
import { hangsByChance } from "./timeout_candidates.ts";
import { failedShare, type Window } from "./window.ts";

/** How many times as many attempts at once as before make a crowd, where one is under way as a rule. */
const CROWD = 1.5;
const USUAL_MIN = 1;

/** The part of the attempts that is cut off, and of those that begin the part that is tried again for it. */
const LOST_SHARE_MIN = 0.05;
const RETRIED_SHARE_MIN = 0.2;

/** Attempts that began with few others show how many the system does; it has to do more than begin. */
const UNCROWDED_MIN = 8;
const SPARE = 1.1;

/** Where so many times as many tasks begin as before, there are more attempts for that. */
const MORE_TASKS = 1.25;

/**
 * Limits the attempts at once where more of them get less done, and as many as before would do all that
 * begins. A system that does less than begins gets fewer tasks instead, see `pauses`.
 */
export function crowds(of: Case): Candidate[] {
  const { recent, before, degradation, demand } = of;
  const cut = cutOf(recent).count;
  if (cut < Math.max(KIND_MIN, LOST_SHARE_MIN * recent.length)) return [];
  // Attempts that hang are many at once as well, but not for that.
  if (degradation.now.retriedShare < RETRIED_SHARE_MIN || hangsByChance(of)) return [];
  if (othersFailed(recent) > OTHERWISE_FAILED_MAX * recent.length) return [];
  const many = atOnce(newest(recent, LAST), degradation.now.perMinute);
  const usual = atOnce(before, degradation.before.perMinute);
  if (usual < USUAL_MIN || many < CROWD * usual) return [];
  // Where attempts come by chance, one in six finds more.
  const concurrencyMax = Math.max(2, Math.ceil(usual + Math.sqrt(usual)));
  // What is known of the attempts of this step says nothing of those of other workflows.
  const [own, ...rest] = demand;
  if (own === undefined || rest.length > 0) return [];
  const begin = own.perMinute;
  if (begin > MORE_TASKS * own.perMinuteBefore) return [];
  const done = donePerMinute(of, concurrencyMax);
  if (done < SPARE * begin || isSlowAnyway(of, degradation.windowMs)) return [];
  if (!takesLongerTogether(recent)) return [];
  const because = `${Math.round(many)} attempts run at once (${usual.toFixed(1)} before), and ` +
    `${cut} of ${recent.length} were cut off`;
  return [crowdLimit(of, because, { concurrencyMax, perMinute: done })];
}

/** The candidate that gives a system so many attempts at once, which do so much a minute. */
export function crowdLimit(
  of: Case,
  because: string,
  { concurrencyMax, perMinute }: {
    readonly concurrencyMax: number;
    readonly perMinute: number;
  },
): Candidate {
  const { system } = of;
  return {
    action: {
      kind: "limit_system",
      system,
      capability: "*",
      concurrencyMax,
      untilMs: holdUntil(of),
    },
    tier: "T0",
    confidence: 0.96,
    because,
    expected: `${system} gets ${concurrencyMax} at once, which do ${
      Math.round(perMinute)
    } a minute`,
  };
}

/** How many attempts run at once, by Little's law: a sample of them will do. */
function atOnce(facts: readonly AttemptFact[], perMinute: number): number {
  return meanOf(facts.map(({ ranMs }) => ranMs)) * perMinute / 60_000;
}

/**
 * How many attempts a system does in a minute while no more than some run at once, since it cuts off; 0: not
 * known.
 */
function donePerMinute({ recent, seen }: Case, concurrencyMax: number): number {
  const begun = recent.toSorted((one, other) => one.startedAtMs - other.startedAtMs);
  const since = begun.slice(riseIn(begun.map(({ outcome }) => outcome === "timed_out")));
  const uncrowded = since.filter((fact) =>
    othersAt(recent, fact) < Math.max(1, concurrencyMax * seen.recent)
  );
  if (uncrowded.length < UNCROWDED_MIN) return 0;
  return concurrencyMax * 60_000 / Math.max(1, meanOf(uncrowded.map(tookMs)));
}

function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);
}

/** Whether an action limits the attempts at once, so that the limit is followed. */
export function isCrowdLimit(
  action: HealingAction | undefined,
): action is Extract<HealingAction, { kind: "limit_system" }> & {
  readonly concurrencyMax: number;
} {
  return action?.kind === "limit_system" && action.concurrencyMax !== undefined;
}

/** By which part a limit is raised, by one at least, and what it is lowered to. */
const MORE_PART = 0.25;
const LESS = 0.8;

/** Attempts that fail beyond what is usual, and a median of so many times the usual one: too many run. */
const FAILED_SHARE_MIN = 0.05;
const LONGER_MAX = 2.5;

/** Attempts that wait longer than this part of a window wait long. */
const WAITS_PART = 1 / 8;

/** A system whose median is at most so many times the usual one does as it did. */
const AS_USUAL = 1.2;

/**
 * A limit under which attempts fail more than this part as often as just before it does not help; that shows
 * in its first windows.
 */
const HELPS_PART = 0.5;
const HELPS_WINDOWS = 5;

/** Under a limit that helps, so many times as much is done as just before it. */
const HELPS_DONE = 1.1;

/** Attempts that say something. */
const ENDED_MIN = 20;

function waitsMs({ counts }: Window): number {
  return counts.waited.quantile(0.95) ?? 0;
}

/** Whether attempts wait long, and longer than in the window before. */
function waitsLonger(last: Window, earlier: Window): boolean {
  return waitsMs(last) > Math.max(WAITS_PART * (last.untilMs - last.fromMs), waitsMs(earlier));
}

/**
 * The next limit; undefined: the system does as it did, and hardly any attempt waits for the limit. It is
 * raised while attempts wait longer and longer and those that run are done in time, and lowered while they
 * are not. It is never lifted to see what comes: all that waits would come at once.
 */
export function nextLimit(
  atOnceMax: number,
  { first, last, earlier, usual }: {
    /** What it was at first: it is not lowered below. */
    readonly first: number;
    readonly last: Window;
    /** The window before the last. */
    readonly earlier: Window;
    readonly usual: Window;
  },
): number | undefined {
  const { counts } = last;
  if (counts.ended < ENDED_MIN) return counts.starts === 0 ? undefined : atOnceMax;
  const usualMs = usual.counts.ran.quantile(0.5) ?? Infinity;
  const ranMs = counts.ran.quantile(0.5) ?? Infinity;
  const isFailing = failedShare(last) > failedShare(usual) + FAILED_SHARE_MIN;
  if (isFailing || ranMs > LONGER_MAX * usualMs) {
    return Math.max(first, Math.floor(LESS * atOnceMax));
  }
  if (waitsMs(last) <= usualMs && ranMs <= AS_USUAL * usualMs) return undefined;
  return waitsLonger(last, earlier)
    ? atOnceMax + Math.max(1, Math.floor(MORE_PART * atOnceMax))
    : atOnceMax;
}

/**
 * Reads what became of a limit: the changes that put the next one; undefined: it is over; a text: it does
 * not help.
 */
export async function followLimit(
  deps: Pick<HealerDeps, "statistics" | "policies"> & {
    readonly runtime: Pick<HealerDeps["runtime"], "now">;
  },
  { action, degradation, change, sinceMs }: {
    readonly action: { readonly concurrencyMax: number };
    /** When it was put, Unix ms. */
    readonly sinceMs: number;
    readonly degradation: Degradation;
    readonly change: OverlayChange;
  },
): Promise<OverlayChange["changes"] | string | undefined> {
  const nowMs = deps.runtime.now();
  const before = async (untilMs: number) =>
    await readWindow(deps, degradation, { fromMs: untilMs - degradation.windowMs, untilMs });
  const last = await before(nowMs);
  const usual = await readWindow(deps, degradation, usualSpan(degradation));
  const newest = (await deps.policies.newest()).get(`${change.namespace}/${change.name}`);
  const path = change.changes.find(({ path }) => path.at(-1) === "concurrencyMax")?.path ?? [];
  const is = Number(valueAt(newest ?? {}, path) ?? action.concurrencyMax);
  const failed = failedShare(last);
  const earlier = await before(nowMs - degradation.windowMs);
  const unlimited = await before(sinceMs);
  const isNew = nowMs < sinceMs + HELPS_WINDOWS * degradation.windowMs;
  const isLeast = isNew && is <= action.concurrencyMax && last.counts.ended >= ENDED_MIN;
  // Under a limit that gets more done than was done without, a line may grow.
  const isMoreDone =
    last.counts.outcome("completed") > HELPS_DONE * unlimited.counts.outcome("completed");
  if (isLeast && !isMoreDone && waitsLonger(last, earlier)) {
    return `more comes in than ${is} at once do`;
  }
  if (isLeast && failed > FAILED_SHARE_MIN + HELPS_PART * failedShare(unlimited)) {
    return `${Math.round(failed * 100)} % still fail though only ${is} run at once`;
  }
  const next = nextLimit(is, { first: action.concurrencyMax, last, earlier, usual });
  return next === undefined ? undefined : next === is ? [] : [{ path, value: next }];
}
