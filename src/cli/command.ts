/** One command: from what was typed to an exit code. Nothing here touches the platform. */

import { type Client, openClient } from "../client.ts";
import { describeUnfit, parseJson } from "../core/json.ts";
import { PAYLOAD_DEPTH_MAX } from "../core/payload.ts";
import type { Runtime } from "../core/ports.ts";
import { type Arguments, findVerb, readArguments, UsageError, usageOf } from "./arguments.ts";
import { TASKER } from "./command_text.ts";
import {
  type Connection,
  CONNECTION_NAMES,
  type ConnectionOptions,
  findConnection,
} from "./connection.ts";
import { CommandError, failureLines, failureOf } from "./failure.ts";
import { ansiPaint, noPaint, type Paint } from "./paint.ts";
import {
  type Call,
  EXIT_BAD_USAGE,
  EXIT_DONE,
  EXIT_FAILED,
  type Reach,
  type Terminal,
  type Verb,
} from "./verb.ts";
import { cancel, pause, resolve, resume, retry, signal, skip } from "./verbs/operator_actions.ts";
import { dead, systems, workflows } from "./verbs/operations.ts";
import { doctor } from "./verbs/doctor.ts";
import { replay } from "./verbs/replay.ts";
import { list, showTask, start } from "./verbs/tasks.ts";
import { watch } from "./verbs/watch.ts";

/** The environment variables that may be read. */
export const COMMAND_NAMES = [...CONNECTION_NAMES, "NO_COLOR", "INIT_CWD"] as const;

/** Everything outside. */
export interface EngineHarness {
  readonly env: Readonly<Partial<Record<typeof COMMAND_NAMES[number], string | undefined>>>;
  readonly readFile: ConnectionOptions["readFile"];
  readonly terminal: Terminal;
  readonly runtime: Runtime;
  readonly fetch: (request: Request) => Promise<Response>;
  /** Aborts at Ctrl-C. */
  readonly signal: AbortSignal;
}

/** How long a command waits for a server that restarts. */
const RETRY_FOR_MS = 2_000;

const VERBS: readonly Verb[] = [
  start,
  showTask,
  list,
  watch,
  cancel,
  pause,
  resume,
  retry,
  skip,
  resolve,
  signal,
  workflows,
  systems,
  dead,
  replay,
  doctor,
];

/** Carries out what was typed. Returns the exit code: 0 done, 1 failed, 2 bad usage. */
export async function runCommand(typed: readonly string[], world: EngineHarness): Promise<number> {
  const isJson = typed.includes("--json");
  const paint = paintOf(world, isJson);
  const [name = "", ...rest] = typed;
  let verb: Verb | undefined;
  try {
    if (name === "" || ["help", "--help", "-h"].includes(name)) return help(world, name, rest[0]);
    verb = findVerb(VERBS, name);
    const read = readArguments(verb, rest);
    if (read.options.has("help")) return help(world, "help", name);
    const connection = await findConnection(world);
    return await verb.run(callOf(world, { read, connection, paint, isJson }));
  } catch (error) {
    return tell(world, error, { verb, writes: doesWrite(verb, rest), paint, isJson });
  }
}

function doesWrite(verb: Verb | undefined, typed: readonly string[]): boolean {
  const hasOperands = typed.some((word) => !word.startsWith("-"));
  return verb?.writes === "always" || (verb?.writes === "with operands" && hasOperands);
}

function tell(
  { terminal, signal }: EngineHarness,
  error: unknown,
  { verb, writes, paint, isJson }: {
    verb: Verb | undefined;
    writes: boolean;
    paint: Paint;
    isJson: boolean;
  },
): number {
  if (signal.aborted) {
    terminal.warn("left; what was started goes on");
    return EXIT_FAILED;
  }
  if (error instanceof UsageError) {
    const usage = error.usage ?? (verb === undefined ? "help" : usageOf(verb));
    const shown = { code: "command.usage", what: error.message, usage: `${TASKER} ${usage}` };
    const lines = [`${paint("bad", "✗")} ${paint("bold", shown.what)}`, `  usage: ${shown.usage}`];
    for (const line of isJson ? [JSON.stringify(shown)] : lines) terminal.warn(line);
    return EXIT_BAD_USAGE;
  }
  const failure = failureOf(error, writes);
  const lines = isJson ? [JSON.stringify(failure)] : failureLines(failure, paint);
  for (const line of lines) terminal.warn(line);
  return EXIT_FAILED;
}

