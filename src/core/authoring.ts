/**
 * Authoring: what can be said of a document of a workflow: how it is edited, what is wrong with it, and
 * what there is that it may use. The server, the command line, MCP and the canvas share these shapes.
 */

import { z } from "zod";
import { DURATION_MS_MAX } from "./duration.ts";
import type { DeepReadonly } from "./json.ts";
import { type ProblemCode, PROBLEMS, SEVERITIES } from "./problem_codes.ts";
import { EFFECTS } from "./system.ts";

/** How a document is written: a manifest, or a TypeScript module. */
export const DOCUMENT_FORMATS = ["yaml", "module"] as const;

/** One of `DOCUMENT_FORMATS`. */
export type DocumentFormat = (typeof DOCUMENT_FORMATS)[number];

/** Edits of one request. */
const EDITS_MAX = 1_000;

/** Keys and indexes of a path. */
const PATH_LENGTH_MAX = 40;

/** The name of a step as a document may have it; whether it is a good one is checked with the rest. */
const StepName = z.string().min(1).max(256);

/** Keys and indexes that lead to a value. */
const DocumentPath = z.array(z.union([z.string().max(256), z.int().min(0).max(100_000)]))
  .max(PATH_LENGTH_MAX);

const Field = DocumentPath.min(1).describe("Keys and indexes that lead to the value");
const OfStep = StepName.exactOptional().describe(
  "The step that has the field; absent: the workflow",
);

/** One change of a document. */
export const Edit = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("add_step"),
    step: z.looseObject({ name: StepName }).describe("As a manifest writes it"),
    before: StepName.exactOptional().describe("Where it stands; it depends on nothing by that"),
    after: StepName.exactOptional(),
  }).describe("Adds a step, at the end unless it says where"),
  z.strictObject({ kind: z.literal("remove_step"), name: StepName })
    .describe("Removes a step and the edges to it; references to it stay, and are problems"),
  z.strictObject({ kind: z.literal("rename_step"), name: StepName, to: StepName })
    .describe("Renames a step; edges and references follow"),
  z.strictObject({ kind: z.literal("connect"), from: StepName, to: StepName })
    .describe("Lets `to` depend on `from`"),
  z.strictObject({ kind: z.literal("disconnect"), from: StepName, to: StepName })
    .describe("Takes that back; an edge by a reference goes with the reference"),
  z.strictObject({ kind: z.literal("set"), step: OfStep, field: Field, value: z.unknown() })
    .describe("Puts a value; an index that is one more than the last adds to a list"),
  z.strictObject({ kind: z.literal("unset"), step: OfStep, field: Field })
    .describe("Removes a value"),
]);

/** One change of a document. */
export type Edit = DeepReadonly<z.output<typeof Edit>>;

/** Changes of a document, one after the other. */
export const Edits = z.array(Edit).max(EDITS_MAX);

const CODES = Object.keys(PROBLEMS) as [ProblemCode, ...ProblemCode[]];

/** One thing that is wrong with a document. */
export const Problem = z.object({
  code: z.enum(CODES),
  name: z.string().describe("What the code means, in a word"),
  severity: z.enum(SEVERITIES),
  path: DocumentPath.describe("Where it is in the document"),
  at: z.object({ file: z.string(), line: z.int(), column: z.int() }).exactOptional()
    .describe("Where it is in the text, from 1"),
  text: z.string(),
  fix: z.object({ label: z.string(), edits: z.array(Edit) }).exactOptional()
    .describe("What makes it right, where that is certain"),
});

/** One thing that is wrong with a document. */
export type Problem = DeepReadonly<z.output<typeof Problem>>;

/** A capability that a document may ask for. */
const OfferedCapability = z.object({
  name: z.string(),
  version: z.string().exactOptional(),
  effect: z.enum(EFFECTS).exactOptional(),
  description: z.string().exactOptional(),
  input: z.record(z.string(), z.unknown()).exactOptional(),
  output: z.record(z.string(), z.unknown()).exactOptional(),
  timeoutMs: z.int().min(1).max(DURATION_MS_MAX).exactOptional(),
});

/** What there is that a document may use. */
export const Directory = z.object({
  systems: z.array(z.object({
    name: z.string(),
    healthy: z.boolean().exactOptional().describe("False: no instance can work now"),
    granted: z.boolean().exactOptional().describe("False: the caller may not use it"),
    capabilities: z.array(OfferedCapability),
  })),
  hosts: z.array(z.string()).exactOptional()
    .describe("Hosts that `http` steps may call, such as `*.company.com`; absent: not known"),
});

/** What there is that a document may use. */
export type Directory = DeepReadonly<z.output<typeof Directory>>;

/** A path, its parts joined by U+0000, and the line and column where it stands, from 1. */
export type CarriedPlace = readonly [path: string, line: number, column: number];

/** A text of YAML that was read, as JSON can carry it to another process. */
export interface CarriedValue {
  readonly value: unknown;
  /** Where values begin, and where keys do. */
  readonly values: readonly CarriedPlace[];
  readonly keys: readonly CarriedPlace[];
}
