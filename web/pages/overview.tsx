/** The overview: what needs a person, and how it goes. */

import { useOperation } from "../data/query.ts";
import { useMay } from "../data/session.tsx";
import { DataTable } from "../kit/data_table.tsx";
import { EmptyState } from "../kit/empty_state.tsx";
import { ErrorNote } from "../kit/error_note.tsx";
import { Page } from "../kit/page.tsx";
import { StateBadge } from "../kit/state_badge.tsx";
import { Duration, Time } from "../kit/time.tsx";

/** The page at `/`. */
export default function Overview() {
  const mayStart = useMay("write");
  const tasks = useOperation("listTasks", { limit: 20 }, { everyMs: 2_000 });
  return (
    <Page title="Overview">
      {tasks.error && <ErrorNote error={tasks.error} onRetry={() => void tasks.refetch()} />}
      {tasks.data?.tasks.length === 0 && (
        <EmptyState title="No task has run yet">
          {mayStart
            ? (
              <>
                Start one: <code>deno task tasker start examples/hello</code>
              </>
            )
            : "Your rights do not let you start one."}
        </EmptyState>
      )}
      {tasks.data !== undefined && tasks.data.tasks.length > 0 && (
        <DataTable
          caption="Newest tasks"
          rows={tasks.data.tasks}
          keyOf={({ id }) => id}
          columns={[
            { head: "Task", cell: ({ id }) => <code>{id}</code> },
            { head: "Workflow", cell: ({ workflow }) => workflow },
            { head: "State", cell: ({ state }) => <StateBadge state={state} /> },
            { head: "Started", cell: ({ createdAt }) => <Time at={createdAt} /> },
            {
              head: "Took",
              isNumber: true,
              cell: ({ createdAt, endedAt }) =>
                endedAt !== undefined && (
                  <Duration ms={Date.parse(endedAt) - Date.parse(createdAt)} />
                ),
            },
          ]}
        />
      )}
    </Page>
  );
}
