/** Time-out advice: how long attempts of a step should be waited for, from how long they take. */

import type { AttemptFact } from "../core/attempt_fact.ts";
import { type Interval, wilson } from "../core/intervals.ts";
import { observed, slowsUnderLoad } from "./load.ts";
import { Survival } from "./survival.ts";

/** What is known of a step's time-out. */
export interface TimeoutEvidence {
  readonly timeoutMs: number;
  /** Attempts that ended by themselves or by the time-out. */
  readonly n: number;
  /** Of those, cut off by the time-out; between `cutShare.low` and `.high` with 95 %. */
  readonly cut: number;
  readonly cutShare: Interval;
  /** 99 % of what ends at all is done within it, Unix ms; absent: more than 1 % was cut off. */
  readonly p99Ms?: number;
  /** A bound of that with 95 % confidence. */
  readonly p99MsMax?: number;
}

/** Why nothing is advised. */
export type NoTimeoutReason =
  | "fits" // attempts end well before it, or it costs nothing
  | "too_few" // a p99 takes 299 attempts
  | "saturation" // the step takes longer under load: waiting longer adds load
  | "two_modes"; // attempts are of two kinds, which one time-out does not serve

/** What to do about a step's time-out. */
export type TimeoutAdvice =
  & { readonly evidence: TimeoutEvidence }
  & ({ readonly kind: "set"; readonly timeoutMs: number; readonly why: "cuts" | "hangs" } | {
    readonly kind: "none";
    readonly reason: NoTimeoutReason;
  });

/** A bound of the p99 takes this many attempts: 0.99^299 < 5 %. */
const ATTEMPTS_MIN = 299;

/** Room above the p99. */
const ROOM = 1.5;

/** One change is not larger than this. */
const FACTOR_MAX = 2;

/** A time-out that cuts off fewer attempts than this is long enough. */
const CUT_SHARE_MAX = 0.01;

/**
 * Says how long to wait for attempts of a step that does work.
 *
 * A time-out is raised when it cuts off more than 1 % of the attempts and they do not hang, and
 * lowered when attempts hang long after all others have ended; by a factor of two at most.
 */
export function timeoutAdvice(
  attempts: readonly AttemptFact[],
  timeoutMs: number | undefined,
): TimeoutAdvice | undefined {
  if (timeoutMs === undefined) return undefined;
  const known = attempts.filter(({ outcome }) =>
    outcome === "completed" || outcome === "timed_out"
  );
  const survival = new Survival(known.map(observed));
  const evidence = evidenceOf(known, survival, timeoutMs);
  const none = (reason: NoTimeoutReason) => ({ kind: "none", reason, evidence } as const);
  if (known.length < ATTEMPTS_MIN) return none("too_few");
  if (evidence.cutShare.low <= 0 || evidence.cut / evidence.n <= CUT_SHARE_MAX) return none("fits");
  if (survival.hangs) return lowered(none("fits"), known, timeoutMs);
  if (slowsUnderLoad(known)) return none("saturation");
  if (hasTwoModes(known)) return none("two_modes");
  // What would be long enough is not known: it is beyond everything seen.
  return { kind: "set", why: "cuts", timeoutMs: rounded(timeoutMs * FACTOR_MAX), evidence };
}

/** Attempts that hang are given up sooner, but not before what ends by itself has. */
function lowered(
  none: Extract<TimeoutAdvice, { kind: "none" }>,
  known: readonly AttemptFact[],
  timeoutMs: number,
): TimeoutAdvice {
  const ended = known.filter(({ outcome }) => outcome === "completed");
  const p99MsMax = new Survival(ended.map(observed)).quantileMax(0.99);
  if (p99MsMax === undefined) return { ...none, reason: "too_few" };
  const wanted = Math.max(p99MsMax * ROOM * FACTOR_MAX, timeoutMs / FACTOR_MAX);
  if (wanted > timeoutMs / ROOM) return none;
  return { kind: "set", why: "hangs", timeoutMs: rounded(wanted), evidence: none.evidence };
}

function evidenceOf(
  known: readonly AttemptFact[],
  survival: Survival,
  timeoutMs: number,
): TimeoutEvidence {
  const cut = known.filter(({ outcome }) => outcome === "timed_out").length;
  const p99Ms = survival.quantile(0.99);
  const p99MsMax = survival.quantileMax(0.99);
  return {
    timeoutMs,
    n: known.length,
    cut,
    cutShare: wilson(cut, known.length),
    ...(p99Ms !== undefined && { p99Ms }),
    ...(p99MsMax !== undefined && { p99MsMax }),
  };
}

/** A gap as wide as this, between groups as large as this, parts two modes. */
const GAP = 4;
const MODE_SHARE_MIN = 0.05;

/** Whether attempts that ended are of two kinds, with nothing between them. */
function hasTwoModes(known: readonly AttemptFact[]): boolean {
  const sorted = known.filter(({ outcome }) => outcome === "completed")
    .map(({ ranMs }) => Math.max(1, ranMs)).sort((a, b) => a - b);
  const least = Math.ceil(MODE_SHARE_MIN * sorted.length);
  return sorted.some((ms, at) =>
    at >= least && at <= sorted.length - least && ms > GAP * (sorted[at - 1] ?? ms)
  );
}

/** Two significant digits, upwards. */
function rounded(ms: number): number {
  const unit = 10 ** Math.max(0, Math.floor(Math.log10(ms)) - 1);
  return Math.ceil(ms / unit) * unit;
}
