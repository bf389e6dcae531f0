/**
 * Sensitive values: what a contract marks with `writeOnly`, JSON Schema's word for what is given and
 * not shown again (JSON Schema Validation 2020-12, §9.4). Pure.
 */

import type { Event, Failure } from "./event.ts";
import { decodePayload, type JsonText, PAYLOAD_DEPTH_MAX } from "./payload.ts";
import type { Plan } from "./plan.ts";
import { referredBy } from "./schema_visits.ts";
import { failedAttempts, hasResult, type StepState, type TaskState } from "./state.ts";
import type { JsonSchema } from "./workflow.ts";

/** Stands for a value that is not shown. */
const HIDDEN = "<sensitive>";

/** Shorter texts are not looked for: they are part of too many others. */
const LENGTH_MIN = 4;

/** Shorter ones are looked for as whole words only, and a text that is cut may end within a longer one. */
const LENGTH_INSIDE_MIN = 6;

/** They give nothing away, and stand in many texts. */
const WORDS: readonly string[] = ["true", "false", "null"];

/**
 * What comparisons may cost: so much for each text or JSON value, and for each of its characters. One
 * comparison costs COMPARED, and the length of its value. A text that costs more is hidden as a whole.
 */
const COST_MAX = 20_000;
const COST_OF_CHARACTER = 20;
const COMPARED = 16;

/** Values of one task, and their characters; of a task with more, each text is hidden as a whole. */
const VALUES_MAX = 1_000;
const SIZE_MAX = 256 * 1024;

/**
 * The values of one task that its contracts mark. They are hidden wherever an error, a log line or a
 * person's reason repeats them.
 *
 * Cost: nothing but a look-up for contracts that mark nothing; to hide, O(text).
 */
export class SensitiveValues {
  /** As they are, as JSON writes them, and as URLs do. */
  readonly #found = new Set<string>();
  /** Where in the task's state they were looked for; a failure is replaced by the next one. */
  readonly #read = new Set<string>();
  readonly #readFailures = new WeakSet<Failure>();
  /** How many failures of each step were read. */
  readonly #failures = new Map<number, number>();
  /** By how they begin, the longest first. */
  readonly #byStart = new Map<number, string[]>();
  #size = 0;
  #isTooMuch = false;
  /** What comparisons may still cost. */
  #costLeft = 0;

  constructor(readonly plan: Plan) {}

  /**
   * The values of a task as it stands; undefined: they are not known, so each text is hidden. A state has
   * the last failure of each step: where a contract marks something in errors, and earlier ones were not
   * asked for as they came (a restart, or nobody looked), each text is hidden as well.
   */
  static of(plan: Plan, state: TaskState | undefined): SensitiveValues {
    const values = state && ofStates.get(state) || new SensitiveValues(plan);
    if (!isAnyMarked(plan)) return values;
    if (state === undefined) values.#isTooMuch = true;
    else {
      ofStates.set(state, values);
      values.#takeAll(state);
    }
    return values;
  }

  /** Whether they are too many, or not known: then each text is hidden as a whole. */
  get isTooMuch(): boolean {
    return this.#isTooMuch;
  }

  /** Characters that it keeps. */
  get size(): number {
    return this.#size;
  }

  /** Notes what an event of the task holds. */
  note(event: Event): void {
    if (event.kind === "TaskStarted") return this.#take(this.plan.definition.input, event.input);
    if (event.kind === "TaskEnded") {
      return this.#take(this.plan.definition.output?.success, event.output);
    }
    const contract = "step" in event ? this.plan.steps[event.step]?.definition.contract : undefined;
    if ("result" in event) this.#take(contract?.success, event.result);
    if ("payload" in event) this.#take(contract?.success, event.payload);
    if ("failure" in event) this.#take(contract?.error, event.failure?.error);
  }

  /** Returns a text without those values. */
  hide(text: string): string {
    this.#costLeft = COST_MAX;
    return this.#hide(text);
  }

