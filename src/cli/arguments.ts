/** Arguments: what was typed after `tasker`, read against what a verb takes. Pure. */

import { nearestOf } from "../core/nearest.ts";

/** A value that an option takes, named as in the usage; "flag" takes none. */
export type OptionShape =
  | "flag"
  | "DURATION"
  | "JSON"
  | "K"
  | "N"
  | "TEXT"
  | "S"
  | "WORKFLOW"
  | "VERSION"
  | "TAG"
  | "TAGS";

/** What a verb takes. */
export interface VerbShape {
  readonly name: string;
  /** `ID`; `[NAME]` may be left out. */
  readonly operands: readonly string[];
  readonly options: Readonly<Record<string, OptionShape>>;
  /** Options that must be given. */
  readonly required?: readonly string[];
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
const COMMON: Readonly<Record<string, OptionShape>> = { json: "flag", help: "flag" };

/** One line: `retry ID STEP [--by TEXT]`. */
export function usageOf({ name, operands, options, required = [] }: VerbShape): string {
  const shown = Object.entries({ ...options, json: "flag" }).map(([option, shape]) => {
    const value = shape === "flag" ? "" : ` ${shape === "JSON" ? "JSON|@file" : shape}`;
    return required.includes(option) ? `--${option}${value}` : `[--${option}${value}]`;
  });
  return [name, ...operands, ...shown].join(" ");
}

/**
 * Finds a verb by its name.
 *
 * @throws {UsageError} with the nearest name
 */
export function findVerb<V extends VerbShape>(verbs: readonly V[], name: string): V {
  const found = verbs.find((verb) => verb.name === name);
  if (found !== undefined) return found;
  const names = verbs.map((verb) => verb.name);
  throw new UsageError(`Cannot do "${name}": there is no such verb${hint(name, names)}`);
}

/**
 * Reads what was typed after a verb.
 *
 * @throws {UsageError} an unknown option, a missing value, too few or too many operands
 */
export function readArguments(verb: VerbShape, typed: readonly string[]): Arguments {
  const operands: string[] = [];
  const options = new Map<string, string>();
  const rest = [...typed];
  while (rest.length > 0) {
    const word = rest.shift() ?? "";
    if (word === "--") operands.push(...rest.splice(0));
    else if (word === "-h") options.set("help", "");
    else if (word.startsWith("-") && word !== "-") readOption(verb, { word, rest, options });
    else operands.push(word);
  }
  if (!options.has("help")) demandAll(verb, operands, options);
  return { operands, options };
}

function readOption(
  verb: VerbShape,
  { word, rest, options }: { word: string; rest: string[]; options: Map<string, string> },
): void {
  const [, name = "", value] = /^--?([^=]*)(?:=([^]*))?$/.exec(word) ?? [];
  const shapes = { ...verb.options, ...COMMON };
  const shape = shapes[name];
  if (shape === undefined || !word.startsWith("--")) {
    const known = Object.keys(shapes);
    const near = hint(name, known, "--");
    throw new UsageError(
      `Cannot read "${word}": ${verb.name} has no such option${near}`,
      usageOf(verb),
    );
  }
  if (options.has(name)) throw wrong(verb, `Cannot read "--${name}": it is given twice`);
  if (shape === "flag") {
    if (value !== undefined) throw wrong(verb, `Cannot read "${word}": --${name} takes no value`);
    options.set(name, "");
    return;
  }
  const given = value ?? rest.shift();
  if (given === undefined || (value === undefined && given.startsWith("--"))) {
    throw wrong(verb, `Cannot read "--${name}": its value is missing`);
  }
  options.set(name, given);
}

function demandAll(
  verb: VerbShape,
  operands: readonly string[],
  options: ReadonlyMap<string, string>,
): void {
  const needed = verb.operands.filter((operand) => !operand.startsWith("["));
  const missing = needed[operands.length] ??
    verb.required?.filter((name) => !options.has(name)).map((name) => `--${name}`)[0];
  if (missing !== undefined) throw wrong(verb, `Cannot ${verb.name}: ${missing} is missing`);
  const extra = operands[verb.operands.length];
  if (extra !== undefined) {
    throw wrong(verb, `Cannot ${verb.name}: "${extra}" is one word too many`);
  }
}

function wrong(verb: VerbShape, message: string): UsageError {
  return new UsageError(message, usageOf(verb));
}

function hint(name: string, known: readonly string[], before = ""): string {
  const nearest = nearestOf(name, known);
  return nearest === undefined ? "" : `, did you mean "${before}${nearest}"?`;
}
