/** HTTP: one call with its deadline, and the repeating of calls that may succeed later. */

import { exponentialMs, wait } from "../core/backoff.ts";
import { ClientError, errorOf, late, unreachable, unreadable } from "./error.ts";
import type { ClientRuntime } from "./platform.ts";

/** How long a call is repeated while nobody answers or the server asks for it. */
export const RETRY_FOR_MS = 30_000;
/** How long one try may take, beside what the call itself asks the server to wait. */
export const ANSWER_MS_MAX = 15_000;
/** Rest before the second try; it doubles, with jitter, up to the longest. */
const REST = { minMs: 200, maxMs: 5_000 };

/** What a client is made of. */
export interface HttpDeps {
  /** Without a slash at its end. */
  readonly url: string;
  readonly key: string | undefined;
  readonly retryForMs: number;
  readonly runtime: ClientRuntime;
  readonly fetch: (request: Request) => Promise<Response>;
  readonly onRetry: (error: ClientError, restMs: number) => void;
}

/** One call. A write carries an Idempotency-Key, so that its repeat gets the first answer. */
export interface Call {
  readonly method?: "GET" | "POST" | "PUT" | "DELETE";
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number | undefined>>;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly idempotencyKey?: string | undefined;
  /** How long the server is asked to wait before it answers. */
  readonly waitMs?: number;
  readonly signal?: AbortSignal | undefined;
}

/** Reads an answer while its try's deadline runs. */
type Read<T> = (response: Response, abort: AbortController) => T | Promise<T>;

/** Sends calls to one server. */
export class Http {
  constructor(private readonly parts: HttpDeps) {}

  get runtime(): ClientRuntime {
    return this.parts.runtime;
  }

  /**
   * Asks, and parses the answer; an answer without a body is null.
   *
   * @throws {ClientError}
   */
  async ask<T>(call: Call): Promise<T> {
    return await this.#repeat(call, (response) => this.#json<T>(response));
  }

  /**
   * Opens a stream. The controller that comes with it ends it; there is none after a 204.
   *
   * @throws {ClientError}
   */
  async open(
    call: Call,
  ): Promise<{ body: ReadableStream<Uint8Array>; abort: AbortController } | undefined> {
    return await this.#repeat(call, ({ body, status }, abort) => {
      if (status === 204 || body === null) return undefined;
      const unlink = link(call.signal, abort);
      abort.signal.addEventListener("abort", unlink, { once: true });
      return { body, abort };
    });
  }

  /** Resolves after a while; throws the signal's reason when it aborts. */
  async rest(ms: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    await wait(this.runtime, ms, signal);
    signal?.throwIfAborted();
  }

  /** Tries until it succeeds, cannot, or `retryForMs` has passed. */
  async #repeat<T>(call: Call, read: Read<T>): Promise<T> {
    const { retryForMs, onRetry, runtime } = this.parts;
    const request = this.#requestOf(call);
    const untilMs = runtime.monotonic() + retryForMs;
    for (let attempt = 1;; attempt++) {
      try {
        return await this.#try(request.clone(), call, read);
      } catch (error) {
        if (!(error instanceof ClientError) || error.retry === "never") throw error;
        const restMs = this.#restMs(attempt, error.retryAfterMs);
        if (runtime.monotonic() + restMs > untilMs) throw error;
        onRetry(error, restMs);
        await this.rest(restMs, call.signal);
      }
    }
  }

  async #try<T>(request: Request, call: Call, read: Read<T>): Promise<T> {
    const { fetch, runtime } = this.parts;
    const { signal, waitMs = 0 } = call;
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
      throw isLate ? late(request.url, lateMs) : unreachable(this.parts.url, error);
    } finally {
      cancel();
      unlink();
    }
  }

  async #json<T>(response: Response): Promise<T> {
    const text = await response.text();
    try {
      return JSON.parse(text === "" ? "null" : text);
    } catch {
      throw unreadable(response.url || this.parts.url, response.status);
    }
  }

  /** Built once, before any try: what is wrong with it is the caller's error and not repeated. */
  #requestOf({ method = "GET", path, query = {}, body, headers, idempotencyKey }: Call): Request {
    const { url, key, runtime } = this.parts;
    const given = Object.entries(query).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, String(value)]]
    );
    const tail = given.length === 0 ? "" : `?${new URLSearchParams(given)}`;
    const isWrite = method !== "GET";
    return new Request(`${url}${path}${tail}`, {
      method,
      headers: {
        accept: "application/json",
        ...(key === undefined ? {} : { authorization: `Bearer ${key}` }),
        ...(body === undefined ? {} : { "content-type": "application/json" }),
        ...(isWrite ? { "idempotency-key": idempotencyKey ?? runtime.uuid() } : {}),
        ...headers,
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  }

  /** Never sooner than the server asks. */
  #restMs(attempt: number, retryAfterMs: number | undefined): number {
    const random = () => this.runtime.random();
    return Math.max(exponentialMs(attempt, { ...REST, random }), retryAfterMs ?? 0);
  }
}

/** Lets a signal abort a controller until the link is taken away. */
function link(signal: AbortSignal | undefined, abort: AbortController): () => void {
  const leave = () => abort.abort(signal?.reason);
  signal?.addEventListener("abort", leave, { once: true });
  return () => signal?.removeEventListener("abort", leave);
}
