/** Task frames: the turns of a task as streams send them, read and encoded once for all readers. */

import type { Turn } from "../core/event.ts";
import type { TaskId } from "../core/ids.ts";
import type { Plan } from "../core/plan.ts";
import type { History } from "../core/ports.ts";
import { entriesOf, type Shown } from "../operations/task_documents.ts";
import type { CounterSeries } from "../telemetry/metrics.ts";
import type { ShownValues } from "./shown_values.ts";
import { frameBytes } from "./sse.ts";

/** Turns read at once. */
const TURNS_PAGE = 100;

/** Bytes of turns that are kept for other readers of the same task. */
const KEPT_BYTES_MAX = 16 * 1024 * 1024;

/** The last event a client has seen. */
export interface Seen {
  readonly turn: number;
  readonly number: number;
}

/** A turn as a stream sends it. */
export interface TurnFrame {
  readonly turn: number;
  readonly bytes: Uint8Array;
  /** Whether the task's journal had no more when it was read. */
  readonly isNewest: boolean;
  /** Whether the task ended with it. */
  readonly isEnd: boolean;
}

/** Encodes turns and keeps the newest of them. */
export class TaskFrames {
  /** By task and turn, the oldest first. */
  readonly #kept = new Map<string, TurnFrame>();
  #size = 0;
  readonly #reading = new Map<string, Promise<TurnFrame | undefined>>();

  constructor(
    readonly history: History,
    readonly shownValues: ShownValues,
    readonly encoded: CounterSeries,
  ) {}

  /** Returns the turn after a turn; undefined: there is none yet. Cost: at most one read. */
  next(taskId: TaskId, plan: Plan, afterTurn: number): Promise<TurnFrame | undefined> {
    const key = keyOf(taskId, afterTurn + 1);
    const kept = this.#kept.get(key);
    if (kept !== undefined) {
      const isNewest = kept.isNewest && !this.#kept.has(keyOf(taskId, afterTurn + 2));
      return Promise.resolve({ ...kept, isNewest });
    }
    const reading = this.#reading.get(key) ??
      this.#read(taskId, plan, afterTurn).finally(() => this.#reading.delete(key));
    this.#reading.set(key, reading);
    return reading;
  }

  /** Returns what a client has not seen of the last turn that it saw. */
  async rest(taskId: TaskId, plan: Plan, seen: Seen): Promise<TurnFrame | undefined> {
    const { turns: [turn] } = await this.history.turns(taskId, seen.turn - 1, 1);
    if (turn === undefined) return undefined;
    return this.#frameOf(plan, turn, {
      shown: await this.shownValues.of(taskId, plan, [turn]),
      seen,
    });
  }

  async #read(taskId: TaskId, plan: Plan, afterTurn: number): Promise<TurnFrame | undefined> {
    const { turns, isLast } = await this.history.turns(taskId, afterTurn, TURNS_PAGE);
    const shown = await this.shownValues.of(taskId, plan, turns);
    const frames = turns.map((turn, at) => ({
      ...this.#frameOf(plan, turn, { shown }),
      isNewest: isLast && at === turns.length - 1,
    }));
    for (const frame of frames) this.#keep(keyOf(taskId, frame.turn), frame);
    return frames[0];
  }

  #frameOf(
    plan: Plan,
    turn: Turn,
    { shown, seen = { turn: 0, number: 0 } }: { readonly shown: Shown; readonly seen?: Seen },
  ): TurnFrame {
    this.encoded.add();
    const frames = entriesOf(plan, turn, shown)
      .filter((entry) => entry.turn > seen.turn || entry.number > seen.number)
      .map((entry) => ({ id: `${entry.turn}.${entry.number}`, data: entry }));
    const isEnd = turn.events.some((event) => event.kind === "TaskEnded");
    return { turn: turn.turn, bytes: frameBytes(frames), isNewest: false, isEnd };
  }

  #keep(key: string, frame: TurnFrame): void {
    this.#drop(key);
    this.#kept.set(key, frame);
    this.#size += frame.bytes.length;
    for (const oldest of this.#kept.keys()) {
      if (this.#size <= KEPT_BYTES_MAX) return;
      this.#drop(oldest);
    }
  }

  #drop(key: string): void {
    this.#size -= this.#kept.get(key)?.bytes.length ?? 0;
    this.#kept.delete(key);
  }
}

function keyOf(taskId: TaskId, turn: number): string {
  return `${taskId}/${turn}`;
}
