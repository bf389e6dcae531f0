/** The writer: group commit. One flush in flight; while it is, the next one gathers. */

import type { TaskId } from "../core/ids.ts";
import type { Appended, Journal, JournalFigures, RowlessEntry, TurnRow } from "../core/ports.ts";
import type { Turn } from "../core/event.ts";
import { decodeTurn } from "./codec.ts";
import { type Entry, entryOfRow, entryOfRowless, flush, type FlushParts } from "./flush.ts";
import type { PostgresDatabase } from "./database.ts";

/** Bounds of one flush. */
const ENTRIES_PER_FLUSH_MAX = 2_048;
const CHARACTERS_PER_FLUSH_MAX = 8 * 1024 * 1024;

/**
 * Appends turns to the journal.
 *
 * Flushes at once when idle, and never waits to fill a batch. Cost of a row: a share of one
 * statement and one commit.
 */
export class Writer implements Journal {
  #queue: Entry[] = [];
  #isFlushing = false;
  #idlers: (() => void)[] = [];
  readonly #figures = { commits: 0, rows: 0, queries: 0, bytes: 0 };
  readonly #parts: FlushParts;

  constructor(parts: Omit<FlushParts, "count">, readonly database: PostgresDatabase) {
    this.#parts = {
      ...parts,
      count: (bytes) => {
        this.#figures.queries++;
        this.#figures.bytes += bytes;
      },
    };
  }

  append(row: TurnRow): Promise<Appended> {
    return new Promise((settle) => this.#put(entryOfRow(row, settle)));
  }

  confirm(entry: RowlessEntry): Promise<boolean> {
    return new Promise((resolve) =>
      this.#put(entryOfRowless(entry, ({ kind }) => resolve(kind === "inserted")))
    );
  }

  async load(taskIds: readonly TaskId[]): Promise<Map<TaskId, readonly Turn[]>> {
    const rows = await this.database.query(
      `select task_id, turn, convert_from(events, 'utf8') as events
       from tasker.journal
       where task_id in (select value::uuid from jsonb_array_elements_text($1::text::jsonb))
       order by task_id, turn`,
      [JSON.stringify(taskIds)],
    );
    const journals = new Map<TaskId, Turn[]>();
    for (const row of rows) {
      const taskId = row.task_id as TaskId;
      const turns = journals.get(taskId) ?? [];
      turns.push(decodeTurn(Number(row.turn), String(row.events)));
      journals.set(taskId, turns);
    }
    return journals;
  }

  figures(): JournalFigures {
    return { ...this.#figures };
  }

  idle(): Promise<void> {
    if (!this.#isFlushing && this.#queue.length === 0) return Promise.resolve();
    return new Promise((resolve) => this.#idlers.push(resolve));
  }

  async close(): Promise<void> {
    await Promise.all([this.#parts.link.close(), this.#parts.control.close()]);
  }

  #put(entry: Entry): void {
    this.#queue.push(entry);
    if (!this.#isFlushing) void this.#flushAll();
  }

  async #flushAll(): Promise<void> {
    this.#isFlushing = true;
    // What comes in this turn of the event loop goes along.
    await Promise.resolve();
    while (this.#queue.length > 0) {
      const entries = this.#take();
      await flush(this.#parts, entries);
      this.#figures.commits++;
      this.#figures.rows += entries.length;
    }
    this.#isFlushing = false;
    for (const resolve of this.#idlers.splice(0)) resolve();
  }

  /** Takes the queue's beginning, within the bounds; a row and a rowless entry of one task do fit. */
  #take(): readonly Entry[] {
    let count = 0;
    for (let characters = 0; count < Math.min(this.#queue.length, ENTRIES_PER_FLUSH_MAX); count++) {
      characters += this.#queue[count]?.text.length ?? 0;
      if (count > 0 && characters > CHARACTERS_PER_FLUSH_MAX) break;
    }
    return this.#queue.splice(0, count);
  }
}
