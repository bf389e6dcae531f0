/** Suggestion texts: what the optimiser found, in a sentence with its numbers. */

import type { Estimate, WhatifEffects } from "../core/whatif.ts";
import type { EdgeFinding, EdgeReason } from "./edges.ts";
import type { Interval } from "../core/intervals.ts";
import type { NoRetryReason, RetryAdvice } from "./retry_curve.ts";
import type { NoTimeoutReason, TimeoutAdvice } from "./timeout_advice.ts";

/** Characters of an error's code: it is others' text. */
const ERROR_LENGTH_MAX = 80;

/** Shows an error of others; a fact has no secrets in it. */
export function errorText(error: string): string {
  return error.slice(0, ERROR_LENGTH_MAX).replaceAll(/\p{Cc}/gu, " ");
}

/** Says what to do about a time-out. */
export function timeoutText(step: string, advice: Extract<TimeoutAdvice, { kind: "set" }>): string {
  const { cut, n, cutShare, timeoutMs } = advice.evidence;
  const share = `${percent(cut / n)} (${percents(cutShare)}) of ${n} attempts`;
  const change = `from ${msText(timeoutMs)} to ${msText(advice.timeoutMs)}`;
  return advice.why === "cuts"
    ? `Step '${step}' is cut off in ${share}: increase its timeout ${change}`
    : `Step '${step}' hangs in ${share}, long after all others have ended: reduce its timeout ${change}`;
}

/** Says what to do about retries. */
export function retryText(
  step: string,
  advice: Exclude<RetryAdvice, { kind: "none" }>,
): string {
  const { evidence } = advice;
  if (advice.kind === "error") {
    const curve = evidence.errors.find(({ error }) => error === advice.error);
    return `Step '${step}' succeeds in ${curve?.succeeded ?? 0} of ${
      curve?.repeated ?? 0
    } attempts ` +
      `after '${errorText(advice.error)}' (at most ${percent(curve?.share.high ?? 1)}), and more ` +
      `often after others: do not repeat it after that error`;
  }
  const { attemptsMax } = evidence;
  const last = evidence.curve[Math.min(advice.attemptsMax, attemptsMax) - 1];
  const share = last === undefined
    ? ""
    : `Step '${step}' succeeds in ${percent(last.succeeded / last.reached)} ` +
      `(${percents(last.share)}) of ${last.reached} attempts of number ${last.attempt}`;
  if (advice.attemptsMax > attemptsMax) {
    return `${share}, its last: raise its attempts from ${attemptsMax} to ${advice.attemptsMax}`;
  }
  const beyond = evidence.curve.slice(advice.attemptsMax);
  const succeeded = beyond.reduce((sum, one) => sum + one.succeeded, 0);
  return `${share}, and later ones in ${succeeded} of ${
    beyond[0]?.reached ?? 0
  } runs: reduce its ` +
    `attempts from ${attemptsMax} to ${advice.attemptsMax}`;
}

/** Says that two steps can run at once, or that an edge says nothing. */
export function edgeText({ from, to, tasks, kind, verdict }: EdgeFinding): string {
  if (verdict === "implied") {
    return `Remove the unnecessary dependency of '${to}' on '${from}': others keep the same order`;
  }
  const why = kind === "data"
    ? `nothing of '${from}' was read in ${tasks} tasks, and it never failed`
    : `one of them has no effect, and '${from}' never failed in ${tasks} tasks`;
  return `Steps '${from}' and '${to}' can run in parallel: ${why}`;
}

/** Whether a figure differs for certain, and by more than a hundredth. */
export function isSure({ before, difference, low, high }: Estimate): boolean {
  return (low > 0 || high < 0) && Math.abs(difference) >= 0.01 * Math.abs(before);
}

/** Adds what playing tasks again showed for certain. */
export function withEffects(text: string, effects: WhatifEffects | undefined): string {
  if (effects === undefined) {
    return `${text}. Not played again: even without a change, playback does not give what was recorded`;
  }
  const { completed, meanMs, attempts, busyMs } = effects;
  const parts = [
    ...(isSure(completed)
      ? [`${percent(completed.after)} of the tasks complete, not ${percent(completed.before)}`]
      : []),
    ...(isSure(meanMs)
      ? [`they take ${msText(meanMs.after)}, not ${msText(meanMs.before)} (mean)`]
      : []),
    ...(isSure(attempts)
      ? [`a task makes ${attempts.after.toFixed(2)} attempts, not ${attempts.before.toFixed(2)}`]
      : []),
    ...(isSure(busyMs)
      ? [`attempts are under way for ${msText(busyMs.after)} a task, not ${msText(busyMs.before)}`]
      : []),
  ];
  return `${text}. Played again: ${parts.join(", ") || "no certain difference"}`;
}

/** Why nothing is suggested, in words. */
export const REASONS: Readonly<
  Record<
    NoTimeoutReason | NoRetryReason | EdgeReason | "fewer_complete" | "no_gain" | "timeout_first",
    string
  >
> = {
  fits: "it fits",
  too_few: "too few were seen",
  saturation: "it takes longer the more of it is under way: more load makes that worse",
  two_modes: "its attempts are of two kinds, which one time-out does not serve",
  outages: "most of what was seen fell into outages",
  at_most_once: "it must not be repeated",
  not_idempotent: "another attempt may have its effect twice",
  carries_data: "it carries data",
  reads_unknown: "what is read over it is not known: the code is not loaded here, or threw",
  asks_for_end: "the step runs because of how the other ended",
  waits_on_purpose: "a sleep or a signal is waited for on purpose",
  is_a_gate: "the step must not run when the other fails",
  order_declared: "the order is declared, and neither step is known to have no effect",
  fewer_complete: "played again, fewer tasks complete",
  no_gain: "played again, nothing gets better for certain",
  timeout_first: "its time-out comes first: one change of a step at a time",
};

function percent(share: number): string {
  return `${(100 * share).toFixed(share > 0 && share < 0.1 ? 1 : 0)} %`;
}

function percents({ low, high }: Interval): string {
  return `${(100 * low).toFixed(0)}–${(100 * high).toFixed(0)} %`;
}

/** A duration in one unit: `250 ms`, `4.2 s`, `60 s`, `12 min`. */
function msText(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  const [size, unit] = ms < 600_000 ? [1_000, "s"] as const : [60_000, "min"] as const;
  const value = ms / size;
  return `${value < 10 && value % 1 !== 0 ? value.toFixed(1) : Math.round(value)} ${unit}`;
}
