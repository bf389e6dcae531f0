/** The writer: group commit. While one flush is in flight, entries wait for the next. */

import { TaskerError } from "../core/errors.ts";
import type { TaskId } from "../core/ids.ts";
import type {
  Appended,
  CommitTimes,
  Database,
  Journal,
  JournalFigures,
  LoadedTask,
  RowlessEntry,
  TurnRow,
} from "../core/ports.ts";
import { type Entry, entryOfRow, entryOfRowless, sizeOf } from "./entry.ts";
import { flush, type FlushDeps } from "./flush.ts";
import { readTasks } from "./reading.ts";

/** Bounds of one flush: rows for about 25 ms of Postgres, and characters. A larger row goes alone. */
const ENTRIES_PER_FLUSH_MAX = 2_048;
const CHARACTERS_PER_FLUSH_MAX = 4 * 1024 * 1024;

/** Iterations of the event loop in which a committed turn leads to its task's next one. */
const ITERATIONS_TO_GO_ON = 2;

/** Flushes of which the times are kept. */
const FLUSHES_KEPT = 512;

/** What a writer works with. */
export interface WriterDeps extends Omit<FlushDeps, "figures" | "isClosed"> {
  /** For reading. */
  readonly database: Database;
}

/**
 * The Journal port over Postgres.
 *
 * Flushes at once when idle, and never waits for a time to fill a batch. Cost of a row: its share of one
 * statement and one commit.
 */
export class Writer implements Journal {
  #queue: Entry[] = [];
  #isFlushing = false;
  #isClosed = false;
  /** Entries since the start, and how many of them are settled; they settle in order. */
  #entries = 0;
  #settled = 0;
  #idlers: { readonly entries: number; resolve(): void }[] = [];
  readonly #figures = { commits: 0, rows: 0, queries: 0, bytes: 0, flushMs: 0 };
  /** How long the last flushes took, in a ring. */
  readonly #lastMs = new Float64Array(FLUSHES_KEPT);
  #flushes = 0;
  readonly #flushDeps: FlushDeps;

  constructor(readonly deps: WriterDeps) {
    this.#flushDeps = { ...deps, figures: this.#figures, isClosed: () => this.#isClosed };
  }

  /** Rejects a row that cannot be encoded. */
  append(row: TurnRow): Promise<Appended> {
    try {
      const { entry, appended } = entryOfRow(row);
      this.#put(entry);
      return appended;
    } catch (error) {
      return Promise.reject(error);
    }
  }

  confirm(rowless?: RowlessEntry): Promise<boolean> {
    const { entry, isAlive } = entryOfRowless(rowless);
    this.#put(entry);
    return isAlive;
  }

  load(taskIds: readonly TaskId[]): AsyncIterable<LoadedTask> {
    return readTasks(this.deps.database, taskIds);
  }

  figures(): JournalFigures {
    const commit = this.#commitTimes();
    return { ...this.#figures, ...(commit && { commit }) };
  }

  #commitTimes(): CommitTimes | undefined {
    const sorted = this.#lastMs.slice(0, this.#flushes).sort();
    if (sorted.length === 0) return undefined;
    const at = (share: number) => sorted[Math.ceil(share * sorted.length) - 1] ?? 0;
    return { count: sorted.length, p50Ms: at(0.5), p95Ms: at(0.95) };
  }

  idle(): Promise<void> {
    const entries = this.#entries;
    if (!this.#isFlushing) return Promise.resolve();
    return new Promise((resolve) => this.#idlers.push({ entries, resolve }));
  }

  /**
   * Ends the connections. What waits is rejected: it was not sent. Only what is in flight, and finds
   * no answer any more, ends with an unknown outcome.
   */
  async close(): Promise<void> {
    this.#isClosed = true;
    rejectAll(this.#queue.splice(0), notSent());
    await Promise.all([this.deps.connection.close(), this.deps.control.close()]);
  }

  #put(entry: Entry): void {
    if (this.#isClosed) return entry.reject(notSent());
    this.#queue.push(entry);
    this.#entries++;
    if (this.#isFlushing) return;
    this.#isFlushing = true;
    // Entries of the same iteration of the event loop share the flush.
    this.deps.runtime.soon(() => void this.#flushAll());
  }

  async #flushAll(): Promise<void> {
    const { runtime } = this.deps;
    while (this.#queue.length > 0) {
      const entries = this.#take();
      const sinceMs = runtime.monotonic();
      await flush(this.#flushDeps, entries).catch((error) => rejectAll(entries, error));
      const tookMs = runtime.monotonic() - sinceMs;
      this.#figures.flushMs += tookMs;
      this.#lastMs[this.#flushes++ % FLUSHES_KEPT] = tookMs;
      this.#settle(this.#settled + entries.length);
      await this.#letCallersGoOn();
    }
    this.#isFlushing = false;
    // With those that close() has rejected.
    this.#settle(this.#entries);
  }

  /**
   * Callers whose entries have settled append what follows from them: at once, or when the event loop
   * has run what they started. If others wait already, all of it shares their flush: else callers would
   * part into two crowds that take turns, with a flush each.
   */
  async #letCallersGoOn(): Promise<void> {
    await Promise.resolve();
    if (this.#queue.length === 0 || this.#queue.length >= ENTRIES_PER_FLUSH_MAX) return;
    for (let iterations = 0; iterations < ITERATIONS_TO_GO_ON; iterations++) {
      await new Promise<void>((resolve) => this.deps.runtime.soon(resolve));
    }
  }

  /** Resolves idle() for callers whose entries are settled; under load there are always newer ones. */
  #settle(entries: number): void {
    this.#settled = entries;
    const idle = this.#idlers.findIndex((idler) => idler.entries > entries);
    const woken = this.#idlers.splice(0, idle === -1 ? this.#idlers.length : idle);
    for (const { resolve } of woken) resolve();
  }

  /** Takes entries from the front of the queue, within the bounds. */
  #take(): readonly Entry[] {
    let characters = 0;
    const isFirstAlone = this.#queue[0]?.row?.isAlone === true;
    const end = this.#queue.findIndex((entry, at) => {
      characters += sizeOf(entry);
      if (at === 0) return false;
      return isFirstAlone || entry.row?.isAlone === true || at === ENTRIES_PER_FLUSH_MAX ||
        characters > CHARACTERS_PER_FLUSH_MAX;
    });
    return this.#queue.splice(0, end === -1 ? this.#queue.length : end);
  }
}

function rejectAll(entries: readonly Entry[], error: unknown): void {
  for (const entry of entries) entry.reject(error);
}

function notSent(): TaskerError {
  return new TaskerError(
    "journal.unavailable",
    "Cannot write to the journal: this node has closed it, and the entry was not sent",
  );
}
