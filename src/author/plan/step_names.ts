/** Step names: which steps of a document words such as `the invoice step` mean. Pure. */

import { nearestOf } from "../../core/nearest.ts";
import type { PlannedStep } from "./planned_step.ts";
import { conceptsOf, isCommon, stemOf, tokensOf, withoutPhrases } from "./words.ts";

/** A worse match is none. */
const SCORE_MIN = 0.45;
/** Steps that match nearly as well are meant as much. */
const RIVAL_WITHIN = 0.1;
/** What a word counts that means about the same, and one of a description. */
const SYNONYM = 0.7;
const DESCRIBED = 0.6;

/** Words that say nothing about which step is meant. */
const EMPTY = new Set(
  "the a an this that our your its their his her step steps task tasks of to for with by and or both all two three four each every new existing current old part call it is are be been being has have was were done finished complete completed over after before up"
    .split(" "),
);
const COUNTS: Readonly<Record<string, number>> = { both: 2, two: 2, three: 3, four: 4, five: 5 };

/** What a step is called beside its name, by its kind. */
const KINDS: Readonly<Record<PlannedStep["kind"], string>> = {
  remote: "",
  signal: "approval signoff answer decision",
  sleep: "wait pause delay sleep rest",
  todo: "placeholder todo",
  transform: "",
  other: "",
};

const NOTHING_NAMED =
  /^(?:(?:all|both|these|those|they|it|this|that|everything|of|them|three|two|four|has|have|had|is|are|been|done|finished|complete|completed|ready|happened|over|there|the|steps?|things?|so|succeeded|works?|when|reports?|results?|if|with)\b\s*)+$/i;

/** Whether words say only `that`, `it is done` and the like. */
export function isNothingNamed(text: string): boolean {
  return NOTHING_NAMED.test(text.trim());
}

const ALL_OF_THEM = /\b(?:all|both|everything|three|four|these|those|reports|results)\b/i;

/** Whether words mean all steps: `once both are done`. */
export function isAllNamed(text: string): boolean {
  return ALL_OF_THEM.test(text);
}

interface Entry {
  readonly step: PlannedStep;
  readonly name: readonly string[];
  /** What such a step is called, whatever its name. */
  readonly kind: readonly string[];
  readonly more: ReadonlySet<string>;
}

/** Finds steps by words. */
export class StepNames {
  readonly #entries: readonly Entry[];
  readonly #longestFirst: readonly Entry[];
  readonly #words: readonly string[];

  constructor(steps: readonly PlannedStep[]) {
    this.#entries = steps.flatMap((step) => step.name === undefined ? [] : [entryOf(step)]);
    const lengthOf = ({ step: { name = "" } }: Entry) => name.length;
    this.#longestFirst = this.#entries.toSorted((a, b) => lengthOf(b) - lengthOf(a));
    this.#words = [
      ...new Set(this.#entries.flatMap(({ step }) => tokensOf(spaced(step.name ?? "")))),
    ];
  }

