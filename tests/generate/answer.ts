/** Answers: what the planner makes of a case, and how the plan does when it runs. */

import { type Directory, type Problem } from "../../src/core/authoring.ts";
import { messageOf } from "../../src/core/errors.ts";
import type { Rehearsal } from "../../src/core/rehearsal.ts";
import { edit } from "../../src/author/edit.ts";
import { type Document, stepsOf } from "../../src/author/document.ts";
import { problems } from "../../src/author/problems.ts";
import { YAML } from "../../src/author/yaml_language.ts";
import { type Plan, plan } from "../../src/author/plan/plan.ts";
import { openRehearser } from "../../src/server/rehearser.ts";
import { VirtualRuntime } from "../../src/server/virtual_runtime.ts";
import type { Case } from "./case.ts";
import { type Character, draftOf } from "./scripted.ts";
import { failurePathOf, type GraphScore, mappedOf, scoreGraph, type StepValue } from "./score.ts";

/** What became of one case. */
export interface Answer {
  readonly of: Case;
  readonly isAbstention: boolean;
  readonly steps: readonly StepValue[];
  readonly graph: GraphScore;
  /** The validator finds no error, but for placeholders, which are one by design. */
  readonly isValid: boolean;
  /**
   * Valid, and simulated runs of the good path and of each failure do what they should; placeholders
   * give made results there.
   */
  readonly isWorking: boolean;
  readonly mapped: ReturnType<typeof mappedOf>;
  readonly failure: ReturnType<typeof failurePathOf>;
  /** Errors of the validator and of the runs. */
  readonly notes: readonly string[];
  /** What became of asking a model; absent: none was asked. */
  readonly verdict?: string;
}

/** A document has to say something before it can be edited. */
const EMPTY = "workflow_steps: []\n";

/** Makes the document of a plan. */
function documentOf(of: Pick<Plan, "edits">): Document {
  const read = YAML.read("plan.yaml", EMPTY);
  if (!read.ok) throw new Error("the empty document cannot be read");
  return edit(read.document, of.edits.map((one) => one.edit));
}

/** Plans a case, without a model or with one, and looks at what came of it. */
export async function answerTo(of: Case, model?: Character): Promise<Answer> {
  const planned = model === undefined
    ? plan(of.description, of.registry)
    : await draftOf(of, model);
  const document = documentOf(planned);
  const steps = planned.isAbstention
    ? []
    : stepsOf(document.value).map(({ name, fields }): StepValue => ({ ...fields, name }));
  const graph = scoreGraph(of.gold, steps);
  const failure = failurePathOf(of.gold, steps, graph.names);
  const run = planned.isAbstention
    ? { isValid: false, isWorking: false, notes: planned.questions }
    : await runOf(document, of.registry);
  return {
    of,
    isAbstention: planned.isAbstention,
    steps,
    graph,
    ...run,
    isWorking: run.isWorking && failure.every(({ isThere }) => isThere),
    mapped: mappedOf(of.gold, steps, graph.names),
    failure,
    ..."model" in planned && planned.model !== undefined && { verdict: planned.model.verdict },
  };
}

async function runOf(document: Document, directory: Directory) {
  const errors = problems(document, directory).filter((one) =>
    one.severity === "error" && one.code !== "W16"
  );
  const notes = errors.map(problemText);
  if (errors.length > 0) return { isValid: false, isWorking: false, notes };
  try {
    const rehearsal = await openRehearser(new VirtualRuntime()).rehearse({ text: document.text });
    const wrong = wrongIn(rehearsal);
    return { isValid: true, isWorking: wrong.length === 0, notes: wrong };
  } catch (thrown) {
    return { isValid: true, isWorking: false, notes: [messageOf(thrown)] };
  }
}

function problemText({ code, path, text }: Problem): string {
  return `${code} ${path.join(".")} ${text}`;
}

/** Errors of runs, a good path that does not complete, and runs that do not end. */
function wrongIn({ problems, runs }: Rehearsal): readonly string[] {
  const [good] = runs;
  const all = [...problems, ...runs.flatMap((run) => run.problems)];
  return [
    ...all.filter(({ severity }) => severity === "error").map(({ text, step }) =>
      step === undefined ? text : `${step}: ${text}`
    ),
    ...good?.end === "completed" ? [] : [`the good path ends ${good?.end}`],
    ...runs.filter(({ end }) => end === "never_ends").map(({ fails }) =>
      `with ${fails} failing it never ends`
    ),
  ];
}
