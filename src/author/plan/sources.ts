/** Sources: where the fields of a step's input come from, by contracts. Pure. */

import { fieldsOf, requiredOf } from "./contracts.ts";
import type { Offer } from "./capability_index.ts";
import type { Flow } from "./flow.ts";
import { markFailure } from "./templates.ts";
import { outputOf, type PlannedStep, reaches } from "./planned_step.ts";
import LEXICON from "./lexicon.json" with { type: "json" };
import { stemOf, tokensOf } from "./words.ts";

type Schema = Readonly<Record<string, unknown>>;

/** Where a value comes from. */
export type Source =
  | { readonly kind: "step"; readonly step: PlannedStep; readonly field: string }
  | { readonly kind: "input"; readonly field: string }
  | { readonly kind: "literal"; readonly value: string | number }
  /** A text that says which step ended how. */
  | { readonly kind: "report" };

/** Fields of the input of one step. */
export type Sources = ReadonlyMap<string, Source>;

/** All mappings of a plan. */
export interface Mappings {
  readonly of: ReadonlyMap<PlannedStep, Sources>;
  /** What the task has to be given. */
  readonly input: ReadonlyMap<string, Schema>;
}

/** A source that fits worse is none. */
const FIT_MIN = 0.5;
/** Words that name the same part of a value. */
const SAME_FIELD = [
  "amount total price sum cost value",
  "body text content message draft",
  "uri url link location address",
  "to recipient email attendee",
  "id number key",
].map((group) => new Set(group.split(" ")));
const TEXT_FIELDS =
  /^(?:text|message|subject|body|title|summary|reason|details|note|description|problem|topic|comment)$/;
const NOTICE =
  /\b(?:send|post|notify|alert|inform|message|page|announce|warn|publish|deliver|say|invite|escalate)/;
/** An output that is its input after some work: `masked_uri`. */
const REFINED = /^(?:\w+ed|unique|clean|final|normal|new|valid|flat|merged)$/;

/**
 * Finds the sources of all new steps; steps of failure branches may get a mark before them. `task` is the
 * contract of the task's input in the document that is changed.
 */
export function mappingsOf(flow: Flow, task?: Schema): Mappings {
  const of = new Map<PlannedStep, Sources>();
  const fields = Object.entries(fieldsOf(task));
  const input = new Map(fields);
  const required = [task?.["required"] ?? []].flat();
  const given = task && Object.fromEntries(fields.filter(([name]) => required.includes(name)));
  const twice = repeatedOffers(flow.steps);
  for (const { gate } of flow.steps) {
    if (gate !== undefined && gate.of === undefined && !input.has(gate.field)) {
      input.set(gate.field, portable(gate.type));
    }
  }
  for (const step of inOrder(flow.steps)) {
    if (step.offer === undefined || step.known !== undefined) continue;
    const isRepeated = twice.has(step);
    const finder = new Finder(flow.steps, step, { input, isRepeated, ...(given && { given }) });
    of.set(step, finder.find());
  }
  for (const [step, sources] of of) of.set(step, withOptional(step, sources, input));
  return { of, input };
}

/** Finds the sources of one step among others; what the task has to be given is added to `input`. */
export function sourcesFor(
  steps: PlannedStep[],
  step: PlannedStep,
  input: Map<string, Schema>,
): Sources {
  return new Finder(steps, step, { input, isRepeated: false }).find();
}

/** Steps in an order in which each comes after those that it waits for. */
export function inOrder(steps: readonly PlannedStep[]): readonly PlannedStep[] {
  const done = new Set<PlannedStep>();
  const visit = (step: PlannedStep) => {
    if (done.has(step)) return;
    done.add(step);
    for (const parent of step.parents) visit(parent);
    ordered.push(step);
  };
  const ordered: PlannedStep[] = [];
  for (const step of steps) visit(step);
  return ordered;
}

class Finder {
  readonly #used = new Set<string>();

  constructor(
    private readonly steps: PlannedStep[],
    private readonly step: PlannedStep,
    private readonly context: {
      readonly input: Map<string, Schema>;
      /** What the tasks of a document are given for certain; absent: it is new. */
      readonly given?: Readonly<Record<string, Schema>>;
      readonly isRepeated: boolean;
    },
  ) {}

