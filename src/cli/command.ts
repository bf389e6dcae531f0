/** One command: from what was typed to an exit code. Nothing here touches the platform. */

import { type Client, openClient } from "../client.ts";
import { describeUnfit, parseJson } from "../core/json.ts";
import { PAYLOAD_DEPTH_MAX } from "../core/payload.ts";
import type { Runtime } from "../core/ports.ts";
import {
  type Connection,
  CONNECTION_NAMES,
  type ConnectionOptions,
  FIND_KEY,
  FIND_SERVER,
  findConnection,
} from "./connection.ts";
import { CommandError, describeFailure, failureLines } from "./failure.ts";
import { ansiPaint, foldText, noPaint, type Paint } from "./format.ts";
import {
  type Arguments,
  EXIT_BAD_USAGE,
  EXIT_DONE,
  EXIT_FAILED,
  findVerb,
  optionLines,
  type RanProgram,
  readArguments,
  type RetryOptions,
  TASKER,
  type Terminal,
  UsageError,
  usageOf,
  type Verb,
  type VerbContext,
} from "./verb.ts";
import { VERBS } from "./verbs.ts";

/** The environment variables that may be read. */
export const COMMAND_NAMES = [...CONNECTION_NAMES, "NO_COLOR", "INIT_CWD"] as const;

/** Everything outside a command. */
export interface CommandContext {
  readonly env: Readonly<Partial<Record<typeof COMMAND_NAMES[number], string | undefined>>>;
  readonly readFile: ConnectionOptions["readFile"];
  /** Writes a file that is not there yet; false: it is. */
  readonly writeFile: (path: string, text: string, before?: string) => Promise<boolean>;
  /** Runs Deno; undefined: that is not allowed. */
  readonly runDeno: (words: readonly string[]) => Promise<RanProgram | undefined>;
  readonly terminal: Terminal;
  readonly runtime: Runtime;
  readonly fetch: (request: Request) => Promise<Response>;
  /** Aborts at Ctrl-C. */
  readonly signal: AbortSignal;
}

/** Columns of help, beside its margin. */
const COLUMNS = 96;

/** How long a command waits for a server that restarts. */
const RETRY_FOR_MS = 2_000;

/**
 * Carries out what was typed. Returns the exit code: 0 done, 1 failed, 2 bad usage; of a watch also
 * 3, the task is blocked, and 4, the time limit has passed.
 */
export async function runCommand(
  typed: readonly string[],
  context: CommandContext,
): Promise<number> {
  const isJson = typed.includes("--json");
  const style = { isJson, paint: paintOf(context, isJson) };
  let verb: Verb | undefined;
  let operands: readonly string[] = [];
  try {
    const [name = ""] = typed;
    if (name === "" || ["help", "--help", "-h"].includes(name)) return help(context, typed);
    const found = findVerb(VERBS, typed);
    verb = found.verb;
    const read = readArguments(verb, found.rest);
    if (read.options.has("help")) return help(context, ["help", verb.name]);
    operands = read.operands;
    const connection = await findConnection(context);
    return await verb.run(verbContext(context, { ...style, read, connection }));
  } catch (error) {
    return report(context, error, { ...style, verb, operands });
  }
}

interface Style {
  readonly isJson: boolean;
  readonly paint: Paint;
}

/** Colours are for terminals, and off when NO_COLOR has any value (no-color.org). */
function paintOf({ env, terminal }: CommandContext, isJson: boolean): Paint {
  const isColoured = !isJson && !env.NO_COLOR && terminal.size() !== undefined;
  return isColoured ? ansiPaint : noPaint;
}

/** Says what went wrong, on stderr. */
function report(
  { terminal, signal }: CommandContext,
  error: unknown,
  { verb, operands, isJson, paint }: Style & {
    readonly verb: Verb | undefined;
    readonly operands: readonly string[];
  },
): number {
  if (signal.aborted) {
    terminal.warn("interrupted; tasks that were started go on");
    return EXIT_FAILED;
  }
  if (error instanceof UsageError) {
    const usage = error.usage ?? (verb === undefined ? "help" : usageOf(verb));
    const shown = { code: "command.usage", what: error.message, usage: `${TASKER} ${usage}` };
    const lines = [
      `${paint("bad", "✗")} ${paint("bold", shown.what)}`,
      ...usageLines(`  usage: ${shown.usage}`),
    ];
    for (const line of isJson ? [JSON.stringify(shown)] : lines) terminal.warn(line);
    return EXIT_BAD_USAGE;
  }
  const names = Object.fromEntries(
    operands.map((value, index) => [verb?.operands[index]?.replace(/[[\]]/g, ""), value]),
  );
  const failure = describeFailure(error, {
    verb: verb?.name,
    isWrite: verb?.isWrite ?? false,
    names,
  });
  const lines = isJson ? [JSON.stringify(failure)] : failureLines(failure, paint);
  for (const line of lines) terminal.warn(line);
  return EXIT_FAILED;
}

