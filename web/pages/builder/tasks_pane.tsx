/** Tasks of the workflow: one is started, or chosen, and its states are shown on the graph. */

import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { isKeywords } from "../../../src/core/schema_alternatives.ts";
import { useClient } from "../../data/client.tsx";
import { useOperation } from "../../data/query.ts";
import { useMay } from "../../data/session.tsx";
import { Button } from "../../kit/button.tsx";
import { ErrorNote } from "../../kit/error_note.tsx";
import { SchemaForm } from "../../kit/schema_form.tsx";
import { StateBadge } from "../../kit/state_badge.tsx";
import { Time } from "../../kit/time.tsx";
import { workflowOf } from "./kept_draft.ts";
import type { Builder } from "./use_builder.ts";

/** The newest tasks of the workflow as it is deployed, and a start. */
export function TasksPane({ builder, chosen, onChoose }: {
  readonly builder: Builder;
  /** The id of the task that the graph shows. */
  readonly chosen: string | undefined;
  readonly onChoose: (id: string) => void;
}) {
  const workflow = workflowOf(builder.value);
  const mayStart = useMay("write");
  const tasks = useOperation("listTasks", { workflow, limit: 20 });
  return (
    <div className="inspector">
      {mayStart && (
        <StartForm key={workflow} builder={builder} workflow={workflow} onStarted={onChoose} />
      )}
      <h3>Newest tasks</h3>
      {tasks.error !== null && <ErrorNote error={tasks.error} />}
      {tasks.data?.tasks.length === 0 && <p className="muted">None yet.</p>}
      <ul className="open-list">
        {tasks.data?.tasks.map((one) => (
          <li key={one.id}>
            <button
              type="button"
              className="link"
              aria-pressed={one.id === chosen}
              onClick={() => onChoose(one.id)}
            >
              <Time at={one.createdAt} />
            </button>{" "}
            <StateBadge state={one.state} /> <span className="muted">{one.version}</span>{" "}
            <a href={`/tasks/${one.id}`}>details</a>
          </li>
        ))}
      </ul>
    </div>
  );
}

function StartForm({ builder, workflow, onStarted }: {
  readonly builder: Builder;
  readonly workflow: string;
  readonly onStarted: (id: string) => void;
}) {
  const client = useClient();
  const [input, setInput] = useState<unknown>();
  const { input: contract } = builder.value;
  const start = useMutation({
    mutationFn: () => client.call("startTask", { workflow, ...(input !== undefined && { input }) }),
    onSuccess: ({ id }) => onStarted(id),
  });
  return (
    <details open>
      <summary>Start a task of the deployed version</summary>
      {isKeywords(contract) && (
        <SchemaForm schema={contract} value={input} onChange={setInput} label="Input" />
      )}
      <Button kind="primary" isDisabled={start.isPending} onPress={() => start.mutate()}>
        Start
      </Button>
      {start.error !== null && <ErrorNote error={start.error} />}
    </details>
  );
}
