/** Verbs: what a verb is, how what was typed is read, and what the verb is given. */

import { parseArgs } from "node:util";
import type { Client, ClientError } from "../client.ts";
import type { Choice } from "../core/event.ts";
import { nearestOf } from "../core/nearest.ts";
import type { Runtime } from "../core/ports.ts";
import type { Connection } from "./connection.ts";
import type { Paint } from "./format.ts";

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

/** Exit codes. */
export const EXIT_DONE = 0;
export const EXIT_FAILED = 1;
export const EXIT_BAD_USAGE = 2;
/** The watched task is blocked: it waits for a person. */
export const EXIT_BLOCKED = 3;
/** The time limit of a watch has passed. */
export const EXIT_LATE = 4;

/** How every command of ours begins. */
export const TASKER = "deno task tasker";

/** Texts of the engine name verbs as `tasker VERB`: this says how they are called from here. */
export function asTyped(text: string): string {
  return text.replaceAll("`tasker ", `\`${TASKER} `);
}

/** Where the command line writes to. */
export interface Terminal {
  /** A line for programs and people, on stdout. */
  print(line: string): void;
  /** A line about the command itself, on stderr. */
  warn(line: string): void;
  /** What goes on, on stderr where that is a terminal, in place of what it said before; "": nothing. */
  status(text: string): void;
  /** Raw text on stdout: redraws. */
  write(text: string): void;
  /** Undefined: stdout is not a terminal but a file or a pipe. */
  size(): { readonly columns: number; readonly rows: number } | undefined;
}

/** How long a client repeats a call, and who hears of it. */
export interface RetryOptions {
  /** How long calls are repeated, in ms. */
  readonly retryForMs?: number;
  readonly onRetry?: (error: ClientError, delayMs: number) => void;
}

/** A program that was run. */
export interface RanProgram {
  readonly code: number;
  /** What it printed. */
  readonly output: string;
}

/** What a verb works with. */
export interface VerbContext extends Arguments {
  /** Opened at its first use, so that `doctor` works without an address. */
  readonly client: Client;
  /** Opens a client with its own retries. @throws {CommandError} without address or key */
  open(options: RetryOptions): Client;
  /** Opens a client of any server. */
  openAt(options: RetryOptions & { readonly url: string; readonly key?: string }): Client;
  readonly connection: Connection;
  readonly terminal: Terminal;
  readonly paint: Paint;
  readonly runtime: Pick<Runtime, "now" | "after">;
  /** Whether programs read the output. */
  readonly isJson: boolean;
  /** Reads an option that takes JSON or `@file`; undefined when it was not given. */
  json(option: string): Promise<unknown>;
  /**
   * Reads a file that was named, from where the command was typed; `-` is what another program writes.
   * Undefined: there is none.
   */
  file(path: string): Promise<string | undefined>;
  /** Where a path leads that was typed. */
  pathOf(path: string): string;
  /** Writes a file that is not there yet, or that still is as `before` says; false: it is not so. */
  save(path: string, text: string, before?: string): Promise<boolean>;
  /** Runs Deno on files of the project; undefined: that is not allowed here. */
  deno(...words: readonly string[]): Promise<RanProgram | undefined>;
  /** Aborts at Ctrl-C. */
  readonly signal: AbortSignal;
}

/** A verb. */
export interface Verb extends VerbShape {
  /** Whether it changes something. */
  readonly isWrite: boolean;
  /** Whether the help leaves it out. */
  readonly isHidden?: boolean;
  /** Runs it, and returns the exit code. */
  run(context: VerbContext): Promise<number>;
}

/** Prints a value for programs, or lines for people. */
export function show(
  { isJson, terminal }: Pick<VerbContext, "isJson" | "terminal">,
  value: unknown,
  lines: () => readonly string[],
): void {
  if (isJson) terminal.print(JSON.stringify(value));
  else for (const line of lines()) terminal.print(line);
}

/** An operand that the usage demands. */
export function operand({ operands }: Pick<VerbContext, "operands">, index: number): string {
  return operands[index] ?? "";
}

/** The commands behind the choices of a parked step, ready to be copied. */
export function choiceCommands(id: string, step: string, choices: readonly Choice[]): string[] {
  const commands: Readonly<Record<Choice, string>> = {
    retry: `${TASKER} retry ${id} ${step}`,
    resolve: `${TASKER} resolve ${id} ${step} --result JSON`,
    skip: `${TASKER} skip ${id} ${step}`,
    cancel: `${TASKER} cancel ${id}`,
  };
  return choices.map((choice) => commands[choice] ?? choice);
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
  // `dead drop` is a wrong `dead discard` rather than `dead` with a word too many.
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
