/** Problems: what every error answers (RFC 9457). */

import { z } from "zod";
import type { ErrorCode } from "../core/errors.ts";
import type { Operation } from "./operation.ts";
import { named } from "./schema.ts";

/** The media type of a problem. */
export const PROBLEM_MEDIA_TYPE = "application/problem+json";

/** The document of an error. */
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

/** The document of an error. */
export type Problem = z.infer<typeof Problem>;

/** Codes that any operation may answer with. */
const COMMON_ERRORS = [
  "api.bad_request",
  "api.too_large",
  "api.internal",
  "journal.unavailable",
] as const satisfies readonly ErrorCode[];

/** Returns every code that an operation may answer with, in alphabetical order. */
export function errorsOf(
  { errors, method, right, repeat }: Pick<Operation, "errors" | "method" | "right" | "repeat">,
): readonly ErrorCode[] {
  const codes = new Set<ErrorCode>([...COMMON_ERRORS, ...errors]);
  if (right !== "open") codes.add("api.unauthorized").add("api.forbidden");
  if (method !== "GET") codes.add("api.foreign_page");
  if (repeat === "remembered") codes.add("api.key_reused");
  return [...codes].sort();
}