  find(): Sources {
    const { step } = this;
    const fields = fieldsOf(step.offer?.capability.input);
    const required = step.offer === undefined ? [] : requiredOf(step.offer);
    const found = new Map<string, Source>();
    for (const [name, schema] of Object.entries(fields)) {
      const isRequired = required.includes(name);
      const source = this.#sourceOf(name, schema, isRequired);
      if (source !== undefined) found.set(name, source);
    }
    this.#mark(found);
    return found;
  }

  #sourceOf(name: string, schema: Schema, isRequired: boolean): Source | undefined {
    const produced = this.#produced(name, schema, isRequired);
    if (produced !== undefined) return produced;
    const literal = literalIn(this.step.text, name, schema);
    if (literal !== undefined) return { kind: "literal", value: literal };
    if (!isRequired) return undefined;
    if (isText(name, schema) && isNotice(this.step)) {
      if (this.step.when !== "succeeded") return { kind: "report" };
      return { kind: "literal", value: sentenceOf(this.step.text) };
    }
    const known = this.#fromInput(name, schema);
    if (known !== undefined) return { kind: "input", field: known };
    const isOwn = this.context.isRepeated && !/_(?:id|uri|url)$/.test(name) && isText(name, schema);
    const { input } = this.context;
    const field = isOwn || clashes(input.get(name), schema) ? `${this.step.name}_${name}` : name;
    input.set(field, portable(schema));
    return { kind: "input", field };
  }

  /** What an earlier step gives. A message about a failure needs none: it has to be sent whatever failed. */
  #produced(name: string, schema: Schema, isRequired: boolean): Source | undefined {
    const isLast = this.step.when !== "succeeded";
    const isOfAny = isLast && this.step.branch?.condition.kind === "failed" &&
      this.step.branch.condition.of === "any";
    if (isLast && (!isRequired || (isOfAny && isNotice(this.step)))) return undefined;
    // A task's own input is there whatever failed.
    if (isLast && this.context.input.has(name)) return undefined;
    const before = this.#before(isLast);
    let best:
      | { readonly step: PlannedStep; readonly field: string; readonly fit: number }
      | undefined;
    for (const [distance, step] of before.entries()) {
      for (const [field, of] of Object.entries(fieldsOf(outputOf(step)))) {
        if (this.#used.has(`${step.name}.${field}`)) continue;
        const isGiven = isCertain(step, field);
        const fit = isGiven || !isRequired ? fitOf({ name, schema }, { field, of, step }) : 0;
        const isExact = name === field;
        if (!isRequired && !isExact) continue;
        const value = fit - distance * 0.001;
        if (fit >= FIT_MIN && value > (best?.fit ?? 0)) best = { step, field, fit: value };
      }
    }
    best ??= isRequired && !(isOfAny && isNotice(this.step)) ? this.#fromAside(name) : undefined;
    if (best === undefined) return undefined;
    if (/^(?:left|right|first|second|source|target|old|new|train|test|from|to)_/.test(name)) {
      this.#used.add(`${best.step.name}.${best.field}`);
    }
    return { kind: "step", step: best.step, field: best.field };
  }

  /** Steps whose results may be read, the nearest first. */
  #before(isLast: boolean): readonly PlannedStep[] {
    const seen = new Set<PlannedStep>();
    const found: PlannedStep[] = [];
    let level = [...this.step.parents];
    while (level.length > 0) {
      const next: PlannedStep[] = [];
      for (const step of level) {
        if (seen.has(step)) continue;
        seen.add(step);
        const isGuard = isLast && this.step.parents.has(step) && this.step.when === "failed" &&
          this.step.branch?.condition.kind === "failed" && this.step.branch.condition.of !== "any";
        if (!isGuard && step.when === "succeeded" && outputOf(step) !== undefined) found.push(step);
        next.push(...step.parents);
      }
      level = next;
    }
    return found;
  }

  /** What the tasks of a document are given already, by a name that fits. */
  #fromInput(name: string, schema: Schema): string | undefined {
    const { input, given } = this.context;
    if (given === undefined || input.has(name)) return undefined;
    let best: { readonly field: string; readonly fit: number } | undefined;
    for (const [field, of] of Object.entries(given)) {
      const fit = fitOf({ name, schema }, { field, of });
      if (fit >= FIT_MIN && fit > (best?.fit ?? 0)) best = { field, fit };
    }
    return best?.field;
  }

  /** A step beside this one gives exactly that: this one waits for it. */
  #fromAside(name: string) {
    const beside = this.steps.find((other) =>
      other !== this.step && !(this.step.when === "failed" && this.step.parents.has(other)) &&
      other.branch === undefined && other.when === "succeeded" &&
      Object.hasOwn(fieldsOf(outputOf(other)), name) && isCertain(other, name) &&
      !requiredNames(other).includes(name) &&
      /_(?:ids?|uri|url|version|number)$/.test(name) && !reaches(this.step, other) &&
      this.steps.indexOf(other) < this.steps.indexOf(this.step)
    );
    if (beside === undefined) return undefined;
    if (this.step.when === "succeeded") this.step.parents.add(beside);
    return { step: beside, field: name, fit: 1 };
  }

  #mark(found: ReadonlyMap<string, Source>): void {
    if (this.step.when === "succeeded") return;
    const sources = [...found.values()].flatMap((one) => one.kind === "step" ? [one.step] : []);
    if (sources.length > 0) markFailure(this.steps, this.step, new Set(sources));
  }
}