  #hide(text: string): string {
    if (this.#isTooMuch) return text === "" ? text : HIDDEN;
    if (this.#found.size === 0) return text;
    this.#costLeft = Math.max(0, this.#costLeft) + COST_OF_CHARACTER * text.length;
    // What is hidden of the text now: values may overlap.
    let [from, until, kept, left] = [0, 0, 0, ""];
    for (let at = 0; at < text.length; at++) {
      const length = this.#lengthAt(text, at);
      if (this.#costLeft < 0) return HIDDEN;
      if (length === 0) continue;
      if (until > kept && at > until) {
        left += text.slice(kept, from) + HIDDEN;
        kept = until;
      }
      if (until <= kept) from = at;
      until = Math.max(until, at + length);
    }
    return until > kept ? left + text.slice(kept, from) + HIDDEN + text.slice(until) : text;
  }

  /** Returns a value of JSON without them, in its texts, numbers and names of fields. */
  hideIn(value: unknown): unknown {
    if (this.#isTooMuch) return HIDDEN;
    if (this.#found.size === 0) return value;
    this.#costLeft = COST_MAX;
    return this.#hideIn(value);
  }

  #hideIn(value: unknown): unknown {
    if (value === HIDDEN) return value;
    if (typeof value === "string") return this.#hide(value);
    if (typeof value === "number") {
      return this.#hide(String(value)) === String(value) ? value : HIDDEN;
    }
    if (Array.isArray(value)) return value.map((item) => this.#hideIn(item));
    if (!isObject(value)) return value;
    return Object.fromEntries(
      Object.entries(value).map(([name, field]) => [this.#hide(name), this.#hideIn(field)]),
    );
  }

  /** Returns a text of JSON without them, which may be cut. */
  hideInJson(text: string): string {
    try {
      return JSON.stringify(this.hideIn(JSON.parse(text)));
    } catch {
      return this.hide(text);
    }
  }

  /** The length of the longest value at a place of a text; 0: there is none. */
  #lengthAt(text: string, at: number): number {
    const values = this.#byStart.get(startOf(text, at));
    if (values === undefined) return 0;
    const left = text.length - at;
    const value = values.find((value) => {
      this.#costLeft -= COMPARED + value.length;
      if (this.#costLeft < 0) return true;
      return value.length > left
        ? left >= LENGTH_INSIDE_MIN && value.startsWith(text.slice(at))
        : text.startsWith(value, at) &&
          (value.length >= LENGTH_INSIDE_MIN || isWord(text, at, at + value.length));
    });
    return Math.min(value?.length ?? 0, left);
  }

  #takeAll(state: TaskState): void {
    const { definition, steps } = this.plan;
    this.#takeOnce("input", definition.input, state.input);
    this.#takeOnce("output", definition.output?.success, state.output);
    for (const [index, step] of state.steps.entries()) {
      const contract = steps[index]?.definition.contract;
      if (hasResult(step)) this.#takeOnce(`result ${index}`, contract?.success, step.result);
      this.#take(contract?.success, state.signals.get(index));
      this.#takeFailure(index, step, contract?.error);
    }
  }

  #takeFailure(index: number, step: StepState, schema: JsonSchema | undefined): void {
    if (schema === undefined || !isMarking(schema)) return;
    let count = this.#failures.get(index) ?? 0;
    if (step.failure !== undefined && !this.#readFailures.has(step.failure)) {
      this.#readFailures.add(step.failure);
      this.#failures.set(index, ++count);
      this.#take(schema, step.failure.error);
    }
    if (count < failedAttempts(step)) this.#isTooMuch = true;
  }

  /** A task that fails again and again is asked for its values each time. */
  #takeOnce(place: string, schema: JsonSchema | undefined, value: JsonText | undefined): void {
    if (value === undefined || this.#read.has(place)) return;
    this.#read.add(place);
    this.#take(schema, value);
  }

  #take(schema: JsonSchema | undefined, value: JsonText | undefined): void {
    if (schema === undefined || value === undefined || !isMarking(schema)) return;
    const hiding = new Hiding(schema, (part) => this.#takePart(part));
    hiding.hidden([schema], decodePayload(value), 0);
  }

  #takePart(value: unknown): void {
    if (typeof value === "object" && value !== null) {
      for (const part of Object.values(value)) this.#takePart(part);
    } else if (typeof value === "string" || typeof value === "number") {
      const text = String(value);
      this.#add(text);
      this.#add(JSON.stringify(text).slice(1, -1));
      this.#add(encodeURIComponent(text.toWellFormed()));
    }
  }

  #add(text: string): void {
    if (this.#isTooMuch || text.length < LENGTH_MIN) return;
    if (WORDS.includes(text) || this.#found.has(text)) return;
    this.#size += text.length;
    this.#isTooMuch = this.#size > SIZE_MAX || this.#found.size >= VALUES_MAX;
    if (this.#isTooMuch) {
      this.#found.clear();
      this.#byStart.clear();
      this.#size = 0;
      return;
    }
    this.#found.add(text);
    const start = startOf(text, 0);
    const values = this.#byStart.get(start) ?? [];
    values.splice(values.findIndex((other) => other.length < text.length) >>> 0, 0, text);
    this.#byStart.set(start, values);
  }
}

/** Those of tasks in memory. */
const ofStates = new WeakMap<TaskState, SensitiveValues>();

/** A number of the first four characters at a place. */
function startOf(text: string, at: number): number {
  return text.charCodeAt(at) ^ text.charCodeAt(at + 1) << 5 ^ text.charCodeAt(at + 2) << 10 ^
    text.charCodeAt(at + 3) << 14;
}

function isWord(text: string, from: number, until: number): boolean {
  return !/[\p{L}\p{N}]/u.test(text.charAt(from - 1) + text.charAt(until));
}

const marking = new WeakMap<JsonSchema, boolean>();

function isMarking(schema: JsonSchema): boolean {
  const known = marking.get(schema) ?? JSON.stringify(schema).includes('"writeOnly":true');
  marking.set(schema, known);
  return known;
}

const marked = new WeakMap<Plan, boolean>();

/** Whether a contract of a workflow marks anything. Cost: a look-up, after the first time. */
export function isAnyMarked(plan: Plan): boolean {
  const known = marked.get(plan) ?? contractsOf(plan).some((schema) => schema && isMarking(schema));
  marked.set(plan, known);
  return known;
}

function contractsOf({ definition, steps }: Plan): readonly (JsonSchema | undefined)[] {
  const ofSteps = steps.flatMap((
    { definition: { contract } },
  ) => [contract.success, contract.error]);
  return [definition.input, definition.output?.success, ...ofSteps];
}

/**
 * Returns a value as it may be shown: with HIDDEN for each part that its contract marks, and for what is
 * deeper than schemas are followed.
 *
 * Cost: a look-up for a contract that marks nothing, which gives back the value itself; else O(value).
 */
export function withoutSensitive(schema: JsonSchema | undefined, value: unknown): unknown {
  if (schema === undefined || !isMarking(schema)) return value;
  return new Hiding(schema).hidden([schema], value, 0);
}

class Hiding {
  constructor(readonly root: JsonSchema, readonly found: (value: unknown) => void = () => {}) {}

  /** Hides in one value; `schemas`: all that is said of it. */
  hidden(schemas: readonly unknown[], value: unknown, depth: number): unknown {
    const all = this.#whole(schemas);
    if (all.some(({ writeOnly }) => writeOnly === true)) {
      this.found(value);
      return HIDDEN;
    }
    if (all.length === 0 || !isObject(value)) return value;
    if (depth > PAYLOAD_DEPTH_MAX) return HIDDEN;
    if (Array.isArray(value)) {
      return value.map((item, index) =>
        this.hidden(all.flatMap((schema) => itemSchemas(schema, index)), item, depth + 1)
      );
    }
    return Object.fromEntries(
      Object.entries(value).map(([name, field]) => [
        name,
        this.hidden(all.flatMap((schema) => fieldSchemas(schema, name)), field, depth + 1),
      ]),
    );
  }

  /** The schemas with what they refer to and combine, each once. */
  #whole(schemas: readonly unknown[]): readonly Readonly<Record<string, unknown>>[] {
    const found = new Set<Readonly<Record<string, unknown>>>();
    for (const schema of schemas) if (isObject(schema)) found.add(schema);
    // A set is walked in the order of insertion, what is added meanwhile included.
    for (const schema of found) {
      for (const same of this.#alsoOf(schema)) if (isObject(same)) found.add(same);
    }
    return [...found];
  }

  /** What else is said of the same value, whether it holds in this case or not. */
  #alsoOf(schema: Readonly<Record<string, unknown>>): readonly unknown[] {
    const { $ref, $dynamicRef, allOf, anyOf, oneOf, dependentSchemas } = schema;
    const referred = [$ref, $dynamicRef].flatMap((reference) =>
      typeof reference === "string" ? referredBy(this.root, reference) : []
    );
    const depending = isObject(dependentSchemas) ? Object.values(dependentSchemas) : [];
    const { if: tested, then, else: other } = schema;
    return [...referred, ...[allOf, anyOf, oneOf].flat(), ...depending, tested, then, other];
  }
}

function itemSchemas(schema: Readonly<Record<string, unknown>>, index: number): readonly unknown[] {
  const { prefixItems, items, contains, unevaluatedItems } = schema;
  const first = Array.isArray(prefixItems) ? prefixItems : [];
  return index < first.length ? [first[index], contains] : [items, contains, unevaluatedItems];
}

/** A pattern is taken to fit each name: a search must not run what others wrote. */
function fieldSchemas(schema: Readonly<Record<string, unknown>>, name: string): readonly unknown[] {
  const { properties, patternProperties, additionalProperties, unevaluatedProperties } = schema;
  const named = isObject(properties) && Object.hasOwn(properties, name) ? [properties[name]] : [];
  const patterns = isObject(patternProperties) ? Object.values(patternProperties) : [];
  const others = named.length === 0 ? [additionalProperties, unevaluatedProperties] : [];
  return [...named, ...patterns, ...others];
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}
