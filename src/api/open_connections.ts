/** Open connections: long polls and event streams, shared fairly between keys while their keys are valid. */

import { TaskerError } from "../core/errors.ts";
import type { KeyRow, Runtime, Sessions } from "../core/ports.ts";
import type { GaugeSeries } from "../telemetry/metrics.ts";
import type { Caller } from "./access.ts";

/** Long polls and event streams at once on one node. */
export const CONNECTIONS_MAX = 2_000;

/** How long a client waits before it tries again when all connections are taken. */
const BUSY_RETRY_AFTER_MS = 5_000;

/** How often keys are checked: a connection outlives its key, removed on any node, by this at most. */
export const KEY_CHECK_MS = 2_000;

/** The connection of one client. */
export interface OpenConnection {
  /** Aborts when the client goes, its key ends, another key needs its place, or the node drains. */
  readonly signal: AbortSignal;
  /** Makes room for another one; safe to repeat. */
  release(): void;
}

/** What it works with. */
export interface OpenConnectionsDeps {
  readonly runtime: Pick<Runtime, "after" | "now">;
  readonly sessions: Pick<Sessions, "living">;
  readonly count: GaugeSeries;
}

/** The connections of one key, the oldest first. */
interface Group {
  readonly id: string;
  /** Each with the key that opened it: sessions of one key share its places, and end one by one. */
  readonly controllers: Map<AbortController, KeyRow>;
}

/** Counts and bounds the connections that are held open. */
export class OpenConnections {
  readonly #groups = new Map<string, Group>();
  #size = 0;
  #isClosed = false;
  #isChecking = false;

  constructor(readonly deps: OpenConnectionsDeps) {}

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /**
   * Adds a connection. When all are taken, the key that has most loses its oldest one to a key that
   * has fewer.
   *
   * @throws {TaskerError} api.busy when no other key has more, node.draining once closed
   */
  open(client: AbortSignal, { key }: Caller): OpenConnection {
    if (this.#isClosed) {
      throw new TaskerError("node.draining", "Cannot wait here: the node is shutting down");
    }
    if (this.#size >= CONNECTIONS_MAX) this.#makeRoom(key.id);
    const controller = new AbortController();
    const abort = () => controller.abort();
    if (client.aborted) abort();
    client.addEventListener("abort", abort, { once: true });
    this.#add(key, controller);
    return {
      signal: controller.signal,
      release: () => {
        client.removeEventListener("abort", abort);
        this.#remove(key.id, controller);
      },
    };
  }

  /** Ends all connections and refuses new ones. */
  close(): void {
    this.#isClosed = true;
    for (const [controller] of this.#all()) controller.abort();
  }

  /** Ends the connections of keys that have ended. While keys cannot be read, it ends none. */
  async checkKeys(): Promise<void> {
    const { runtime, sessions } = this.deps;
    const nowMs = runtime.now();
    for (const [controller, { expiresAtMs = Infinity }] of this.#all()) {
      if (expiresAtMs <= nowMs) controller.abort();
    }
    const hashes = new Set(this.#all().map(([, { hash }]) => hash));
    const living = await sessions.living([...hashes]).catch(() => undefined);
    if (living === undefined) return;
    for (const [controller, { hash }] of this.#all()) {
      // Those that came meanwhile were not asked about.
      if (hashes.has(hash) && !living.has(hash)) controller.abort();
    }
  }

  #all(): readonly (readonly [AbortController, KeyRow])[] {
    return [...this.#groups.values()].flatMap(({ controllers }) => [...controllers]);
  }

  #makeRoom(keyId: string): void {
    const groups = [...this.#groups.values()];
    const largest = groups.reduce((most, one) =>
      one.controllers.size > most.controllers.size ? one : most
    );
    const own = this.#groups.get(keyId)?.controllers.size ?? 0;
    const [oldest] = largest.controllers.keys();
    if (oldest === undefined || largest.controllers.size <= own + 1) {
      throw new TaskerError(
        "api.busy",
        `Cannot wait here: ${CONNECTIONS_MAX} clients are waiting already`,
        {
          retryAfterMs: BUSY_RETRY_AFTER_MS,
        },
      );
    }
    this.#remove(largest.id, oldest);
    oldest.abort();
  }

  #add(key: KeyRow, controller: AbortController): void {
    const group = this.#groups.get(key.id) ?? { id: key.id, controllers: new Map() };
    this.#groups.set(key.id, group);
    group.controllers.set(controller, key);
    this.deps.count.set(++this.#size);
    this.#checkLater();
  }

  #remove(keyId: string, controller: AbortController): void {
    const group = this.#groups.get(keyId);
    if (!group?.controllers.delete(controller)) return;
    if (group.controllers.size === 0) this.#groups.delete(keyId);
    this.deps.count.set(--this.#size);
  }

  /** Checks keys from time to time while there are connections: one statement for all of them. */
  #checkLater(): void {
    if (this.#isChecking) return;
    this.#isChecking = true;
    this.deps.runtime.after(KEY_CHECK_MS, async () => {
      if (this.#size > 0) await this.checkKeys();
      this.#isChecking = false;
      if (this.#size > 0) this.#checkLater();
    });
  }
}
