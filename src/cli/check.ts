/** The verb `check`: says what is wrong with a workflow's file. */

import type { Problem } from "../core/authoring.ts";
import { readablePath } from "../registry/yaml.ts";
import { counted, type Paint } from "./format.ts";
import { EXIT_DONE, EXIT_FAILED, operand, show, UsageError, type Verb } from "./verb.ts";

/** One line a problem, in a form that editors and terminals can follow. */
export const check: Verb = {
  name: "check",
  operands: ["FILE"],
  options: {
    offline: { summary: "Asks no server: what is registered there is not known then" },
  },
  summary: "Says what is wrong with a workflow's file; exit code 1 when it would not be loaded",
  isWrite: false,
  async run(context) {
    const file = operand(context, 0);
    const text = await context.file(file);
    if (text === undefined) throw new UsageError(`Cannot check "${file}": there is no such file`);
    const { problems } = context.options.has("offline")
      ? await checkHere(text, file)
      : await context.client.call("checkDocument", { text, file });
    const errors = problems.filter(({ severity }) => severity === "error").length;
    show(context, { problems }, () => [
      ...problems.map((one) => problemLine(one, file, context.paint)),
      problems.length === 0
        ? `${file}: nothing is wrong`
        : `${file}: ${counted(errors, "error")}, ${counted(problems.length - errors, "warning")}`,
    ]);
    return errors === 0 ? EXIT_DONE : EXIT_FAILED;
  },
};

async function checkHere(text: string, file: string) {
  // Loaded when it is used: parsing and checking YAML is most of the command line.
  const { openDocuments } = await import("../server/documents.ts");
  const { openRuntime } = await import("../server/runtime.ts");
  return { problems: await openDocuments(openRuntime()).check({ text, file }) };
}

function problemLine(
  { at, path, code, severity, text, fix }: Problem,
  file: string,
  paint: Paint,
): string {
  const place = at === undefined ? file : `${at.file}:${at.line}:${at.column}`;
  const where = path.length === 0 ? "" : `${readablePath(path)}: `;
  const head = paint(severity === "error" ? "bad" : "warn", `${severity} ${code}`);
  const hint = fix === undefined ? "" : paint("dim", ` (fix: ${fix.label})`);
  return `${place} ${head} ${where}${text}${hint}`;
}
