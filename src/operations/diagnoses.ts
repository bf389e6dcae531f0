/** Operations of diagnoses: what kind of failure it is, where it began, and what helped before. */

import { z } from "zod";
import { Diagnosis, Workaround } from "../core/diagnosis.ts";
import { Name } from "../core/fields.ts";
import { group, operation } from "./operation.ts";
import { named } from "./schema.ts";

/** How long that may take on a busy machine. */
const ANSWER_MS_MAX = 60_000;

named("Workaround", Workaround);
named("Diagnosis", Diagnosis);

/** Everything that can be asked about failures. */
export const DIAGNOSES = group("diagnoses", {
  diagnoseTask: operation({
    method: "GET",
    path: "/v1/tasks/{id}/diagnosis",
    summary: "Says what kind of failure stopped a task, where it began, and what helped before",
    right: "read",
    repeat: "harmless",
    answerMsMax: ANSWER_MS_MAX,
    params: z.strictObject({ id: z.string().max(64) }),
    query: z.strictObject({
      step: Name.optional().describe("By default the step that waits for a person, or failed last"),
      explain: z.enum(["model"]).optional()
        .describe("`model`: adds an explanation in a model's words, if the server has a model"),
    }),
    answers: { 200: { description: "The diagnosis", schema: Diagnosis } },
    errors: ["task.not_found", "task.id_invalid", "task.not_failed", "step.not_found", "api.busy"],
    command: { verb: "diagnose" },
  }),
});
