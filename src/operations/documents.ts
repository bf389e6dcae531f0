/** Operations of documents: workflows as text, before anybody relies on them. */

import { z } from "zod";
import { Directory, DOCUMENT_FORMATS, Edits, Problem } from "../core/authoring.ts";
import { Draft, DraftRequest, FileName } from "../core/draft.ts";
import { Name } from "../core/fields.ts";
import { Rehearsal } from "../core/rehearsal.ts";
import { Suggestion } from "../core/suggestion.ts";
import { group, operation } from "./operation.ts";
import { named } from "./schema.ts";

/** Characters of a document; the reader of YAML counts its bytes. */
const TEXT_MAX = 256_000;

/** A workflow as a text; one that is too large for it is a problem as well. */
const DocumentText = z.strictObject({
  text: z.string().max(2 * TEXT_MAX).describe("A manifest, or a module"),
  format: z.enum(DOCUMENT_FORMATS).optional()
    .describe("Which of the two; a module if the file is a .ts, unless this says"),
  file: z.string().max(1_000).optional().describe("Names the text in positions"),
});

const Problems = z.array(named("DocumentProblem", Problem));

/** Steps whose failure is asked for at once. */
const FAILURES_MAX = 60;

/** How long work takes that waits for others. */
const ANSWER_MS_MAX = 120_000;

named("Rehearsal", Rehearsal);
named("Draft", Draft);

const Failure = z.strictObject({
  step: Name,
  error: z.unknown().optional().describe(
    "What it fails with; made out of its contract unless said",
  ),
});

/** Suggestions of one answer. */
const SUGGESTIONS_MAX = 50;

/** Everything that can be asked of documents. */
export const DOCUMENTS = group("documents", {
  checkDocument: operation({
    method: "POST",
    path: "/v1/documents/check",
    summary: "Says what is wrong with a workflow, by its text and by what is registered here",
    right: "read",
    repeat: "harmless",
    answerMsMax: ANSWER_MS_MAX,
    body: named("DocumentText", DocumentText),
    answers: {
      200: {
        description: "In the order of the text; nothing is stored",
        schema: named("Checked", z.object({ problems: Problems })),
      },
    },
    errors: ["document.given_up", "api.busy"],
    command: { verb: "check", operands: ["file"] },
  }),
  editDocument: operation({
    method: "POST",
    path: "/v1/documents/edit",
    summary: "Makes edits of a workflow's text, all or none, and changes no other line",
    right: "read",
    repeat: "harmless",
    answerMsMax: ANSWER_MS_MAX,
    body: named(
      "DocumentEdits",
      DocumentText.extend({
        edits: Edits.default([]),
        as: z.enum(DOCUMENT_FORMATS).optional()
          .describe("Answers with a new text of this format, which says the same"),
      }),
    ),
    answers: {
      200: {
        description: "The new text, and what is wrong with it; nothing is stored",
        schema: named("Edited", z.object({ text: z.string(), problems: Problems })),
      },
    },
    errors: ["definition.invalid", "document.edit_refused", "document.given_up", "api.busy"],
  }),
  getDirectory: operation({
    method: "GET",
    path: "/v1/documents/directory",
    summary: "Lists what a workflow may use: systems and their capabilities, with contracts",
    right: "read",
    repeat: "harmless",
    answers: {
      200: { description: "As far as the key may see it", schema: named("Directory", Directory) },
    },
    errors: ["bus.unavailable"],
  }),
  suggestSteps: operation({
    method: "POST",
    path: "/v1/documents/suggest",
    summary: "Suggests which step could come next: by contracts, and by what other workflows do",
    right: "read",
    repeat: "harmless",
    answerMsMax: ANSWER_MS_MAX,
    body: named(
      "SuggestSteps",
      DocumentText.extend({
        after: Name.optional().describe("Which step it comes after; those at the end unless said"),
        capability: z.string().min(1).max(128).optional()
          .describe("Only this one, whether anything speaks for it or not"),
        owner: Name.optional().describe("Only capabilities of this system"),
        limit: z.int().min(1).max(SUGGESTIONS_MAX).default(5),
      }),
    ),
    answers: {
      200: {
        description: "The best first; nothing is stored",
        schema: z.object({ suggestions: z.array(named("Suggestion", Suggestion)) }),
      },
    },
    errors: ["definition.invalid", "document.given_up", "bus.unavailable", "api.busy"],
    command: { verb: "suggest", operands: ["file"] },
  }),
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
        file: FileName.optional().describe("Names it in its test; after the workflow unless said"),
        input: z.unknown().optional()
          .describe("The task's input; made out of its contract unless said"),
        failures: z.array(Failure).max(FAILURES_MAX).optional()
          .describe("Which steps fail, each in a run of its own; each in turn unless said"),
      }),
    ),
    answers: { 200: { description: "What the runs show", schema: Rehearsal } },
    errors: ["definition.invalid", "document.given_up", "api.busy"],
    command: { verb: "rehearse" },
  }),
  generateWorkflow: operation({
    method: "POST",
    path: "/v1/documents/generate",
    summary:
      "Proposes a workflow, or the change of one, for a description in plain language; rehearsed",
    right: "read",
    repeat: "harmless",
    answerMsMax: ANSWER_MS_MAX,
    body: named("DraftRequest", DraftRequest),
    answers: { 200: { description: "A proposal; nothing is stored", schema: Draft } },
    errors: [
      "document.edit_refused",
      "document.given_up",
      "definition.invalid",
      "definition.unknown",
      "definition.in_file",
      "api.bad_request",
      "api.busy",
    ],
    command: { verb: "generate" },
  }),
});
