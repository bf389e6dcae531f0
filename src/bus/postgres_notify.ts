/** Postgres wakes: tells consumers that envelopes wait; here at once, elsewhere by NOTIFY and polls. */

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

/** Rest between polls. Where nothing can be heard, it is short after a find, and doubles. */
const POLL_MS_MIN = 20;
const POLL_MS_MAX = 1_000;

/** Who can be woken. */
export interface Sleeper {
  readonly channel: string;
  /** Envelopes it would take now. */
  readonly free: number;
  wake(): void;
}

/** What waking works with. */
export interface WakesDeps {
  readonly runtime: Runtime;
  readonly database: Database;
}

/** The first NOTIFY goes out at once, those of the next 2 ms go together; one poll serves all. */
export class PostgresWakes {
  readonly #sleepers = new Set<Sleeper>();
  #unlisten: Promise<Cancel> | undefined;
  #isHeard = false;
  #touched = new Set<string>();
  #cancelNotify: Cancel | undefined;
  #cancelPoll: Cancel | undefined;
  #pollAtMs = Infinity;
  #pollMs = POLL_MS_MIN;
  #isClosed = false;

  constructor(readonly parts: WakesDeps) {}

  add(sleeper: Sleeper): void {
    this.#sleepers.add(sleeper);
    void this.#listen();
    this.pollWithin(this.#pollMs);
  }

  delete(sleeper: Sleeper): void {
    this.#sleepers.delete(sleeper);
  }

  /** Wakes who consumes a channel. Other nodes are told unless this one takes all. */
  published(channel: string, count: number): void {
    let free = 0;
    for (const sleeper of this.#sleepers) {
      if (sleeper.channel !== channel || sleeper.free === 0) continue;
      free += sleeper.free;
      sleeper.wake();
    }
    if (free >= count) return;
    this.#touched.add(channel);
    if (this.#cancelNotify === undefined) this.#notify();
  }

  /** Polls within so many ms: something is due then. */
  pollWithin(ms: number): void {
    const atMs = this.parts.runtime.monotonic() + ms;
    if (this.#isClosed || atMs >= this.#pollAtMs) return;
    this.#cancelPoll?.();
    this.#pollAtMs = atMs;
    this.#cancelPoll = this.parts.runtime.after(ms, () => void this.#poll());
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#cancelPoll?.();
    this.#cancelNotify?.();
    const unlisten = await this.#unlisten?.catch(() => undefined);
    unlisten?.();
  }

  #notify(): void {
    const channels = [...this.#touched];
    this.#touched.clear();
    this.#cancelNotify = undefined;
    if (channels.length === 0 || this.#isClosed) return;
    // A lost wake-up costs the time until the next poll.
    this.parts.database.query(notify, [CHANNEL, channels]).catch(() => {});
    this.#cancelNotify = this.parts.runtime.after(NOTIFY_MS, () => this.#notify());
  }

  /** Behind some poolers nothing can be heard, and listening says so by never calling. */
  async #listen(): Promise<void> {
    if (this.#unlisten !== undefined || this.#isClosed) return;
    this.#unlisten = this.parts.database.listen(CHANNEL, (payload) => this.#heard(payload));
    await this.#unlisten.catch(() => this.#unlisten = undefined);
  }

  #heard(payload: string): void {
    this.#isHeard = true;
    for (const sleeper of this.#sleepers) {
      if (payload === "" || payload === sleeper.channel) sleeper.wake();
    }
  }

  async #poll(): Promise<void> {
    this.#pollAtMs = Infinity;
    const sleepers = [...this.#sleepers].filter(({ free }) => free > 0);
    const channels = new Set(sleepers.map(({ channel }) => channel));
    const found = await this.#findDue([...channels]);
    for (const sleeper of sleepers) if (found.has(sleeper.channel)) sleeper.wake();
    if (this.#sleepers.size === 0) return;
    void this.#listen();
    this.#pollMs = found.size > 0 ? POLL_MS_MIN : Math.min(this.#pollMs * 2, POLL_MS_MAX);
    this.pollWithin(this.#isHeard ? POLL_MS_MAX : this.#pollMs);
  }

  async #findDue(channels: readonly string[]): Promise<ReadonlySet<string>> {
    if (channels.length === 0) return new Set();
    try {
      const rows = await this.parts.database.query(due, [channels]);
      return new Set(rows.map(({ channel }) => String(channel)));
    } catch {
      // The next poll asks again; who claims or publishes tells that the database is away.
      return new Set();
    }
  }
}
