/** Problems: errors as RFC 9457 documents. */

import { z } from "zod";
import { type ErrorCode, ERRORS, TaskerError } from "../core/errors.ts";
import { named } from "./schema.ts";

/** The media type of a problem. */
export const PROBLEM_MEDIA_TYPE = "application/problem+json";

/** Retry after this long where the error does not say. */
const RETRY_AFTER_MS_DEFAULT = 1_000;

/** What every error answers. */
export const Problem = named(
  "Problem",
  z.object({
    type: z.string().describe("A URN made of the code"),
    title: z.string(),
    status: z.int(),
    code: z.string().describe("Stable: programs may compare it"),
    detail: z.string(),
    action: z.string().describe("What a person can do"),
    instance: z.string().optional().describe("Reference of this occurrence in the server's log"),
    errors: z.array(z.object({ path: z.string(), code: z.string(), detail: z.string() }))
      .optional(),
  }),
);

/** What every error answers. */
export type Problem = z.infer<typeof Problem>;

/**
 * Returns the document of an error.
 *
 * What a server's fault says stays in its log, because it may name hosts: the document of a 5xx
 * carries the reference instead.
 */
export function problemOf(error: TaskerError, reference: string): Problem {
  const { http, title, action } = ERRORS[error.code];
  const isOurs = http >= 500;
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

/** Answers with a problem; one that may pass says when to come back. */
export function problemResponse(error: TaskerError, reference: string): Response {
  const problem = problemOf(error, reference);
  const headers = new Headers({ "content-type": PROBLEM_MEDIA_TYPE, "cache-control": "no-store" });
  if (error.retry !== "never") {
    const afterMs = error.retryAfterMs ?? RETRY_AFTER_MS_DEFAULT;
    headers.set("retry-after", String(Math.max(1, Math.ceil(afterMs / 1_000))));
  }
  if (problem.status === 401) headers.set("www-authenticate", 'Bearer realm="tasker"');
  return new Response(JSON.stringify(problem), { status: problem.status, headers });
}

/** Makes the error of a request that does not have the wanted shape. */
export function badRequest(detail: string, details?: ConstructorParameters<typeof TaskerError>[2]) {
  return new TaskerError("api.bad_request", detail, details);
}

/** Codes that any route may answer with. */
export const COMMON_PROBLEMS: readonly ErrorCode[] = [
  "api.bad_request",
  "api.too_large",
  "api.internal",
  "journal.unavailable",
];
