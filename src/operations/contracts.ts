/** Operations of contracts: what other systems may rely on, as schemas. */

import { z } from "zod";
import { Name, Version } from "../core/fields.ts";
import { CONTRACT_PARTS } from "../core/schema_id.ts";
import { ENVELOPES } from "./envelopes.ts";
import { group, operation } from "./operation.ts";
import { named } from "./schema.ts";

const READ = { method: "GET", right: "read", repeat: "harmless" } as const;

const WorkflowParams = z.strictObject({ namespace: Name, name: Name, version: Version });

const JsonSchema = named(
  "JsonSchema",
  z.looseObject({ $id: z.string() }).describe("A JSON Schema of draft 2020-12"),
);

const SCHEMA = {
  answers: {
    200: {
      description: "The schema; it never changes, and an open one accepts anything",
      schema: JsonSchema,
    },
  },
} as const;

const ENVELOPE_NAMES = Object.keys(ENVELOPES) as (keyof typeof ENVELOPES)[];

/** Languages that types are written in. */
const LANGUAGES = ["ts", "py", "go"] as const;

/** Everything that can be asked of contracts. */
export const CONTRACTS = group("contracts", {
  getWorkflowSchema: operation({
    ...READ,
    ...SCHEMA,
    path: "/schemas/workflows/{namespace}/{name}/{version}/{part}",
    summary: "Shows what a version of a workflow takes or gives, as JSON Schema",
    params: WorkflowParams.extend({ part: z.enum(["input", "output"]) }),
    errors: ["definition.unknown"],
  }),
  getStepSchema: operation({
    ...READ,
    ...SCHEMA,
    path: "/schemas/workflows/{namespace}/{name}/{version}/{step}/{part}",
    summary: "Shows what a step takes or gives, as JSON Schema",
    params: WorkflowParams.extend({ step: Name, part: z.enum(CONTRACT_PARTS) }),
    errors: ["definition.unknown"],
  }),
  getEnvelopeSchema: operation({
    ...READ,
    ...SCHEMA,
    right: "open",
    path: "/schemas/envelopes/{envelope}",
    summary: "Shows the schema of a type of envelope, as JSON Schema",
    params: z.strictObject({ envelope: z.enum(ENVELOPE_NAMES) }),
    errors: [],
  }),
  getAsyncApi: operation({
    ...READ,
    path: "/asyncapi.json",
    summary: "Describes the channels and messages of the systems that the key may see",
    query: z.strictObject({
      system: Name.optional().describe("Only what concerns this system"),
    }),
    answers: { 200: { description: "AsyncAPI 3", schema: z.looseObject({}) } },
    errors: ["definition.unknown"],
  }),
  getTypes: operation({
    ...READ,
    path: "/v1/types",
    summary: "Writes types of what systems are asked for, for workers in other languages",
    query: z.strictObject({
      lang: z.enum(LANGUAGES).describe(`The language: ${LANGUAGES.join(", ")}`),
      system: Name.optional().describe("Only what this system is asked for"),
    }),
    answers: { 200: { description: "A source file", mediaType: "text/plain" } },
    errors: ["definition.unknown"],
    command: { verb: "types" },
  }),
});
