/**
 * The player: what each attempt of a stored task did, to be played again. Where a changed policy asks
 * for what was never seen (an attempt more, the end of one that was cut off), it is drawn from what
 * other tasks have shown of the step.
 */

import type { Outcome } from "../core/command.ts";
import type { Event, Failure } from "../core/event.ts";
import { hash32, type TaskId } from "../core/ids.ts";
import type { JsonText } from "../core/payload.ts";
import type { Plan } from "../core/plan.ts";
import type { PlayedAnswer } from "../core/ports.ts";
import { Survival } from "./survival.ts";
import type { StoredTask } from "./trace.ts";

/** What the journal says of one attempt. */
interface Recorded {
  readonly ms: number;
  /** Absent: it was cut off, so how it would have ended is not known. */
  readonly outcome?: Outcome;
  /** It answered after it had been given up. */
  readonly isLate?: boolean;
  /** Of one that was cut off: until when it had not answered, from its start. */
  readonly silentMs?: number;
}

/** What is known of one step. */
interface StepBook {
  readonly survival: Survival;
  /** Attempts by their number among those of a task, from 0. */
  readonly byNumber: readonly (readonly Recorded[])[];
  readonly results: readonly JsonText[];
  /** Whether attempts that were given up go on, and answer late. */
  readonly answersLate: boolean;
}

/** What was drawn, because no journal has it. */
export interface Drawn {
  /** Attempts that no task made at that number. */
  attempts: number;
  /** Ends of attempts that were cut off. */
  ends: number;
  /** Of those, ends beyond everything seen: the tail is assumed. */
  assumed: number;
}

/** Attempts of one number that are enough to draw the next one from. */
const POOL_MIN = 20;

/** Plays the attempts of stored tasks of one plan. */
export class AttemptPlayer {
  readonly #books: readonly StepBook[];
  /** Since it was last reset. */
  drawn: Drawn = { attempts: 0, ends: 0, assumed: 0 };

  /** Cost: O(attempts). */
  constructor(
    plan: Plan,
    private readonly recorded: ReadonlyMap<TaskId, RecordedSteps>,
    private readonly seed: number,
  ) {
    const all = [...recorded.values()];
    this.#books = plan.steps.map(({ index, definition }) =>
      bookOf(all.map((steps) => steps.get(index) ?? []), definition.kind === "remote")
    );
  }

  /**
   * Says what an attempt does; undefined: it never answers. The same attempt always does the same, so
   * two policies meet the same world.
   */
  answer(taskId: TaskId, step: number, attempt: number): PlayedAnswer | undefined {
    const book = this.#books[step];
    if (book === undefined) return undefined;
    const key = `${this.seed}/${taskId}/${step}/${attempt}`;
    const own = this.recorded.get(taskId)?.get(step)?.[attempt - 1];
    const recorded = own ?? pick(poolFor(book, attempt), key);
    if (recorded === undefined) return undefined;
    if (own === undefined) this.drawn.attempts++;
    const { outcome, ms, isLate = false } = recorded;
    const isStoppable = !book.answersLate && !isLate;
    if (outcome !== undefined) return { afterMs: ms, outcome, isStoppable };
    return this.#endOfCut(book, cutMs(recorded, book), key);
  }

  /** How long a computed sleep is; as in another task where this one never slept. */
  sleepMs(taskId: TaskId, step: number): number {
    const own = this.recorded.get(taskId)?.get(step)?.[0];
    return (own ?? pick(this.#books[step]?.byNumber[0] ?? [], `${taskId}/${step}`))?.ms ?? 0;
  }

  /** How an attempt ends that was cut off: later than that, or never. */
  #endOfCut({ survival, results, answersLate }: StepBook, cutMs: number, key: string) {
    this.drawn.ends++;
    const drawn = survival.drawAbove(cutMs, uniform(`${key}/end`));
    if (drawn.isAssumed) this.drawn.assumed++;
    const result = pick(results, `${key}/result`);
    if (drawn.ms === Infinity || result === undefined) return undefined;
    const outcome: Outcome = { kind: "completed", result };
    const afterMs = Math.ceil(Math.max(drawn.ms, cutMs + 1));
    return { afterMs, outcome, isStoppable: !answersLate };
  }
}

/** The attempts of the same number; of the last that was made often enough, where it is a higher one. */
function poolFor({ byNumber }: StepBook, attempt: number): readonly Recorded[] {
  const same = byNumber[attempt - 1] ?? [];
  if (same.length >= POOL_MIN) return same;
  return byNumber.findLast((pool, at) => at < attempt && pool.length >= POOL_MIN) ??
    byNumber.slice(0, attempt).flat();
}

/** From its start, until when an attempt that was cut off is known not to have answered. */
function cutMs({ ms, silentMs = ms }: Recorded, { answersLate }: Pick<StepBook, "answersLate">) {
  return answersLate ? silentMs : ms;
}

