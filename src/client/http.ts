/** HTTP: sends operations to one server, with a deadline per try, and repeats what may succeed later. */

import { exponentialMs, wait } from "../core/backoff.ts";
import type { Runtime } from "../core/ports.ts";
import { ClientError, errorOf, late, unreachable, unreadable, unsendable } from "./error.ts";

/** How long a call is repeated while the server does not answer or asks to come back later. */
export const RETRY_FOR_MS = 30_000;
/** How long one try may take, beside what the call itself asks the server to wait. */
const ANSWER_MS_MAX = 15_000;
/** The delay before the second try; it doubles, with jitter, up to the longest. */
const DELAY = { minMs: 200, maxMs: 5_000 };

/** What a client needs of a Runtime; tests pass a virtual one. */
export type ClientRuntime = Pick<Runtime, "after" | "monotonic" | "random" | "uuid">;

/** How an operation is sent. */
export interface Route {
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  /** As in OpenAPI: `/v1/tasks/{id}`. */
  readonly path: string;
  /** The field of the input that is the body; `*`: all fields that are not in the path or query. */
  readonly body?: string;
  /** Fields that go into the query although there is a body. */
  readonly query?: readonly string[];
  /** It carries an Idempotency-Key, so that a repeat gets the first answer. */
  readonly isWrite?: boolean;
  /** `waitMs` of the input is how long the server waits before it answers. */
  readonly isLongPoll?: boolean;
  /** How long the answer may take; absent: as any other. */
  readonly answerMsMax?: number;
  /** How a list is read: the field with the entries, and where the next page begins. */
  readonly pages?: { readonly entries: string; readonly next: string; readonly from: string };
}

/** What any call may be given. */
export interface CallOptions {
  /** Ends the call; it then throws the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /**
   * An answer to a list or to statistics may be as old, in seconds, if the server has given it to another
   * caller with the same rights; it keeps them for a second.
   */
  readonly maxAgeS?: number | undefined;
}

/** What a write may be given. */
export interface WriteOptions extends CallOptions {
  /** The same write with the same key is done once. A new one for each call unless given. */
  readonly idempotencyKey?: string | undefined;
}

/** How to send. */
interface SendOptions extends WriteOptions {
  readonly headers?: Readonly<Record<string, string>>;
}

/** What a client is made of. */
export interface HttpDeps {
  /** Without a slash at its end. */
  readonly url: string;
  readonly key: string | undefined;
  readonly agent?: string | undefined;
  readonly retryForMs: number;
  readonly runtime: ClientRuntime;
  readonly fetch: (request: Request) => Promise<Response>;
  readonly onRetry: (error: ClientError, delayMs: number) => void;
}

type Input = Readonly<Record<string, unknown>>;

/** Reads an answer while the deadline of its try runs. */
type Read<T> = (response: Response, abort: AbortController) => T | Promise<T>;

/** Sends operations to one server. */
export class Http {
  constructor(private readonly deps: HttpDeps) {}

  get runtime(): ClientRuntime {
    return this.deps.runtime;
  }

  get url(): string {
    return this.deps.url;
  }

  /**
   * Sends an operation and returns its answer: parsed JSON, the text of another type, or undefined
   * when the answer has no body.
   *
   * @throws {ClientError}
   */
  async send(route: Route, input: Input, options: SendOptions = {}): Promise<unknown> {
    const waitMs = route.isLongPoll ? Number(input.waitMs ?? 0) : route.answerMsMax ?? 0;
    const request = this.#requestOf(route, input, options);
    return await this.#repeat(request, { ...options, waitMs }, (response) => this.#read(response));
  }

