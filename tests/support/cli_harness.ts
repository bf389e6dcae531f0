/** The command line over the API in memory, with what it prints kept. For tests. */

import { type FakeApi, fakeApi } from "./fake_api.ts";
import type { ApiDeps } from "../../src/api/deps.ts";
import { type CommandContext, runCommand } from "../../src/cli/command.ts";

/** By default: no terminal, and a key for everything. */
export interface CliHarnessOptions {
  readonly deps?: Partial<ApiDeps>;
  readonly env?: CommandContext["env"];
  readonly files?: Readonly<Record<string, string>>;
  readonly size?: { readonly columns: number; readonly rows: number };
  /** What Deno prints when it is run with these words, and fails; absent: it does not. */
  readonly failing?: (words: readonly string[]) => string | undefined;
}

/** A command line and everything around it. */
export interface CliHarness {
  readonly fake: FakeApi;
  /** Lines on stdout. */
  readonly out: string[];
  /** Lines on stderr. */
  readonly err: string[];
  /** Redraws. */
  readonly raw: string[];
  /** What it said goes on. */
  readonly statuses: string[];
  /** Files that were written, by path. */
  readonly written: Record<string, string>;
  /** Words after `deno` of what was run. */
  readonly ran: string[];
  /** Ctrl-C. */
  readonly interrupt: AbortController;
  /** False: the server cannot be reached. */
  isUp: boolean;
  /** True: the server takes requests and answers none. */
  isHung: boolean;
  /** Types a command; resolves with its exit code. */
  type(...words: readonly string[]): Promise<number>;
  /** Types a command, moves the clock until it ends, and returns all that it printed. */
  say(...words: readonly string[]): Promise<{ code: number; out: string[]; err: string[] }>;
}

type Lines = [out: string[], err: string[], raw: string[], statuses: string[]];

/** Opens a command line. */
export function openCliHarness(options: CliHarnessOptions = {}): CliHarness {
  const fake = fakeApi(options.deps);
  const files: Readonly<Record<string, string>> = {
    ".tasker/address": "http://tasker.test\n",
    ".tasker/admin.key": fake.key(),
    ...options.files,
  };
  const [out, err, raw, statuses] = Array.from({ length: 4 }, (): string[] => []) as Lines;
  const interrupt = new AbortController();
  const cli: CliHarness = {
    fake,
    out,
    err,
    raw,
    statuses,
    written: {},
    ran: [],
    interrupt,
    isUp: true,
    isHung: false,
    type: (...words) =>
      runCommand(words, {
        env: options.env ?? {},
        readFile: (path) => Promise.resolve(cli.written[path] ?? files[path]),
        writeFile: (path, text, before) => {
          const isAsSaid = (cli.written[path] ?? files[path]) === before;
          if (isAsSaid) cli.written[path] = text;
          return Promise.resolve(isAsSaid);
        },
        runDeno: (words) => {
          cli.ran.push(words.join(" "));
          const output = options.failing?.(words);
          return Promise.resolve({ code: output === undefined ? 0 : 1, output: output ?? "" });
        },
        terminal: {
          print: (line) => out.push(line),
          warn: (line) => err.push(line),
          status: (text) => statuses.push(text),
          write: (text) => raw.push(text),
          size: () => options.size,
        },
        runtime: fake.runtime,
        fetch: (request) => {
          if (cli.isHung) return untilAborted(request.signal);
          return cli.isUp ? fake.api.fetch(request) : Promise.reject(new TypeError("refused"));
        },
        signal: interrupt.signal,
      }),
    async say(...words) {
      const [outBefore, errBefore] = [out.length, err.length];
      const code = await settled(fake, cli.type(...words));
      return { code, out: out.slice(outBefore), err: err.slice(errBefore) };
    },
  };
  return cli;
}

function untilAborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener("abort", () => reject(signal.reason), { once: true });
  });
}

async function settled<T>(fake: FakeApi, call: Promise<T>): Promise<T> {
  let isOver = false;
  const over = () => void (isOver = true);
  call.then(over, over);
  for (let moved = 0; !isOver && moved < 1_000; moved++) await fake.runtime.advance(500);
  return await call;
}
