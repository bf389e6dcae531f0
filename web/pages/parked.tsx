/** The inbox: proposals that wait for a person, and tasks that do, for a choice or a signal. */

import { Link } from "wouter";
import type { TaskSummary } from "../../src/client.ts";
import { useOperation } from "../data/query.ts";
import { DataTable } from "../kit/data_table.tsx";
import { EmptyState } from "../kit/empty_state.tsx";
import { ErrorNote } from "../kit/error_note.tsx";
import { Page } from "../kit/page.tsx";
import { Time } from "../kit/time.tsx";
import { Incidents } from "./incidents.tsx";

/** Entries that each list shows; the rest is in the list of tasks. */
const SHOWN_MAX = 100;

/** The page at `/parked`. */
export default function Parked() {
  return (
    <Page title="Needs a person">
      <Proposals />
      <Waiting
        needs="choice"
        title="Parked work"
        empty="No step is parked"
        columns={[
          { head: "Step", cell: ({ failure }) => failure?.parked.join(", ") },
          {
            head: "Failure",
            cell: ({ failure }) => [...failure?.codes ?? [], ...failure?.classes ?? []].join(" · "),
          },
        ]}
      />
      <Waiting
        needs="signal"
        title="Approvals and other signals"
        empty="No task waits for a signal"
        columns={[{ head: "Tags", cell: ({ tags }) => tags.join(", ") }]}
      />
    </Page>
  );
}

/** What healing asks for; nothing where it asks for nothing. */
function Proposals() {
  const read = useOperation("listIncidents", {
    phase: "waiting_for_approval",
    limit: SHOWN_MAX,
  });
  const incidents = read.data?.incidents ?? [];
  if (read.error === null && incidents.length === 0) return null;
  return (
    <section className="stack" aria-label="Proposals">
      <h2>Proposals</h2>
      {read.error && <ErrorNote error={read.error} onRetry={() => void read.refetch()} />}
      {incidents.length > 0 && <Incidents incidents={incidents} caption="Proposals that wait" />}
    </section>
  );
}

function Waiting({ needs, title, empty, columns }: {
  readonly needs: "choice" | "signal";
  readonly title: string;
  readonly empty: string;
  readonly columns: readonly {
    readonly head: string;
    readonly cell: (task: TaskSummary) => string | undefined;
  }[];
}) {
  const read = useOperation("listTasks", { needs: [needs], limit: SHOWN_MAX });
  const tasks = read.data?.tasks ?? [];
  return (
    <section className="stack" aria-label={title}>
      <h2>{title}</h2>
      {read.error && <ErrorNote error={read.error} onRetry={() => void read.refetch()} />}
      {read.data !== undefined && tasks.length === 0 && <EmptyState title={empty} />}
      {tasks.length > 0 && (
        <DataTable
          caption={title}
          rows={tasks}
          keyOf={({ id }) => id}
          columns={[
            {
              head: "Task",
              cell: ({ id }) => (
                <Link href={`~/tasks/${id}`}>
                  <code>{id}</code>
                </Link>
              ),
            },
            { head: "Workflow", cell: ({ namespace, workflow }) => `${namespace}/${workflow}` },
            ...columns,
            { head: "Task started", cell: ({ createdAt }) => <Time at={createdAt} /> },
          ]}
        />
      )}
      <p>
        <Link href={`~/tasks?needs=${needs}`}>All of them, to filter and to change together</Link>
      </p>
    </section>
  );
}
