/**
 * Rehearsed values: inputs, results and errors made out of contracts. Where nobody stated one, what
 * later steps read is taken for it.
 */

import { type PlacedReference, referencesOf } from "../core/mapping.ts";
import { madeValue } from "../core/made_value.ts";
import type { Plan, PlannedStep } from "../core/plan.ts";
import { alternativesOf, isKeywords, type Rooted } from "../core/schema_alternatives.ts";
import { itemOf, partOf } from "../core/schema_parts.ts";
import { checkByStored } from "../core/stored_schema.ts";
import type { JsonSchema, StepDefinition } from "../core/workflow.ts";

/** What a step reads of another one's end, or of the task's input. */
interface Read {
  readonly path: readonly (string | number)[];
  /** What the reader expects there, where that is known. */
  readonly schema: JsonSchema;
  /** Whether the reader does nothing but look at it: a value that it refuses ends the good path. */
  readonly isGate: boolean;
}

/** Reads of the task's input (`input`), and of each step's result and error, by its name. */
type Reads = ReadonlyMap<string, readonly Read[]>;

/** Makes the values of one plan. */
export class RehearsedValues {
  readonly #reads: Reads;
  readonly #kept = new Map<string, unknown>();

  /** Cost: O(references). */
  constructor(readonly plan: Plan) {
    this.#reads = readsOf(plan);
  }

  /** An input of the task; undefined: none can be made. */
  input(): unknown {
    const { definition: { input }, checkInput } = this.plan;
    return this.#make("input", "input", { schema: input, fits: (value) => checkInput(value).ok });
  }

  /** What a step gives when it succeeds, or a signal is answered with; undefined: nothing fits. */
  result(step: PlannedStep): unknown {
    return this.#make(`result ${step.name}`, step.name, {
      schema: step.definition.contract.success,
      fits: (value) => step.check("success")(value).ok,
    });
  }

  /** What a step fails with. */
  error({ name, definition, check }: PlannedStep): unknown {
    const made = this.#make(`error ${name}`, name, {
      schema: definition.contract.error,
      fits: (value) => check("error")(value).ok,
    });
    const isObject = typeof made === "object" && made !== null;
    const fields = isObject ? made : {};
    // Every failure that a system sends has both; a contract may say more of them.
    const said = {
      error_code: "rehearsed",
      error_message: `The rehearsal lets step ${name} fail`,
    };
    const whole = { ...fields, ...said };
    return [whole, { ...said, ...fields }, made].find((one) => check("error")(one).ok) ?? whole;
  }

  #make(
    key: string,
    name: string,
    { schema, fits }: {
      readonly schema: JsonSchema | undefined;
      readonly fits: (value: unknown) => boolean;
    },
  ): unknown {
    if (this.#kept.has(key)) return this.#kept.get(key);
    const reads = this.#reads.get(key) ?? [];
    const stated = schema ?? schemaOfReads(reads);
    const passing = passingOf(schema, reads);
    const made = Object.keys(stated).length === 0 ? {} : (passing && madeValue(passing, {
      name,
      fits: (value) => fits(value) && checkByStored(passing, value).ok,
    })) ?? madeValue(stated, { name, fits });
    this.#kept.set(key, made);
    return made;
  }
}

/** What a value has to be so that transforms that read it complete; undefined: none says more of it. */
function passingOf(schema: JsonSchema | undefined, reads: readonly Read[]): JsonSchema | undefined {
  const gates = reads.filter(({ isGate, schema }) => isGate && Object.keys(schema).length > 0);
  if (schema === undefined || gates.length === 0) return undefined;
  // A reference would lead somewhere else inside of another schema.
  if (JSON.stringify(schema).includes('"$')) return undefined;
  return { allOf: [schema, schemaOfReads(gates)] };
}

function readsOf(plan: Plan): Reads {
  const reads = new Map<string, Read[]>();
  const add = (key: string, read: Read) => {
    const known = reads.get(key);
    if (known === undefined) reads.set(key, [read]);
    else known.push(read);
  };
  for (const { definition, mapping } of plan.steps) {
    if (mapping === undefined) continue;
    const target = targetOf(definition);
    const isGate = definition.kind === "transform";
    for (const one of referencesOf(mapping)) {
      const { root, path } = one.reference;
      const schema = schemaAt(target, one);
      if (root === "input") {
        add("input", { path, schema, isGate });
        continue;
      }
      const step = definition.needs[root] ?? root;
      if (definition.when === "succeeded") add(`result ${step}`, { path, schema, isGate });
      // Another `when` reads the whole end of its parent: its state, and its result or its error.
      else if (path.length > 1) add(`${path[0]} ${step}`, { path: path.slice(1), schema, isGate });
    }
  }
  const { output } = plan.definition;
  for (const one of plan.output === undefined ? [] : referencesOf(plan.output.mapping)) {
    const { root, path } = one.reference;
    const key = root === "input" ? root : `result ${output?.needs[root] ?? root}`;
    add(key, { path, schema: schemaAt(output?.success, one), isGate: false });
  }
  return reads;
}

function targetOf({ kind, contract }: StepDefinition): JsonSchema | undefined {
  if (kind === "sleep") return { type: "integer", minimum: 1_000 };
  return kind === "transform" ? contract.success : contract.input;
}

/** What a schema says of the place where a reference stands; nothing where that is not simple. */
function schemaAt(schema: JsonSchema | undefined, { at, isInText }: PlacedReference): JsonSchema {
  if (isInText) return { type: "string" };
  if (schema === undefined) return {};
  let part: Rooted = { schema, root: schema };
  for (const key of at) {
    const way = alternativesOf(part).find(({ type }) =>
      type === (typeof key === "number" ? "array" : "object")
    );
    if (way === undefined) return {};
    part = typeof key === "number" ? itemOf(way, key) : partOf(way, key);
  }
  const isAlone = isKeywords(part.schema) && !JSON.stringify(part.schema).includes('"$ref"');
  return isAlone ? part.schema as JsonSchema : {};
}

/** A schema that demands what is read. */
function schemaOfReads(reads: readonly Read[]): JsonSchema {
  const [whole] = reads.filter(({ path }) => path.length === 0);
  const inside = reads.filter(({ path }) => path.length > 0);
  if (inside.length === 0) return whole?.schema ?? {};
  const byKey = Map.groupBy(inside, ({ path: [key = ""] }) => key);
  const parts = [...byKey].map(([key, all]) =>
    [
      key,
      schemaOfReads(all.map(({ path: [, ...path], ...rest }) => ({ path, ...rest }))),
    ] as const
  );
  const indexes = parts.filter(([key]) => typeof key === "number");
  if (indexes.length === parts.length) {
    const minItems = Math.max(...indexes.map(([index]) => Number(index))) + 1;
    return { type: "array", minItems, items: indexes[0]?.[1] ?? {} };
  }
  return {
    type: "object",
    required: parts.map(([key]) => String(key)),
    properties: Object.fromEntries(parts),
  };
}