/** Attempts that were cut off and could have answered late: enough to know whether they do. */
const GIVEN_UP_MIN = 20;

function bookOf(tasks: readonly (readonly Recorded[])[], isRemote: boolean): StepBook {
  const numbers = tasks.reduce((most, attempts) => Math.max(most, attempts.length), 0);
  const all = tasks.flat();
  const givenUp = all.filter(({ outcome, silentMs = 0, ms }) => !outcome && silentMs > ms);
  // Code here ends with its attempt, but for an answer that crosses the time-out.
  const answersLate = isRemote &&
    (givenUp.length < GIVEN_UP_MIN || all.some(({ isLate }) => isLate));
  const survival = new Survival(all.map((one) => ({
    ms: one.outcome === undefined ? cutMs(one, { answersLate }) : one.ms,
    isCut: one.outcome?.kind !== "completed",
  })));
  return {
    survival,
    byNumber: Array.from(
      { length: numbers },
      (_, at) => tasks.flatMap((attempts) => attempts[at] ?? []),
    ),
    results: all.flatMap(({ outcome }) => outcome?.kind === "completed" ? [outcome.result] : []),
    answersLate,
  };
}

/** The attempts of one step of one task, while its events are read. */
interface OpenStep {
  readonly open: Extract<Event, { kind: "StepStarted" }>[];
  readonly recorded: Recorded[];
}

/** The attempts of each step of a task, the first one at 0. */
export type RecordedSteps = ReadonlyMap<number, readonly Recorded[]>;

/** Reads what a stored task did, to be played. Cost: O(events). */
export function recordedOf({ turns }: StoredTask): RecordedSteps {
  const steps = new Map<number, OpenStep>();
  for (const event of turns.flatMap(({ events }) => events)) {
    if (!("step" in event)) continue;
    const of = steps.get(event.step) ?? { open: [], recorded: [] };
    steps.set(event.step, of);
    if (event.kind === "StepStarted") of.open[event.attempt - 1] = event;
    else note(event, of);
  }
  return new Map([...steps].map(([step, { recorded }]) => [step, recorded]));
}

/** Notes what an event says of an attempt: also of one that had been given up, and answered later. */
function note(event: Event, { open, recorded }: OpenStep): void {
  const number = "attempt" in event ? event.attempt : open.length;
  const started = open[number - 1];
  const known = recorded[number - 1];
  if (started === undefined || (known !== undefined && event.kind !== "StepCompleted")) return;
  const outcome = outcomeOf(event, number);
  if (outcome === undefined) return;
  const ms = event.atMs - started.atMs;
  recorded[number - 1] = outcome === "cut"
    ? { ms }
    : known === undefined
    ? { ms: Math.min(ms, inTimeMs(started)), outcome }
    : { ms, outcome, isLate: true };
  if (event.kind === "StepAttemptFailed") return;
  // The step has ended: none of its other attempts had answered until then.
  open.forEach((other, at) => {
    const one = recorded[at] ?? { ms: event.atMs - other.atMs };
    recorded[at] = one.outcome === undefined ? { ...one, silentMs: event.atMs - other.atMs } : one;
  });
}

/**
 * The longest that an answer takes which comes in time. Timers are coarse: one that came after its due
 * time, and before the timer, counted, and has to count again.
 */
function inTimeMs({ atMs, dueAtMs = Infinity }: OpenStep["open"][number]): number {
  return Math.max(0, dueAtMs - atMs - 1);
}

/** How an event ended an attempt; "cut": before it answered. Undefined: it ended none. */
function outcomeOf(event: Event, number: number): Outcome | "cut" | undefined {
  switch (event.kind) {
    case "StepCompleted":
      return { kind: "completed", result: event.result };
    case "StepAttemptFailed":
      return failedOutcome(event.failure, true);
    case "StepFailed":
      return failedOutcome(event.failure, isRepeatable(event.failure, number));
    case "StepParked":
      return event.failure === undefined ? undefined : failedOutcome(event.failure, true);
    case "StepInterrupted":
    case "StepCancelled":
    case "StepResolved":
    case "StepSkipped":
      return "cut";
    default:
      return undefined;
  }
}

function failedOutcome(failure: Failure, retryable: boolean): Outcome | "cut" {
  const isCut = failure.class === "timed_out" || failure.class === "interrupted";
  return isCut ? "cut" : { kind: "failed", failure, retryable };
}

/**
 * Whether another attempt could have followed one that failed for good. Of a failure by contract the
 * journal does not say: it counts as such if an earlier attempt was repeated.
 */
function isRepeatable({ class: kind }: Failure, number: number): boolean {
  return kind === "thrown" || (kind === "failed" && number > 1);
}

function uniform(key: string): number {
  return hash32(key) / 0x1_0000_0000;
}

function pick<T>(from: readonly T[], key: string): T | undefined {
  return from[Math.floor(uniform(key) * from.length)];
}
