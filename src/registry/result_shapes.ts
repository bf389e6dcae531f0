/** Result shapes: what is known of the results of a workflow's steps before any of them runs. */

import type { Mapping } from "../core/mapping.ts";
import type { JsonSchema, StepContract, StepDefinition } from "../core/workflow.ts";
import type { Draft } from "./draft.ts";
import { type Inner, innerOf, type Shape, shapeOf, UNKNOWN } from "./shape.ts";

/** A step, and its mapping. */
export type MappedDraft = Draft & { readonly mapping?: Mapping };

/** Transforms of transforms that are followed. */
const DEPTH_MAX = 50;

/** How the engine describes a failure: a time-out, a broken contract. */
const ENGINE_ERROR: JsonSchema = {
  type: "object",
  required: ["error_code", "error_message"],
  properties: { error_code: { type: "string" }, error_message: { type: "string" } },
};

/**
 * The shape of each step's result: by its contract, or, of a transform without one, by its mapping.
 *
 * Cost: O(size of the schemas) once a step.
 */
export class ResultShapes {
  readonly #drafts: ReadonlyMap<string, MappedDraft>;
  readonly #contracts: ReadonlyMap<string, StepContract>;
  readonly #task: Shape;
  readonly #known = new Map<string, Shape>();
  #depth = 0;

  constructor(
    drafts: readonly MappedDraft[],
    { steps, input }: {
      readonly steps: readonly StepDefinition[];
      readonly input: JsonSchema | undefined;
    },
  ) {
    this.#drafts = new Map(drafts.map((draft) => [draft.name, draft]));
    this.#contracts = new Map(steps.map(({ name, contract }) => [name, contract]));
    this.#task = shapeOf(input);
  }

  /** The shape of a step's result. */
  of(name: string): Shape {
    const known = this.#known.get(name);
    if (known !== undefined) return known;
    if (this.#depth === DEPTH_MAX) return UNKNOWN;
    this.#known.set(name, UNKNOWN); // steps in a cycle, which is a fault of its own
    this.#depth++;
    const shape = this.#shapeOf(name);
    this.#depth--;
    this.#known.set(name, shape);
    return shape;
  }

  /** The shapes of what a mapping may name, by root. */
  rootsOf({ needs, when }: Pick<Draft, "needs" | "when">): ReadonlyMap<string, Shape> {
    const roots = Object.entries(needs).map(([alias, name]) =>
      [alias, when === "succeeded" ? this.of(name) : this.#outcomeOf(name)] as const
    );
    return new Map([...roots, ["input", this.#task]]);
  }

  #shapeOf(name: string): Shape {
    const success = this.#contracts.get(name)?.success;
    const draft = this.#drafts.get(name);
    const isInferred = success === undefined && draft?.kind === "transform";
    if (!isInferred || draft.mapping === undefined) return shapeOf(success);
    return valueOf(draft.mapping, this.rootsOf(draft)).shape;
  }

  /** What a step sees of a parent that may have failed. */
  #outcomeOf(name: string): Shape {
    const error = this.#contracts.get(name)?.error;
    const found = (shape: Shape, isOptional = true): Inner => ({
      kind: "found",
      shape,
      isOptional,
    });
    return {
      kind: "fields",
      fields: {
        state: found(shapeOf({ type: "string" }), false),
        result: found(this.of(name)),
        error: found(shapeOf(error && { anyOf: [ENGINE_ERROR, error], $defs: error.$defs })),
      },
    };
  }
}

interface Value {
  readonly shape: Shape;
  readonly isOptional: boolean;
}

const NOTHING: Value = { shape: UNKNOWN, isOptional: true };

/** The value of a mapping, as far as the shapes of what it names say. */
function valueOf(mapping: Mapping, roots: ReadonlyMap<string, Shape>): Value {
  switch (mapping.kind) {
    case "literal":
      return { shape: shapeOf({ const: mapping.value }), isOptional: false };
    case "text":
      return { shape: shapeOf({ type: "string" }), isOptional: false };
    case "list":
      return { shape: shapeOf({ type: "array" }), isOptional: false };
    case "object": {
      const fields = mapping.fields.map(([name, field]) =>
        [name, { kind: "found", ...valueOf(field, roots) }] as const
      );
      return { shape: { kind: "fields", fields: Object.fromEntries(fields) }, isOptional: false };
    }
    case "reference":
      return namedBy(mapping, roots);
  }
}

function namedBy(
  { reference: { root, path } }: Extract<Mapping, { kind: "reference" }>,
  roots: ReadonlyMap<string, Shape>,
): Value {
  let value: Value = { shape: roots.get(root) ?? UNKNOWN, isOptional: false };
  for (const key of path) {
    const inner = innerOf(value.shape, key);
    if (inner.kind === "missing") return NOTHING;
    value = { shape: inner.shape, isOptional: value.isOptional || inner.isOptional };
  }
  return value;
}
