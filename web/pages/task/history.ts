/** What a journal says of steps: their attempts as spans of time, and their states at any turn. Pure. */

import type { JournalEntry } from "../../../src/client.ts";
import type { Event } from "../../../src/core/event.ts";
import { isEnded, type StepStateName, type TaskStateName } from "../../../src/core/state.ts";

/** One attempt of a step, as times in Unix ms. */
export interface Attempt {
  readonly attempt: number;
  /** When it could have started. */
  readonly readyMs: number;
  readonly startMs: number;
  /** Absent: it is under way. */
  readonly endMs?: number;
  readonly outcome: "running" | "completed" | "failed" | "ended";
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

/** What a task has, beside its journal, that its states depend on. */
interface MomentOf {
  readonly steps: readonly string[];
  /** Steps that no code of this server runs. */
  readonly waits: ReadonlySet<string>;
}

/**
 * A journal as far as it was read, sorted by step as it comes: what is asked of it never goes through
 * all of its entries.
 *
 * Cost: O(1) an entry, and its memory.
 */
export class History {
  readonly #entries: JournalEntry[] = [];
  readonly #attempts = new Map<string, Attempt[]>();
  /** The entries that changed the state of a step, by step, and those that changed that of the task. */
  readonly #ofSteps = new Map<string, JournalEntry[]>();
  readonly #ofTask: JournalEntry[] = [];

  /** All entries, in order. The array grows; it is never made anew. */
  get entries(): readonly JournalEntry[] {
    return this.#entries;
  }

  /** Adds the entry that comes next; one that is there already is passed over. */
  append(entry: JournalEntry): void {
    const last = this.#entries.at(-1);
    const isKnown = last !== undefined &&
      (entry.turn < last.turn || (entry.turn === last.turn && entry.number <= last.number));
    if (isKnown) return;
    this.#entries.push(entry);
    const { kind, step } = entry;
    if (TASK_CHANGES.includes(kind)) this.#ofTask.push(entry);
    if (step === undefined) return;
    if (STATES[kind as Event["kind"]] !== undefined) listOf(this.#ofSteps, step).push(entry);
    this.#addAttempt(step, entry);
  }

  #addAttempt(step: string, { kind, at, attempt, waitedMs }: JournalEntry): void {
    const attempts = listOf(this.#attempts, step);
    if (kind === "StepStarted") {
      const startMs = Date.parse(at);
      const readyMs = startMs - Number(waitedMs ?? 0);
      attempts.push({ attempt: Number(attempt), readyMs, startMs, outcome: "running" });
      return;
    }
    const [outcome, last] = [ENDS[kind], attempts.at(-1)];
    if (outcome === undefined || last === undefined || last.endMs !== undefined) return;
    attempts[attempts.length - 1] = { ...last, endMs: Date.parse(at), outcome };
  }

  /** The attempts of a step, in the order of their starts. The array grows. */
  attemptsOf(step: string): readonly Attempt[] {
    return this.#attempts.get(step) ?? [];
  }

  /** The task after a turn. Cost: a binary search for each step. */
  momentAt(turn: number, { steps, waits }: MomentOf): Moment {
    const states = new Map(steps.map((name): [string, StepStateName] => {
      const entry = lastUpTo(turn, this.#ofSteps.get(name) ?? []);
      const state = STATES[entry?.kind as Event["kind"]] ?? "pending";
      return [name, state === "running" && waits.has(name) ? "waiting_for_reply" : state];
    }));
    const all = [...states.values()];
    const isBlocked = all.includes("parked") &&
      all.every((one) => one === "parked" || one === "pending" || isEnded(one));
    const change = lastUpTo(turn, this.#ofTask);
    const state = change?.kind === "TaskEnded"
      ? change.end as TaskStateName
      : change?.kind === "TaskPaused"
      ? "paused"
      : isBlocked
      ? "blocked"
      : "running";
    return { turn, at: lastUpTo(turn, this.#entries)?.at ?? "", state, steps: states };
  }
}

/** Events that change the state of the task itself. */
const TASK_CHANGES: readonly string[] = ["TaskPaused", "TaskResumed", "TaskEnded"];

/** The list of a step, which is made when it is first asked for. */
function listOf<Item>(lists: Map<string, Item[]>, step: string): Item[] {
  const list = lists.get(step) ?? [];
  if (list.length === 0) lists.set(step, list);
  return list;
}

/** The last of the entries, which are in order, that is not after a turn. Cost: O(log entries). */
function lastUpTo(turn: number, entries: readonly JournalEntry[]): JournalEntry | undefined {
  let [low, high] = [0, entries.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    const entry = entries[middle];
    if (entry !== undefined && entry.turn <= turn) low = middle + 1;
    else high = middle;
  }
  return entries[low - 1];
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
