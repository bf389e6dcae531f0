/** Notifications: who consumes hears that envelopes wait; here at once, elsewhere by NOTIFY, or polls. */

import { exponentialMs } from "../core/backoff.ts";
import { Batcher } from "../core/batcher.ts";
import type { Cancel, Database, Runtime } from "../core/ports.ts";
import due from "./sql/due.sql" with { type: "text" };
import notify from "./sql/notify.sql" with { type: "text" };

/** The channel of Postgres; the payload is one of ours, or "" after a reconnect. */
const CHANNEL = "tasker_bus";

/**
 * Between two NOTIFYs of this node: each holds a lock of the whole server until it has committed.
 * Those here wait for no disk, and 500 a second did not slow 16 clients that insert; with 10 ms the
 * steps of one task waited for each other's rest.
 */
const NOTIFY_MS = 2;

/** The delays between polls. Where no NOTIFY can be heard, they are short after a find, and grow. */
const POLL = { minMs: 20, maxMs: 1_000 };

/** Who can be woken. */
export interface Listener {
  readonly channel: string;
  /** Envelopes it would take now. */
  readonly wanted: number;
  wake(): void;
}

/** What notifying works with. */
export interface NotificationsDeps {
  readonly runtime: Runtime;
  readonly database: Database;
}

/** The first NOTIFY goes out at once, those of the next 2 ms go together; one poll serves all. */
export class PostgresNotifications {
  readonly #listeners = new Set<Listener>();
  readonly #touched: Batcher<string>;
  #unlisten: Promise<Cancel> | undefined;
  #isHeard = false;
  #cancelPoll: Cancel = () => {};
  #pollAtMs = Infinity;
  /** In a row. */
  #emptyPolls = 0;
  #isClosed = false;

  constructor(readonly deps: NotificationsDeps) {
    const { runtime, database } = deps;
    this.#touched = new Batcher({
      runtime,
      restMs: NOTIFY_MS,
      send: (channels) => database.query(notify, [CHANNEL, [...new Set(channels)]]),
    });
  }

  add(listener: Listener): void {
    this.#listeners.add(listener);
    void this.#listen();
    this.pollWithin(POLL.minMs);
  }

  delete(listener: Listener): void {
    this.#listeners.delete(listener);
  }

  /** Wakes who consumes a channel. Other nodes are notified unless this one takes all. */
  published(channel: string, count: number): void {
    let wanted = 0;
    for (const listener of this.#listeners) {
      if (listener.channel !== channel || listener.wanted === 0) continue;
      wanted += listener.wanted;
      listener.wake();
    }
    // A lost notification costs the time until the next poll.
    if (wanted < count && !this.#isClosed) this.#touched.put(channel).catch(() => {});
  }

  /** Polls within `ms`: something is due then. */
  pollWithin(ms: number): void {
    const atMs = this.deps.runtime.monotonic() + ms;
    if (this.#isClosed || atMs >= this.#pollAtMs) return;
    this.#cancelPoll();
    this.#pollAtMs = atMs;
    this.#cancelPoll = this.deps.runtime.after(ms, () => void this.#poll());
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#cancelPoll();
    await this.#touched.idle();
    const unlisten = await this.#unlisten?.catch(() => undefined);
    unlisten?.();
  }

  /** Behind some poolers nothing can be heard, and listening says so by never calling. */
  async #listen(): Promise<void> {
    if (this.#unlisten !== undefined || this.#isClosed) return;
    this.#unlisten = this.deps.database.listen(CHANNEL, (payload) => this.#heard(payload));
    await this.#unlisten.catch(() => this.#unlisten = undefined);
  }

  #heard(payload: string): void {
    this.#isHeard = true;
    for (const listener of this.#listeners) {
      if (payload === "" || payload === listener.channel) listener.wake();
    }
  }

  async #poll(): Promise<void> {
    this.#pollAtMs = Infinity;
    const listeners = [...this.#listeners].filter(({ wanted }) => wanted > 0);
    const channels = new Set(listeners.map(({ channel }) => channel));
    const found = await this.#findDue([...channels]);
    for (const listener of listeners) if (found.has(listener.channel)) listener.wake();
    if (this.#listeners.size === 0) return;
    void this.#listen();
    this.#emptyPolls = found.size > 0 ? 0 : this.#emptyPolls + 1;
    this.pollWithin(this.#isHeard ? POLL.maxMs : exponentialMs(this.#emptyPolls + 1, POLL));
  }

  async #findDue(channels: readonly string[]): Promise<ReadonlySet<string>> {
    if (channels.length === 0) return new Set();
    try {
      const rows = await this.deps.database.query(due, [channels]);
      return new Set(rows.map(({ channel }) => String(channel)));
    } catch {
      // The next poll asks again; who claims or publishes learns that the database is away.
      return new Set();
    }
  }
}
