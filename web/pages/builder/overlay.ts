/** Overlays: the states of a task or of a simulated run, shown on the graph of a document. Pure. */

import type { StepStateName } from "../../../src/core/state.ts";
import type { GraphStep } from "../../graph/graph_model.ts";

/** What is shown on the graph. */
export interface Overlay {
  /** What it is of: a task, or a run. */
  readonly title: string;
  readonly states: ReadonlyMap<string, Pick<GraphStep, "note"> & { readonly state: StepStateName }>;
}

/** Steps with the states of an overlay; those that it does not know are as in the document. */
export function withOverlay(
  steps: readonly GraphStep[],
  overlay: Overlay | undefined,
): readonly GraphStep[] {
  if (overlay === undefined) return steps;
  return steps.map((step) => ({ ...step, ...overlay.states.get(step.name) }));
}
