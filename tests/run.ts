/**
 * Root of `deno task test`: the whole suite, with one line of counts at its end.
 *
 * Builds the Rust core where cargo is there, runs all Deno tests (unit, doc, conformance, crash,
 * end-to-end) and the Rust crates' own, and says what was skipped and why.
 */

import { buildLibrary } from "../ffi/build.ts";

interface Counts {
  passed: number;
  failed: number;
  skipped: number;
}

/** Crates with tests of their own. */
const CRATES = ["ffi", "ffi/proof"];

/** Files whose examples run as tests. */
const DOCUMENTED = [
  "src/mod.ts",
  "src/client.ts",
  "src/testing.ts",
  "src/sdk",
  "README.md",
  "docs/workflows.md",
];

const root = new URL("../", import.meta.url).pathname;
const total: Counts = { passed: 0, failed: 0, skipped: 0 };

/** Runs a command, shows its output as it comes, and returns it. */
async function run(
  command: string,
  args: string[],
  cwd = root,
): Promise<{ output: string; ok: boolean }> {
  const child = new Deno.Command(command, {
    args,
    cwd,
    stdout: "piped",
    stderr: "inherit",
    env: { NO_COLOR: "1" },
  }).spawn();
  let output = "";
  const decoder = new TextDecoder();
  for await (const chunk of child.stdout) {
    const text = decoder.decode(chunk, { stream: true });
    output += text;
    Deno.stdout.writeSync(new TextEncoder().encode(text));
  }
  return { output, ok: (await child.status).success };
}

/** Adds up what every summary line of a kind says. */
function count(output: string, pattern: RegExp): Counts {
  const counts = { passed: 0, failed: 0, skipped: 0 };
  for (const [, passed, failed, skipped] of output.matchAll(pattern)) {
    counts.passed += Number(passed);
    counts.failed += Number(failed);
    counts.skipped += Number(skipped ?? 0);
  }
  return counts;
}

/** Adds a part to the total; a part that broke without a failed test counts as one failure. */
function add(name: string, counts: Counts, ok: boolean): void {
  if (!ok && counts.failed === 0) {
    console.log(`${name} ended with an error and no failed test: counted as one failure`);
    counts.failed = 1;
  }
  total.passed += counts.passed;
  total.failed += counts.failed;
  total.skipped += counts.skipped;
}

/** Runs Deno tests. */
async function denoTests(name: string, args: string[]): Promise<void> {
  const { output, ok } = await run(Deno.execPath(), ["test", "--allow-all", ...args]);
  const summary = /^(?:ok|FAILED) \| (\d+) passed[^|]*\| (\d+) failed(?: \| (\d+) ignored)?/gm;
  add(name, count(output, summary), ok);
}

/** Runs the tests of a crate, if cargo is there. */
async function cargoTests(crate: string): Promise<void> {
  const { output, ok } = await run("cargo", ["test", "--locked", "--quiet"], `${root}${crate}`);
  const summary = /^test result: \w+\. (\d+) passed; (\d+) failed; (\d+) ignored/gm;
  add(crate, count(output, summary), ok);
}

const built = await buildLibrary({ onLine: (line) => console.error(line) });
if ("reason" in built) console.log(`skipped: tests of the Rust core, because ${built.reason}`);

await denoTests("deno test", Deno.args);
if (Deno.args.length === 0) {
  await denoTests("deno test --doc", ["--doc", ...DOCUMENTED]);
  if (!("reason" in built)) { for (const crate of CRATES) await cargoTests(crate); }
}

if (total.skipped > 0) console.log(`\n${total.skipped} skipped, each for the reason said above`);
console.log(`\n${total.passed} passed, ${total.failed} failed`);
Deno.exit(total.failed === 0 ? 0 : 1);