  /**
   * Opens a stream, of events unless `headers` accept another. The controller that comes with it closes it; there is none after a 204.
   *
   * @throws {ClientError}
   */
  async open(
    route: Route,
    input: Input,
    options: SendOptions,
  ): Promise<{ body: ReadableStream<Uint8Array>; abort: AbortController } | undefined> {
    const headers = { accept: "text/event-stream", ...options.headers };
    const request = this.#requestOf(route, input, { ...options, headers });
    return await this.#repeat(request, { ...options, waitMs: 0 }, ({ body, status }, abort) => {
      if (status === 204 || body === null) return undefined;
      const unlink = link(options.signal, abort);
      abort.signal.addEventListener("abort", unlink, { once: true });
      return { body, abort };
    });
  }

  /** Resolves after a while; throws the signal's reason when it aborts. */
  async delay(ms: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    await wait(this.runtime, ms, signal);
    signal?.throwIfAborted();
  }

  /** Tries until the call succeeds, cannot succeed, or `retryForMs` is over. */
  async #repeat<T>(
    request: Request,
    options: CallOptions & { readonly waitMs: number },
    read: Read<T>,
  ): Promise<T> {
    const { retryForMs, onRetry, runtime } = this.deps;
    const untilMs = runtime.monotonic() + retryForMs;
    for (let attempt = 1;; attempt++) {
      try {
        return await this.#try(request.clone(), options, read);
      } catch (error) {
        if (!(error instanceof ClientError) || error.retry === "never") throw error;
        const delayMs = this.#delayMs(attempt, error.retryAfterMs);
        if (runtime.monotonic() + delayMs > untilMs) throw error;
        onRetry(error, delayMs);
        await this.delay(delayMs, options.signal);
      }
    }
  }

  async #try<T>(
    request: Request,
    { signal, waitMs }: CallOptions & { readonly waitMs: number },
    read: Read<T>,
  ): Promise<T> {
    const { fetch, runtime } = this.deps;
    signal?.throwIfAborted();
    const abort = new AbortController();
    const unlink = link(signal, abort);
    const lateMs = ANSWER_MS_MAX + waitMs;
    let isLate = false;
    const cancel = runtime.after(lateMs, () => {
      isLate = true;
      abort.abort();
    });
    try {
      const response = await fetch(new Request(request, { signal: abort.signal }));
      if (!response.ok) throw await errorOf(response, request.url);
      return await read(response, abort);
    } catch (error) {
      signal?.throwIfAborted();
      if (error instanceof ClientError) throw error;
      throw isLate ? late(request.url, lateMs) : unreachable(this.deps.url, error);
    } finally {
      cancel();
      unlink();
    }
  }

  async #read(response: Response): Promise<unknown> {
    const text = await response.text();
    if (text === "") return undefined;
    if (response.headers.get("content-type")?.startsWith("text/plain")) return text;
    try {
      return JSON.parse(text);
    } catch {
      throw unreadable(response.url || this.deps.url, response.status);
    }
  }

  /** Built once, before any try: what is wrong with it is the caller's error and not repeated. */
  #requestOf(
    { method, path, query = [], body, isWrite }: Route,
    input: Input,
    { idempotencyKey, maxAgeS, headers }: SendOptions,
  ): Request {
    const { url, key, agent, runtime } = this.deps;
    const rest = new Map(Object.entries(input).filter(([, value]) => value !== undefined));
    const take = (name: string) => {
      const value = rest.get(name);
      rest.delete(name);
      return value;
    };
    const filled = path.replace(/\{(\w+)\}/g, (_, name) => segmentOf(name, String(take(name))));
    // What the operation does not have goes where the server refuses it by name.
    const inQuery = [...rest.keys()].filter((name) => body === undefined || query.includes(name));
    const given = inQuery.map((name) => [name, queryText(take(name))]);
    const tail = given.length === 0 ? "" : `?${new URLSearchParams(given)}`;
    const isEmpty = body === undefined || rest.size === 0;
    const sent = isEmpty ? undefined : body === "*" ? Object.fromEntries(rest) : rest.get(body);
    return new Request(`${url}${filled}${tail}`, {
      method,
      headers: {
        accept: "application/json",
        ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
        ...(agent === undefined ? {} : { "user-agent": agent }),
        ...(sent === undefined ? {} : { "content-type": "application/json" }),
        ...(maxAgeS === undefined ? {} : { "cache-control": `max-age=${maxAgeS}` }),
        ...(isWrite ? { "idempotency-key": idempotencyKey ?? runtime.uuid() } : {}),
        ...headers,
      },
      ...(sent === undefined ? {} : { body: JSON.stringify(sent) }),
    });
  }

  /** Never sooner than the server asks. */
  #delayMs(attempt: number, retryAfterMs: number | undefined): number {
    const random = () => this.runtime.random();
    return Math.max(exponentialMs(attempt, { ...DELAY, random }), retryAfterMs ?? 0);
  }
}

/** Takes what is not sent out of an input. */
export function split<T extends WriteOptions>(
  { signal, maxAgeS, idempotencyKey, ...input }: T,
): [Omit<T, keyof WriteOptions>, WriteOptions] {
  return [input, { signal, maxAgeS, idempotencyKey }];
}

/**
 * Writes a part of a path. URLs leave out parts of dots, however they are encoded: the request would go
 * to another route.
 */
function segmentOf(name: string, value: string): string {
  if (value !== "" && value !== "." && value !== "..") return encodeURIComponent(value);
  throw unsendable(name, value);
}

/** Writes a value of a query; a list with commas, before which a backslash stands inside an entry. */
function queryText(value: unknown): string {
  if (!Array.isArray(value)) return String(value);
  return value.map((entry) => String(entry).replace(/[\\,]/g, "\\$&")).join(",");
}

/** Opens the clock, timers and randomness that Deno, Node and browsers have in common. */
export function openPlatform(): ClientRuntime {
  return {
    after(ms, call) {
      const id = setTimeout(call, ms);
      return () => clearTimeout(id);
    },
    monotonic: () => performance.now(),
    random: () => Math.random(),
    uuid: randomId,
  };
}

/** 128 random bits in hex: browsers offer `crypto.randomUUID` only to pages served over TLS. */
function randomId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Lets a signal abort a controller until the link is removed. */
function link(signal: AbortSignal | undefined, abort: AbortController): () => void {
  const leave = () => abort.abort(signal?.reason);
  signal?.addEventListener("abort", leave, { once: true });
  return () => signal?.removeEventListener("abort", leave);
}
