/** The card of a step in a graph. */

import { Handle, type Node, type NodeProps, Position } from "@xyflow/react";
import { memo } from "react";
import { type GraphStep, STATE_MARKS } from "./graph_model.ts";

/** A step as the canvas holds it. */
export type StepNode = Node<{ readonly step: GraphStep; readonly canConnect: boolean }, "step">;

/** What kind of work a step is, in a sign and a word. */
const KINDS: Readonly<Record<GraphStep["kind"], readonly [string, string]>> = {
  local: ["ƒ", "code"],
  remote: ["⇄", "system"],
  http: ["↗", "request"],
  sleep: ["◷", "wait"],
  signal: ["☑", "approval"],
  transform: ["⋯", "transform"],
  todo: ["?", "placeholder"],
};

/** Says a step in words, for those who do not see its card. */
export function stepText(step: GraphStep): string {
  const { name, kind, detail, state, note, errors = 0, warnings = 0 } = step;
  const found = [
    ...(errors > 0 ? [`${errors} ${errors === 1 ? "error" : "errors"}`] : []),
    ...(warnings > 0 ? [`${warnings} ${warnings === 1 ? "warning" : "warnings"}`] : []),
  ];
  const parts = [name, KINDS[kind][1], detail, state && STATE_MARKS[state].word, note, ...found];
  return parts.filter((part) => part !== undefined).join(", ");
}

function Card({ data: { step, canConnect } }: NodeProps<StepNode>) {
  const { name, kind, detail, state, note, share, errors = 0, warnings = 0 } = step;
  const mark = state === undefined ? undefined : STATE_MARKS[state];
  return (
    <>
      <Handle type="target" position={Position.Top} isConnectable={canConnect} />
      <div className={`step-card ${mark?.tone ?? ""}`}>
        <span className="step-kind" title={KINDS[kind][1]}>{KINDS[kind][0]}</span>
        <span className="step-name">{name}</span>
        {mark !== undefined && (
          <span className={`step-mark ${mark.tone}`} title={mark.word}>{mark.mark}</span>
        )}
        <span className="step-detail">{note ?? detail ?? KINDS[kind][1]}</span>
        {errors > 0 && <span className="step-found bad">✕ {errors}</span>}
        {errors === 0 && warnings > 0 && <span className="step-found attention">! {warnings}</span>}
      </div>
      {share !== undefined && share > 0 && (
        <svg
          className="step-share"
          viewBox="0 0 100 3"
          preserveAspectRatio="none"
          aria-hidden="true"
        >
          <rect width={Math.min(100, 100 * share)} height="3" />
        </svg>
      )}
      <Handle type="source" position={Position.Bottom} isConnectable={canConnect} />
    </>
  );
}

/** The card of a step; drawn again only when the step changes. */
export const StepCard = memo(Card);
