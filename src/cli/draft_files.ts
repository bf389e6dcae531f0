/** Files of drafts and their tests: written beside their manifest, and run where programs may be run. */

import { CommandError } from "./failure.ts";
import type { Paint } from "./format.ts";
import type { VerbContext } from "./verb.ts";

/** What became of a test. */
export interface GeneratedTest {
  readonly path: string;
  /** Whether it compiles and passes; absent: it was not run, because deno may not be run here. */
  readonly isPassing?: boolean;
  /** What it printed. */
  readonly output: string;
  /** It was there already, and was run as it is. */
  readonly isOld?: boolean;
}

/**
 * Writes the test of a manifest and runs it: it may read the project, and nothing else. A test that is
 * there already stays, and is run, if `mayBeThere`.
 *
 * @throws {CommandError} when there is such a file already
 */
export async function writeTest(
  context: VerbContext,
  manifest: string,
  { text, mayBeThere = false }: { readonly text: string; readonly mayBeThere?: boolean },
): Promise<GeneratedTest> {
  const path = manifest.replace(/\.(ya?ml|ts)$/, "_test.ts");
  const isOld = mayBeThere && await context.file(path) !== undefined;
  if (!isOld) await saveNew(context, path, text);
  const rights = ["--no-prompt", "--allow-read", "--allow-env=LOG_STREAM,LOG_TOKENS"];
  const ran = await context.deno("test", "--quiet", ...rights, context.pathOf(path));
  if (ran === undefined) return { path, output: "" };
  return { path, isPassing: ran.code === 0, output: ran.output, ...(isOld && { isOld }) };
}

/**
 * Puts another text into a file that has the one that was read.
 *
 * @throws {CommandError} when it has another one by now
 */
export async function saveOver(
  context: VerbContext,
  path: string,
  { text, before }: { readonly text: string; readonly before: string },
): Promise<void> {
  if (await context.save(path, text, before)) return;
  throw new CommandError(
    `Cannot change "${path}": somebody has changed it since it was read`,
    "it was left as it is",
    "try again",
  );
}

/** @throws {CommandError} when there is such a file already */
export async function saveNew(context: VerbContext, path: string, text: string): Promise<void> {
  if (await context.save(path, text)) return;
  throw new CommandError(
    `Cannot write "${path}": there is such a file already`,
    "it was left as it is",
    "remove the file, or choose another name",
  );
}

/** Says what became of it. */
export function testLines(
  { path, isPassing, isOld }: GeneratedTest,
  paint: Paint,
): readonly string[] {
  const wrote = isOld
    ? `${paint("dim", "·")} left ${path} as it is`
    : `${paint("good", "✓")} wrote ${path}`;
  if (isPassing === undefined) {
    return [wrote, paint("warn", "! it was not run: deno may not be run here")];
  }
  return [
    wrote,
    isPassing ? `${paint("good", "✓")} it compiles and passes` : `${paint("bad", "✗")} it fails`,
  ];
}
