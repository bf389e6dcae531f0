/**
 * Adaptive limit: how many attempts may run at a system at once while more would only wait there.
 *
 * A healthy system has no limit. It gets one after its circuit was open, and when attempts time out
 * while most of those that are answered take longer than is usual by a quarter of the time that is left
 * until their time-outs: then work waits at the system itself, which answers it too late or not at all.
 * An attempt that is late for this reason costs the system as much as one in time, so sending less gets
 * more done (Huang et al., "Metastable Failures in the Wild", OSDI '22).
 *
 * The limit moves as TCP's window does (RFC 5681): it is halved at a time-out, once for all attempts that
 * were under way; each quick answer lets one more attempt run up to half of what was too much, and from
 * there, as slow ones do, all that run together one more. So it settles where attempts wait at the system
 * for a part of the time that they have (Little's law), however much of it the work itself needs. Nodes
 * that share a system come to equal limits without a word (Chiu and Jain, 1989). What is usual is learned
 * while there is no limit, and from few attempts at once while there is one: so it neither follows the
 * time that attempts wait at the system, nor keeps a system limited that has become slower: where few at
 * once take as long, and what was sent before is done, that is learned at once, and time-outs say nothing
 * more. If a system's durations are what they always were, fewer than half of its answers are slow, whatever their spread, and
 * no time-out limits it.
 */

import { OPEN_MS } from "./breaker.ts";

/** How many attempts may run when the circuit begins to close: as many as it lets try. */
const BEGIN_MAX = 2;

/** How much of the time that is left after what is usual may pass before an answer is slow. */
const SLOW_PART = 0.25;

/**
 * Answers that take a smaller part of their time-outs may take twice as long, as they do at most if twice
 * as many run (Little's law).
 */
const TAKEN_PART_MAX = 0.4;

/** What few attempts at once take is known for this long; others may take so many times as long. */
const FEW_MS = 60_000;
const FEW_TIMES = 1.25;

/** More at once than this may leave work behind at a system that answers too late; it is done after so many time-outs. */
const FEW_MAX = 2 * BEGIN_MAX;
const GOES_ON = 3;

/** How often the limit is doubled while the system is quick, and how long it stays if nobody needs it. */
export const RELAX_MS = 10_000;

/** The weight of the newest answer in the share of slow ones. */
const NEWEST_WEIGHT = 1 / 16;

/** How many attempts may run, and what that is learned from. */
export interface AdaptiveLimit {
  /** Infinity: as many as like to. */
  max: number;
  /** From here on quick answers let one more run together, not each. */
  carefulFrom: number;
  /** Attempts that run and were granted since the circuit last opened. */
  running: number;
  /** Counts the openings: what ran at an earlier one is not counted any more. */
  period: number;
  /** Share of slow ones among the latest answers, 0 to 1. */
  slowShare: number;
  /** The part of their time-outs that the latest answers took, 0 to 1. */
  takenPart: number;
  /** The same of those that had the system nearly to themselves, since when few have, and when one last ended. */
  fewPart: number;
  fewSinceMs: number;
  fewAtMs: number;
  /** When it was last halved: time-outs of attempts that began earlier say nothing new. */
  cutAtMs: number;
  /** When it last refused an attempt, or was halved. */
  boundAtMs: number;
  /** When it was last doubled by time, or halved. */
  relaxedAtMs: number;
}

/** An attempt that has ended. */
export interface EndedCall {
  readonly startedAtMs: number;
  readonly nowMs: number;
  readonly timeoutMs: number;
  /** What nine in ten of its step's attempts need at most; undefined: not known. */
  readonly usualMs: number | undefined;
}

/** No limit. */
export function newAdaptiveLimit(): AdaptiveLimit {
  return {
    max: Infinity,
    carefulFrom: Infinity,
    running: 0,
    period: 0,
    slowShare: 0,
    takenPart: 0,
    fewPart: 0,
    fewSinceMs: -Infinity,
    fewAtMs: -Infinity,
    cutAtMs: -Infinity,
    boundAtMs: -Infinity,
    relaxedAtMs: -Infinity,
  };
}

/** How many may run at once at a time; Infinity: as many as like to. */
export function maxAt({ max, boundAtMs }: AdaptiveLimit, nowMs: number): number {
  return nowMs - boundAtMs >= RELAX_MS ? Infinity : max;
}

/** Whether one more attempt may run. A limit that nobody needs for a while ends. */
export function hasRoom(limit: AdaptiveLimit, nowMs: number): boolean {
  if (limit.max === Infinity) return true;
  relax(limit, nowMs);
  if (limit.running < Math.floor(limit.max)) return true;
  limit.boundAtMs = nowMs;
  return false;
}

/** Whether most of what the system answers takes much longer than is usual. */
function isSlow({ slowShare }: AdaptiveLimit): boolean {
  return slowShare > 0.5;
}

/**
 * Whether answers take so much of their time-outs that more at once may be late. Where few at once take as
 * much, the work takes it, and to send fewer would only do less.
 */
