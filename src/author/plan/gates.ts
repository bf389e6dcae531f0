/** Gates: conditions such as `the accuracy is below 0.9`, as a contract that a value has to keep. Pure. */

import { fieldsOf } from "./contracts.ts";
import { outputOf, type PlannedStep } from "./planned_step.ts";
import { stemOf, tokensOf, wordsOf } from "./words.ts";

type Schema = Readonly<Record<string, unknown>>;

/** A value that decides whether a task goes on. */
export interface Gate {
  readonly field: string;
  /** The step that gives it; absent: the task's input has it. */
  readonly of?: PlannedStep;
  /** What the value has to keep; the step fails otherwise. */
  readonly schema: Schema;
  /** What such a value is, as far as that is known. */
  readonly type: Schema;
}

/** Whether a piece asks to end the task there, or to go on; undefined: neither. */
export function wayOut(text: string): "stop" | "continue" | undefined {
  if (STOP.test(text)) return "stop";
  return CONTINUE.test(text) ? "continue" : undefined;
}

const STOP =
  /^(?:then\s+|please\s+|we\s+)*(?:stop|abort|halt|quit|give up|end|fail|(?:do not|don't|must not|should not|can not|cannot) (?:continue|proceed|go on|go any further))(?:\s+(?:here|there|it|everything|at once|immediately|the (?:whole )?(?:workflow|process|flow|task|run|pipeline)))*$/i;
const CONTINUE =
  /^(?:then\s+|please\s+|we\s+|only\s+)*(?:continue|proceed|go on|carry on|move on|go ahead)(?:\s+(?:with (?:it|the rest)|as usual|normally|the (?:workflow|process|flow|task|run)))*$/i;

const NUMBER =
  "([+-]?\\d[\\d,]*(?:\\.\\d+)?)\\s*(%|percent|euros?|eur|€|dollars?|usd|\\$|cents?|points?)?";
const BE = "(?:\\s+(?:is|are|was|gets|becomes|must be|has to be))?";
/** Words between a value and a number, and the rule that they state. */
const ORDERS: readonly (readonly [string, Rule])[] = [
  ["(?:at least|no less than|not (?:below|under|less than|lower than)|>=|≥)", "minimum"],
  ["(?:at most|no more than|not (?:above|over|more than|higher than)|up to|<=|≤)", "maximum"],
  [
    "(?:exceeds?|above|over|more than|greater than|higher than|larger than|bigger than|>)",
    "exclusiveMinimum",
  ],
  ["(?:below|under|beneath|less than|lower than|smaller than|fewer than|<)", "exclusiveMaximum"],
];

type Rule = "minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum";

const OPPOSITE: Readonly<Record<Rule, Rule>> = {
  minimum: "exclusiveMaximum",
  exclusiveMaximum: "minimum",
  maximum: "exclusiveMinimum",
  exclusiveMinimum: "maximum",
};

/**
 * Reads a condition as a gate that lets the task go on if it holds, or, `isStop`, if it does not.
 * Undefined: it is not understood, or nothing before gives such a value. `before` are the steps whose
 * results may be read, the nearest first; `input` what tasks are given.
 */
export function gateFor(
  condition: string,
  { isStop, before, input }: {
    readonly isStop: boolean;
    readonly before: readonly PlannedStep[];
    readonly input: Readonly<Record<string, Schema>>;
  },
): Gate | undefined {
  const isUnless = /^unless\s+/i.test(condition);
  const text = condition.replace(/^unless\s+/i, "").trim();
  const isTurned = isStop !== isUnless;
  for (const [words, rule] of ORDERS) {
    const [, subject = "", amount = "", unit = ""] =
      new RegExp(`^(.{2,80}?)${BE}\\s+${words}\\s*${NUMBER}$`, "i").exec(text) ?? [];
    if (amount === "") continue;
    const number = Number(amount.replaceAll(",", ""));
    const found = valueNamed(subject, ["number", "integer"], { before, input });
    const scaled = found && inUnitOf(found.field, number, unit.toLowerCase());
    if (found === undefined || scaled === undefined) return undefined;
    return { ...found, schema: { [isTurned ? OPPOSITE[rule] : rule]: scaled } };
  }
  return yesOrNo(text, isTurned, { before, input });
}

/** `the item is not available`, where a field `available` is true or false. */
function yesOrNo(
  text: string,
  isTurned: boolean,
  where: Pick<Parameters<typeof gateFor>[1], "before" | "input">,
): Gate | undefined {
  const isNot = /\b(?:not|no|never|isn't|aren't|false)\b/i.test(text);
  const found = valueNamed(text.replace(/\b(?:not|true|false)\b/gi, " "), ["boolean"], where);
  return found && { ...found, schema: { const: isNot === isTurned } };
}

/** Money in fields that count cents, and shares in fields that are percentages; others have no unit. */
function inUnitOf(field: string, number: number, unit: string): number | undefined {
  const isMoney = /^(?:euros?|eur|€|dollars?|usd|\$)$/.test(unit);
  if (/cents$/.test(field) && isMoney) return number * 100;
  if (unit === "%" || unit === "percent") return /percent|pct/.test(field) ? number : undefined;
  return number;
}

function valueNamed(
  subject: string,
  types: readonly string[],
  { before, input }: Pick<Parameters<typeof gateFor>[1], "before" | "input">,
): Omit<Gate, "schema"> | undefined {
  const said = new Set(wordsOf(subject).map(({ stem }) => stem));
  const isMeant = ([name, schema]: readonly [string, Schema]) => {
    const stems = tokensOf(name.replaceAll("_", " ")).filter((word) => word !== "cents").map(
      stemOf,
    );
    return types.includes(String(schema["type"])) && said.size > 0 &&
      (stems.every((stem) => said.has(stem)) || [...said].every((stem) => stems.includes(stem)));
  };
  for (const of of before) {
    const found = Object.entries(fieldsOf(outputOf(of))).find(isMeant);
    if (found !== undefined) return { field: found[0], of, type: found[1] };
  }
  const given = Object.entries(input).find(isMeant);
  return given && { field: given[0], type: given[1] };
}
