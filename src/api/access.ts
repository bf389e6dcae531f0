/** Access: who asks, and what they may do. Closed by default. */

import { TaskerError } from "../core/errors.ts";
import type { KeyRow, Keys, Runtime, Scope } from "../core/ports.ts";
import type { Metrics } from "../telemetry/metrics.ts";

/** What a route asks of a key; "open" asks for none. */
export type Right = Scope | "open";

/** In a key's namespaces or systems: all of them. */
export const EVERYTHING = "*";

/** A key is looked up again after this long: how late another node learns that one was removed. */
export const KEY_CACHE_MS = 2_000;
/** Keys kept in memory; the oldest goes first. */
export const KEYS_CACHED_MAX = 1_000;
/** A longer one is no key, and is not hashed. */
export const KEY_LENGTH_MAX = 512;

interface Seen {
  readonly key: KeyRow;
  readonly untilMs: number;
}

/** Who asks: a key, without its secret. */
export class Caller {
  constructor(readonly key: KeyRow) {}

  get keyId(): string {
    return this.key.id;
  }

  /** The namespaces it covers; undefined = all. */
  get namespaces(): readonly string[] | undefined {
    return this.key.namespaces.includes(EVERYTHING) ? undefined : this.key.namespaces;
  }

  /** The systems it speaks for; undefined = all. */
  get systems(): readonly string[] | undefined {
    return this.key.systems.includes(EVERYTHING) ? undefined : this.key.systems;
  }

  /** Whether it has a scope; admin has every one. */
  has(scope: Scope): boolean {
    return this.key.scopes.includes(scope) || this.key.scopes.includes("admin");
  }

  covers(namespace: string): boolean {
    return this.namespaces?.includes(namespace) ?? true;
  }

  /** @throws {TaskerError} api.forbidden */
  demandNamespace(namespace: string): void {
    if (this.covers(namespace)) return;
    throw new TaskerError("api.forbidden", `Cannot reach namespace "${namespace}" with this key`);
  }

  /** @throws {TaskerError} api.forbidden */
  demandSystem(system: string): void {
    if (this.systems?.includes(system) ?? true) return;
    throw new TaskerError("api.forbidden", `Cannot speak for system "${system}" with this key`);
  }

  /** @throws {TaskerError} api.forbidden unless the key covers all namespaces */
  demandEverything(what: string): void {
    if (this.namespaces === undefined) return;
    throw new TaskerError(
      "api.forbidden",
      `Cannot reach ${what} with this key: it shows more than one namespace, use a key for all`,
    );
  }
}

/** Who asks on an open route. */
export const NOBODY = new Caller({
  id: "nobody",
  hash: "",
  name: "nobody",
  scopes: [],
  namespaces: [],
  systems: [],
  createdAtMs: 0,
});

/** Tells keys apart. Only their hashes are looked up. */
export class Access {
  readonly #seen = new Map<string, Seen>();
  readonly #parts: { readonly keys: Keys; readonly runtime: Runtime; readonly metrics: Metrics };

  constructor(parts: { keys: Keys; runtime: Runtime; metrics: Metrics }) {
    this.#parts = parts;
  }

  /**
   * Returns who asks, if they have the right.
   *
   * Cost: one SHA-256, and one look-up a key every KEY_CACHE_MS.
   *
   * @throws {TaskerError} api.unauthorized, api.forbidden
   */
  async authenticate(headers: Headers, right: Right): Promise<Caller> {
    if (right === "open") return NOBODY;
    const caller = new Caller(await this.#find(bearerOf(headers) ?? this.#refuse("no_key")));
    if (caller.has(right)) return caller;
    this.#parts.metrics.counter("tasker_auth_refused_total", "no_scope").add();
    throw new TaskerError(
      "api.forbidden",
      `Cannot do this with key "${caller.key.name}": it lacks the scope "${right}"`,
    );
  }

  /** Forgets all keys, after one was removed. */
  forget(): void {
    this.#seen.clear();
  }

  async #find(secret: string): Promise<KeyRow> {
    const { keys, runtime } = this.#parts;
    const hash = runtime.digest(secret);
    const seen = this.#seen.get(hash);
    const key = seen !== undefined && seen.untilMs > runtime.monotonic()
      ? seen.key
      : await keys.find(hash);
    if (key === undefined) return this.#refuse("unknown_key");
    if (key.expiresAtMs !== undefined && key.expiresAtMs <= runtime.now()) {
      return this.#refuse("expired_key");
    }
    if (key !== seen?.key) this.#remember(hash, key);
    return key;
  }

  #remember(hash: string, key: KeyRow): void {
    this.#seen.delete(hash);
    this.#seen.set(hash, { key, untilMs: this.#parts.runtime.monotonic() + KEY_CACHE_MS });
    if (this.#seen.size <= KEYS_CACHED_MAX) return;
    const oldest = this.#seen.keys().next().value;
    if (oldest !== undefined) this.#seen.delete(oldest);
  }

  #refuse(reason: "no_key" | "unknown_key" | "expired_key"): never {
    this.#parts.metrics.counter("tasker_auth_refused_total", reason).add();
    const why = {
      no_key: "none was sent",
      unknown_key: "it is not known",
      expired_key: "it has expired",
    };
    throw new TaskerError("api.unauthorized", `Cannot use the API key: ${why[reason]}`);
  }
}

function bearerOf(headers: Headers): string | undefined {
  const key = /^Bearer ([\x21-\x7e]+)$/i.exec(headers.get("authorization") ?? "")?.[1];
  return key === undefined || key.length > KEY_LENGTH_MAX ? undefined : key;
}
