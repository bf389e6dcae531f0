/** The answer of the verb `policies arms`, as people read it. */

import type { OperationResult } from "../client.ts";
import { type Cell, durationText, headOf, tableLines, type Tone } from "./format.ts";
import type { VerbExtra } from "./operation_verb.ts";

type Report = OperationResult<"compareArms">;

/** What each verdict says, and how it looks. */
const VERDICTS: Readonly<Record<Report["verdict"], readonly [text: string, tone: Tone]>> = {
  better: ["the new overlay does better", "good"],
  worse: ["the new overlay does worse", "bad"],
  undecided: ["no difference that is certain yet", "warn"],
  too_few: ["too few tasks yet", "warn"],
};

/** What the verb does beyond sending its operation. */
export const ARMS: VerbExtra<"compareArms"> = {
  lines: ({ workflow, metric, arms, difference, low, high, tasksMin, verdict }, { paint }) => {
    const text = textOf(metric);
    const signed = (value: number) => `${value < 0 ? "-" : "+"}${text(Math.abs(value))}`;
    const [said, tone] = VERDICTS[verdict];
    const rows = arms.map(({ policyVersion, percent, tasks, mean }): Cell[] => [
      policyVersion === 0 ? "no overlay" : `overlay ${policyVersion}`,
      `${percent} %`,
      String(tasks),
      text(mean),
    ]);
    const head = headOf("ARM", "SHARE", "TASKS", metric.toUpperCase());
    return [
      `${paint("bold", workflow)}  ${paint(tone, said)}`,
      ...tableLines([head, ...rows], paint),
      `difference ${signed(difference)}, with 95 % between ${signed(low)} and ${signed(high)}`,
      ...(verdict === "too_few" ? [paint("dim", `each arm needs ${tasksMin} tasks`)] : []),
    ];
  },
};

function textOf(metric: Report["metric"]): (value: number) => string {
  if (metric === "completed") return (value) => `${(100 * value).toFixed(1)} %`;
  return metric === "duration" || metric === "busy" ? durationText : (value) => value.toFixed(2);
}
