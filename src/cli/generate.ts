/** The verb `generate`: a workflow for a description in plain language, as a proposal or as files. */

import { stripVTControlCharacters } from "node:util";
import type { OperationInput } from "../client.ts";
import { type Draft, draftLines } from "./draft_lines.ts";
import { saveNew, saveOver, testLines, writeTest } from "./draft_files.ts";
import {
  EXIT_DONE,
  EXIT_FAILED,
  operand,
  show,
  TASKER,
  UsageError,
  type Verb,
  type VerbContext,
} from "./verb.ts";

export const generateVerb: Verb = {
  name: "generate",
  operands: ["DESCRIPTION"],
  options: {
    name: { value: "NAME", summary: "Of the workflow; made out of the description unless said" },
    namespace: { value: "NAMESPACE", summary: "Where it belongs; default unless said" },
    base: {
      value: "FILE|WORKFLOW",
      summary: "The description changes this one: a file, or NAMESPACE/NAME as it was deployed",
    },
    part: { value: "N,N", summary: "Takes these parts of the description alone" },
    by: { value: "planner|model", summary: "planner: asks no model, even if there is one" },
    out: {
      value: "FILE",
      summary:
        "Writes a manifest (.yaml) or a module (.ts), and its test beside it, and runs that; " +
        "the file of --base is changed in its place",
    },
  },
  summary:
    "Proposes a workflow, or a change of one, for a description in plain language, for @FILE or for " +
    "what is piped (-); exit code 1 when something is missing",
  isWrite: false,
  async run(context) {
    const out = context.options.get("out");
    if (out !== undefined && !/[^/]\.(ya?ml|ts)$/.test(out)) {
      throw new UsageError(`Cannot write "${out}": expected a name that ends with .yaml or .ts`);
    }
    const base = await baseOf(context);
    const draft = await context.client.call("generateWorkflow", {
      description: await descriptionOf(context),
      ...fieldsOf(context),
      ...(base !== undefined && { base: base.of }),
      ...(out !== undefined && { file: out.split("/").at(-1)?.replace(/\.ts$/, ".yaml") }),
    }, { signal: context.signal });
    if (out === undefined || draft.isAbstention) {
      show(context, draft, () => draftLines(draft, viewOf(context, true)));
      return draft.isReady ? EXIT_DONE : EXIT_FAILED;
    }
    return await write(context, draft, { path: out, base });
  },
};

/** The workflow that is changed, and the file that it is from. */
interface Base {
  readonly of: NonNullable<OperationInput<"generateWorkflow">["base"]>;
  readonly file?: { readonly path: string; readonly text: string };
}

async function baseOf(context: VerbContext): Promise<Base | undefined> {
  const typed = context.options.get("base");
  if (typed === undefined) return undefined;
  const text = await context.file(typed);
  if (text !== undefined) {
    const format = typed.endsWith(".ts") ? "module" : "yaml";
    return { of: { text, format }, file: { path: typed, text } };
  }
  if (!/\.(ya?ml|ts)$/.test(typed) && typed.split("/").length === 2) {
    return { of: { workflow: typed } };
  }
  throw new UsageError(`Cannot read "${typed}": there is no such file`);
}

function viewOf(context: VerbContext, hasText: boolean) {
  return { paint: context.paint, parts: fieldsOf(context).parts, hasText };
}

/** The words that were typed, a file, or what another program writes. */
async function descriptionOf(context: VerbContext): Promise<string> {
  const typed = operand(context, 0);
  if (typed !== "-" && !typed.startsWith("@")) return typed;
  const path = typed === "-" ? typed : typed.slice(1);
  const text = await context.file(path);
  if (text === undefined) throw new UsageError(`Cannot read "${path}": there is no such file`);
  return text;
}

