/** Operations of log lines: what step code logged, kept with its attempt. */

import { z } from "zod";
import { Name } from "../core/fields.ts";
import { group, operation } from "./operation.ts";
import { Limit, named, Time, whole } from "./schema.ts";

const Line = named(
  "StepLine",
  z.object({
    step: z.string(),
    attempt: z.int(),
    number: z.int().describe("Position in the attempt, from 1"),
    at: Time,
    text: z.string().describe("Without credentials; its first 1,000 characters"),
    fields: z.string().optional().describe("JSON, as far as it was kept"),
    dropped: z.int().optional().describe(
      "Lines that were left out: an attempt keeps 500, and 64 KiB",
    ),
  }),
);

const Page = named(
  "StepLinePage",
  z.object({ lines: z.array(Line), nextCursor: z.string().optional() }),
);

/** Everything that can be asked of log lines. */
export const STEP_LOGS = group("tasks", {
  listStepLines: operation({
    method: "GET",
    path: "/v1/tasks/{id}/logs",
    summary: "Lists what the code of a task's steps logged, by step and attempt",
    right: "read",
    repeat: "harmless",
    params: z.strictObject({ id: z.string().max(64) }),
    query: z.strictObject({
      step: Name.optional(),
      attempt: whole(1, 1_000_000).optional(),
      limit: Limit,
      cursor: z.string().max(256).optional(),
    }),
    answers: { 200: { description: "A page", schema: Page } },
    errors: ["task.not_found", "task.id_invalid"],
    pages: { entries: "lines", next: "nextCursor", from: "cursor" },
    command: { verb: "logs" },
  }),
});
