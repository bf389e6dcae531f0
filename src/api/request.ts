/** Requests: read within bounds, then parsed once by the schemas of their operation. */

import { Buffer } from "node:buffer";
import type { z } from "zod";
import { faultsOf } from "../core/faults.ts";
import { type Fault, TaskerError } from "../core/errors.ts";
import { describeUnfit, findUnfit, parseJson, parseJsonOfParts } from "../core/json.ts";
import { unfitError } from "../core/payload.ts";
import type { Runtime } from "../core/ports.ts";
import type { Operation } from "../operations/operation.ts";
import { IdempotencyKey } from "../operations/schema.ts";
import { isTraceparent } from "../telemetry/trace.ts";
import type { Caller } from "./access.ts";
import { COOKIES, secretIn } from "./session_cookie.ts";
import { badRequest, type Call } from "./handler.ts";

/** The largest body, in bytes. */
export const BODY_BYTES_MAX = 1024 * 1024;
/** How long a body may take to arrive, in milliseconds: a slow client occupies memory. */
export const BODY_MS_MAX = 30_000;
/** Deeper JSON is refused: a payload's own limit and the object around it. */
export const BODY_DEPTH_MAX = 68;
/** The most bytes of names and values of all headers. */
const HEADER_BYTES_MAX = 16 * 1024;
/** The longest path with its query. */
const URL_LENGTH_MAX = 8 * 1024;

const DECODER = new TextDecoder("utf-8", { fatal: true });

/** A request whose fields have been checked. */
export interface ParsedRequest {
  /** The fields of path, query and body as one object. */
  readonly input: Record<string, unknown>;
  readonly body: unknown;
}

/**
 * Refuses a request that is too large by its head, before its body is read.
 *
 * @throws {TaskerError} api.too_large
 */
export function checkHead(request: Request, bodyBytesMax: number = BODY_BYTES_MAX): void {
  const declared = Number(request.headers.get("content-length") ?? 0);
  if (declared > bodyBytesMax) throw bodyTooLarge(bodyBytesMax);
  if (request.url.length > URL_LENGTH_MAX) {
    throw new TaskerError(
      "api.too_large",
      `Cannot accept the URL: it has more than ${URL_LENGTH_MAX} characters`,
    );
  }
  let bytes = 0;
  for (const [name, value] of request.headers) bytes += name.length + value.length;
  if (bytes > HEADER_BYTES_MAX) {
    throw new TaskerError(
      "api.too_large",
      `Cannot accept the headers: they have more than ${HEADER_BYTES_MAX} bytes`,
    );
  }
}

/**
 * Reads the input of an operation from a request.
 *
 * @throws {TaskerError} api.bad_request with a fault for each wrong field, api.too_large, …
 */
export async function readInput(
  operation: Operation,
  request: Request,
  given: { readonly params: unknown; readonly runtime: Pick<Runtime, "after"> },
): Promise<ParsedRequest> {
  const params = parse(operation.params, given.params, "path");
  const query = parse(operation.query, queryOf(request.url), "query");
  if (operation.body === undefined) return { input: { ...params, ...query }, body: undefined };
  const body = parse(operation.body, await readJson(operation, request, given.runtime), "body");
  const fields = operation.bodyName === undefined ? body : { [operation.bodyName]: body };
  return { input: { ...params, ...query, ...fields as object }, body };
}

/**
 * Reads what a request says beside its input.
 *
 * @throws {TaskerError} api.bad_request
 */
export function callOf(
  request: Request,
  caller: Caller,
  { isHttps, ...reading }: { readonly isHttps: boolean } & Reading,
): Call {
  const { headers } = request;
  const traceparent = headers.get("traceparent") ?? "";
  return {
    caller,
    idempotencyKey: idempotencyKeyOf(headers),
    traceparent: isTraceparent(traceparent) ? traceparent : undefined,
    lastEventId: headers.get("last-event-id") ?? undefined,
    isHead: request.method === "HEAD",
    place: { isHttps, url: request.url },
    header: (name) => headers.get(name) ?? undefined,
    readText: () => readText(request, reading),
    get signInSecret() {
      return secretIn(COOKIES.signIn, request, isHttps);
    },
    get signal() {
      return request.signal; // 12 µs, for those who wait
    },
  };
}

function parse<S extends z.ZodType>(
  schema: S,
  value: unknown,
  where: "path" | "query" | "body",
): z.output<S> {
  const unfit = where === "body" ? undefined : findUnfit(value, 1);
  if (unfit !== undefined) throw unfitError(`the ${where}`, unfit);
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw unreadable(where, faultsOf(parsed.error, where === "body" ? "" : where));
}

/** Makes the error of a part of a request that does not have its shape. */
export function unreadable(what: string, faults: readonly Fault[]): TaskerError {
  const shown = faults.map(({ path, detail }) => `${path || what}: ${detail}`).join("; ");
  return badRequest(`Cannot read the ${what}: ${shown}`, { faults });
}

