/** What the loader finds wrong with a document, as problems: its checks are the first half of all. */

import type { Problem } from "../core/authoring.ts";
import { TaskerError } from "../core/errors.ts";
import type { Wire, WorkflowModule } from "../core/workflow_module.ts";
import { buildWorkflow } from "../registry/build.ts";
import { manifestOf } from "../registry/manifest.ts";
import { type Document, type Fields, type Path, stepsOf } from "./document.ts";
import { problemsOf } from "./problem.ts";
import { isRecord } from "./yaml_text.ts";

/** Checks a document as the loader does before it serves the workflow. */
export function loaderProblems(document: Document, taken: Fields): readonly Problem[] {
  const { file, value, at, atKey } = document;
  if (document.manifest !== undefined) return []; // the file has the steps, and is checked itself
  try {
    const manifest = manifestOf(file, { value: withoutCode(document, taken), at, atKey });
    buildWorkflow(moduleOf(document), { digest: (canonical) => canonical, manifest });
    return [];
  } catch (thrown) {
    if (!(thrown instanceof TaskerError)) throw thrown;
    return problemsOf(thrown.faults, value);
  }
}

/** What the code of a document stands for while it is checked: it gives inputs, and they may be anything. */
function moduleOf(document: Document): WorkflowModule {
  const { file, value, code } = document;
  const of = Symbol(file);
  const at = () => document.at([]);
  const wires = stepsOf(value).flatMap(({ name, index }): Wire[] =>
    code.has(JSON.stringify(["workflow_steps", index, "with"]))
      ? [{ kind: "give", name, at, needs: {}, after: [], with: () => undefined }]
      : []
  );
  const hasCode = document.language.format === "module";
  return {
    kind: "workflow",
    of,
    at,
    ...(value.namespace === undefined && { namespace: "default" }),
    ...(hasCode && { manifest: { path: file, steps: {}, handlers: {} } }),
    wires,
  };
}

/** What stands for code while a document is checked: nothing that could be wrong. */
function withoutCode({ code, language }: Document, taken: Fields): Fields {
  if (language.format === "yaml" || !Array.isArray(taken.workflow_steps)) return taken;
  const isCode = (...path: Path) => code.has(JSON.stringify(path));
  const steps = taken.workflow_steps.map((step: unknown, index) => {
    if (!isRecord(step)) return step;
    const isRun = isCode("workflow_steps", index, "run") &&
      [step.handler, step.event_pattern, step.capability].every((one) => one === undefined);
    const handler = isRun ? "code" : step.handler;
    return {
      ...step,
      ...(handler !== undefined && { handler }),
      ...(isCode("workflow_steps", index, "sleep") && { sleep: 0 }),
    };
  });
  const { output, ...rest } = taken;
  const hasOutput = output !== undefined && !isCode("output", "with");
  return { ...rest, workflow_steps: steps, ...(hasOutput && { output }) };
}
