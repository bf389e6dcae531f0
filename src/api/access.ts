/** Access: who asks, and what they may do. Closed by default. */

import { TaskerError } from "../core/errors.ts";
import { API_KEY, EVERYTHING, type Scope } from "../core/api_key.ts";
import { INCIDENT_WORKFLOW } from "../core/incident.ts";
import type { KeyRow, Keys, Runtime, Sessions } from "../core/ports.ts";
import { namespaceOf } from "../core/workflow.ts";
import type { Right } from "../operations/operation.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import type { SignIn } from "./deps.ts";
import { COOKIES, secretIn, sessionHash } from "./session_cookie.ts";

/**
 * A key is read again after this long, so another node learns this late that it was made or removed.
 * Every node sees at once that a key has expired.
 */
export const KEY_CACHE_MS = 2_000;
/** Keys kept in memory, and as many unknown ones; the oldest is dropped first. */
export const KEYS_CACHED_MAX = 1_000;

/** Begins the id of a person whom the identity provider knows; ids of keys are UUIDs. */
export const PERSON_PREFIX = "oidc:";

/** Reads a key, or what a session stands for, by its hash. */
type ReadKey = (hash: string) => Promise<KeyRow | undefined>;

/** What of a request says who asks. */
type AuthenticRequest = Pick<Request, "headers" | "url">;

/** A key as it was read; undefined: it is not known. */
interface Cached<T extends KeyRow | undefined> {
  readonly key: T;
  readonly untilMs: number;
}

/** Who sends a request: a key, without its secret. */
export class Caller {
  constructor(readonly key: KeyRow) {}

  get keyId(): string {
    return this.key.id;
  }

  /** Whether a person asks whom the identity provider knows: there is no key then. */
  get isPerson(): boolean {
    return this.keyId.startsWith(PERSON_PREFIX);
  }

  /**
   * Who asks, as journals show it: the name in the request or of the key, and the id of the key. A person
   * who signed in at the identity provider acts under no other name.
   */
  signature(by = this.key.name): string {
    if (this.isPerson) return `${this.key.name} (${this.keyId})`;
    return this.keyId === NOBODY.keyId ? `${by} (no key)` : `${by} (key ${this.keyId})`;
  }

  /** The namespaces it covers; undefined = all. */
  get namespaces(): readonly string[] | undefined {
    return this.key.namespaces.includes(EVERYTHING) ? undefined : this.key.namespaces;
  }

  /** The systems it may act for; undefined = all. */
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

  /**
   * To a key, workflows of namespaces that it does not cover do not exist.
   *
   * @throws {TaskerError} definition.unknown
   */
  demandSeen(namespace: string, name: string): void {
    if (this.covers(namespace)) return;
    throw new TaskerError("definition.unknown", `Cannot find workflow "${namespace}/${name}"`);
  }

  /** @throws {TaskerError} api.forbidden */
  demandNamespace(namespace: string): void {
    if (this.covers(namespace)) return;
    throw new TaskerError(
      "api.forbidden",
      `Cannot use namespace "${namespace}" with this key: it does not cover it`,
    );
  }

  coversSystem(system: string): boolean {
    return this.systems?.includes(system) ?? true;
  }

  /** @throws {TaskerError} api.forbidden */
  demandSystem(system: string): void {
    if (this.coversSystem(system)) return;
    throw new TaskerError(
      "api.forbidden",
      `Cannot act for system "${system}" with this key: it does not cover it`,
    );
  }

  /** @throws {TaskerError} api.forbidden unless the key covers all namespaces */
  demandEverything(what: string): void {
    if (this.namespaces === undefined) return;
    throw new TaskerError(
      "api.forbidden",
      `Cannot use ${what} with this key: they belong to all namespaces, and it does not cover all`,
    );
  }
}

/**
 * Refuses to start or signal an incident as if it were anybody's task: who may write tasks would decide
 * what is healed, under any name.
 *
 * @throws {TaskerError} api.forbidden
 */
export function refuseIncident(workflow: string, instead: string): void {
  if (workflow !== INCIDENT_WORKFLOW) return;
  throw new TaskerError("api.forbidden", `Cannot do this with "${workflow}": ${instead}`);
}

/**
 * Returns the namespace of a workflow that the caller may start.
 *
 * @throws {TaskerError} api.forbidden
 */
export function demandStartable(workflow: string, caller: Caller): string {
  const namespace = namespaceOf(workflow);
  caller.demandNamespace(namespace);
  refuseIncident(workflow, "only Tasker starts incidents");
  return namespace;
}

/** The caller of an operation that needs no key. */
export const NOBODY = new Caller({
  id: "nobody",
  hash: "",
  name: "nobody",
  scopes: [],
  namespaces: [],
  systems: [],
  createdAtMs: 0,
});