  /**
   * The step that is meant; several, if each is meant as much or all of a kind are (`the two checks`);
   * none, if nothing fits.
   */
  find(text: string): readonly PlannedStep[] {
    const written = this.#written(text);
    if (written.length > 0) return written;
    const plain = withoutPhrases(text);
    const stems = tokensOf(plain).filter((word) => !EMPTY.has(word) && !/^\d+$/.test(word))
      .map((word) => this.#stemOf(word));
    if (stems.length === 0) return [];
    const ranked = this.#entries.map((entry) => ({ entry, score: scoreOf(entry, stems) }))
      .filter(({ score }) => score >= SCORE_MIN)
      .sort((a, b) => b.score - a.score);
    const best = ranked[0]?.score ?? 0;
    const count = countIn(text);
    const near = ranked.filter(({ score }) => score >= best - RIVAL_WITHIN);
    return (count === undefined ? near : ranked.slice(0, Math.max(count, near.length)))
      .map(({ entry }) => entry.step);
  }

  /** Steps that are named one after the other: `charge and ship`. Undefined: one of them is not known. */
  list(text: string): readonly PlannedStep[] | undefined {
    const whole = this.find(text);
    if (whole.length > 1 && (countIn(text) === whole.length || this.#written(text).length > 1)) {
      return whole;
    }
    const parts = text.split(/\s*,\s*(?:and\s+)?|\s+and\s+|\s*&\s*|\s+with\s+/i)
      .filter((part) => part.trim() !== "");
    if (parts.length < 2) return whole.length === 1 ? whole : undefined;
    const found = parts.map((part) => this.find(part));
    if (found.some((steps) => steps.length !== 1)) return undefined;
    return [...new Set(found.flat())];
  }

  /** Whether a text says each word of a step's name, in any order. */
  isNamed({ name = "" }: PlannedStep, text: string): boolean {
    const said = new Set(tokensOf(withoutPhrases(spaced(text))).map((word) => this.#stemOf(word)));
    return tokensOf(spaced(name)).every((word) => said.has(stemOf(word)));
  }

  /** Steps whose whole names are in the text. `charge_card` names that step, and not `charge` as well. */
  #written(text: string): readonly PlannedStep[] {
    let said = ` ${text.toLowerCase().match(/[\p{L}\p{N}_-]+/gu)?.join(" ") ?? ""} `;
    let words = ` ${tokensOf(text).join(" ")} `;
    const found = new Set<PlannedStep>();
    for (const { step } of this.#longestFirst) {
      const name = ` ${step.name?.toLowerCase()} `;
      const named = ` ${tokensOf(spaced(step.name ?? "")).join(" ")} `;
      if (!said.includes(name) && !(/[_-]/.test(name) && words.includes(named))) continue;
      found.add(step);
      [said, words] = [said.replaceAll(name, " "), words.replaceAll(named, " ")];
    }
    return this.#entries.flatMap(({ step }) => found.has(step) ? [step] : []);
  }

  #stemOf(word: string): string {
    const isKnown = isCommon(word) || this.#words.includes(word) || word.length < 4;
    return stemOf(isKnown ? word : nearestOf(word, this.#words) ?? word);
  }
}

function spaced(name: string): string {
  return name.toLowerCase().replaceAll(/[_.-]+/g, " ");
}

function entryOf(step: PlannedStep): Entry {
  const { name = "", offer, known, kind } = step;
  const { description, title, handler, event_pattern: event, owner } = known ?? {};
  const more = [
    ...[offer?.capability.name, offer?.capability.description, description, title, handler, event],
    ...[owner, known?.http === undefined ? "" : "request"],
  ].filter((text) => typeof text === "string").join(" ");
  return {
    step,
    name: tokensOf(spaced(name)).map(stemOf),
    kind: KINDS[kind].split(" ").map(stemOf),
    more: new Set(tokensOf(withoutPhrases(spaced(more))).map(stemOf)),
  };
}

/** How well words fit a step, 0..1: how many of them it explains, and how much of its name is said. */
function scoreOf({ name, kind, more }: Entry, stems: readonly string[]): number {
  const said = new Set(stems);
  const concepts = new Set(stems.flatMap(conceptsOf));
  const isNear = (stem: string) => conceptsOf(stem).some((one) => concepts.has(one));
  const nameConcepts = new Set(name.flatMap(conceptsOf));
  const explained = stems.map((stem) =>
    name.includes(stem) || kind.includes(stem)
      ? 1
      : conceptsOf(stem).some((one) => nameConcepts.has(one))
      ? SYNONYM
      : more.has(stem)
      ? DESCRIBED
      : 0
  );
  const named = name.map((stem) => said.has(stem) ? 1 : isNear(stem) ? SYNONYM : 0);
  const mean = (values: readonly number[]) =>
    values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);
  const isFirst = said.has(name[0] ?? "");
  return 0.65 * mean(explained) + 0.3 * mean(named) + (isFirst ? 0.05 : 0);
}

/** How many steps are meant: `both checks`, `the two checks`. */
function countIn(text: string): number | undefined {
  const word = tokensOf(text).find((one) => Object.hasOwn(COUNTS, one));
  return word === undefined ? undefined : COUNTS[word];
}
