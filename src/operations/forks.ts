/** Forks: a new task that begins at a step of another, with the results that the other has before it. */

import { z } from "zod";
import { By, Name, Reason, Version } from "../core/fields.ts";
import { STEP_STATES } from "../core/state.ts";
import { group, operation } from "./operation.ts";
import { named } from "./schema.ts";

const ForkBody = named(
  "Fork",
  z.strictObject({
    version: Version.optional().describe("Of the workflow; that of the task unless given"),
    by: By,
    reason: Reason,
    dryRun: z.boolean().default(false).describe("Only says what it would do: nothing starts"),
  }).prefault({}),
);

const ForkAnswer = named(
  "ForkedTask",
  z.object({
    forkId: z.string().optional().describe("Of the new task; absent: nothing was started"),
    version: z.string(),
    keeps: z.array(z.string()).describe("Steps whose results it takes; they do not run again"),
    runs: z.array(z.object({
      step: z.string(),
      before: z.enum(STEP_STATES).optional().describe(
        "How it stands in the task; absent: the version has added it",
      ),
      attempts: z.int().describe("Attempts of the task: what they did outside is done once more"),
    })).describe("Steps that run, as far as they are reached"),
  }),
);

/** Everything about forks. */
export const FORKS = group("tasks", {
  forkTask: operation({
    method: "POST",
    path: "/v1/tasks/{id}/steps/{step}/fork",
    summary: "Starts a new task that takes the results of the steps before, and runs from this one",
    right: "operate",
    repeat: "command",
    params: z.strictObject({ id: z.string().max(64), step: Name }),
    body: ForkBody,
    answers: {
      201: { description: "Started", schema: ForkAnswer, location: "/v1/tasks/{forkId}" },
      200: {
        description: "What it would do; or started before, with this Idempotency-Key",
        schema: ForkAnswer,
      },
    },
    errors: [
      "task.not_found",
      "task.id_invalid",
      "task.fork_refused",
      "step.not_found",
      "definition.unknown",
      "contract.violation",
      "payload.too_large",
      "journal.conflict",
      "workflow.starts_held",
      "mailbox.full",
      "node.draining",
    ],
    command: { verb: "fork" },
    audit: { target: "{id} {step}", undo: "cancel {forkId}" },
  }),
});
