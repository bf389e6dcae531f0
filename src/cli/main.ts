/**
 * Root of `deno task tasker`: the command line. It talks to a server over HTTP and to nothing else.
 *
 * Permissions: every host, because a server may listen anywhere and TASKER_URL is known only at run
 * time; reading every file, because `--input @file` may name any; writing them, because `--out FILE` may;
 * running deno, for the test of what was generated; five environment variables, and two that the library
 * which reads YAML asks for.
 */

import { dirname } from "node:path";
import { openRuntime } from "../server/runtime.ts";
import { COMMAND_NAMES, runCommand } from "./command.ts";
import { EXIT_FAILED, type RanProgram, type Terminal, UsageError } from "./verb.ts";

const encoder = new TextEncoder();

/** The reader of a pipe may end early, as `head` does: then there is nothing left to do. */
function write(to: { writeSync(bytes: Uint8Array): number }, text: string): void {
  try {
    let bytes = encoder.encode(text);
    while (bytes.length > 0) bytes = bytes.subarray(to.writeSync(bytes));
  } catch (error) {
    if (error instanceof Deno.errors.BrokenPipe) Deno.exit(EXIT_FAILED);
    throw error;
  }
}

const terminal: Terminal = {
  print: (line) => write(Deno.stdout, `${line}\n`),
  warn: (line) => write(Deno.stderr, `${line}\n`),
  write: (text) => write(Deno.stdout, text),
  size: () => Deno.stdout.isTerminal() ? Deno.consoleSize() : undefined,
};

/**
 * Decodes a file; a byte order mark is removed.
 *
 * @throws {UsageError} when it is not UTF-8: a guess would change its letters silently
 */
export function fileText(path: string, bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new UsageError(`Cannot read ${path}: it is not UTF-8; save it as UTF-8 and try again`);
  }
}

async function readFile(path: string): Promise<string | undefined> {
  try {
    const isPiped = path === "-";
    const bytes = isPiped
      ? new Uint8Array(await new Response(Deno.stdin.readable).arrayBuffer())
      : await Deno.readFile(path);
    return fileText(path, bytes);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}

/**
 * Writes a file that is not there yet; false: it is.
 *
 * @throws {UsageError} when the folder of the file does not exist
 */
export async function writeFile(path: string, text: string): Promise<boolean> {
  try {
    await Deno.writeTextFile(path, text, { createNew: true });
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.AlreadyExists) return false;
    const hasNoFolder = error instanceof Deno.errors.NotFound ||
      error instanceof Deno.errors.NotADirectory;
    if (!hasNoFolder) throw error;
    const problem = `Cannot write "${path}": there is no folder "${dirname(path)}"`;
    throw new UsageError(`${problem}; make the folder, or choose another path`);
  }
}

/** Runs Deno as this project does, where that is allowed. */
async function runDeno(words: readonly string[]): Promise<RanProgram | undefined> {
  try {
    const { code, stdout, stderr } = await new Deno.Command("deno", { args: [...words] }).output();
    return { code, output: [stdout, stderr].map((one) => new TextDecoder().decode(one)).join("") };
  } catch (error) {
    const isAbsent = error instanceof Deno.errors.NotFound ||
      error instanceof Deno.errors.NotCapable;
    if (isAbsent) return undefined;
    throw error;
  }
}

/** The first Ctrl-C lets the command end in order, the second ends it at once. */
function interrupted(): AbortSignal {
  const controller = new AbortController();
  Deno.addSignalListener("SIGINT", () => {
    if (controller.signal.aborted) Deno.exit(EXIT_FAILED);
    controller.abort();
  });
  return controller.signal;
}

if (import.meta.main) {
  const code = await runCommand(Deno.args, {
    env: Object.fromEntries(COMMAND_NAMES.map((name) => [name, Deno.env.get(name)])),
    readFile,
    writeFile,
    runDeno,
    terminal,
    runtime: openRuntime(),
    fetch: (request) => fetch(request),
    signal: interrupted(),
  });
  Deno.exit(code);
}
