/** The verb `generate`: a workflow for a description in plain language, as a proposal or as files. */

import type { OperationResult } from "../client.ts";
import { durationText, namesText, type Paint } from "./format.ts";
import { saveNew, testLines, writeTest } from "./generated_test.ts";
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

type Draft = OperationResult<"generateWorkflow">;

export const generateVerb: Verb = {
  name: "generate",
  operands: ["DESCRIPTION"],
  options: {
    name: { value: "NAME", summary: "Of the workflow; made out of the description unless said" },
    namespace: { value: "NAMESPACE", summary: "Where it belongs; default unless said" },
    part: { value: "N,N", summary: "Takes these parts of the description alone" },
    by: { value: "planner|model", summary: "planner: asks no model, even if there is one" },
    out: {
      value: "FILE",
      summary: "Writes a manifest (.yaml) or a module (.ts), and its test beside it, and runs that",
    },
  },
  summary:
    "Proposes a workflow for a description in plain language, for @FILE or for what is piped (-); " +
    "exit code 1 when something is missing",
  isWrite: false,
  async run(context) {
    const out = context.options.get("out");
    if (out !== undefined && !/[^/]\.(ya?ml|ts)$/.test(out)) {
      throw new UsageError(`Cannot write "${out}": expected a name that ends with .yaml or .ts`);
    }
    const draft = await context.client.call("generateWorkflow", {
      description: await descriptionOf(context),
      ...fieldsOf(context),
      ...(out !== undefined && { file: out.split("/").at(-1)?.replace(/\.ts$/, ".yaml") }),
    }, { signal: context.signal });
    if (out === undefined) {
      show(context, draft, () => draftLines(draft, context));
      return draft.isReady ? EXIT_DONE : EXIT_FAILED;
    }
    return await write(context, draft, out);
  },
};

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
async function write(context: VerbContext, draft: Draft, out: string): Promise<number> {
  const { paint, terminal, isJson } = context;
  const { isAbstention, isReady, text, rehearsal } = draft;
  if (isAbstention) {
    show(context, draft, () => draftLines(draft, context));
    return EXIT_FAILED;
  }
  const isModule = out.endsWith(".ts");
  await saveNew(context, out, isModule ? await moduleOf(context, text) : text);
  const made = isModule ? testOfModule(rehearsal?.test, out) : rehearsal?.test;
  const test = made === undefined ? undefined : await writeTest(context, out, made);
  show(context, { ...draft, wrote: out, ...(test && { wroteTest: test }) }, () => [
    ...draftLines({ ...draft, text: "" }, context),
    "",
    `${paint("good", "✓")} wrote ${out}`,
    ...(test
      ? testLines(test, paint)
      : [paint("warn", "! no test: nothing runs some of the steps yet")]),
    ...(isModule ? [] : [`→ ${TASKER} rehearse ${out}`]),
  ]);
  const isBroken = test?.isPassing === false;
  if (isBroken && !isJson) terminal.warn(test.output);
  return isReady && !isBroken ? EXIT_DONE : EXIT_FAILED;
}

/** The same workflow as a TypeScript module. */
async function moduleOf({ client, signal }: VerbContext, text: string): Promise<string> {
  const asked = { text, edits: [], as: "module" } as const;
  return (await client.call("editDocument", asked, { signal })).text;
}

/** The test of a manifest, of the module that says the same. */
function testOfModule(test: string | undefined, out: string): string | undefined {
  return test?.replace(
    /^const MANIFEST = new URL\(.*$/m,
    `import MANIFEST from ${JSON.stringify(`./${out.split("/").at(-1)}`)};`,
  );
}

/** Draws a proposal: each part of the description with what does it, and what is missing. */
function draftLines(draft: Draft, context: VerbContext): readonly string[] {
  const { paint } = context;
  const { parts } = fieldsOf(context);
  const { clauses, unmatched, questions, missing, isAbstention, rehearsal, text } = draft;
  return [
    headLine(draft, paint),
    ...clauses.flatMap(({ n, text, steps }) => [
      `${paint("dim", String(n).padStart(3))}  ${text}`,
      ...(steps.length === 0
        ? unmatched.includes(n)
          ? [paint("bad", "     ✗ no step does this")]
          : isAbstention || draft.by === "model" || parts?.includes(n) === false
          ? []
          : [paint("dim", "     needs no step")]
        : steps.map((step) => paint("good", `     → ${stepText(draft, step)}`))),
    ]),
    ...(questions.length === 0
      ? []
      : ["", ...questions.map((one) => `  ${paint("warn", "?")} ${one}`)]),
    ...(missing.length === 0 || isAbstention ? [] : [
      "",
      "What is missing before it can be deployed:",
      ...missing.map((one) => `  ${paint("bad", "✗")} ${one}`),
    ]),
    ...(rehearsal === undefined ? [] : ["", ...rehearsalLines(rehearsal, paint)]),
    ...(text === "" ? [] : ["", ...text.trimEnd().split("\n")]),
  ];
}

function headLine(
  { namespace, name, isAbstention, by, model, isReady }: Draft,
  paint: Paint,
): string {
  const asked = model === undefined ? "" : `; the model: ${model.verdict.replaceAll("_", " ")}`;
  if (isAbstention) {
    return `${
      paint("warn", "Nothing is proposed yet: answer the questions, and try again")
    }${asked}`;
  }
  const who = by === "planner" ? "made without a model" : "made with a model";
  const state = isReady ? paint("good", "ready") : paint("warn", "not ready");
  return `${paint("bold", `${namespace}/${name}`)} ${who}, ${state}${asked}`;
}

/** A step, and who does it. */
function stepText({ edits }: Draft, name: string): string {
  const found = edits.find(({ edit }) => edit.kind === "add_step" && edit.step.name === name);
  return found === undefined ? name : `${name}: ${found.why}`;
}

function rehearsalLines(
  { runs: [good, ...failed], problems }: NonNullable<Draft["rehearsal"]>,
  paint: Paint,
): readonly string[] {
  if (good === undefined) return [];
  const ends = (word: string, ms: number) =>
    `${word.replaceAll("_", " ")} after ${durationText(ms)}`;
  const handled = failed.filter(({ handledBy }) => handledBy.length > 0);
  return [
    paint(
      "dim",
      `rehearsed: if all goes well, ${
        ends(good.end, good.tookMs)
      }; a second is assumed for each step`,
    ),
    ...handled.slice(0, 5).map(({ fails, handledBy, end, tookMs }) =>
      paint(
        "dim",
        `rehearsed: if ${fails} fails, ${namesText(handledBy)} runs; ${ends(end, tookMs)}`,
      )
    ),
    ...problems.filter(({ severity }) => severity === "warning").map(({ text }) =>
      `  ${paint("warn", "!")} ${text}`
    ),
    ...(handled.length > 5 ? [paint("dim", `… and ${handled.length - 5} more failures`)] : []),
  ];
}
