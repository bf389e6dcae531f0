/** What a journal says of steps: their attempts as spans of time, and their states at any turn. Pure. */

import type { JournalEntry } from "../../../src/client.ts";
import type { Event } from "../../../src/core/event.ts";
import { isEnded, type StepStateName, type TaskStateName } from "../../../src/core/state.ts";

/** One attempt of a step, as times in Unix ms. */
export interface Attempt {
  readonly step: string;
  readonly attempt: number;
  /** When it could have started. */
  readonly readyMs: number;
  readonly startMs: number;
  /** Absent: it is under way. */
  readonly endMs?: number;
  readonly outcome: "running" | "completed" | "failed" | "ended";
}

/** Lists attempts by step, in the order of their starts. Cost: O(entries). */
export function attemptsOf(
  entries: readonly JournalEntry[],
): ReadonlyMap<string, readonly Attempt[]> {
  const byStep = new Map<string, Attempt[]>();
  const end = (step: string, at: string, outcome: Attempt["outcome"]) => {
    const attempts = byStep.get(step);
    const last = attempts?.at(-1);
    if (attempts === undefined || last === undefined || last.endMs !== undefined) return;
    attempts[attempts.length - 1] = { ...last, endMs: Date.parse(at), outcome };
  };
  for (const entry of entries) {
    const { step, at } = entry;
    if (step === undefined) continue;
    if (entry.kind === "StepStarted") {
      const startMs = Date.parse(at);
      const attempts = byStep.get(step) ?? [];
      if (attempts.length === 0) byStep.set(step, attempts);
      attempts.push({
        step,
        attempt: Number(entry.attempt),
        readyMs: startMs - Number(entry.waitedMs ?? 0),
        startMs,
        outcome: "running",
      });
      continue;
    }
    const outcome = ENDS[entry.kind];
    if (outcome !== undefined) end(step, at, outcome);
  }
  return byStep;
}

/** How events end the attempt that is under way. */
const ENDS: Readonly<Record<string, Attempt["outcome"]>> = {
  StepCompleted: "completed",
  StepAttemptFailed: "failed",
  StepInterrupted: "failed",
  StepFailed: "failed",
  StepParked: "failed",
  StepResolved: "ended",
  StepSkipped: "ended",
  StepCancelled: "ended",
  StepRetried: "ended",
};

/** Which state each kind of event leaves its step in; absent: it leaves it as it was. */
const STATES: { readonly [Kind in Event["kind"]]?: StepStateName } = {
  StepStarted: "running",
  StepCompleted: "completed",
  StepAttemptFailed: "waiting_for_retry",
  StepInterrupted: "waiting_for_retry",
  StepFailed: "failed",
  StepParked: "parked",
  StepRetried: "waiting_for_retry",
  StepResolved: "resolved_manually",
  StepSkipped: "skipped",
  StepCancelled: "cancelled",
  StepUnreached: "unreached",
};

/** A task as its journal had it after a turn. */
export interface Moment {
  readonly turn: number;
  readonly at: string;
  readonly state: TaskStateName;
  readonly steps: ReadonlyMap<string, StepStateName>;
}

/** Folds a journal up to a turn; `waits`: steps that no code of this server runs. Cost: O(entries). */
export function momentAt(
  entries: readonly JournalEntry[],
  turn: number,
  { steps, waits }: { readonly steps: readonly string[]; readonly waits: ReadonlySet<string> },
): Moment {
  const states = new Map<string, StepStateName>(steps.map((name) => [name, "pending"]));
  let [at, end, isPaused] = [entries[0]?.at ?? "", undefined as TaskStateName | undefined, false];
  for (const entry of entries) {
    if (entry.turn > turn) break;
    at = entry.at;
    const state = STATES[entry.kind as Event["kind"]];
    if (entry.step !== undefined && state !== undefined) {
      const isWaiting = state === "running" && waits.has(entry.step);
      states.set(entry.step, isWaiting ? "waiting_for_reply" : state);
    }
    if (entry.kind === "TaskPaused") isPaused = true;
    if (entry.kind === "TaskResumed") isPaused = false;
    if (entry.kind === "TaskEnded") end = entry.end as TaskStateName;
  }
  const all = [...states.values()];
  const isBlocked = all.includes("parked") &&
    all.every((one) => one === "parked" || one === "pending" || isEnded(one));
  return {
    turn,
    at,
    state: end ?? (isPaused ? "paused" : isBlocked ? "blocked" : "running"),
    steps: states,
  };
}

/** What an entry says, in a few words. */
export function entryText(entry: JournalEntry): string {
  const { kind, attempt, ranMs, failure, reason, by, nextAttemptAt, end } = entry as
    & JournalEntry
    & Readonly<Record<string, unknown>>;
  const error = failure as { class?: string; error?: { error_message?: unknown } } | undefined;
  const words = [
    attempt !== undefined && `attempt ${attempt}`,
    ranMs !== undefined && kind !== "StepStarted" && `ran ${ranMs} ms`,
    error?.class?.replaceAll("_", " "),
    typeof error?.error?.error_message === "string" && error.error.error_message.slice(0, 200),
    typeof nextAttemptAt === "string" && `next at ${new Date(nextAttemptAt).toLocaleTimeString()}`,
    typeof by === "string" && `by ${by}`,
    typeof reason === "string" && reason,
    typeof end === "string" && end,
  ];
  return words.filter(Boolean).join(" · ");
}
