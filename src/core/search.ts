/**
 * Search: what tasks are found by beside their tags, as labels that stand in their rows. The search
 * attributes that their workflow declares, what failed, what a person has to do, and their priority.
 * Pure.
 */

import { shownCode } from "./attempt_fact.ts";
import type { Failure } from "./event.ts";
import { parseMapping, type Reference } from "./mapping.ts";
import { evaluateMapping } from "./mapping_value.ts";
import { decodePayload, type JsonText } from "./payload.ts";
import type { Plan } from "./plan.ts";
import { countOf } from "./rollup.ts";
import { hasResult, type StepState, type TaskState } from "./state.ts";

/** Types of search attributes. */
export const ATTRIBUTE_TYPES = ["keyword", "number", "bool", "datetime"] as const;

/** The type of a search attribute. */
export type AttributeType = (typeof ATTRIBUTE_TYPES)[number];

/** A search attribute that a workflow declares. */
export interface SearchAttribute {
  /** A reference, such as `$.input.region` or `$.charge.amount`. */
  readonly from: string;
  readonly type: AttributeType;
}

/** The same as a workflow states it; a keyword unless it says. */
export interface WrittenAttribute {
  readonly from: string;
  readonly type?: AttributeType;
}

/** Search attributes of one workflow. */
export const ATTRIBUTES_MAX = 16;

/** Characters of a keyword; the rest is left out. */
const KEYWORD_LENGTH_MAX = 128;

/** Failed and parked steps of one task that it is found by. */
export const LABELLED_MAX = 64;

/** What a person may have to do: choose how a parked step goes on, or send a signal. */
export const NEEDS = ["choice", "signal"] as const;

/** What a person may have to do. */
export type Need = (typeof NEEDS)[number];

/** Which failures to look for. Their step, class and code may be of different steps of a task. */
export interface FailureFilter {
  readonly step?: string | undefined;
  readonly class?: string | undefined;
  readonly code?: string | undefined;
}

/** Kinds of labels with a value. Shape: `k:region=eu`, `n:total=12.5`, and without: `step:charge`. */
const KINDS = { keyword: "k", bool: "k", number: "n", datetime: "t" } as const;

/** The attributes of a plan, read once. */
interface PlannedAttribute {
  readonly name: string;
  readonly type: AttributeType;
  readonly reference: Reference;
  /** Where its value is; undefined: in the input. */
  readonly step: number | undefined;
}

const planned = new WeakMap<Plan, readonly PlannedAttribute[]>();

function attributesOf(plan: Plan): readonly PlannedAttribute[] {
  const known = planned.get(plan) ?? Object.entries(plan.definition.search ?? {}).flatMap(
    ([name, { from, type }]) => {
      const reference = referenceOf(from);
      if (reference === undefined) return [];
      return [{ name, type, reference, step: plan.indexOf.get(reference.root) }];
    },
  );
  planned.set(plan, known);
  return known;
}

/** Reads where an attribute is; undefined: that is not a reference. */
export function referenceOf(from: string): Reference | undefined {
  const read = parseMapping(from);
  return read.ok && read.mapping.kind === "reference" ? read.mapping.reference : undefined;
}

const NONE: readonly string[] = [];

/** The labels of one task, followed through its turns. */
export class TaskLabels {
  /** Labels of attributes whose values are known, and how many attributes that are. */
  #attributes: readonly string[] = NONE;
  #known: Set<PlannedAttribute> | undefined;

  constructor(readonly plan: Plan) {}

  /**
   * Returns the labels of the task as it stands, the same list while they are the same.
   *
   * Cost: O(signals) for a task without attributes in which nothing failed or is parked; O(steps)
   * otherwise, and a parse of each value in which an attribute is, once.
   */
  of(state: TaskState): readonly string[] {
    const { search } = this.plan.definition;
    if (search !== undefined) this.#learn(state);
    if (isPlain(this.plan, state)) return this.#attributes;
    const now = [
      ...(state.priority === undefined ? NONE : [priorityLabel(state.priority)]),
      ...(state.forkedFrom === undefined ? NONE : [forkLabel(state.forkedFrom.id)]),
      ...failureLabels(this.plan, state),
      ...needLabels(this.plan, state),
      ...decisionLabels(this.plan, state),
    ];
    return now.length === 0 ? this.#attributes : [...new Set([...this.#attributes, ...now])];
  }

  #learn(state: TaskState): void {
    const known = this.#known ??= new Set();
    const attributes = attributesOf(this.plan);
    if (known.size === attributes.length) return;
    const left = attributes.filter((one) => !known.has(one));
    const sources = Map.groupBy(left, ({ step }) => step);
    for (const [step, ofSource] of sources) {
      const value = valueOf(state, step);
      if (value === undefined) continue;
      const found = ofSource.flatMap((one) => labelOf(one, value));
      if (found.length > 0) this.#attributes = [...this.#attributes, ...found];
      for (const one of ofSource) known.add(one);
    }
  }
}

