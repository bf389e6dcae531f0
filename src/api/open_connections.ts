/** Open connections: clients that hold a connection open, shared fairly between keys, each while its key holds. */

import { TaskerError } from "../core/errors.ts";
import type { KeyRow, Keys, Runtime } from "../core/ports.ts";
import type { Gauge } from "../telemetry/instrument.ts";
import type { Caller } from "./access.ts";

/** Long polls and event streams at once on one node. */
export const WAITING_MAX = 2_000;

/** Ask again after this long when the places are taken. */
const BUSY_RETRY_AFTER_MS = 5_000;

/** How late a client is sent home whose key has expired, or was removed, on whatever node. */
export const KEY_LOOK_MS = 2_000;

/** One client's place. */
export interface Place {
  /** Aborts when the client goes, its key ends, another key needs the place, or the node drains. */
  readonly signal: AbortSignal;
  /** Gives the place back; safe to repeat. */
  leave(): void;
}

/** What waiting works with. */
export interface OpenConnectionsDeps {
  readonly runtime: Pick<Runtime, "after" | "now">;
  readonly keys: Pick<Keys, "list">;
  readonly count: Gauge;
}

/** The places of one key, the oldest first. */
interface Group {
  readonly key: KeyRow;
  readonly places: Set<AbortController>;
}

/** Hands out places to clients that wait. */
export class OpenConnections {
  readonly #groups = new Map<string, Group>();
  #size = 0;
  #isClosed = false;
  #isLooking = false;

  constructor(readonly parts: OpenConnectionsDeps) {}

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /**
   * Takes a place. When all are taken, the key that has most gives one to a key that has fewer.
   *
   * @throws {TaskerError} api.busy when no other key has more places, node.draining once closed
   */
  enter(client: AbortSignal, { key }: Caller): Place {
    if (this.#isClosed) throw new TaskerError("node.draining", "Cannot wait here: the node drains");
    if (this.#size >= WAITING_MAX) this.#makeRoom(key.id);
    const controller = new AbortController();
    const go = () => controller.abort();
    if (client.aborted) go();
    client.addEventListener("abort", go, { once: true });
    this.#add(key, controller);
    return {
      signal: controller.signal,
      leave: () => {
        client.removeEventListener("abort", go);
        this.#remove(key.id, controller);
      },
    };
  }

  /** Sends everybody home; nobody is let in any more. */
  close(): void {
    this.#isClosed = true;
    for (const { places } of this.#groups.values()) sendHome(places);
  }

  /** Sends home whose key has ended. What cannot be looked up now is looked up again. */
  async lookAtKeys(): Promise<void> {
    const nowMs = this.parts.runtime.now();
    for (const { key, places } of this.#groups.values()) {
      if (key.expiresAtMs !== undefined && key.expiresAtMs <= nowMs) sendHome(places);
    }
    const known = await this.parts.keys.list().catch(() => undefined);
    if (known === undefined) return;
    const ids = new Set(known.map(({ id }) => id));
    for (const { key, places } of this.#groups.values()) if (!ids.has(key.id)) sendHome(places);
  }

  #makeRoom(keyId: string): void {
    const groups = [...this.#groups.values()];
    const largest = groups.reduce((most, one) => one.places.size > most.places.size ? one : most);
    const own = this.#groups.get(keyId)?.places.size ?? 0;
    const [oldest] = largest.places;
    if (oldest === undefined || largest.places.size <= own + 1) {
      throw new TaskerError("api.busy", `Cannot wait here: ${WAITING_MAX} clients wait already`, {
        retryAfterMs: BUSY_RETRY_AFTER_MS,
      });
    }
    this.#remove(largest.key.id, oldest);
    oldest.abort();
  }

  #add(key: KeyRow, controller: AbortController): void {
    const group = this.#groups.get(key.id) ?? { key, places: new Set() };
    this.#groups.set(key.id, group);
    group.places.add(controller);
    this.parts.count.set(++this.#size);
    this.#lookLater();
  }

  #remove(keyId: string, controller: AbortController): void {
    const group = this.#groups.get(keyId);
    if (!group?.places.delete(controller)) return;
    if (group.places.size === 0) this.#groups.delete(keyId);
    this.parts.count.set(--this.#size);
  }

  /** Looks at keys from time to time while anybody waits: one statement, however many wait. */
  #lookLater(): void {
    if (this.#isLooking) return;
    this.#isLooking = true;
    this.parts.runtime.after(KEY_LOOK_MS, async () => {
      if (this.#size > 0) await this.lookAtKeys();
      this.#isLooking = false;
      if (this.#size > 0) this.#lookLater();
    });
  }
}

function sendHome(places: Iterable<AbortController>): void {
  for (const controller of [...places]) controller.abort();
}
