/** Operations of documents: workflows as text, before anybody relies on them. */

import { z } from "zod";
import { Name } from "../core/fields.ts";
import { Rehearsal } from "../core/rehearsal.ts";
import { group, operation } from "./operation.ts";
import { named } from "./schema.ts";

/** Characters of a document; the reader of YAML counts its bytes. */
const TEXT_MAX = 256_000;

/** Steps whose failure is asked for at once. */
const FAILURES_MAX = 60;

/** How long a rehearsal takes that waits for others. */
const ANSWER_MS_MAX = 120_000;

named("Rehearsal", Rehearsal);

const Failure = z.strictObject({
  step: Name,
  error: z.unknown().optional().describe(
    "What it fails with; made out of its contract unless said",
  ),
});

/** Everything that can be asked of documents. */
export const DOCUMENTS = group("documents", {
  simulateDocument: operation({
    method: "POST",
    path: "/v1/documents/simulate",
    summary:
      "Rehearses a document on a virtual clock: the good path, and each step failing; sends nothing",
    right: "read",
    repeat: "harmless",
    answerMsMax: ANSWER_MS_MAX,
    body: named(
      "SimulateDocument",
      z.strictObject({
        text: z.string().min(1).max(TEXT_MAX).describe("A manifest, as YAML"),
        input: z.unknown().optional()
          .describe("The task's input; made out of its contract unless said"),
        failures: z.array(Failure).max(FAILURES_MAX).optional()
          .describe("Which steps fail, each in a run of its own; each in turn unless said"),
      }),
    ),
    answers: { 200: { description: "What the runs show", schema: Rehearsal } },
    errors: ["definition.invalid", "api.busy"],
    command: { verb: "rehearse" },
  }),
});