/** Refuses a name that is given twice: two readers could use two different values. */
function queryOf(url: string): Record<string, string> {
  if (!url.includes("?")) return {};
  const entries = [...new URL(url).searchParams];
  const names = new Set(entries.map(([name]) => name));
  if (names.size < entries.length) throw badRequest("Cannot read the query: a name is given twice");
  return Object.fromEntries(entries);
}

function idempotencyKeyOf(headers: Headers): string | undefined {
  const key = headers.get("idempotency-key");
  if (key === null) return undefined;
  const { data, error } = IdempotencyKey.safeParse(key);
  if (data !== undefined) return data;
  throw badRequest(`Cannot read Idempotency-Key: ${error?.issues[0]?.message}`);
}

/**
 * Reads and parses a JSON body; no body is undefined.
 *
 * @throws {TaskerError} api.too_large, api.bad_request
 */
async function readJson(
  { entries, bodyBytesMax }: Operation,
  request: Request,
  runtime: Pick<Runtime, "after">,
): Promise<unknown> {
  const text = await readText(request, { runtime, bodyBytesMax });
  if (text.trim() === "") return undefined;
  const type = request.headers.get("content-type") ?? "application/json";
  if (!/^application\/([\w.+-]+\+)?json\s*(;|$)/i.test(type)) {
    throw badRequest(`Cannot read a body of type "${type}": expected application/json`);
  }
  return parseBody(text, { hasEntries: entries !== undefined });
}

/**
 * Parses a body.
 *
 * @param hasEntries whether an entry that cannot be kept is answered by itself
 * @throws {TaskerError} api.too_large, api.bad_request, …
 */
export function parseBody(text: string, { hasEntries = false } = {}): unknown {
  let parsed = parseJson(text, BODY_DEPTH_MAX);
  if (!parsed.ok && hasEntries) parsed = parseJsonOfParts(text);
  if (parsed.ok) return parsed.value;
  const { unfit } = parsed;
  if (unfit.code === "no_json") throw badRequest(`Cannot read the body: ${describeUnfit(unfit)}`);
  if (unfit.code !== "too_deep") throw unfitError("the body", unfit);
  throw new TaskerError(
    "api.too_large",
    `Cannot accept the body: it nests deeper than ${BODY_DEPTH_MAX}`,
  );
}

/** How to read a body. */
interface Reading {
  readonly runtime: Pick<Runtime, "after">;
  readonly bodyBytesMax?: number | undefined;
}

async function readText(
  request: Request,
  { runtime, bodyBytesMax = BODY_BYTES_MAX }: Reading,
): Promise<string> {
  const isWhole = hasCheckedLength(request.headers);
  if (!isWhole && request.body === null) return "";
  const late = Promise.withResolvers<never>();
  late.promise.catch(() => {}); // it came in time
  const cancel = runtime.after(BODY_MS_MAX, () => late.reject(bodyTooLate()));
  const reading = isWhole ? request.bytes() : readPieces(request, late.promise, bodyBytesMax);
  try {
    const bytes = await Promise.race([reading, late.promise]);
    if (bytes.length > bodyBytesMax) throw bodyTooLarge(bodyBytesMax);
    return DECODER.decode(bytes);
  } catch (cause) {
    if (cause instanceof TaskerError) throw cause;
    throw badRequest("Cannot read the body: it broke off, or is not valid UTF-8", { cause });
  } finally {
    cancel();
  }
}

/** Whether `checkHead` has seen how long the body is: the server passes on no more than that. */
function hasCheckedLength(headers: Headers): boolean {
  return headers.has("content-length") && !headers.has("transfer-encoding");
}

/** Reads a body of unknown length. Cost: 15 µs more than `bytes()`, which has no bound. */
async function readPieces(
  request: Request,
  late: Promise<never>,
  bytesMax: number,
): Promise<Uint8Array> {
  const reader = (request.body as ReadableStream<Uint8Array>).getReader();
  late.catch(() => reader.cancel().catch(() => {}));
  const pieces: Uint8Array[] = [];
  let size = 0;
  for (let read = await reader.read(); !read.done; read = await reader.read()) {
    size += read.value.length;
    if (size > bytesMax) {
      void reader.cancel().catch(() => {});
      throw bodyTooLarge(bytesMax);
    }
    pieces.push(read.value);
  }
  return Buffer.concat(pieces);
}

function bodyTooLate(): TaskerError {
  return badRequest(`Cannot read the body: it has not arrived within ${BODY_MS_MAX / 1_000} s`);
}

function bodyTooLarge(bytesMax: number): TaskerError {
  return new TaskerError(
    "api.too_large",
    `Cannot accept the body: it has more than ${bytesMax} bytes`,
  );
}
