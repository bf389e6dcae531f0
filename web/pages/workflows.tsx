/** Workflows: the list, and the page of one. */

import { Link, Route, Switch, useParams } from "wouter";
import { useOperation } from "../data/query.ts";
import { DataTable } from "../kit/data_table.tsx";
import { EmptyState } from "../kit/empty_state.tsx";
import { ErrorNote } from "../kit/error_note.tsx";
import { Page } from "../kit/page.tsx";
import { WorkflowView } from "./workflow/workflow_view.tsx";

/** The page at `/workflows`; `/workflows/NAMESPACE/NAME` shows one. */
export default function WorkflowsPage() {
  return (
    <Switch>
      <Route path="/:namespace/:name">
        <One />
      </Route>
      <Route>
        <List />
      </Route>
    </Switch>
  );
}

function One() {
  const { namespace = "", name = "" } = useParams();
  return <WorkflowView key={`${namespace}/${name}`} namespace={namespace} name={name} />;
}

function List() {
  const { data, error, refetch } = useOperation("listWorkflows", {});
  return (
    <Page title="Workflows" actions={<a href="/builder">Build one</a>}>
      {error !== null && <ErrorNote error={error} onRetry={() => void refetch()} />}
      {data?.workflows.length === 0 && (
        <EmptyState title="No workflow is loaded">
          <a href="/builder">Build one</a>, or put a manifest into the folder{" "}
          <code>workflows</code>.
        </EmptyState>
      )}
      {data !== undefined && data.workflows.length > 0 && (
        <DataTable
          caption="Workflows"
          rows={data.workflows}
          keyOf={({ namespace, name }) => `${namespace}/${name}`}
          columns={[
            {
              head: "Workflow",
              cell: ({ namespace, name }) => (
                <Link href={`/${namespace}/${name}`}>{namespace}/{name}</Link>
              ),
            },
            { head: "Starts take", cell: ({ starts }) => starts ?? "none is loaded here" },
            {
              head: "Defined by",
              cell: ({ file, starts }) =>
                file !== undefined
                  ? <code>{file}</code>
                  : starts === undefined
                  ? "–"
                  : "a deployment",
            },
            { head: "Versions", isNumber: true, cell: ({ versions }) => versions.length },
            { head: "Steps", isNumber: true, cell: ({ steps }) => steps },
          ]}
        />
      )}
    </Page>
  );
}
