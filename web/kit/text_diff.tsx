/** The difference of two texts, line by line. */

import { diffLines } from "diff";
import { adoptCss } from "./adopt_css.ts";
import css from "./text_diff.css" with { type: "text" };

adoptCss(css);

/** Lines around a change that are shown with it. */
const CONTEXT = 3;

/** Shows what is added (+) and removed (−), with some lines around it. */
export function TextDiff({ before, after, label }: {
  readonly before: string;
  readonly after: string;
  readonly label: string;
}) {
  const parts = diffLines(before, after);
  if (parts.every(({ added, removed }) => !added && !removed)) {
    return <p className="muted">No difference.</p>;
  }
  return (
    <div className="text-diff" role="region" aria-label={label} tabIndex={0}>
      {parts.map(({ value, added, removed }, index) => {
        const lines = value.replace(/\n$/, "").split("\n");
        const kind = added ? "added" : removed ? "removed" : "same";
        const shown = kind === "same" ? shortened(lines, index, parts.length) : lines;
        return (
          <pre key={index} className={kind}>
            {shown.map((line) => `${SIGNS[kind]} ${line}`).join("\n")}
          </pre>
        );
      })}
    </div>
  );
}

const SIGNS = { added: "+", removed: "−", same: " " } as const;

function shortened(lines: readonly string[], index: number, parts: number): readonly string[] {
  const [head, tail] = [index === 0 ? 0 : CONTEXT, index === parts - 1 ? 0 : CONTEXT];
  if (lines.length <= head + tail + 1) return lines;
  const left = lines.length - head - tail;
  return [
    ...lines.slice(0, head),
    `… ${left} lines are the same`,
    ...(tail === 0 ? [] : lines.slice(-tail)),
  ];
}
