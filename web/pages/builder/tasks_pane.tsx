/** Tasks of the workflow: one is started, or chosen, and its states are shown on the graph. */

import { useMutation } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import type { OperationResult } from "../../../src/client.ts";
import { isKeywords } from "../../../src/core/schema_alternatives.ts";
import { useClient } from "../../data/client.tsx";
import { useOperation } from "../../data/query.ts";
import { Button } from "../../kit/button.tsx";
import { ErrorNote } from "../../kit/error_note.tsx";
import { SchemaForm } from "../../kit/schema_form.tsx";
import { StateBadge } from "../../kit/state_badge.tsx";
import { Time } from "../../kit/time.tsx";
import type { Overlay } from "./overlay.ts";
import type { Builder } from "./use_builder.ts";

/** The newest tasks of the workflow as it is deployed, and a start. */
export function TasksPane({ builder, onShow }: {
  readonly builder: Builder;
  readonly onShow: (overlay: Overlay | undefined) => void;
}) {
  const { name, namespace = "default" } = builder.value;
  const workflow = `${String(namespace)}/${String(name)}`;
  const [id, setId] = useState<string>();
  const tasks = useOperation("listTasks", { workflow, limit: 20 });
  const task = useOperation("getTask", { id: id ?? "" }, {
    isEnabled: id !== undefined,
  });
  useEffect(() => {
    if (task.data !== undefined) onShow(overlayOf(task.data));
  }, [task.data, onShow]);
  return (
    <div className="inspector">
      <StartForm key={workflow} builder={builder} workflow={workflow} onStarted={setId} />
      <h3>Newest tasks</h3>
      {tasks.error !== null && <ErrorNote error={tasks.error} />}
      {tasks.data?.tasks.length === 0 && <p className="muted">None yet.</p>}
      <ul className="open-list">
        {tasks.data?.tasks.map((one) => (
          <li key={one.id}>
            <button
              type="button"
              className="link"
              aria-pressed={one.id === id}
              onClick={() => setId(one.id)}
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

/** States of a task's steps, for the graph. */
function overlayOf({ id, steps, state }: OperationResult<"getTask">): Overlay {
  return {
    title: `Task ${id}: ${state}`,
    states: new Map(steps.map(({ name, state, attempt, attemptsMax }) => [name, {
      state,
      ...(attempt > 1 && { note: `attempt ${attempt} of ${attemptsMax}` }),
    }])),
  };
}