/** Whether nothing but attributes can be a label. */
function isPlain(plan: Plan, state: TaskState): boolean {
  return state.priority === undefined && state.forkedFrom === undefined &&
    state.failure === undefined && state.decided === undefined &&
    countOf(state, "failed") + countOf(state, "parked") === 0 && signalsOf(plan).length === 0;
}

function valueOf(state: TaskState, index: number | undefined): JsonText | undefined {
  if (index === undefined) return state.input;
  const step = state.steps[index];
  return step !== undefined && hasResult(step) ? step.result : undefined;
}

/** None where the value is absent or has another type. */
function labelOf({ name, type, reference }: PlannedAttribute, source: JsonText): string[] {
  const given = { input: undefined, [reference.root]: decodePayload(source) };
  const read = evaluateMapping({ kind: "reference", reference }, given);
  const value = read.ok ? attributeText(type, read.value) : undefined;
  return value === undefined ? [] : [`${KINDS[type]}:${name}=${value}`];
}

/** How a label has the value of an attribute; undefined: it has another type. */
function attributeText(type: AttributeType, value: unknown): string | undefined {
  switch (type) {
    case "keyword":
      return typeof value === "string" && value !== ""
        ? value.slice(0, KEYWORD_LENGTH_MAX).toWellFormed()
        : typeof value === "number"
        ? String(value)
        : undefined;
    case "bool":
      return typeof value === "boolean" ? String(value) : undefined;
    case "number":
      return typeof value === "number" ? String(value) : undefined;
    case "datetime": {
      const ms = typeof value === "string" ? Date.parse(value) : NaN;
      return Number.isNaN(ms) ? undefined : String(ms);
    }
    default:
      return type satisfies never;
  }
}

function priorityLabel(priority: number): string {
  return `priority:${priority}`;
}

/** By it, the forks of a task are found. */
function forkLabel(taskId: string): string {
  return `fork:${taskId}`;
}

/** What failed or is parked for good, as far as nobody has decided about it. */
function failureLabels(plan: Plan, state: TaskState): readonly string[] {
  const count = countOf(state, "failed") + countOf(state, "parked");
  const of = { plan, state };
  const labels = [...labelsOfFailure(state, of)];
  let left = Math.min(count, LABELLED_MAX);
  for (let index = 0; index < state.steps.length && left > 0; index++) {
    const step = state.steps[index] as StepState;
    if (step.state !== "failed" && step.state !== "parked") continue;
    const kind = step.state === "parked" ? "parked" : "step";
    labels.push(`${kind}:${plan.steps[index]?.name}`, ...labelsOfFailure(step, of));
    left -= 1;
  }
  return labels;
}

/** A failure is looked at again in each turn of its task, and read once. */
const readFailures = new WeakMap<Failure, string[]>();

function labelsOfFailure(
  { failure }: Pick<TaskState | StepState, "failure">,
  of: { readonly plan: Plan; readonly state: TaskState },
): string[] {
  if (failure === undefined) return [];
  const known = readFailures.get(failure);
  if (known !== undefined) return known;
  const code = shownCode(failure, of);
  const labels = [`class:${failure.class}`, ...(code === undefined ? [] : [`code:${code}`])];
  readFailures.set(failure, labels);
  return labels;
}

/** By it, the tasks are found in which a person decided about a step that was parked. */
export function decidedLabel(step: string): string {
  return `decided:${step}`;
}

const NONE_DECIDED: ReadonlySet<number> = new Set();

function decisionLabels({ steps }: Plan, { decided }: Pick<TaskState, "decided">) {
  return [...decided ?? NONE_DECIDED].slice(0, LABELLED_MAX).map((index) =>
    decidedLabel(steps[index]?.name ?? "")
  );
}

const signals = new WeakMap<Plan, readonly number[]>();

/** The steps of a plan that are signals, looked for once. */
function signalsOf(plan: Plan): readonly number[] {
  const known = signals.get(plan) ??
    plan.steps.flatMap(({ index, definition }) => definition.kind === "signal" ? [index] : []);
  signals.set(plan, known);
  return known;
}

function needLabels(plan: Plan, state: TaskState): readonly string[] {
  if (state.end !== undefined) return NONE;
  const needs: Need[] = countOf(state, "parked") > 0 ? ["choice"] : [];
  const awaitsSignal = countOf(state, "waiting_for_reply") > 0 &&
    signalsOf(plan).some((index) => state.steps[index]?.state === "waiting_for_reply");
  if (awaitsSignal) needs.push("signal");
  return needs.map((need) => `needs:${need}`);
}