function takesMuch({ takenPart, fewPart, fewAtMs }: AdaptiveLimit, nowMs: number): boolean {
  const few = nowMs - fewAtMs > FEW_MS ? 0 : fewPart;
  return takenPart > Math.max(TAKEN_PART_MAX, FEW_TIMES * few);
}

/** Whether an attempt had the system nearly to itself: what this node had sent before is done as well. */
export function isAlone(
  { max, running, fewSinceMs }: AdaptiveLimit,
  { startedAtMs, timeoutMs }: Pick<EndedCall, "startedAtMs" | "timeoutMs">,
): boolean {
  return max < Infinity && running <= BEGIN_MAX && startedAtMs - fewSinceMs > GOES_ON * timeoutMs;
}

function noteFew(limit: AdaptiveLimit, part: number, nowMs: number): void {
  if (nowMs - limit.fewAtMs > FEW_MS) limit.fewPart = 0;
  limit.fewPart += (part - limit.fewPart) * NEWEST_WEIGHT;
  limit.fewAtMs = nowMs;
}

/** Whether what runs hardly waits at the system, so that its durations are those of the work. */
export function isUnhurried({ max, running }: AdaptiveLimit): boolean {
  return max === Infinity || running <= BEGIN_MAX;
}

/** Whether nothing says that attempts wait at the system. */
function isFree(limit: AdaptiveLimit): boolean {
  return limit.max === Infinity && !isSlow(limit);
}

/** Begins with few attempts once the circuit lets some through: those under way are not waited for. */
export function beginAnew(limit: AdaptiveLimit, nowMs: number): void {
  limit.carefulFrom = isFree(limit) ? Infinity : half(limit);
  leaveTo(limit, BEGIN_MAX, nowMs);
  limit.running = 0;
  limit.period++;
  limit.slowShare = 0;
  limit.cutAtMs = nowMs;
  limit.boundAtMs = limit.relaxedAtMs = nowMs + OPEN_MS;
}

/** Notes that the circuit refused an attempt: the limit is needed afterwards. */
export function stillNeeded(limit: AdaptiveLimit, nowMs: number): void {
  limit.boundAtMs = Math.max(limit.boundAtMs, nowMs);
}

/** Notes an answer that came in time. */
export function noteAnswer(limit: AdaptiveLimit, call: EndedCall): void {
  const { startedAtMs, nowMs, timeoutMs, usualMs = Infinity } = call;
  const ranMs = nowMs - startedAtMs;
  const wasSlow = ranMs > usualMs + SLOW_PART * Math.max(0, timeoutMs - usualMs);
  limit.slowShare += ((wasSlow ? 1 : 0) - limit.slowShare) * NEWEST_WEIGHT;
  const part = Math.min(1, ranMs / timeoutMs);
  limit.takenPart += (part - limit.takenPart) * NEWEST_WEIGHT;
  if (limit.max === Infinity) return;
  if (isAlone(limit, call)) noteFew(limit, part, nowMs);
  const isCareful = wasSlow || limit.max >= limit.carefulFrom;
  const more = wasSlow ? Math.max(0, 1 - ranMs / timeoutMs) : 1;
  limit.max += isCareful ? more / limit.max : more;
}

/** Notes the answer of an attempt that had timed out: it was slow, not lost. */
export function noteLate(limit: AdaptiveLimit): void {
  limit.slowShare += (1 - limit.slowShare) * NEWEST_WEIGHT;
}

/** Whether a time-out says nothing new: the limit was halved since for what ran then. */
export function isKnown({ max, cutAtMs }: AdaptiveLimit, startedAtMs: number): boolean {
  return max < Infinity && startedAtMs < cutAtMs;
}

/**
 * Notes an attempt that was not answered in time. Where answers come quickly it did not wait: it was lost,
 * and sending less would lose as large a part.
 */
export function noteTimeout(
  limit: AdaptiveLimit,
  { startedAtMs, nowMs }: Pick<EndedCall, "startedAtMs" | "nowMs">,
): void {
  const isLate = isSlow(limit) || limit.max < Infinity && takesMuch(limit, nowMs);
  if (!isLate || isKnown(limit, startedAtMs)) return;
  leaveTo(limit, half(limit), nowMs);
  limit.carefulFrom = limit.max;
  limit.cutAtMs = limit.boundAtMs = limit.relaxedAtMs = nowMs;
}

function leaveTo(limit: AdaptiveLimit, max: number, nowMs: number): void {
  if (max <= FEW_MAX && limit.max > FEW_MAX) limit.fewSinceMs = nowMs;
  limit.max = max;
}

function half({ max, running }: AdaptiveLimit): number {
  return Math.max(1, Math.min(max, running) / 2);
}

function relax(limit: AdaptiveLimit, nowMs: number): void {
  limit.max = maxAt(limit, nowMs);
  if (nowMs - limit.relaxedAtMs < RELAX_MS || isSlow(limit)) return;
  if (takesMuch(limit, nowMs)) return;
  limit.max *= 2;
  limit.carefulFrom *= 2;
  limit.relaxedAtMs = nowMs;
}
