/**
 * Recursive references: a `$ref` that leads back to a schema around it, as the keyword of Ajv. Ajv's own
 * checks a part of a value again for each way that leads to it, and with two ways a level that doubles
 * with each level: a schema of 200 characters and a value of 60 levels would take for ever.
 */

import type { Ajv2020, KeywordCxt } from "ajv/dist/2020.js";
import { _, type Code } from "ajv/dist/compile/codegen/index.js";
import { resolveRef, SchemaEnv } from "ajv/dist/compile/index.js";
import { callRef } from "ajv/dist/vocabularies/core/ref.js";
import { assert } from "./errors.ts";
import { FAULTS_MAX } from "./faults.ts";

/** What Ajv compiles a schema to. */
interface Validate {
  (value: unknown, context?: unknown): boolean;
  errors?: readonly unknown[] | null;
  evaluated?: Readonly<Record<string, unknown>>;
}

/** What came of checking one part of a value. */
interface Verdict {
  readonly isValid: boolean;
  readonly errors: Validate["errors"];
  readonly evaluated: Validate["evaluated"];
}

/** Each recursive schema, as a check that looks at each part of a value once. */
const once = new WeakMap<Validate, Validate>();

/** What is known of the parts of the value that is being checked. */
let known = new WeakMap<Validate, WeakMap<object, Verdict>>();

/** Forgets what is known: the next value is checked, or the same one after it was changed. */
export function forgetVerdicts(): void {
  known = new WeakMap();
}

/**
 * Gives an Ajv a `$ref` that asks a schema around it once of each part of a value, so checking costs
 * O(schemas · parts), and that keeps the first faults of each part. Any other is as Ajv has it. Whoever
 * checks a value calls `forgetVerdicts()` first.
 */
export function boundReferences(ajv: Ajv2020): void {
  const own = ajv.getKeyword("$ref");
  assert(typeof own === "object" && "code" in own, "Ajv has the keyword $ref");
  const code = (context: KeywordCxt) => {
    const { gen, schema, it } = context;
    const { self, schemaEnv: { root }, baseId } = it;
    const isRoot = (schema === "#" || schema === "#/") && baseId === root.baseId;
    const target = isRoot ? root : resolveRef.call(self, root, baseId, schema);
    // While a schema is compiled it has no check yet: the reference is inside of it.
    if (!(target instanceof SchemaEnv) || target.validate !== undefined) return own.code(context);
    const name: Code = gen.scopeValue("wrapper", { ref: target });
    const makeOnce = gen.scopeValue("func", { ref: onceFor });
    callRef(context, gen.const("once", _`${makeOnce}(${name}.validate)`), target);
  };
  ajv.removeKeyword("$ref").addKeyword({ keyword: "$ref", schemaType: "string", code });
}

function onceFor(validate: Validate): Validate {
  const made = once.get(validate) ?? makeOnce(validate);
  once.set(validate, made);
  return made;
}

function makeOnce(validate: Validate): Validate {
  const check: Validate = (value, context) => {
    const { isValid, errors, evaluated } = verdictOf(validate, value, context);
    check.errors = errors ?? null;
    if (evaluated !== undefined) check.evaluated = evaluated;
    return isValid;
  };
  return check;
}

function verdictOf(validate: Validate, value: unknown, context: unknown): Verdict {
  const verdicts = known.get(validate) ?? new WeakMap<object, Verdict>();
  const isPart = typeof value === "object" && value !== null;
  const before = isPart ? verdicts.get(value) : undefined;
  if (before !== undefined) return before;
  const isValid = validate(value, context);
  const { errors, evaluated } = validate;
  const verdict = { isValid, errors: errors?.slice(0, FAULTS_MAX), evaluated: { ...evaluated } };
  if (isPart) known.set(validate, verdicts.set(value, verdict));
  return verdict;
}
