/** Fields of contracts: what a step takes, and what the steps before it give to be mapped. Pure. */

import type { Fields } from "../../../src/author/document.ts";
import { stepsOf, valueAt } from "../../../src/author/document.ts";
import { graphOf } from "../../../src/author/references.ts";
import { offerFor, sentSteps } from "../../../src/author/offers.ts";
import type { Directory } from "../../../src/core/authoring.ts";
import { pathText } from "../../../src/core/mapping.ts";
import {
  alternativesOf,
  isKeywords,
  resolve,
  type Rooted,
} from "../../../src/core/schema_alternatives.ts";
import { fieldNames, namedField, requiredOf } from "../../../src/core/schema_fields.ts";
import type { JsonSchema } from "../../../src/core/workflow.ts";
import { ancestorsIn, stepNamed } from "./gestures.ts";

/** A value that a mapping can read. */
export interface FieldSource {
  /** As a mapping writes it: `$.check.total`. */
  readonly reference: string;
  /** `input`, or the step that gives it. */
  readonly root: string;
  /** The path below the root; the last key is the field's name. */
  readonly path: readonly string[];
  readonly types: readonly string[];
  readonly description?: string;
  /** It is not there in every case. */
  readonly isOptional: boolean;
}

/** A field that a step takes. */
export interface FieldTarget {
  readonly name: string;
  readonly types: readonly string[];
  readonly description?: string;
  readonly isRequired: boolean;
  readonly schema: unknown;
}

/** Levels of fields that are offered; deeper ones are written by hand. */
const DEPTH_MAX = 4;
/** Fields that are offered of one root. */
const FIELDS_MAX = 200;

/** The contract of what a step takes: its own, or that of its capability. */
function inputContractOf(
  value: Fields,
  name: string,
  directory: Directory | undefined,
): JsonSchema | undefined {
  return contractOf(value, name, { directory, own: "input", offered: "input" });
}

/** The contract of what a step gives. */
function resultContractOf(
  value: Fields,
  name: string,
  directory: Directory | undefined,
): JsonSchema | undefined {
  const { signal, transform } = stepNamed(value, name) ?? {};
  if (isKeywords(signal)) return isKeywords(signal.form) ? signal.form : undefined;
  const own = contractOf(value, name, { directory, own: "result", offered: "output" });
  if (own !== undefined || !isKeywords(transform)) return own;
  const open = Object.fromEntries(Object.keys(transform).map((key) => [key, {}]));
  return { type: "object", required: Object.keys(transform), properties: open };
}

function contractOf(
  value: Fields,
  name: string,
  { directory, own, offered }: {
    readonly directory: Directory | undefined;
    readonly own: string;
    readonly offered: "input" | "output";
  },
): JsonSchema | undefined {
  const fields = stepNamed(value, name);
  const stated = fields?.[own];
  if (isKeywords(stated)) return stated;
  const sent = sentSteps(value).find((step) => step.name === name);
  if (sent === undefined) return undefined;
  const offer = directory === undefined ? undefined : offerFor(sent, directory);
  return offer?.[offered] ?? declaredContract(value, sent, offered);
}

/** What the document itself says of a capability. */
function declaredContract(
  { systems }: Fields,
  { owner, asked }: ReturnType<typeof sentSteps>[number],
  part: "input" | "output",
): JsonSchema | undefined {
  if (asked === undefined || !isKeywords(systems)) return undefined;
  const named = owner === undefined ? Object.keys(systems) : [owner];
  const offers = named.flatMap((system) => {
    const list = valueAt(systems, [system, "capabilities"]);
    return Array.isArray(list) ? list as unknown[] : [];
  });
  const offer = offers.find((one) => isKeywords(one) && one.name === asked.name);
  const contract = isKeywords(offer) ? offer[part] : undefined;
  return isKeywords(contract) ? contract : undefined;
}

/** The fields that a step takes, those that it must be given first. */
export function targetsOf(
  value: Fields,
  name: string,
  directory: Directory | undefined,
): readonly FieldTarget[] {
  const contract = inputContractOf(value, name, directory);
  if (contract === undefined) return [];
  const targets = fieldsOf({ schema: contract, root: contract }).map((field): FieldTarget => ({
    name: field.name,
    types: field.types,
    ...(field.description !== undefined && { description: field.description }),
    isRequired: !field.isOptional,
    schema: field.rooted.schema,
  }));
  return targets.toSorted((a, b) => Number(b.isRequired) - Number(a.isRequired));
}

