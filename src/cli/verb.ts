/** Verbs: what one is, and what it is given. */

import type { Client, ClientError } from "../client.ts";
import type { Runtime } from "../core/ports.ts";
import type { Arguments, VerbShape } from "./arguments.ts";
import type { Connection } from "./connection.ts";
import type { Paint } from "./paint.ts";

/** Exit codes. */
export const EXIT_DONE = 0;
export const EXIT_FAILED = 1;
export const EXIT_BAD_USAGE = 2;
/** The task that is watched waits for a person. */
export const EXIT_BLOCKED = 3;
/** The time that a watch was given is over. */
export const EXIT_LATE = 4;

/** Where the command line writes to. */
export interface Terminal {
  /** A line for programs and people, on stdout. */
  print(line: string): void;
  /** A line about the command itself, on stderr. */
  warn(line: string): void;
  /** Raw text on stdout: redraws. */
  write(text: string): void;
  /** Undefined: it is no terminal, but a file or a pipe. */
  size(): { readonly columns: number; readonly rows: number } | undefined;
}

/** How to reach a server. */
export interface Reach {
  readonly url: string;
  readonly key?: string;
  /** How long calls are repeated, in ms. */
  readonly retryForMs?: number;
  readonly onRetry?: (error: ClientError, restMs: number) => void;
}

/** What a verb works with. */
export interface Call extends Arguments {
  /** Opened at its first use, so that `doctor` can do without. */
  readonly client: Client;
  /** Opens a client as patient as it is told. @throws {CommandError} without address or key */
  open(options: Pick<Reach, "retryForMs" | "onRetry">): Client;
  /** Opens a client of any server. */
  reach(options: Reach): Client;
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
  /** When it changes something. */
  readonly writes: "always" | "never" | "with operands";
  /** Does it, and returns the exit code. */
  run(call: Call): Promise<number>;
}

/** Prints a value for programs, else lines for people. */
export function show(
  { isJson, terminal }: Pick<Call, "isJson" | "terminal">,
  value: unknown,
  lines: () => readonly string[],
): void {
  if (isJson) terminal.print(JSON.stringify(value));
  else for (const line of lines()) terminal.print(line);
}

/** An operand that the usage demands. */
export function operand({ operands }: Pick<Call, "operands">, index: number): string {
  return operands[index] ?? "";
}
