/** The verb `suggest`: says which step could come next in a workflow's file. */

import type { OperationResult } from "../client.ts";
import { durationText, type Paint } from "./format.ts";
import { EXIT_DONE, operand, show, UsageError, type Verb } from "./verb.ts";

type Suggestion = OperationResult<"suggestSteps">["suggestions"][number];

export const suggest: Verb = {
  name: "suggest",
  operands: ["FILE"],
  options: {
    after: { value: "STEP", summary: "Which step the next one comes after; else those at the end" },
    limit: { value: "NUMBER", summary: "How many; 5 unless said" },
  },
  summary: "Says which step could come next in a manifest, and why",
  isWrite: false,
  async run(context) {
    const file = operand(context, 0);
    const text = await context.file(file);
    if (text === undefined) throw new UsageError(`Cannot read "${file}": there is no such file`);
    const after = context.options.get("after");
    const limit = context.options.get("limit");
    const found = await context.client.call("suggestSteps", {
      text,
      file,
      ...(after !== undefined && { after }),
      ...(limit !== undefined && { limit: Number(limit) }),
    });
    show(
      context,
      found,
      () =>
        found.suggestions.length === 0
          ? ["Nothing that is registered takes what the steps so far give"]
          : found.suggestions.flatMap((one) => suggestionLines(one, context.paint)),
    );
    return EXIT_DONE;
  },
};

function suggestionLines(
  { step_name, description, dependencies, risk_level, why, handler_template, ...rest }: Suggestion,
  paint: Paint,
): readonly string[] {
  const { estimated_execution_time: time } = rest;
  const took = time === undefined
    ? "nobody has run it here"
    : `half within ${durationText(time.p50_ms)}, 95 % within ${
      durationText(time.p95_ms)
    } (${time.n})`;
  return [
    `${paint("good", step_name)}: ${description}`,
    `  after ${dependencies.join(", ") || "nothing"}; risk ${risk_level}; ${took}`,
    ...why.map((one) => `  ${one}`),
    ...handler_template.trimEnd().split("\n").map((line) => paint("dim", `    ${line}`)),
  ];
}
