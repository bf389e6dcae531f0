/** Processes beside the server: started by the launcher, and again when they end or hang. */

import { TaskerError } from "../core/errors.ts";
import { type OnLine, pause } from "../postgres/retry_for.ts";
import type { Environment } from "./config_reader.ts";
import { KeptPort } from "./kept_port.ts";

/** Rest before a process that has ended is started again. */
const RESTART_MS = 500;

/** How often it is looked whether a process has beaten. */
const LOOK_MS = 1_000;

/** What Deno itself reads: where its cache is, how it prints, and where the system's libraries are. */
const DENO_NAMES: readonly string[] = [
  "DENO_DIR",
  "DENO_NO_UPDATE_CHECK",
  "HOME",
  "LD_LIBRARY_PATH",
  "NO_COLOR",
  "PATH",
  "TMPDIR",
  "XDG_CACHE_HOME",
];

/** What a process beside the server has of the launcher's environment: what Deno reads, and `names`. */
export function inherited(env: Environment, names: readonly string[] = []): Record<string, string> {
  const given: Record<string, string> = {};
  for (const name of [...DENO_NAMES, ...names]) {
    const value = env[name];
    if (value !== undefined) given[name] = value;
  }
  return given;
}

/** A process, for as long as servers run. */
export interface ProcessBeside extends Disposable {
  /** Where it is asked, with its key. */
  readonly url: string;
}

/** Which process, and how it is started. */
interface BesideOptions {
  /** Names it in lines for people. */
  readonly name: string;
  /** Starts it; `url` is where it is asked, with the key. It prints the port on which it listens. */
  spawn(url: string): Deno.ChildProcess;
  /** How long it may print nothing before it is ended; absent: it is not watched. */
  readonly silentMsMax?: number;
  readonly onLine: OnLine;
}

/**
 * Starts a process and keeps it running.
 *
 * @throws {TaskerError} config.invalid when it does not start
 */
export async function startBeside(options: BesideOptions): Promise<ProcessBeside> {
  const { name, spawn, onLine } = options;
  const kept = new KeptPort();
  const url = `http://tasker:${crypto.randomUUID().replaceAll("-", "")}@${kept.host}`;
  let isOver = false;
  let child = spawn(url);
  kept.to = await watch(child, options);
  if (kept.to === undefined) {
    kept[Symbol.dispose]();
    throw new TaskerError("config.invalid", `Cannot start ${name}, see above`);
  }
  void (async () => {
    for (;;) {
      await child.status;
      kept.to = undefined;
      if (isOver) return;
      onLine(`${name} has ended: it starts again`);
      await pause(RESTART_MS);
      if (isOver) return;
      child = spawn(url);
      kept.to = await watch(child, options);
    }
  })();
  return {
    url,
    [Symbol.dispose]() {
      isOver = true;
      kill(child);
      kept[Symbol.dispose]();
    },
  };
}

/**
 * Reads what a process prints, and ends one that prints nothing any more. What counts is how often it was
 * looked in vain: time in which this process did not run either says nothing.
 *
 * @returns the port that it prints; undefined when it ends without
 */
async function watch(
  child: Deno.ChildProcess,
  { name, silentMsMax = Infinity, onLine }: BesideOptions,
): Promise<number | undefined> {
  const first = Promise.withResolvers<number | undefined>();
  let looks = 0;
  const looking = setInterval(() => {
    if (++looks * LOOK_MS < silentMsMax) return;
    onLine(`${name} has stood still for ${silentMsMax / 1_000} s, and is ended`);
    kill(child);
  }, LOOK_MS);
  void (async () => {
    let text = "";
    for await (const part of child.stdout.pipeThrough(new TextDecoderStream())) {
      looks = 0;
      text = `${text}${part}`.slice(0, 1_000);
      if (text.includes("\n")) first.resolve(parseInt(text));
    }
    clearInterval(looking);
    first.resolve(undefined);
  })();
  return await first.promise;
}

function kill(child: Deno.ChildProcess): void {
  try {
    child.kill("SIGKILL"); // it holds nothing
  } catch (error) {
    // Deno's word for a child that has ended.
    if (!(error instanceof TypeError)) throw error;
  }
}
