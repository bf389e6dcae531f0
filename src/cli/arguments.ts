/** Arguments: what was typed after `tasker`, read against what a verb takes. Pure. */

import { parseArgs } from "node:util";
import { nearestOf } from "../core/nearest.ts";

/** An option of a verb. */
export interface OptionShape {
  /** The name of its value in the usage: `TEXT`, `JSON|@file`. Absent: a flag without a value. */
  readonly value?: string;
  readonly summary?: string;
  readonly isRequired?: boolean;
}

/** What a verb takes. */
export interface VerbShape {
  /** One word, or two: `dead replay`. */
  readonly name: string;
  /** `ID`; `[NAME]` may be left out. */
  readonly operands: readonly string[];
  readonly options: Readonly<Record<string, OptionShape>>;
  readonly summary: string;
}

/** What was typed, read. */
export interface Arguments {
  readonly operands: readonly string[];
  /** By name without dashes; a flag is "". */
  readonly options: ReadonlyMap<string, string>;
}

/** What was typed cannot be read. Exit code 2. */
export class UsageError extends Error {
  override readonly name = "UsageError";

  /** `usage` is the line to show; absent: the list of all verbs. */
  constructor(message: string, readonly usage?: string) {
    super(message);
  }
}

/** What every verb takes. */
const COMMON: VerbShape["options"] = {
  json: { summary: "Prints JSON for programs" },
  help: { summary: "Shows this text" },
};

/** The most verbs that an error lists. */
const SIBLINGS_SHOWN = 4;

/** One line: `retry ID STEP [--by TEXT] [--json]`. */
export function usageOf({ name, operands, options }: VerbShape): string {
  const shown = Object.entries({ ...options, json: COMMON.json ?? {} });
  const required = shown.filter(([, { isRequired }]) => isRequired);
  const optional = shown.filter(([, { isRequired }]) => !isRequired);
  return [
    name,
    ...operands,
    ...required.map(([option, shape]) => optionText(option, shape)),
    ...optional.map(([option, shape]) => `[${optionText(option, shape)}]`),
  ].join(" ");
}

/** The options of a verb and what they mean, one a line. */
export function optionLines({ options }: VerbShape): string[] {
  const rows = Object.entries({ ...options, ...COMMON })
    .map(([option, shape]) => [optionText(option, shape), shape.summary ?? ""] as const);
  const width = Math.max(...rows.map(([text]) => text.length));
  return rows.map(([text, summary]) => `  ${text.padEnd(width)}  ${summary}`.trimEnd());
}

function optionText(name: string, { value }: OptionShape): string {
  return value === undefined ? `--${name}` : `--${name} ${value}`;
}

/**
 * Finds the verb that the first words name, the longest name first, and what follows it.
 *
 * @throws {UsageError} with the nearest name
 */
export function findVerb<V extends VerbShape>(
  verbs: readonly V[],
  typed: readonly string[],
): { readonly verb: V; readonly rest: readonly string[] } {
  const named = (words: number) =>
    verbs.find(({ name }) => name === typed.slice(0, words).join(" "));
  const verb = named(2) ?? named(1);
  const [word = "", second = "-"] = typed;
  // `dead bury` is a misspelled `dead discard` rather than `dead` with a word too many.
  const siblings = verbs.map(({ name }) => name).filter((name) => name.startsWith(`${word} `));
  const isOther = siblings.length > 0 && verb?.operands.length === 0 && !second.startsWith("-");
  if (verb !== undefined && (verb.name !== word || !isOther)) {
    return { verb, rest: typed.slice(verb.name.split(" ").length) };
  }
  const name = isOther ? `${word} ${second}` : word;
  const near = hint(name, verbs.map(({ name }) => name));
  if (near === "" && isOther) {
    const shown = siblings.slice(0, SIBLINGS_SHOWN).map((sibling) => `"${sibling}"`);
    const more = shown.length < siblings.length ? " …" : "";
    throw new UsageError(
      `Cannot run "${name}": there is no such verb, there are ${shown.join(", ")}${more}`,
    );
  }
  throw new UsageError(`Cannot run "${name}": there is no such verb${near}`);
}

/**
 * Reads what was typed after a verb.
 *
 * @throws {UsageError} an unknown option, a missing value, too few or too many operands
 */
export function readArguments(verb: VerbShape, typed: readonly string[]): Arguments {
  const shapes = { ...verb.options, ...COMMON };
  // Not strict: its messages name neither the verb nor the nearest option, and it refuses "-1" as
  // a value.
  const { tokens } = parseArgs({
    args: [...typed],
    options: Object.fromEntries(
      Object.entries(shapes).map(([name, { value }]) => [name, {
        type: value === undefined ? "boolean" : "string",
        ...(name === "help" ? { short: "h" } : {}),
      }]),
    ),
    strict: false,
    allowPositionals: true,
    tokens: true,
  });
  const operands: string[] = [];
  const options = new Map<string, string>();
  for (const token of tokens) {
    if (token.kind === "positional") operands.push(token.value);
    if (token.kind !== "option") continue;
    const { name, value = "" } = token;
    const word = typed[token.index] ?? name;
    if (!Object.hasOwn(shapes, name)) throw unknownOption(verb, word, Object.keys(shapes));
    const problem = options.has(name) ? "it is given twice" : problemOf(token, shapes[name]);
    if (problem !== undefined) throw refused(verb, `Cannot read "${word}": ${problem}`);
    options.set(name, value);
  }
  if (!options.has("help")) demandAll(verb, operands, options);
  return { operands, options };
}

/** What is wrong with the value of an option; a value that looks like an option was forgotten. */
function problemOf(
  { name, value, inlineValue }: {
    name: string;
    value?: string | undefined;
    inlineValue?: boolean | undefined;
  },
  shape: OptionShape | undefined,
): string | undefined {
  if (shape?.value === undefined) {
    return value === undefined ? undefined : `--${name} takes no value`;
  }
  const isMissing = value === undefined || (!inlineValue && value.startsWith("--"));
  return isMissing ? "its value is missing" : undefined;
}

function unknownOption(verb: VerbShape, word: string, known: readonly string[]): UsageError {
  const name = word.replace(/^-+|=[^]*$/g, "");
  return refused(
    verb,
    `Cannot read "${word}": ${verb.name} has no such option${hint(name, known, "--")}`,
  );
}

function demandAll(
  verb: VerbShape,
  operands: readonly string[],
  options: ReadonlyMap<string, string>,
): void {
  const needed = verb.operands.filter((operand) => !operand.startsWith("["));
  const required = Object.keys(verb.options).filter((name) => verb.options[name]?.isRequired);
  const missing = needed[operands.length] ??
    required.filter((name) => !options.has(name)).map((name) => `--${name}`)[0];
  if (missing !== undefined) {
    throw refused(verb, `Cannot run "${verb.name}": ${missing} is missing`);
  }
  const extra = operands[verb.operands.length];
  if (extra !== undefined) {
    throw refused(verb, `Cannot run "${verb.name}": "${extra}" is one word too many`);
  }
}

function refused(verb: VerbShape, message: string): UsageError {
  return new UsageError(message, usageOf(verb));
}

function hint(name: string, known: readonly string[], before = ""): string {
  const nearest = nearestOf(name, known);
  return nearest === undefined ? "" : `, did you mean "${before}${nearest}"?`;
}
