/** Bodies: read within bounds, then parsed once. */

import { TaskerError } from "../core/errors.ts";
import { parseJson } from "../core/json.ts";
import { unfitError } from "../core/payload.ts";
import type { Runtime } from "../core/ports.ts";
import { badRequest } from "./problem.ts";

/** The largest body, in bytes. */
export const BODY_BYTES_MAX = 1024 * 1024;
/** How long a body may take to arrive, in milliseconds; a slow client holds memory. */
export const BODY_MS_MAX = 30_000;
/** Deeper JSON is refused: a payload's own limit and the object around it. */
export const BODY_DEPTH_MAX = 68;
/** The most bytes of names and values of all headers. */
export const HEADER_BYTES_MAX = 16 * 1024;
/** The longest path with its query. */
export const URL_LENGTH_MAX = 8 * 1024;

/**
 * Refuses a request by its head alone, before anything of it is read.
 *
 * @throws {TaskerError} api.too_large
 */
export function checkHead(request: Request): void {
  const declared = Number(request.headers.get("content-length") ?? 0);
  if (declared > BODY_BYTES_MAX) throw bodyTooLarge();
  if (request.url.length > URL_LENGTH_MAX) {
    throw new TaskerError(
      "api.too_large",
      `Cannot take the URL: more than ${URL_LENGTH_MAX} bytes`,
    );
  }
  let bytes = 0;
  for (const [name, value] of request.headers) bytes += name.length + value.length;
  if (bytes > HEADER_BYTES_MAX) {
    throw new TaskerError(
      "api.too_large",
      `Cannot take the headers: more than ${HEADER_BYTES_MAX} bytes`,
    );
  }
}

/**
 * Reads and parses a JSON body; no body is undefined.
 *
 * @throws {TaskerError} api.too_large, api.bad_request
 */
export async function readJson(
  request: Request,
  runtime: Pick<Runtime, "after">,
): Promise<unknown> {
  const text = await readText(request, runtime);
  if (text.trim() === "") return undefined;
  const type = request.headers.get("content-type") ?? "application/json";
  if (!/^application\/([\w.+-]+\+)?json\s*(;|$)/i.test(type)) {
    throw badRequest(`Cannot read a body of type "${type}": expected application/json`);
  }
  const parsed = parseJson(text, BODY_DEPTH_MAX);
  if (parsed.ok) return parsed.value;
  const { unfit } = parsed;
  if (unfit.code === "no_json") throw badRequest("Cannot read the body: it is no JSON");
  if (unfit.code !== "too_deep") throw unfitError("the body", unfit);
  throw new TaskerError(
    "api.too_large",
    `Cannot take the body: it nests deeper than ${BODY_DEPTH_MAX}`,
  );
}

async function readText(request: Request, runtime: Pick<Runtime, "after">): Promise<string> {
  if (request.body === null) return "";
  const reader = request.body.getReader();
  const late = Promise.withResolvers<never>();
  late.promise.catch(() => {}); // it came in time
  const cancel = runtime.after(BODY_MS_MAX, () => late.reject(bodyTooLate()));
  try {
    return await Promise.race([readAll(reader), late.promise]);
  } catch (cause) {
    void reader.cancel().catch(() => {});
    if (cause instanceof TaskerError) throw cause;
    throw badRequest("Cannot read the body: it broke off, or is no UTF-8", { cause });
  } finally {
    cancel();
  }
}

async function readAll(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let bytes = 0;
  let text = "";
  for (let read = await reader.read(); !read.done; read = await reader.read()) {
    bytes += read.value.length;
    if (bytes > BODY_BYTES_MAX) throw bodyTooLarge();
    text += decoder.decode(read.value, { stream: true });
  }
  return text + decoder.decode();
}

function bodyTooLate(): TaskerError {
  return badRequest(`Cannot read the body: it has not arrived within ${BODY_MS_MAX / 1_000} s`);
}

function bodyTooLarge(): TaskerError {
  return new TaskerError(
    "api.too_large",
    `Cannot take the body: more than ${BODY_BYTES_MAX} bytes`,
  );
}
