/** Responses: what handlers answer and what they throw, as HTTP. */

import { Bug, ERRORS, messageOf, TaskerError } from "../core/errors.ts";
import type { Operation } from "../operations/operation.ts";
import { type Problem, PROBLEM_MEDIA_TYPE } from "../operations/problem.ts";
import type { ApiDeps } from "./deps.ts";
import type { ApiAnswer } from "./handler.ts";

/** Retry after this long where the error does not say. */
const RETRY_AFTER_MS_DEFAULT = 1_000;

/** Proxies must not collect events before they pass them on. */
const UNBUFFERED: readonly [string, string] = ["x-accel-buffering", "no"];

/** Answers hold what a key may see: nobody keeps them, and no browser guesses their type. */
const GUARDS = {
  "x-content-type-options": "nosniff",
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
  "cache-control": "no-store",
};

/** Writes the reply to a request of an operation. */
export function responseOf(
  { answers }: Operation,
  { status, body, stream, mediaType, cookies = [], location }: ApiAnswer,
): Response {
  const answer = answers[status];
  const type = mediaType ?? answer?.mediaType;
  const place = location ?? (answer?.location && fill(answer.location, body));
  const headers: [string, string][] = [
    ...Object.entries(GUARDS),
    ...cookies.map((cookie): [string, string] => ["set-cookie", cookie]),
    ...(place === undefined ? [] : [["location", place] satisfies [string, string]]),
  ];
  if (body === undefined) return new Response(null, { status, headers });
  if (body instanceof ReadableStream) {
    const stated: [string, string] = ["content-type", `${type}; charset=utf-8`];
    return new Response(body, { status, headers: [...headers, [...UNBUFFERED], stated] });
  }
  const text = stream ??
    (typeof body === "string" && type !== undefined ? body : JSON.stringify(body));
  return new Response(text, {
    status,
    headers: [...headers, ["content-type", type ?? "application/json"]],
  });
}

/** Fills the fields of a body into a path. */
function fill(path: string, body: unknown): string {
  const fields = body as Readonly<Record<string, unknown>>;
  return path.replaceAll(/\{(\w+)\}/g, (_, name) => encodeURIComponent(String(fields[name])));
}

/** Makes an operating error of whatever was thrown. */
export function operatingError(thrown: unknown): TaskerError {
  if (thrown instanceof TaskerError) return thrown;
  return new TaskerError("api.internal", messageOf(thrown), { cause: thrown });
}

/**
 * Returns the document of an error.
 *
 * The text of a server's fault stays in its log, because it may name hosts: the document of a 5xx
 * carries the reference instead. `place` is logged with it.
 */
export function problemOf(
  error: TaskerError,
  { log, runtime }: Pick<ApiDeps, "log" | "runtime">,
  place: Readonly<Record<string, string | number>>,
): Problem {
  const { http, title, action } = ERRORS[error.code];
  const isOurs = http >= 500;
  const reference = isOurs ? runtime.uuid() : "";
  if (isOurs) {
    const isExpected = error.code !== "api.internal";
    const fields = { reference, ...place, error: isExpected ? error : error.cause };
    const isBug = error.cause instanceof Bug;
    if (isExpected) log.warn("Could not answer a request", fields);
    else log.error(isBug ? "Broke an invariant" : "Threw unexpectedly", fields);
  }
  return {
    type: `urn:tasker:problem:${error.code}`,
    title,
    status: http,
    code: error.code,
    detail: isOurs ? title : error.message,
    action,
    ...(isOurs ? { instance: `urn:uuid:${reference}` } : {}),
    ...(error.faults.length > 0 ? { errors: [...error.faults] } : {}),
  };
}

/** Answers with a problem; a temporary one says when to come back. */
export function problemResponse(problem: Problem, error: TaskerError): Response {
  const headers = new Headers({ "content-type": PROBLEM_MEDIA_TYPE, "cache-control": "no-store" });
  if (error.retry !== "never") {
    const afterMs = error.retryAfterMs ?? RETRY_AFTER_MS_DEFAULT;
    headers.set("retry-after", String(Math.max(1, Math.ceil(afterMs / 1_000))));
  }
  if (problem.status === 401) headers.set("www-authenticate", 'Bearer realm="tasker"');
  return new Response(JSON.stringify(problem), { status: problem.status, headers });
}
