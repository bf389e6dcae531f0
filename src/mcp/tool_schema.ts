/** Schemas of tools: contracts of workflows as MCP wants them, which knows objects alone. */

import type { JsonSchema } from "../core/workflow.ts";
import { shownText } from "./shown.ts";

/** Larger contracts are not shown: a model reads every tool that is listed. */
const SIZE_MAX = 32 * 1024;

/** Keywords that inform people, and how much of each is shown. */
const PROSE = new Set(["description", "title", "$comment"]);
const PROSE_LENGTH_MAX = 500;

/** The field that takes what is not an object. */
const WHOLE = "input";

/** What a contract says of texts, which may be hidden in part. */
const OF_TEXTS = new Set(["format", "pattern", "minLength", "maxLength"]);

/** Keywords whose fields are schemas by name. */
const BY_NAME = new Set(["properties", "patternProperties", "$defs", "definitions"]);

/** Keywords whose values are no schemas. */
const VALUES = new Set(["const", "enum", "default", "examples", "required"]);

/** The schema of a tool's arguments. */
export function inputSchemaFor(stated: JsonSchema | undefined): JsonSchema {
  const contract = stated && withShownProse(stated);
  if (isObjectContract(contract)) {
    const { $schema: _, $id: _id, ...schema } = contract;
    return isLarge(schema) ? { type: "object" } : schema;
  }
  const { schema, defs } = embedded(contract);
  return {
    type: "object",
    properties: { [WHOLE]: schema },
    ...(contract !== undefined && { required: [WHOLE] }),
    ...defs,
  };
}

/** What a task is started with. */
export function inputFrom(
  contract: JsonSchema | undefined,
  args: Readonly<Record<string, unknown>>,
): unknown {
  return isObjectContract(contract) ? args : args[WHOLE];
}

/** The schema of what a tool answers: how the task stands, and what it gave. */
export function outputSchemaFor(contract: JsonSchema | undefined): JsonSchema {
  const { schema, defs } = embedded(contract && withShownProse(withoutTexts(contract)));
  return {
    type: "object",
    properties: {
      task_id: { type: "string" },
      state: { type: "string", description: "completed, failed, cancelled, or how it stands" },
      output: schema,
    },
    required: ["task_id", "state"],
    ...defs,
  };
}

function isObjectContract(contract: JsonSchema | undefined): contract is JsonSchema {
  return contract?.type === "object";
}

/** A contract as a part of a schema. One that refers to its own root cannot be: it is left open. */
function embedded(
  contract: JsonSchema = {},
): { readonly schema: JsonSchema; readonly defs: object } {
  const { $schema: _, $id: _id, $defs, ...schema } = contract;
  if (isLarge(contract) || /"\$ref":"#(?!\/\$defs\/)/.test(JSON.stringify(contract))) {
    return { schema: {}, defs: {} };
  }
  return { schema, defs: $defs === undefined ? {} : { $defs } };
}

function isLarge(schema: JsonSchema): boolean {
  return JSON.stringify(schema).length > SIZE_MAX;
}

/** A contract without what it demands of texts: a text that is hidden would break it. */
function withoutTexts(schema: JsonSchema): JsonSchema {
  return changed(schema, (fields) => fields.filter(([name]) => !OF_TEXTS.has(name)));
}

/** A contract whose prose is as a client may see it: whoever wrote it may want to instruct a model. */
function withShownProse(schema: JsonSchema): JsonSchema {
  return changed(schema, (fields) =>
    fields.map(([name, value]) => [
      name,
      PROSE.has(name) && typeof value === "string" ? shownText(value, PROSE_LENGTH_MAX) : value,
    ]));
}

type Field = [name: string, value: unknown];

/** Changes the keywords of a schema and of all schemas inside. */
function changed(schema: JsonSchema, change: (fields: Field[]) => Field[]): JsonSchema {
  const inside = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(inside);
    return isFields(value) ? changed(value, change) : value;
  };
  const byName = (schemas: unknown) =>
    isFields(schemas)
      ? Object.fromEntries(Object.entries(schemas).map(([name, one]) => [name, inside(one)]))
      : schemas;
  return Object.fromEntries(
    change(Object.entries(schema)).map(([name, value]) => [
      name,
      VALUES.has(name) ? value : BY_NAME.has(name) ? byName(value) : inside(value),
    ]),
  );
}

function isFields(value: unknown): value is JsonSchema {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
