/**
 * Root of `deno task tasker`: the command line. It talks to a server over HTTP and to nothing else.
 *
 * Permissions: every host, because a server may listen anywhere and TASKER_URL is known only at run
 * time; reading every file, because `--input @file` may name any; writing them, because `--out FILE` may;
 * running deno, for the test of what was generated; five environment variables, and two that the library
 * which reads YAML asks for.
 */

import { dirname } from "node:path";
import { messageOf } from "../core/errors.ts";
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
  status: (text) => {
    if (Deno.stderr.isTerminal()) write(Deno.stderr, `\r\x1b[K${text}`);
  },
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
    if (error instanceof UsageError) throw error;
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw new UsageError(`Cannot read "${path}": ${refusalOf(error, path)}`);
  }
}

/**
 * Writes a file that is not there yet, or, with `before`, one that has still that text; false: it is not
 * so. Another text takes the place of the one before as a whole.
 *
 * @throws {UsageError} when the system refuses: no such folder, no permission, no space
 */
export async function writeFile(path: string, text: string, before?: string): Promise<boolean> {
  try {
    if (before === undefined) await Deno.writeTextFile(path, text, { createNew: true });
    else {
      if (await readFile(path) !== before) return false;
      const beside = `${path}.${crypto.randomUUID().slice(0, 8)}.tmp`;
      await Deno.writeTextFile(beside, text, { createNew: true });
      await Deno.rename(beside, path);
    }
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.AlreadyExists) return false;
    throw new UsageError(`Cannot write "${path}": ${refusalOf(error, path)}`);
  }
}

/** Why the system refuses a file, and what a person can do; what it is not about is thrown again. */
function refusalOf(error: unknown, path: string): string {
  const { errors } = Deno;
  if (error instanceof errors.NotFound || error instanceof errors.NotADirectory) {
    return `there is no folder "${dirname(path)}"; make the folder, or choose another path`;
  }
  if (error instanceof errors.PermissionDenied) {
    return "you may not do that there; change the rights of the file, or choose another path";
  }
  if (error instanceof errors.IsADirectory) return "it is a folder; name a file";
  // Deno has no class for a full disk, a file system that cannot be written, a name that is too long.
  const [, reason] = /^(.+?)(?: \(os error \d+\))?(?::.*)?$/s.exec(messageOf(error)) ?? [];
  if (reason === undefined || !/\(os error \d+\)/.test(messageOf(error))) throw error;
  return `the system says "${reason}"; choose another path`;
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
