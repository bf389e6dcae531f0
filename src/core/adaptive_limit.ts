/**
 * Adaptive limit: how many attempts may run at a system at once while more would only wait there.
 *
 * A healthy system has no limit. It gets one after its circuit was open, and when attempts time out
 * while most of those that are answered take much longer than is usual: then work waits at the system
 * itself, which answers it too late or not at all. An attempt that is late for this reason costs the
 * system as much as one in time, so sending less gets more done (Huang et al., "Metastable Failures in
 * the Wild", OSDI '22).
 *
 * The limit moves as TCP's window does: it is halved at a time-out, once for all attempts that were
 * under way; each quick answer lets one more attempt run, and each slow one a little more. So it settles
 * where attempts wait at the system for about a quarter of their time-out, that is, at a quarter of
 * throughput × time-out (Little's law). Nodes that share a system come to equal limits without a word
 * (Chiu and Jain, 1989). If a system's durations are what they always were, fewer than half of its
 * answers are slow, whatever their spread, and no time-out limits it.
 */

import { OPEN_MS, RAMP_MAX } from "./breaker.ts";

/** The part of its time-out from which an answer may be slow. */
const SLOW_PART = 0.25;

/** How often the limit is doubled while the system is quick, and how long it stays if nobody needs it. */
export const RELAX_MS = 10_000;

/** The weight of the newest answer in the share of slow ones. */
const NEWEST_WEIGHT = 1 / 16;

/** How many attempts may run, and what that is learned from. */
export interface AdaptiveLimit {
  /** Infinity: as many as like to. */
  max: number;
  /** Attempts that run and were granted since the circuit last opened. */
  running: number;
  /** Counts the openings: what ran at an earlier one is not counted any more. */
  period: number;
  /** Share of slow ones among the latest answers, 0 to 1. */
  slowShare: number;
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
  /** What half of its step's attempts need at most; undefined: not known. */
  readonly usualMs: number | undefined;
}

/** No limit. */
export function newAdaptiveLimit(): AdaptiveLimit {
  return {
    max: Infinity,
    running: 0,
    period: 0,
    slowShare: 0,
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

/** Begins with few attempts once the circuit lets some through: those under way are not waited for. */
export function beginAnew(limit: AdaptiveLimit, nowMs: number): void {
  limit.max = RAMP_MAX;
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
  const wasSlow = ranMs > Math.max(2 * usualMs, SLOW_PART * timeoutMs);
  limit.slowShare += ((wasSlow ? 1 : 0) - limit.slowShare) * NEWEST_WEIGHT;
  if (limit.max === Infinity) return;
  limit.max += wasSlow ? Math.max(0, 1 - ranMs / timeoutMs) / limit.max : 1;
}

/** Notes an attempt that was not answered in time. */
export function noteTimeout(
  limit: AdaptiveLimit,
  { startedAtMs, nowMs }: Pick<EndedCall, "startedAtMs" | "nowMs">,
): void {
  if (!isSlow(limit) || startedAtMs < limit.cutAtMs) return;
  limit.max = Math.max(1, Math.min(limit.max, limit.running) / 2);
  limit.cutAtMs = limit.boundAtMs = limit.relaxedAtMs = nowMs;
}

function relax(limit: AdaptiveLimit, nowMs: number): void {
  limit.max = maxAt(limit, nowMs);
  if (nowMs - limit.relaxedAtMs < RELAX_MS || isSlow(limit)) return;
  limit.max *= 2;
  limit.relaxedAtMs = nowMs;
}