/** What a step may read: the task's input, and what the steps before it give; the nearest last. */
export function sourcesOf(
  value: Fields,
  name: string,
  directory: Directory | undefined,
): readonly FieldSource[] {
  const ancestors = ancestorsIn(graphOf(value), name);
  const isOutcome = ![undefined, "succeeded"].includes(
    stepNamed(value, name)?.when as string | undefined,
  );
  const input = isKeywords(value.input) ? below("input", value.input) : [];
  const steps = stepsOf(value).filter((step) => ancestors.has(step.name));
  return [
    ...input,
    ...steps.flatMap((step) => {
      const contract = resultContractOf(value, step.name, directory);
      return isOutcome ? outcome(step.name, contract) : gives(step.name, contract);
    }),
  ];
}

function gives(root: string, contract: JsonSchema | undefined): readonly FieldSource[] {
  return contract === undefined ? [] : below(root, contract);
}

/** What a step reads of a parent that may have failed. */
function outcome(root: string, contract: JsonSchema | undefined): readonly FieldSource[] {
  const schema = {
    type: "object",
    required: ["state"],
    properties: {
      state: { type: "string" },
      error: { type: "object", properties: { error_message: { type: "string" } } },
      result: contract ?? {},
    },
    ...(contract?.$defs !== undefined && { $defs: contract.$defs }),
  };
  return below(root, schema);
}

/** All fields below a root, in the order of the contract. */
function below(root: string, contract: JsonSchema): readonly FieldSource[] {
  const found: FieldSource[] = [];
  const visit = (rooted: Rooted, path: readonly string[], isOptional: boolean) => {
    for (const field of fieldsOf(rooted)) {
      if (found.length >= FIELDS_MAX) return;
      const at = [...path, field.name];
      const source = {
        reference: `$.${pathText({ root, path: at })}`,
        root,
        path: at,
        types: field.types,
        ...(field.description !== undefined && { description: field.description }),
        isOptional: isOptional || field.isOptional,
      };
      found.push(source);
      if (at.length < DEPTH_MAX) visit(field.rooted, at, source.isOptional);
    }
  };
  visit({ schema: contract, root: contract }, [], false);
  return found;
}

interface Field {
  readonly name: string;
  readonly rooted: Rooted;
  readonly types: readonly string[];
  readonly description?: string;
  readonly isOptional: boolean;
}

/** The fields of all alternatives that are objects. */
function fieldsOf(rooted: Rooted): readonly Field[] {
  const objects = isOpen(rooted)
    ? []
    : alternativesOf(rooted).filter(({ type }) => type === "object");
  const names = new Set(objects.flatMap(({ all }) => fieldNames(all)));
  return [...names].map((name) => {
    const [first, ...others] = objects.filter(({ all }) => fieldNames(all).includes(name));
    const part = first === undefined ? { schema: {}, root: rooted.root } : namedField(first, name);
    const isRequired = others.length + 1 === objects.length &&
      objects.every(({ all }) => requiredOf(all).has(name));
    const description = isKeywords(part.schema) ? part.schema.description : undefined;
    return {
      name,
      rooted: part,
      types: typesOf(part),
      ...(typeof description === "string" && { description }),
      isOptional: !isRequired,
    };
  });
}

function isOpen({ schema, root }: Rooted): boolean {
  if (!isKeywords(schema)) return true;
  const { $ref } = schema;
  return typeof $ref === "string" && !isKeywords(resolve($ref, root));
}

/** The types that a value can have; none: any. */
function typesOf(rooted: Rooted): readonly string[] {
  const types = new Set(
    alternativesOf(rooted).map(({ type, isInteger }) => isInteger ? "integer" : type),
  );
  return types.size === 6 ? [] : [...types];
}

/** Whether what a source gives can be what a target takes, as far as types say. */
export function mayFit(
  { types: given }: Pick<FieldSource, "types">,
  { types: taken }: Pick<FieldTarget, "types">,
): boolean {
  if (given.length === 0 || taken.length === 0) return true;
  return given.some((type) =>
    taken.includes(type) || (type === "integer" && taken.includes("number")) ||
    (type === "number" && taken.includes("integer"))
  );
}
