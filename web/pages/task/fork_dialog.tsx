/** Forks a task from a step: says what the new task would take and run, and starts it. */

import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useId, useState } from "react";
import { useLocation } from "wouter";
import type { OperationResult } from "../../../src/client.ts";
import { useClient } from "../../data/client.tsx";
import { Confirm } from "../../kit/confirm.tsx";
import { ErrorNote } from "../../kit/error_note.tsx";

/** Names that a list shows; a workflow may have thousands of steps. */
const NAMED_MAX = 12;

/** Asks before a task is forked; then the page is that of the new task. */
export function ForkDialog({ id, step, version, versions, onClose }: {
  readonly id: string;
  readonly step: string;
  /** Of the task. */
  readonly version: string;
  /** All versions of its workflow, the newest first. */
  readonly versions: readonly string[];
  readonly onClose: () => void;
}) {
  const client = useClient();
  const queries = useQueryClient();
  const versionId = useId();
  const [, navigate] = useLocation();
  const [chosen, setChosen] = useState(version);
  const preview = useQuery({
    queryKey: ["forkTask", { id, step, version: chosen }],
    queryFn: ({ signal }) =>
      client.call("forkTask", { id, step, version: chosen, dryRun: true }, { signal }),
    retry: false,
  });
  return (
    <Confirm
      title={`Fork from "${step}"`}
      does="A new task starts with the input of this one. This task stays as it is."
      verb="Fork"
      isReady={preview.data !== undefined}
      onClose={onClose}
      onConfirm={async (reason) => {
        const { forkId } = await client.call("forkTask", { id, step, version: chosen, reason });
        void queries.invalidateQueries({ queryKey: ["forksOf", { id }] });
        navigate(`/${forkId}`);
      }}
    >
      <label htmlFor={versionId}>Version</label>
      <select
        id={versionId}
        value={chosen}
        onChange={({ target }) => setChosen(target.value)}
      >
        {[...new Set([version, ...versions])].map((one) => (
          <option key={one} value={one}>
            {one === version ? `${one}, as this task` : one}
          </option>
        ))}
      </select>
      {preview.error !== null && <ErrorNote error={preview.error} />}
      {preview.isPending && <p className="muted" role="status">Asking what would run …</p>}
      {preview.data !== undefined && <Plan {...preview.data} />}
    </Confirm>
  );
}

/** What the new task takes, and what it runs. */
function Plan({ keeps, runs }: OperationResult<"forkTask">) {
  const again = runs.filter(({ attempts }) => attempts > 0).map(({ step }) => step);
  return (
    <dl className="fork-plan">
      <dt>Takes the results of</dt>
      <dd>{namesText(keeps)}</dd>
      <dt>Runs</dt>
      <dd>{namesText(runs.map(({ step }) => step))}</dd>
      {again.length > 0 && (
        <>
          <dt>Runs once more</dt>
          <dd>
            <strong>{namesText(again)}</strong>: what these did outside in this task is done again.
          </dd>
        </>
      )}
    </dl>
  );
}

function namesText(names: readonly string[]): string {
  const left = names.length - NAMED_MAX;
  const shown = names.slice(0, NAMED_MAX).join(", ");
  return names.length === 0 ? "nothing" : left > 0 ? `${shown} and ${left} more` : shown;
}