/** Colours are for terminals, and off when NO_COLOR has any value (no-color.org). */
function paintOf({ env, terminal }: EngineHarness, isJson: boolean): Paint {
  const isColoured = !isJson && !env.NO_COLOR && terminal.size() !== undefined;
  return isColoured ? ansiPaint : noPaint;
}

interface CallParts {
  readonly read: Arguments;
  readonly connection: Connection;
  readonly paint: Paint;
  readonly isJson: boolean;
}

function callOf(world: EngineHarness, { read, connection, paint, isJson }: CallParts): Call {
  const { terminal, runtime, signal, fetch } = world;
  let opened: Client | undefined;
  const reach = (options: Reach) =>
    openClient({ retryForMs: RETRY_FOR_MS, ...options, fetch, runtime });
  const open = (options: Pick<Reach, "retryForMs" | "onRetry">) =>
    reach({ ...demand(connection), ...options });
  return {
    ...read,
    get client() {
      return opened ??= open({});
    },
    open,
    reach,
    connection,
    terminal,
    paint,
    runtime,
    isJson,
    json: (option) => readJson(world, option, read.options.get(option)),
    signal,
  };
}

function demand({ url, key }: Connection): { url: string; key: string } {
  const next = "nothing was sent";
  if ("missing" in url) {
    const action = "start a server here with `deno task serve`, or set TASKER_URL";
    throw new CommandError(`Cannot find a server: ${url.missing}`, next, action);
  }
  if ("missing" in key) {
    const action = "set TASKER_KEY to a key; `deno task serve` printed the first one";
    throw new CommandError(`Cannot find a key: ${key.missing}`, next, action);
  }
  return { url: url.value, key: key.value };
}

/** `deno task` runs in the project's folder; files are named from where it was typed. */
async function readJson(
  { env, readFile }: EngineHarness,
  option: string,
  typed: string | undefined,
): Promise<unknown> {
  if (typed === undefined) return undefined;
  let text: string | undefined = typed;
  if (typed.startsWith("@")) {
    const path = typed.slice(1);
    const isBare = !path.startsWith("/") && env.INIT_CWD;
    text = await readFile(isBare ? `${env.INIT_CWD}/${path}` : path);
    if (text === undefined) throw new UsageError(`Cannot read --${option}: ${path} is not there`);
  }
  const parsed = parseJson(text, PAYLOAD_DEPTH_MAX);
  if (parsed.ok) return parsed.value;
  const isUnquoted = parsed.unfit.code === "no_json" && !typed.startsWith("@");
  const hint = isUnquoted ? `; put it in quotes: --${option} '{"id": 1}'` : "";
  throw new UsageError(`Cannot read --${option}: ${describeUnfit(parsed.unfit)}${hint}`);
}

function help({ terminal }: EngineHarness, typed: string, name: string | undefined): number {
  const lines = name === undefined ? helpLines() : verbHelpLines(findVerb(VERBS, name));
  if (typed !== "") {
    for (const line of lines) terminal.print(line);
    return EXIT_DONE;
  }
  for (const line of lines) terminal.warn(line);
  return EXIT_BAD_USAGE;
}

function verbHelpLines(verb: Verb): string[] {
  return [`${TASKER} ${usageOf(verb)}`, "", verb.summary];
}

/** Draws all verbs. */
export function helpLines(): string[] {
  const width = Math.max(...VERBS.map((verb) => headOf(verb).length));
  return [
    `${TASKER} VERB: start, watch and fix tasks`,
    "",
    ...VERBS.map((verb) => `  ${headOf(verb).padEnd(width)}  ${verb.summary}`),
    "",
    "Each takes --json, and --help for its options. Exit codes: 0 done, 1 failed, 2 bad usage;",
    "of a watch also 3: the task is blocked and waits for a person, and 4: --timeout is over.",
    "Address and key come from TASKER_URL and TASKER_KEY, else from what a server left in",
    "TASKER_DATA (.tasker).",
  ];
}

function headOf({ name, operands }: Verb): string {
  return [name, ...operands].join(" ");
}