function requiredNames({ offer }: PlannedStep): readonly string[] {
  return offer === undefined ? [] : requiredOf(offer);
}

/** Whether a result always has a field. */
function isCertain(step: PlannedStep, field: string): boolean {
  const required = outputOf(step)?.["required"];
  return Array.isArray(required) && required.includes(field);
}

/** How well an output fits an input, 0..1: by name, and never against its type. */
function fitOf(
  { name, schema }: { readonly name: string; readonly schema: Schema },
  { field, of, step }: {
    readonly field: string;
    readonly of: Schema;
    readonly step?: PlannedStep;
  },
): number {
  if (!isAlike(of, schema)) return 0;
  const isPassed = step !== undefined && requiredNames(step).includes(field);
  if (field === name) return isPassed ? 0.9 : 1;
  const [wanted, given] = [name, field].map((one) => tokensOf(one.replaceAll("_", " ")));
  if (wanted === undefined || given === undefined) return 0;
  const noun = tokensOf(step?.offer?.capability.name.split(".")[0] ?? "")[0];
  const isSameEnd = wanted.at(-1) === given.at(-1);
  const isRefined = isSameEnd && given.length === 2 && REFINED.test(given[0] ?? "") &&
    (noun === wanted[0] || wanted.length === 1);
  if (isRefined) return 1;
  const isPart = (some: readonly string[], all: readonly string[]) =>
    some.every((word) => all.some((other) => isSameWord(word, other)));
  if (isPart(wanted, given) || isPart(given, wanted)) {
    return wanted.at(-1) === "id" && wanted.length === 1 ? 0 : 0.7;
  }
  const isDocument = isSameEnd && ["uri", "url"].includes(wanted.at(-1) ?? "") &&
    wanted.length > 1 &&
    /^(?:left|right|first|second|source|input)$/.test(wanted[0] ?? "");
  if (isDocument) return 0.6;
  return schema["format"] === "email" && of["format"] === "email" ? 0.55 : 0;
}

function isSameWord(one: string, other: string): boolean {
  return one === other || stemOf(one) === stemOf(other) ||
    SAME_FIELD.some((group) => group.has(one) && group.has(other));
}

/** Whether values of one contract can be taken by another: types and formats, and a list's items. */
function isAlike(from: Schema, to: Schema): boolean {
  const [given, wanted] = [typesIn(from), typesIn(to)];
  if (wanted.length > 0 && given.length === 0) return false;
  const isType = wanted.length === 0 ||
    given.every((type) =>
      wanted.includes(type) || (type === "integer" && wanted.includes("number"))
    );
  if (!isType) return false;
  const [format, wantedFormat] = [from["format"], to["format"]];
  if (wantedFormat !== undefined && format !== wantedFormat) return false;
  const [items, wantedItems] = [from["items"], to["items"]];
  return wantedItems === undefined || !wanted.includes("array") ||
    JSON.stringify(items) === JSON.stringify(wantedItems);
}