function verbContext(
  context: CommandContext,
  { read, connection, paint, isJson }: Style & {
    readonly read: Arguments;
    readonly connection: Connection;
  },
): VerbContext {
  const { terminal, runtime, signal, fetch } = context;
  let opened: Client | undefined;
  const openAt: VerbContext["openAt"] = (options) =>
    openClient({ agent: "tasker", retryForMs: RETRY_FOR_MS, ...options, fetch, runtime });
  const open = (options: RetryOptions) => openAt({ ...addressOf(connection), ...options });
  return {
    ...read,
    get client() {
      return opened ??= open({});
    },
    open,
    openAt,
    connection,
    terminal,
    paint,
    runtime,
    isJson,
    json: (option) => readJson(context, option, read.options.get(option)),
    file: (path) => readTyped(context, path),
    pathOf: (path) => typedPath(context, path),
    save: (path, text, before) => context.writeFile(typedPath(context, path), text, before),
    deno: (...words) => context.runDeno(words),
    signal,
  };
}

function addressOf({ url, key }: Connection): { url: string; key: string } {
  const result = "nothing was sent";
  if ("missing" in url) {
    throw new CommandError(`Cannot find a server: ${url.missing}`, result, FIND_SERVER);
  }
  if ("missing" in key) {
    throw new CommandError(`Cannot find a key: ${key.missing}`, result, FIND_KEY);
  }
  return { url: url.value, key: key.value };
}

/** `deno task` runs in the project's folder; files are named from where the command was typed. */
function readTyped(context: CommandContext, path: string): Promise<string | undefined> {
  return context.readFile(path === "-" ? path : typedPath(context, path));
}

function typedPath({ env }: CommandContext, path: string): string {
  const isRelative = !path.startsWith("/") && env.INIT_CWD;
  return isRelative ? `${env.INIT_CWD}/${path}` : path;
}

/**
 * Reads an option of JSON.
 *
 * @throws {UsageError} when there is no such file, or the text is not valid JSON
 */
async function readJson(
  context: CommandContext,
  option: string,
  typed: string | undefined,
): Promise<unknown> {
  if (typed === undefined) return undefined;
  let text: string | undefined = typed;
  if (typed.startsWith("@")) {
    const path = typed.slice(1);
    text = await readTyped(context, path);
    if (text === undefined) {
      throw new UsageError(`Cannot read --${option}: there is no file "${path}"`);
    }
  }
  const parsed = parseJson(text, PAYLOAD_DEPTH_MAX);
  if (parsed.ok) return parsed.value;
  const { unfit } = parsed;
  if (unfit.code !== "no_json") {
    throw new UsageError(`Cannot read --${option}: ${describeUnfit(unfit)}`);
  }
  const hint = typed.startsWith("@") ? "" : `; put it in quotes: --${option} '{"id": 1}'`;
  throw new UsageError(`Cannot read --${option}: ${describeUnfit(unfit)}${hint}`);
}

/** Help that was asked for goes to stdout; help instead of a verb is bad usage. */
function help({ terminal }: CommandContext, typed: readonly string[]): number {
  const [asked = "", ...words] = typed.flatMap((word) => word.split(" "));
  const lines = words.length === 0 ? helpLines() : verbHelpLines(findVerb(VERBS, words).verb);
  if (asked === "") {
    for (const line of lines) terminal.warn(line);
    return EXIT_BAD_USAGE;
  }
  for (const line of lines) terminal.print(line);
  return EXIT_DONE;
}

/** An option and its value stay in one line. */
function usageLines(usage: string): string[] {
  const kept = usage.replaceAll(/\[[^\]]*\]/g, (option) => option.replaceAll(" ", "\u00a0"));
  return foldText(kept, COLUMNS).map((line) => line.replaceAll("\u00a0", " "));
}

function verbHelpLines(verb: Verb): string[] {
  return [
    ...usageLines(`${TASKER} ${usageOf(verb)}`),
    "",
    ...foldText(verb.summary, COLUMNS).map((line) => line.trim()),
    "",
    ...optionLines(verb),
  ];
}

/** Draws all verbs. */
function helpLines(): string[] {
  const listed = VERBS.filter(({ isHidden }) => !isHidden);
  const heads = listed.map(({ name, operands }) => [name, ...operands].join(" "));
  const width = Math.max(...heads.map(({ length }) => length));
  return [
    `${TASKER} VERB: start, watch and repair tasks`,
    "",
    ...listed.flatMap(({ summary }, index) =>
      foldText(summary, COLUMNS - width).map((line, at) =>
        `  ${(at === 0 ? heads[index] ?? "" : "").padEnd(width)}  ${line.trim()}`
      )
    ),
    "",
    "Every verb takes --json, and --help for its options. JSON|@file is JSON, or a file with it.",
    "Exit codes: 0 done, 1 failed, 2 bad usage; of a watch also 3, the task is blocked and waits",
    "for a person, and 4, the time of --timeout has passed.",
    "The address and the key come from TASKER_URL and TASKER_KEY, or from the files that a server",
    "leaves in TASKER_DATA (default: .tasker).",
  ];
}