/** What labels say, for people and programs. */
export interface Labelled {
  /** Values of search attributes by name; a datetime as Unix ms in `times`. */
  readonly attributes: Readonly<Record<string, string | number>>;
  readonly times: Readonly<Record<string, number>>;
  readonly needs: readonly Need[];
  /** Steps that failed for good, and those that wait for a person: at most LABELLED_MAX of both. */
  readonly failedSteps: readonly string[];
  readonly parkedSteps: readonly string[];
  readonly errorClasses: readonly string[];
  readonly errorCodes: readonly string[];
  readonly priority: number | undefined;
}

/** Reads labels. What a later version wrote is passed over. */
export function readLabels(labels: readonly string[]): Labelled {
  const of = (kind: string) =>
    labels.flatMap((label) => label.startsWith(`${kind}:`) ? [label.slice(kind.length + 1)] : []);
  const valuesOf = <T>(kind: string, read: (text: string) => T) =>
    Object.fromEntries(
      of(kind).map((label) => {
        const at = label.indexOf("=");
        return [label.slice(0, at), read(label.slice(at + 1))] as const;
      }),
    );
  const [priority] = of("priority");
  return {
    attributes: { ...valuesOf("k", String), ...valuesOf("n", Number) },
    times: valuesOf("t", Number),
    needs: NEEDS.filter((need) => labels.includes(`needs:${need}`)),
    failedSteps: of("step"),
    parkedSteps: of("parked"),
    errorClasses: of("class"),
    errorCodes: of("code"),
    priority: priority === undefined ? undefined : Number(priority),
  };
}

/** Values that a label with a number or a time may have; absent: no bound. */
export interface LabelRange {
  /** The label without its value: `n:total`. */
  readonly name: string;
  readonly min?: number;
  readonly max?: number;
  readonly isMinOpen?: boolean;
  readonly isMaxOpen?: boolean;
}

/** Which labels tasks are asked for: of each group one, and a value in each range. */
export interface LabelFilter {
  readonly labels: readonly (readonly string[])[];
  readonly ranges: readonly LabelRange[];
}

/** One condition on an attribute, as people write it: `region=eu`, `total>=100`. */
const CONDITION = /^([a-z0-9_-]{1,64})(>=|<=|=|>|<)(.+)$/s;

/** How conditions are written, for errors. */
export const CONDITION_FORM =
  "expected NAME=VALUE, or NAME with >, >=, < or <= and a number or a time, such as total>=100";

/** Reads a condition on an attribute; undefined: it is not one. */
export function readCondition(text: string): LabelFilter | undefined {
  const [, name = "", sign = "", value = ""] = CONDITION.exec(text) ?? [];
  if (name === "") return undefined;
  const number = value.trim() === "" ? NaN : Number(value);
  const ms = /^\d{4}-\d\d-\d\d/.test(value) ? Date.parse(value) : NaN;
  if (sign === "=") {
    const group = [`${KINDS.keyword}:${name}=${value.slice(0, KEYWORD_LENGTH_MAX)}`];
    if (Number.isFinite(number)) group.push(`${KINDS.number}:${name}=${number}`);
    if (Number.isFinite(ms)) group.push(`${KINDS.datetime}:${name}=${ms}`);
    return { labels: [group], ranges: [] };
  }
  const bound = Number.isFinite(ms) ? ms : number;
  if (!Number.isFinite(bound)) return undefined;
  const kind = Number.isFinite(ms) ? KINDS.datetime : KINDS.number;
  const isOpen = !sign.endsWith("=");
  const range = sign.startsWith(">")
    ? { min: bound, isMinOpen: isOpen }
    : { max: bound, isMaxOpen: isOpen };
  return { labels: [], ranges: [{ name: `${kind}:${name}`, ...range }] };
}

/** Makes the label groups of a failure, of needs, of a priority and of forks. */
export function labelGroups({ failure = {}, needs = [], priority, forkOf }: {
  readonly failure?: FailureFilter;
  readonly needs?: readonly Need[];
  readonly priority?: number | undefined;
  readonly forkOf?: string | undefined;
}): LabelFilter["labels"] {
  const { step, class: name, code } = failure;
  return [
    ...(step === undefined ? [] : [[`step:${step}`, `parked:${step}`]]),
    ...(name === undefined ? [] : [[`class:${name}`]]),
    ...(code === undefined ? [] : [[`code:${code}`]]),
    ...(needs.length === 0 ? [] : [needs.map((need) => `needs:${need}`)]),
    ...(priority === undefined ? [] : [[priorityLabel(priority)]]),
    ...(forkOf === undefined ? [] : [[forkLabel(forkOf)]]),
  ];
}
