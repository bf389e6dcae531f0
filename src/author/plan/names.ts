/** Names: what planned steps and the workflow are called. */

import type { PlannedStep } from "./planned_step.ts";
import { tokensOf, withoutPhrases, wordsOf } from "./words.ts";

/** Characters of a name; a number may follow. */
const NAME_LENGTH_MAX = 48;
/** Words of a name made out of a clause. */
const NAME_WORDS_MAX = 4;

/** Names that mean something else in a mapping. */
const RESERVED = new Set(["input"]);

/** Gives each step that has none a name of its own. */
export function nameSteps(steps: readonly PlannedStep[]): void {
  const taken = new Set([...RESERVED, ...steps.flatMap(({ name }) => name ?? [])]);
  for (const step of steps) step.name ??= unused(baseOf(step), taken);
}

/** The name of a workflow: its heading, or else what its first and last steps are about. */
export function workflowNameOf(title: string | undefined, steps: readonly PlannedStep[]): string {
  if (title !== undefined && slug(title) !== "") return slug(title);
  const [first] = steps.filter(({ offer }) => offer !== undefined);
  return first?.name === undefined ? "workflow" : slug(`${first.name}_flow`);
}

function unused(base: string, taken: Set<string>): string {
  let name = base;
  for (let number = 2; taken.has(name); number++) name = `${base}_${number}`;
  taken.add(name);
  return name;
}

function baseOf(step: PlannedStep): string {
  const { kind, offer, text } = step;
  if (offer !== undefined) return nameOfCapability(offer.capability.name);
  const words = wordsOf(text).map((word) => word.text).slice(0, NAME_WORDS_MAX);
  const said = slug(words.join("_"));
  if (kind === "sleep") return slug(`wait_${durationWords(text)}`) || "wait";
  if (kind === "signal") return signalName(text);
  if (kind === "transform") {
    return step.gate === undefined ? slug(text) : gateName(step.gate);
  }
  return said === "" ? "placeholder" : said;
}

/** `user.create_profile` → `create_profile`, `payment.charge` → `charge_payment`. */
function nameOfCapability(capability: string): string {
  const parts = capability.split(".");
  const action = parts.at(-1) ?? "";
  const noun = parts.at(-2) ?? "";
  return slug(/[_-]/.test(action) || noun === "" ? action : `${action}_${noun}`);
}

function gateName({ field, schema }: NonNullable<PlannedStep["gate"]>): string {
  return schema["const"] === true ? slug(field) : slug(`${field}_checked`);
}

function signalName(text: string): string {
  const words = tokensOf(withoutPhrases(text));
  const who = words.find((word) =>
    /^(?:manager|director|cfo|ceo|cto|legal|finance|moderator|lead|head|customer|buyer|agent|engineer|officer|reviewer|editor)$/
      .test(word)
  );
  const what = words.some((word) => /^ack/.test(word))
    ? "acknowledgement"
    : words.some((word) => /^(?:approv|signoff|review|decid|accept|agree|confirm|look)/.test(word))
    ? "approval"
    : "answer";
  return who === undefined ? what : `${who}_${what}`;
}

function durationWords(text: string): string {
  const [found = ""] =
    /\b[\w.]+[\s-]?(?:seconds?|minutes?|hours?|days?|weeks?|months?|mins?|hrs?|[smhdw])\b/i
      .exec(text) ?? [];
  return found;
}

/** A text as a name: `a-z0-9_`, short. */
function slug(text: string): string {
  return text.toLowerCase().replace(/[^a-z0-9]+/g, "_").slice(0, NAME_LENGTH_MAX)
    .replace(/^_+|_+$/g, "");
}
