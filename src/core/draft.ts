/** Drafts: a workflow that is proposed for a description, as people and programs read it. */

import { z } from "zod";
import { DOCUMENT_FORMATS, Edit, Problem } from "./authoring.ts";
import { Name, WorkflowName } from "./fields.ts";
import type { DeepReadonly } from "./json.ts";
import { Rehearsal } from "./rehearsal.ts";

/** Characters of a description. */
const DESCRIPTION_MAX = 20_000;

/** Who may make a draft: rules alone, or a model inside the same rules. */
const DRAFTERS = ["planner", "model"] as const;

/** Who made a part of a draft. */
export type Drafter = (typeof DRAFTERS)[number];

const DraftEdit = z.object({
  edit: Edit,
  clause: z.int().exactOptional().describe("The part of the description that it comes from"),
  why: z.string(),
  by: z.enum(DRAFTERS),
});

/** One change of a draft, and where it comes from. */
export type DraftEdit = DeepReadonly<z.output<typeof DraftEdit>>;

const Clause = z.object({
  n: z.int(),
  text: z.string(),
  steps: z.array(z.string()).describe("None: no step does it"),
});

/** What became of asking a model. */
const ModelReport = z.object({
  verdict: z.string().describe("Whether its draft was taken, or why not"),
  calls: z.int(),
  faults: z.array(z.string()).describe("What its last draft breaks"),
});

/** A proposal; nothing is stored. */
export const Draft = z.object({
  name: z.string(),
  namespace: z.string(),
  by: z.enum(DRAFTERS),
  isAbstention: z.boolean().describe("Nothing is proposed before the questions are answered"),
  isReady: z.boolean().describe("It can be deployed as it is: nothing is missing"),
  text: z.string().describe("The manifest; empty when nothing is proposed"),
  clauses: z.array(Clause).describe("The parts of the description, with the steps that do them"),
  unmatched: z.array(z.int()).describe("Parts that no step does"),
  questions: z.array(z.string()).describe("What would help, to ask the person"),
  missing: z.array(z.string()).describe("What stands between the draft and its deployment"),
  edits: z.array(DraftEdit).describe("The draft as changes of its base, or of an empty document"),
  problems: z.array(Problem),
  problemsBefore: z.array(Problem).exactOptional().describe("What was wrong with the base"),
  diff: z.array(z.string()).exactOptional()
    .describe("The lines of the base that go (`- `) and come (`+ `)"),
  rehearsal: Rehearsal.exactOptional(),
  model: ModelReport.exactOptional().describe("Absent: no model was asked"),
});

/** A proposal; nothing is stored. */
export type Draft = DeepReadonly<z.output<typeof Draft>>;

/** The name of a manifest's file, without its folder. */
export const FileName = z.string().regex(
  /^[\w.-]{1,120}\.ya?ml$/,
  "expected a name such as ship_order.yaml",
);

/** Characters of a document; its reader counts bytes. */
const TEXT_MAX = 512_000;

/** A document that is to be changed: its text, or the name of one that was deployed. */
const DraftBase = z.strictObject({
  workflow: WorkflowName.optional().describe("`namespace/name` of a workflow that was deployed"),
  text: z.string().max(TEXT_MAX).optional().describe("A manifest, or a module, instead"),
  format: z.enum(DOCUMENT_FORMATS).optional().describe("Of the text; yaml unless said"),
}).refine(({ workflow, text }) => (workflow === undefined) !== (text === undefined), {
  message: "expected either workflow or text",
});

/** What to draft. */
export const DraftRequest = z.strictObject({
  description: z.string().trim().min(1).max(DESCRIPTION_MAX)
    .describe("What the workflow is to do, or what is to change of its base, in plain language"),
  base: DraftBase.optional().describe("The workflow that is to be changed; a new one unless said"),
  name: Name.optional().describe("Made out of the description unless said"),
  namespace: Name.default("default"),
  file: FileName.optional()
    .describe("Names the manifest in its test; after the workflow unless said"),
  parts: z.array(z.int().min(1).max(10_000)).min(1).max(1_000).optional()
    .describe("Only these parts of the description, by the numbers of a draft before"),
  by: z.enum(DRAFTERS).default("model")
    .describe("planner: no model is asked, even if there is one"),
});

/** What to draft. */
export type DraftRequest = DeepReadonly<z.output<typeof DraftRequest>>;
