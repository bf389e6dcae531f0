/** Problems: what every error answers (RFC 9457). */

import { z } from "zod";
import type { ErrorCode } from "../core/errors.ts";
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
export const COMMON_ERRORS: readonly ErrorCode[] = [
  "api.bad_request",
  "api.too_large",
  "api.internal",
  "journal.unavailable",
];
