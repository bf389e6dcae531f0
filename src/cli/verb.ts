/** Verbs: what a verb is, and what it is given. */

import type { Client, ClientError } from "../client.ts";
import type { Choice } from "../core/event.ts";
import type { Runtime } from "../core/ports.ts";
import type { Arguments, VerbShape } from "./arguments.ts";
import type { Connection } from "./connection.ts";
import type { Paint } from "./paint.ts";

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

/** Where the command line writes to. */
export interface Terminal {
  /** A line for programs and people, on stdout. */
  print(line: string): void;
  /** A line about the command itself, on stderr. */
  warn(line: string): void;
  /** Raw text on stdout: redraws. */
  write(text: string): void;
  /** Undefined: stdout is not a terminal but a file or a pipe. */
  size(): { readonly columns: number; readonly rows: number } | undefined;
}

/** How long a client repeats a call, and who is told. */
export interface RetryOptions {
  /** How long calls are repeated, in ms. */
  readonly retryForMs?: number;
  readonly onRetry?: (error: ClientError, delayMs: number) => void;
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