function fieldsOf({ options }: VerbContext) {
  const [name, namespace, by, part] = ["name", "namespace", "by", "part"].map((option) =>
    options.get(option)
  );
  if (by !== undefined && by !== "planner" && by !== "model") {
    throw new UsageError(`Cannot read --by "${by}": expected planner or model`);
  }
  const parts = part?.split(",").map((n) => {
    if (/^[1-9]\d{0,3}$/.test(n)) return Number(n);
    throw new UsageError(`Cannot read --part "${part}": expected numbers, such as 1,3`);
  });
  return {
    ...(name !== undefined && { name }),
    ...(namespace !== undefined && { namespace }),
    ...(by !== undefined && { by } as const),
    ...(parts !== undefined && { parts }),
  };
}

/** Writes the manifest and its test, and runs the test where programs may be run. */
async function write(
  context: VerbContext,
  draft: Draft,
  { path, base }: { readonly path: string; readonly base: Base | undefined },
): Promise<number> {
  const { paint, terminal, isJson } = context;
  const { isReady, text, rehearsal } = draft;
  const isModule = path.endsWith(".ts");
  const wanted = await textAs(context, { text, isModule, from: base?.of.format ?? "yaml" });
  const isInPlace = base?.file?.path === path;
  if (isInPlace) await saveOver(context, path, { text: wanted, before: base.file.text });
  else await saveNew(context, path, wanted);
  const broken = isModule ? await compileProblem(context, path) : undefined;
  const made = isModule ? testOfModule(rehearsal?.test, path) : rehearsal?.test;
  const test = made === undefined
    ? undefined
    : await writeTest(context, path, { text: made, mayBeThere: isInPlace });
  const compiled = broken === undefined ? {} : { notCompiling: broken };
  show(context, { ...draft, ...compiled, wrote: path, ...(test && { wroteTest: test }) }, () => [
    ...draftLines(draft, viewOf(context, isInPlace)),
    "",
    `${paint("good", "✓")} wrote ${path}`,
    ...(broken === undefined ? [] : [`${paint("bad", "✗")} W44 ${broken}`]),
    ...(test
      ? testLines(test, paint)
      : [paint("warn", "! no test: nothing runs some of the steps yet, or code does")]),
    ...(isModule ? [] : [`→ ${TASKER} rehearse ${path}`]),
  ]);
  const isBroken = test?.isPassing === false || broken !== undefined;
  if (test?.isPassing === false && !isJson) terminal.warn(test.output);
  return isReady && !isBroken ? EXIT_DONE : EXIT_FAILED;
}

/** What the compiler says first of a module that does not compile, with its place. */
async function compileProblem(context: VerbContext, path: string): Promise<string | undefined> {
  const ran = await context.deno("check", "--quiet", context.pathOf(path));
  if (ran === undefined || ran.code === 0) return undefined;
  const plain = stripVTControlCharacters(ran.output).split("\n");
  const said = plain.find((line) => /\bTS\d+\b/.test(line)) ?? plain[0] ?? "";
  const [, at] = /\bat (\S+:\d+:\d+)/.exec(plain.join("\n")) ?? [];
  return `${path} does not compile: ${said.trim()}${at === undefined ? "" : ` at ${at}`}`;
}

/** The same workflow as the format that is wanted. */
async function textAs(
  { client, signal }: VerbContext,
  { text, isModule, from }: {
    readonly text: string;
    readonly isModule: boolean;
    readonly from: "yaml" | "module";
  },
): Promise<string> {
  const as = isModule ? "module" : "yaml";
  if (as === from) return text;
  const asked = { text, format: from, edits: [], as } as const;
  return (await client.call("editDocument", asked, { signal })).text;
}

/** The test of a manifest, of the module that says the same. */
function testOfModule(test: string | undefined, out: string): string | undefined {
  return test?.replace(
    /^const MANIFEST = new URL\(.*$/m,
    `import MANIFEST from ${JSON.stringify(`./${out.split("/").at(-1)}`)};`,
  );
}
