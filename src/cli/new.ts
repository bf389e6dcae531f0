/** `deno task new NAME`: writes a workflow to start from, with a test that passes. */

import { lstat, mkdir, writeFile } from "node:fs/promises";

/** Names are file names, and names of workflows. */
const NAME = /^[a-z][a-z0-9_]{0,63}$/;

const FORM = "a-z, 0-9 and _, such as ship_order";

const USAGE = `Usage: deno task new NAME, where NAME is ${FORM}`;

/**
 * Writes `NAME.ts` and `NAME_test.ts` into a folder, and nothing when one of them is there.
 *
 * @returns the paths written
 * @throws {Error} when one of them is there
 * @throws {RangeError} when it is not a name
 */
export async function writeStarter(name: string, folder: string): Promise<readonly string[]> {
  if (!NAME.test(name) || name.endsWith("_test")) {
    throw new RangeError(`Cannot name a workflow "${name}": expected ${FORM}`);
  }
  const files = [
    { path: `${folder}/${name}.ts`, text: workflowText(name) },
    { path: `${folder}/${name}_test.ts`, text: testText(name) },
  ];
  for (const { path } of files) await refuseExisting(path);
  await mkdir(folder, { recursive: true });
  for (const { path, text } of files) await writeFile(path, text, { flag: "wx" });
  return files.map(({ path }) => path);
}

async function refuseExisting(path: string): Promise<void> {
  const found = await lstat(path).catch((error) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
  if (found === undefined) return;
  throw new Error(`Cannot write "${path}": it exists, choose another name`);
}

function workflowText(name: string): string {
  return `/** ${titleOf(name)}: say here what it is for. */

import { step, workflow, z } from "tasker";

/** Greets somebody: change it to what your first step does. */
export const greet = step({
  input: z.object({ name: z.string() }),
  success: z.object({ greeting: z.string() }),
  error: z.object({ error_code: z.enum(["nobody"]), error_message: z.string() }),
  run: ({ input, fail }) => {
    if (input.name === "") {
      return fail({ error_code: "nobody", error_message: "There is nobody to greet" });
    }
    return { greeting: \`Hello, \${input.name}!\` };
  },
});

/** Counts letters: a step that reads what another one gave. */
export const count = step({
  input: z.object({ text: z.string() }),
  success: z.object({ letters: z.int() }),
  run: ({ input }) => ({ letters: input.text.length }),
});

export default workflow({
  namespace: "examples",
  name: "${name}",
  version: "1.0.0",
  input: z.object({ name: z.string() }),
}, (w) => {
  const greeted = w.step("greet", greet);
  w.step("count", count, {
    needs: { greeted },
    with: ({ greeted }) => ({ text: greeted.greeting }),
  });
});
`;
}

function testText(name: string): string {
  return `import { deepEqual, equal } from "node:assert/strict";
import { openTestEngine } from "tasker/testing";
import ${identifierOf(name)} from "./${name}.ts";

Deno.test("${name} greets and counts letters", async () => {
  await using engine = await openTestEngine([${identifierOf(name)}]);

  const task = await engine.start("examples/${name}", { name: "Ada" });

  equal(await task.end(), "completed");
  deepEqual(task.step("count").result, { letters: 11 });
});

Deno.test("${name} fails when there is nobody to greet", async () => {
  await using engine = await openTestEngine([${identifierOf(name)}]);

  const task = await engine.start("examples/${name}", { name: "" });

  equal(await task.end(), "failed");
  equal(task.step("count").state, "unreached");
});
`;
}

/** Ends in `Workflow`, so that it is not a reserved word, whatever the name. */
function identifierOf(name: string): string {
  return `${name.replace(/_+(.?)/g, (_, next) => next.toUpperCase())}Workflow`;
}

function titleOf(name: string): string {
  const words = name.replaceAll("_", " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** Exit codes: 0 done, 1 failed, 2 bad usage. */
async function main(names: readonly string[]): Promise<number> {
  const [name] = names;
  if (name === undefined || names.length !== 1) {
    console.error(USAGE);
    return 2;
  }
  try {
    const paths = await writeStarter(name, "workflows");
    console.log(`Wrote ${paths.join(" and ")}. Try: deno test ${paths.at(-1)}`);
    return 0;
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    return error instanceof RangeError ? 2 : 1;
  }
}

if (import.meta.main) Deno.exit(await main(Deno.args));
