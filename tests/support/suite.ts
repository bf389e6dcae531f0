/** Runs checks and tests as programs, and counts what passed. */

import { isThere } from "./programs.ts";
import { FILES, read, ROOT } from "./sources.ts";

interface Counts {
  passed: number;
  failed: number;
  skipped: number;
}

/** Folders with a crate. */
const CRATES = FILES.filter((path) => path.endsWith("/Cargo.toml")).map(folderOf);

/** Files whose examples run as tests. */
const DOCUMENTED = FILES.filter((path) =>
  path.endsWith(".md") ? /^```ts$/m.test(read(path)) : /^ \* ```ts$/m.test(textOf(path))
);

function textOf(path: string): string {
  return path.startsWith("src/") && path.endsWith(".ts") ? read(path) : "";
}

function folderOf(path: string): string {
  return path.slice(0, path.lastIndexOf("/"));
}

/** One run of several programs. */
export class Suite {
  readonly #total: Counts = { passed: 0, failed: 0, skipped: 0 };
  /** Names and places of Deno tests that failed. */
  readonly #failed = new Set<string>();

  /** Runs a program that passes or fails as a whole. */
  async check(command: string, args: readonly string[], folder = ""): Promise<void> {
    const name = [folder, command, ...args].filter((word) => word !== "").join(" ");
    console.log(`\n${name}`);
    const { ok } = await run(command, args, folder);
    this.#add(name, { passed: ok ? 1 : 0, failed: ok ? 0 : 1, skipped: 0 }, ok);
  }

  /** Runs Deno tests in one program: what the words name, as `deno test` takes them. */
  async denoTests(args: readonly string[]): Promise<void> {
    const { output, ok } = await run(Deno.execPath(), ["test", "--allow-all", ...args]);
    const summary = /^(?:ok|FAILED) \| (\d+) passed[^|]*\| (\d+) failed(?: \| (\d+) ignored)?/gm;
    this.#add("deno test", countsIn(output, summary), ok);
    const failed = output.matchAll(/^(.+ => \.\/\S+:\d+:\d+)$/gm);
    for (const [name = ""] of failed) this.#failed.add(name);
  }

  /**
   * Runs all Deno tests in two programs at once, a share of the files after the other. Most tests of
   * `tests` wait for programs that they start, and the others compute: so one program takes its next
   * share from the front, the other from the end, until they meet.
   */
  async allDenoTests(): Promise<void> {
    const files = FILES.filter((path) => /_test\.tsx?$/.test(path));
    const isEndToEnd = (path: string) => path.startsWith("tests/");
    const shares = sharesOf([
      ...files.filter(isEndToEnd),
      ...files.filter((path) => !isEndToEnd(path)),
    ]);
    const count = shares.length;
    // Once for all of them: each program would check again what its files import.
    await this.check(Deno.execPath(), ["check", "--quiet", "."]);
    const take = async (next: () => readonly string[] | undefined) => {
      for (let share = next(); share !== undefined; share = next()) {
        await this.denoTests(["--no-check", ...share]);
        console.log(`\n${count - shares.length} of ${count} shares of the tests are begun`);
      }
    };
    await Promise.all([take(() => shares.shift()), take(() => shares.pop())]);
  }

  /** Runs the examples of public docs. */
  async docTests(): Promise<void> {
    await this.denoTests(["--doc", ...DOCUMENTED]);
  }