/** What it works with. */
interface AccessDeps {
  readonly keys: Pick<Keys, "find">;
  readonly sessions: Pick<Sessions, "find">;
  readonly signIn: Pick<SignIn, "isHttps">;
  readonly runtime: Runtime;
  readonly metrics: Metrics;
}

/** Finds the key of a request and checks its scope. Only hashes of keys are looked up. */
export class Access {
  #known = new Map<string, Cached<KeyRow>>();
  /** Kept apart, so that many unknown keys do not push out the known ones. */
  readonly #unknown = new Map<string, Cached<undefined>>();
  /** Requests with one key at the same time share a look-up. */
  readonly #lookUps = new Map<string, Promise<KeyRow | undefined>>();
  readonly #deps: AccessDeps;

  constructor(deps: AccessDeps) {
    this.#deps = deps;
  }

  /**
   * Returns the caller of an operation, whether it has the right to it or not.
   *
   * Cost: one SHA-256, and one look-up a key every KEY_CACHE_MS, known or not.
   *
   * @throws {TaskerError} api.unauthorized
   */
  async authenticate(request: AuthenticRequest, right: Right): Promise<Caller> {
    if (right === "open") return NOBODY;
    return new Caller(await this.#keyOf(request));
  }

  /** @throws {TaskerError} api.forbidden unless the key of a caller has the right */
  demand(caller: Caller, right: Right): void {
    if (right === "open" || right === "key" || caller.has(right)) return;
    this.#deps.metrics.counter("tasker_auth_refused_total", "no_scope").add();
    throw new TaskerError(
      "api.forbidden",
      `Cannot do this with key "${caller.key.name}": it lacks the scope "${right}"`,
    );
  }

  /** Forgets all keys, after one was removed; look-ups that run now are not cached either. */
  forget(): void {
    this.#known = new Map();
    this.#lookUps.clear();
  }

  /** Finds a key by its secret. @throws {TaskerError} api.unauthorized */
  identify(secret: string): Promise<KeyRow> {
    const { runtime, keys } = this.#deps;
    return this.#find(runtime.digest(secret), (hash) => keys.find(hash));
  }

  /** The key in the header, or the one that a browser's session stands for. */
  #keyOf(request: AuthenticRequest): Promise<KeyRow> {
    const { headers } = request;
    const { runtime, sessions, signIn } = this.#deps;
    const bearer = bearerOf(headers);
    if (bearer !== undefined) return this.identify(bearer);
    const secret = secretIn(COOKIES.session, request, signIn.isHttps);
    if (secret === undefined || headers.has("authorization")) return this.#refuse("no_key");
    return this.#find(sessionHash(runtime, secret), (hash) => sessions.find(hash));
  }

  async #find(hash: string, read: ReadKey): Promise<KeyRow> {
    const { runtime } = this.#deps;
    const seen = this.#known.get(hash) ?? this.#unknown.get(hash);
    const isFresh = seen !== undefined && seen.untilMs > runtime.monotonic();
    const key = isFresh ? seen.key : await this.#lookUp(hash, read);
    if (key === undefined) return this.#refuse("unknown_key");
    if (key.expiresAtMs !== undefined && key.expiresAtMs <= runtime.now()) {
      return this.#refuse("expired_key");
    }
    return key;
  }

  #lookUp(hash: string, read: ReadKey): Promise<KeyRow | undefined> {
    const running = this.#lookUps.get(hash);
    if (running !== undefined) return running;
    const known = this.#known;
    const lookUp = read(hash).then((key) => {
      const untilMs = this.#deps.runtime.monotonic() + KEY_CACHE_MS;
      known.delete(hash);
      if (key === undefined) keep(this.#unknown, hash, { key, untilMs });
      else keep(known, hash, { key, untilMs });
      return key;
    }).finally(() => {
      if (this.#lookUps.get(hash) === lookUp) this.#lookUps.delete(hash);
    });
    this.#lookUps.set(hash, lookUp);
    return lookUp;
  }

  #refuse(reason: "no_key" | "unknown_key" | "expired_key"): never {
    this.#deps.metrics.counter("tasker_auth_refused_total", reason).add();
    const why = {
      no_key: "the request has none",
      unknown_key: "it is not known",
      expired_key: "it has expired",
    };
    throw new TaskerError("api.unauthorized", `Cannot use the API key: ${why[reason]}`);
  }
}

function bearerOf(headers: Headers): string | undefined {
  const key = /^Bearer (\S+)$/i.exec(headers.get("authorization") ?? "")?.[1];
  return key !== undefined && API_KEY.test(key) ? key : undefined;
}

function keep<T>(kept: Map<string, T>, hash: string, seen: T): void {
  kept.delete(hash);
  kept.set(hash, seen);
  if (kept.size <= KEYS_CACHED_MAX) return;
  const oldest = kept.keys().next().value;
  if (oldest !== undefined) kept.delete(oldest);
}
