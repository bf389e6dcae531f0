/** The graph of a task's steps as they stand. */

import { useMemo } from "react";
import type { Step } from "../../../src/client.ts";
import { doesWork } from "../../../src/core/workflow.ts";
import { type GraphEdge, StepGraph } from "../../graph/step_graph.tsx";

/** Draws the steps with their states; without the edges of the workflow, by what each waits for. */
export default function TaskGraph({ steps, edges, selected, onSelect }: {
  readonly steps: readonly Step[];
  readonly edges: readonly GraphEdge[] | undefined;
  readonly selected: string | undefined;
  readonly onSelect: (name: string) => void;
}) {
  const drawn = useMemo(
    () =>
      steps.map(({ name, kind, state, owner, system, attempt, attemptsMax }) => ({
        name,
        kind,
        state,
        detail: system ?? owner,
        ...(attempt > 1 && doesWork(kind) && { note: `attempt ${attempt} of ${attemptsMax}` }),
      })),
    [steps],
  );
  const lines = useMemo(
    () =>
      edges ??
        steps.flatMap(({ name, after }) =>
          after.map((from): GraphEdge => ({ from, to: name, kind: "order" }))
        ),
    [edges, steps.map(({ name }) => name).join()],
  );
  return (
    <div className="task-graph">
      <StepGraph
        label="Steps of the task"
        steps={drawn}
        edges={lines}
        selected={selected}
        onSelect={(name) => name !== undefined && onSelect(name)}
      />
    </div>
  );
}
