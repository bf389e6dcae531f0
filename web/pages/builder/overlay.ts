/** Overlays: the states of a task or of a simulated run, shown on the graph of a document. */

import { useMemo } from "react";
import type { OperationResult } from "../../../src/client.ts";
import type { StepStateName } from "../../../src/core/state.ts";
import { useOperation } from "../../data/query.ts";
import type { GraphStep } from "../../graph/graph_model.ts";

/** What is shown on the graph. */
export interface Overlay {
  /** What it is of: a task, or a run. */
  readonly title: string;
  readonly states: ReadonlyMap<string, Pick<GraphStep, "note"> & { readonly state: StepStateName }>;
}

/** What a person chose to see: a task, which may go on meanwhile, or a moment of a simulated run. */
export type Shown =
  | { readonly kind: "task"; readonly id: string }
  | { readonly kind: "run"; readonly overlay: Overlay };

/** The overlay of what is chosen; a task's is read again as it changes, whatever else is open. */
export function useOverlay(shown: Shown | undefined): Overlay | undefined {
  const id = shown?.kind === "task" ? shown.id : "";
  const { data } = useOperation("getTask", { id }, { isEnabled: id !== "" });
  const ofTask = useMemo(() => data === undefined ? undefined : overlayOf(data), [data]);
  return shown?.kind === "run" ? shown.overlay : ofTask;
}

/** Steps with the states of an overlay; those that it does not know are as in the document. */
export function withOverlay(
  steps: readonly GraphStep[],
  overlay: Overlay | undefined,
): readonly GraphStep[] {
  if (overlay === undefined) return steps;
  return steps.map((step) => ({ ...step, ...overlay.states.get(step.name) }));
}

function overlayOf({ id, version, steps, state }: OperationResult<"getTask">): Overlay {
  return {
    title: `Task ${id} of ${version}: ${state}`,
    states: new Map(steps.map(({ name, state, attempt, attemptsMax }) => [name, {
      state,
      ...(attempt > 1 && { note: `attempt ${attempt} of ${attemptsMax}` }),
    }])),
  };
}
