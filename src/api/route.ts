/** Routes: each is one object that says its path, its right, its shapes and what it does. */

import { z } from "zod";
import { faultsOf } from "../core/contract.ts";
import { findUnfit } from "../core/json.ts";
import { unfitError } from "../core/payload.ts";
import type { ErrorCode } from "../core/errors.ts";
import type { Runtime } from "../core/ports.ts";
import type { Caller, Right } from "./access.ts";
import { readJson } from "./body.ts";
import { badRequest } from "./problem.ts";

/** The methods of routes. */
export type Method = "GET" | "POST" | "PUT" | "DELETE";

/** The shape of what has no fields. */
export const NONE = z.strictObject({});

/** The longest Idempotency-Key. */
export const IDEMPOTENCY_KEY_LENGTH_MAX = 200;

/**
 * How a repeated write finds its first answer: by command id in the journal, by a memory of this
 * node, or not at all, because nothing is written or a repeat does no harm.
 */
export type Repeat = "command" | "remembered" | "harmless";

/** One answer of a route, for OpenAPI. */
export interface AnswerShape {
  readonly description: string;
  /** A named schema; absent: no body, or one that is no JSON. */
  readonly schema?: z.ZodType;
  readonly mediaType?: string;
}

/** What a handler is asked; everything is checked. */
export interface Asked<P, Q, B> {
  readonly caller: Caller;
  readonly params: P;
  readonly query: Q;
  readonly body: B;
  readonly idempotencyKey: string | undefined;
  readonly headers: Headers;
  /** Only the head of the answer is wanted: nothing is waited for, and no stream is opened. */
  readonly isHead: boolean;
  /** Aborts when the client has gone. */
  readonly signal: AbortSignal;
}

/** What a handler answers: JSON with a status, or a response of its own. */
export type Reply =
  | { readonly status: number; readonly body?: unknown; readonly headers?: Record<string, string> }
  | Response;

/** What a route is. */
export interface RouteShape<P extends z.ZodType, Q extends z.ZodType, B extends z.ZodType> {
  readonly method: Method;
  /** As in OpenAPI: `/v1/tasks/{id}`. */
  readonly path: string;
  /** The operation's id. */
  readonly name: string;
  readonly group: string;
  readonly summary: string;
  /** The scope a key must have. There is no default. */
  readonly right: Right;
  readonly repeat: Repeat;
  /** True: it may wait for long; its time is not measured. */
  readonly waits?: boolean;
  readonly params?: P;
  readonly query?: Q;
  readonly body?: B;
  readonly answers: Readonly<Record<number, AnswerShape>>;
  readonly problems: readonly ErrorCode[];
  handle(asked: Asked<z.output<P>, z.output<Q>, z.output<B>>): Promise<Reply>;
}

/** What is known of a request before it is parsed. */
export interface Arrival {
  readonly params: unknown;
  readonly caller: Caller;
  /** Ends the wait for a body. */
  readonly runtime: Pick<Runtime, "after">;
  /** Runs the handler; where a repeat is remembered, at most once for the same key and body. */
  readonly once: (body: unknown, handle: () => Promise<Reply>) => Promise<Reply>;
}

/** A route whose shapes are known to itself alone. */
export interface Route extends
  Omit<
    RouteShape<z.ZodType, z.ZodType, z.ZodType>,
    "handle" | "params" | "query" | "body"
  > {
  readonly shapes: {
    readonly params: z.ZodType;
    readonly query: z.ZodType;
    readonly body: z.ZodType | undefined;
  };
  /**
   * Parses the request and handles it.
   *
   * @throws {TaskerError} api.bad_request with a fault for each wrong field, api.too_large, …
   */
  serve(request: Request, from: Arrival): Promise<Reply>;
}

/** Makes a route of its shape: whatever a handler reads has been parsed. */
export function route<
  P extends z.ZodType = typeof NONE,
  Q extends z.ZodType = typeof NONE,
  B extends z.ZodType = typeof NONE,
>(shape: RouteShape<P, Q, B>): Route {
  const { handle, params, query, body, ...rest } = shape;
  const shapes = { params: params ?? NONE, query: query ?? NONE, body };
  return {
    ...rest,
    shapes,
    async serve(request, from) {
      const asked = {
        params: parse(shapes.params, from.params, "path"),
        query: parse(shapes.query, queryOf(request.url), "query"),
        body: parse(
          body ?? NONE,
          body === undefined ? {} : await readJson(request, from.runtime),
          "body",
        ),
      };
      return await from.once(asked.body, () =>
        handle({
          ...asked as { params: z.output<P>; query: z.output<Q>; body: z.output<B> },
          caller: from.caller,
          idempotencyKey: idempotencyKeyOf(request.headers),
          headers: request.headers,
          isHead: request.method === "HEAD",
          signal: request.signal,
        }));
    },
  };
}

function parse(schema: z.ZodType, value: unknown, where: "path" | "query" | "body"): unknown {
  const unfit = where === "body" ? undefined : findUnfit(value, 1);
  if (unfit !== undefined) throw unfitError(`the ${where}`, unfit);
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const faults = faultsOf(parsed.error, where === "body" ? "" : where);
  const shown = faults.map(({ path, detail }) => `${path || where}: ${detail}`).join("; ");
  throw badRequest(`Cannot read the ${where}: ${shown}`, { faults });
}

/** A name that is given twice is refused: two readers could take two different values. */
function queryOf(url: string): Record<string, string> {
  const entries = [...new URL(url).searchParams];
  const names = new Set(entries.map(([name]) => name));
  if (names.size < entries.length) throw badRequest("Cannot read the query: a name is given twice");
  return Object.fromEntries(entries);
}

function idempotencyKeyOf(headers: Headers): string | undefined {
  const key = headers.get("idempotency-key");
  if (key === null) return undefined;
  if (/^[\x21-\x7e]+$/.test(key) && key.length <= IDEMPOTENCY_KEY_LENGTH_MAX) return key;
  throw badRequest(
    `Cannot read Idempotency-Key: expected 1 to ${IDEMPOTENCY_KEY_LENGTH_MAX} visible ASCII characters`,
  );
}