  /** Checks the crates, where cargo is. */
  async cargoChecks(): Promise<void> {
    if (!await this.#hasCargo("the checks of the crates")) return;
    for (const crate of CRATES) {
      await this.check("cargo", ["fmt", "--check"], crate);
      await this.check("cargo", CLIPPY, crate);
    }
  }

  /** Runs the tests of the crates, where cargo is. */
  async cargoTests(): Promise<void> {
    if (!await this.#hasCargo("the tests of the crates")) return;
    for (const crate of CRATES) {
      const { output, ok } = await run("cargo", ["test", "--locked", "--quiet"], crate);
      const summary = /^test result: \w+\. (\d+) passed; (\d+) failed; (\d+) ignored/gm;
      this.#add(`${crate}: cargo test`, countsIn(output, summary), ok);
    }
  }

  /** Says what passed and failed. Returns the exit code. */
  end(): number {
    const { passed, failed, skipped } = this.#total;
    if (this.#failed.size > 0) console.log(["\nfailed:", ...this.#failed].join("\n  "));
    if (skipped > 0) console.log(`\n${skipped} skipped, each for the reason said above`);
    console.log(`\n${passed} passed, ${failed} failed`);
    return failed === 0 ? 0 : 1;
  }

  async #hasCargo(what: string): Promise<boolean> {
    const found = await isThere("cargo", ["--version"]);
    if (!found) console.log(`skipped: ${what}, because cargo is not here`);
    return found;
  }

  /** A part that broke without a failed test counts as one failure. */
  #add(name: string, counts: Counts, ok: boolean): void {
    if (!ok && counts.failed === 0) {
      console.log(`${name} ended with an error and no failed test: counted as one failure`);
      counts.failed = 1;
    }
    this.#total.passed += counts.passed;
    this.#total.failed += counts.failed;
    this.#total.skipped += counts.skipped;
  }
}

const CLIPPY = ["clippy", "--locked", "--quiet", "--all-targets", "--", "-D", "warnings"];

/** A program that prints nothing for this long hangs: it is ended, so that the rest can be said. */
const SILENT_MS_MAX = 15 * 60_000;

/** Files of one program: few enough that two programs end at about the same time. */
const SHARE_FILES = 12;

function sharesOf(files: readonly string[]): (readonly string[])[] {
  const count = Math.ceil(files.length / SHARE_FILES);
  const share = (_: unknown, at: number) => files.slice(at * SHARE_FILES, (at + 1) * SHARE_FILES);
  return Array.from({ length: count }, share);
}

/**
 * Runs a program, shows its output and returns it. What a file of tests prints is shown as a whole,
 * once its last test has ended: another program may print at the same time.
 */
async function run(
  command: string,
  args: readonly string[],
  folder = "",
): Promise<{ output: string; ok: boolean }> {
  const child = new Deno.Command(command, {
    args: [...args],
    cwd: `${ROOT}${folder}`,
    stdout: "piped",
    stderr: "inherit",
    env: { NO_COLOR: "1" },
  }).spawn();
  let output = "";
  let shown = 0;
  const show = (until: number) => {
    Deno.stdout.writeSync(new TextEncoder().encode(output.slice(shown, until)));
    shown = until;
  };
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  for (;;) {
    const hangs = setTimeout(() => void endHanging(child, reader), SILENT_MS_MAX);
    const { value = "", done } = await reader.read();
    clearTimeout(hangs);
    if (done) break;
    output += value;
    show(Math.max(shown, output.lastIndexOf("\nrunning ") + 1));
  }
  show(output.length);
  return { output, ok: (await child.status).success };
}

/** Shows what every process does, and ends the program; its children may keep its output open. */
async function endHanging(
  child: Deno.ChildProcess,
  reader: ReadableStreamDefaultReader<string>,
): Promise<void> {
  console.log(`\nnothing was printed for ${SILENT_MS_MAX / 60_000} minutes: the program is ended`);
  const args = ["-eo", "pid,ppid,stat,etime,time,wchan:20,args"];
  try {
    await new Deno.Command("ps", { args }).spawn().status;
  } catch { /* there is no ps */ }
  child.kill("SIGKILL");
  await reader.cancel();
}

/** Adds up what every summary line of a kind says. */
function countsIn(output: string, pattern: RegExp): Counts {
  const counts = { passed: 0, failed: 0, skipped: 0 };
  for (const [, passed, failed, skipped] of output.matchAll(pattern)) {
    counts.passed += Number(passed);
    counts.failed += Number(failed);
    counts.skipped += Number(skipped ?? 0);
  }
  return counts;
}