function typesIn({ type }: Schema): readonly string[] {
  if (typeof type === "string") return [type];
  return Array.isArray(type) ? type.filter((one) => typeof one === "string") : [];
}

function isText(name: string, schema: Schema): boolean {
  return TEXT_FIELDS.test(name) && typesIn(schema).includes("string") &&
    schema["enum"] === undefined;
}

/** Whether a capability says something to somebody. */
export function isNotice({ offer }: { readonly offer?: Offer }): boolean {
  const { name = "", description = "" } = offer?.capability ?? {};
  return NOTICE.test(`${name.replaceAll(/[._-]/g, " ")} ${description}`.toLowerCase());
}

/** A value that the clause itself says: a channel, a share, a language, an amount of money. */
function literalIn(text: string, name: string, schema: Schema): string | number | undefined {
  const types = typesIn(schema);
  const isNumber = types.includes("integer") || types.includes("number");
  if (name === "channel" && types.includes("string")) return /#[\w-]+/.exec(text)?.[0];
  if (/percent/.test(name) && isNumber) {
    const [, percent] = /(\d{1,3})\s*(?:%|percent)/i.exec(text) ?? [];
    if (percent !== undefined) return Number(percent);
    return /\b(?:the rest|all|everything|fully)\b/i.test(text) ? 100 : undefined;
  }
  if (/^(?:amount|amount_cents)$/.test(name) && isNumber) {
    const [, amount] = /(\d+)\s*(?:€|eur|euros?|usd|dollars?)/i.exec(text) ?? [];
    if (amount === undefined) return undefined;
    return name.endsWith("cents") ? Number(amount) * 100 : Number(amount);
  }
  if (/language/.test(name) && types.includes("string") && schema["enum"] === undefined) {
    const language = tokensOf(text).find((word) => LEXICON.languages.includes(word));
    return language === undefined ? undefined : language[0]?.toUpperCase() + language.slice(1);
  }
  return undefined;
}

/** Characters of a text made out of a clause. */
const SENTENCE_LENGTH_MAX = 200;

/** A clause as a literal: nothing in it stands for a value. */
function sentenceOf(text: string): string {
  const plain = text.replaceAll("$", "").trim().slice(0, SENTENCE_LENGTH_MAX);
  return plain.charAt(0).toUpperCase() + plain.slice(1);
}

function clashes(known: Schema | undefined, schema: Schema): boolean {
  return known !== undefined && !isAlike(known, schema);
}

/** A contract that can be written elsewhere: without references into the one that it is part of. */
function portable(schema: Schema): Schema {
  return JSON.stringify(schema).includes('"$') ? {} : schema;
}

/** Fields that need not be given are taken from the task's input where it has them anyway. */
function withOptional(
  step: PlannedStep,
  sources: Sources,
  input: ReadonlyMap<string, Schema>,
): Sources {
  const fields = Object.entries(fieldsOf(step.offer?.capability.input));
  const given = fields.flatMap(([name, schema]): [string, Source][] => {
    const known = input.get(name);
    const isTaken = !sources.has(name) && known !== undefined && isAlike(known, schema);
    return isTaken && !isText(name, schema) ? [[name, { kind: "input", field: name }]] : [];
  });
  const order = fields.map(([name]) => name);
  return new Map([...sources, ...given].sort(([a], [b]) => order.indexOf(a) - order.indexOf(b)));
}

/** Steps whose capability another step has as well: their texts are their own. */
function repeatedOffers(steps: readonly PlannedStep[]): ReadonlySet<PlannedStep> {
  const groups = Map.groupBy(
    steps.filter(({ offer }) => offer !== undefined),
    ({ offer }) => offer,
  );
  return new Set([...groups.values()].filter((group) => group.length > 1).flat());
}
