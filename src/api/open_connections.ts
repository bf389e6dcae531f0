/** Open connections: long polls and event streams, shared fairly between keys while their keys are valid. */

import { TaskerError } from "../core/errors.ts";
import type { KeyRow, Keys, Runtime } from "../core/ports.ts";
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
  readonly keys: Pick<Keys, "list">;
  readonly count: GaugeSeries;
}

/** The connections of one key, the oldest first. */
interface Group {
  readonly key: KeyRow;
  readonly controllers: Set<AbortController>;
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
    for (const { controllers } of this.#groups.values()) endAll(controllers);
  }

  /** Ends the connections of keys that have ended. While keys cannot be read, it ends none. */
  async checkKeys(): Promise<void> {
    const nowMs = this.deps.runtime.now();
    for (const { key, controllers } of this.#groups.values()) {
      if (key.expiresAtMs !== undefined && key.expiresAtMs <= nowMs) endAll(controllers);
    }
    const known = await this.deps.keys.list().catch(() => undefined);
    if (known === undefined) return;
    const ids = new Set(known.map(({ id }) => id));
    for (const { key, controllers } of this.#groups.values()) {
      if (!ids.has(key.id)) endAll(controllers);
    }
  }

  #makeRoom(keyId: string): void {
    const groups = [...this.#groups.values()];
    const largest = groups.reduce((most, one) =>
      one.controllers.size > most.controllers.size ? one : most
    );
    const own = this.#groups.get(keyId)?.controllers.size ?? 0;
    const [oldest] = largest.controllers;
    if (oldest === undefined || largest.controllers.size <= own + 1) {
      throw new TaskerError(
        "api.busy",
        `Cannot wait here: ${CONNECTIONS_MAX} clients are waiting already`,
        {
          retryAfterMs: BUSY_RETRY_AFTER_MS,
        },
      );
    }
    this.#remove(largest.key.id, oldest);
    oldest.abort();
  }

  #add(key: KeyRow, controller: AbortController): void {
    const group = this.#groups.get(key.id) ?? { key, controllers: new Set() };
    this.#groups.set(key.id, group);
    group.controllers.add(controller);
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

function endAll(controllers: Iterable<AbortController>): void {
  for (const controller of [...controllers]) controller.abort();
}
