/** Task frames: a task's turns as a stream sends them, read and encoded once for all who follow it. */

import type { Turn } from "../core/event.ts";
import type { TaskId } from "../core/ids.ts";
import type { Plan } from "../core/plan.ts";
import type { History } from "../core/ports.ts";
import type { Counter } from "../telemetry/instrument.ts";
import { entriesOf } from "../operations/task_documents.ts";
import { frameBytes } from "./sse.ts";

/** Turns read at once. */
const TURNS_PAGE = 100;

/** Bytes of turns that are kept for others who follow the same task. */
export const KEPT_BYTES_MAX = 16 * 1024 * 1024;

/** The last event a client has seen. */
export interface Seen {
  readonly turn: number;
  readonly number: number;
}

/** A turn, ready to be sent. */
export interface TurnFrame {
  readonly turn: number;
  readonly bytes: Uint8Array;
  /** Whether the task's journal had no more when it was read. */
  readonly isNewest: boolean;
  /** Whether the task ended with it. */
  readonly isEnd: boolean;
}

/** Encodes turns, and keeps those that were read last. */
export class TaskFrames {
  /** By task and turn, the oldest first. */
  readonly #kept = new Map<string, TurnFrame>();
  #size = 0;
  readonly #reading = new Map<string, Promise<TurnFrame | undefined>>();

  constructor(readonly history: History, readonly encoded: Counter) {}

  /** The turn after a turn, or undefined when there is none yet. Cost: mostly none; one read. */
  next(taskId: TaskId, plan: Plan, afterTurn: number): Promise<TurnFrame | undefined> {
    const place = placeOf(taskId, afterTurn + 1);
    const kept = this.#kept.get(place);
    if (kept !== undefined) {
      const isNewest = kept.isNewest && !this.#kept.has(placeOf(taskId, afterTurn + 2));
      return Promise.resolve({ ...kept, isNewest });
    }
    const reading = this.#reading.get(place) ??
      this.#read(taskId, plan, afterTurn).finally(() => this.#reading.delete(place));
    this.#reading.set(place, reading);
    return reading;
  }

  /** What a client has not seen of the turn it saw the last of. */
  async rest(taskId: TaskId, plan: Plan, seen: Seen): Promise<TurnFrame | undefined> {
    const { turns: [turn] } = await this.history.turns(taskId, seen.turn - 1, 1);
    return turn === undefined ? undefined : this.#frameOf(plan, turn, seen);
  }

  async #read(taskId: TaskId, plan: Plan, afterTurn: number): Promise<TurnFrame | undefined> {
    const { turns, isLast } = await this.history.turns(taskId, afterTurn, TURNS_PAGE);
    const frames = turns.map((turn, at) => ({
      ...this.#frameOf(plan, turn),
      isNewest: isLast && at === turns.length - 1,
    }));
    for (const frame of frames) this.#keep(placeOf(taskId, frame.turn), frame);
    return frames[0];
  }

  #frameOf(plan: Plan, turn: Turn, seen: Seen = { turn: 0, number: 0 }): TurnFrame {
    this.encoded.add();
    const frames = entriesOf(plan, turn)
      .filter((entry) => entry.turn > seen.turn || entry.number > seen.number)
      .map((entry) => ({ id: `${entry.turn}.${entry.number}`, data: entry }));
    const isEnd = turn.events.some((event) => event.kind === "TaskEnded");
    return { turn: turn.turn, bytes: frameBytes(frames), isNewest: false, isEnd };
  }

  #keep(place: string, frame: TurnFrame): void {
    this.#drop(place);
    this.#kept.set(place, frame);
    this.#size += frame.bytes.length;
    for (const oldest of this.#kept.keys()) {
      if (this.#size <= KEPT_BYTES_MAX) return;
      this.#drop(oldest);
    }
  }

  #drop(place: string): void {
    this.#size -= this.#kept.get(place)?.bytes.length ?? 0;
    this.#kept.delete(place);
  }
}

function placeOf(taskId: TaskId, turn: number): string {
  return `${taskId}/${turn}`;
}
