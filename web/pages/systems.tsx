/** Systems: the list, and the page of one. */

import { Link, Route, Switch, useParams } from "wouter";
import type { System } from "../../src/client.ts";
import { instancesText, systemStateOf } from "../../src/operations/system_state.ts";
import { useOperation } from "../data/query.ts";
import { DataTable } from "../kit/data_table.tsx";
import { EmptyState } from "../kit/empty_state.tsx";
import { ErrorNote } from "../kit/error_note.tsx";
import { Page } from "../kit/page.tsx";
import { StateBadge } from "../kit/state_badge.tsx";
import { Duration } from "../kit/time.tsx";
import { SystemView } from "./systems/system_view.tsx";

/** How often it is read, in milliseconds: no event announces how systems are. */
const READ_MS = 5_000;

/** The page at `/systems`; `/systems/NAME` shows one. */
export default function SystemsPage() {
  return (
    <Switch>
      <Route path="/:system">
        <One />
      </Route>
      <Route>
        <List />
      </Route>
    </Switch>
  );
}

function One() {
  const { system = "" } = useParams();
  return <SystemView key={system} name={system} />;
}

function List() {
  const { data, error, refetch } = useOperation("listSystems", {}, { everyMs: READ_MS });
  return (
    <Page title="Systems">
      {error !== null && <ErrorNote error={error} onRetry={() => void refetch()} />}
      {data?.systems.length === 0 && (
        <EmptyState title="No system is known">
          A system is known once a workflow names it as the owner of a step, or once an instance of
          it registers.
        </EmptyState>
      )}
      {data !== undefined && data.systems.length > 0 && <SystemsTable systems={data.systems} />}
    </Page>
  );
}

/** Systems with how they are, and how busy. */
export function SystemsTable({ systems }: { readonly systems: readonly System[] }) {
  return (
    <DataTable
      caption="Systems"
      rows={systems}
      keyOf={({ name }) => name}
      columns={[
        { head: "System", cell: ({ name }) => <Link href={`~/systems/${name}`}>{name}</Link> },
        { head: "State", cell: (system) => <StateBadge state={systemStateOf(system)} /> },
        { head: "Instances", cell: instancesText },
        { head: "In the queue", isNumber: true, cell: ({ queued }) => queued ?? "–" },
        {
          head: "Oldest step waits",
          isNumber: true,
          cell: ({ saturation }) =>
            saturation === undefined || saturation.queueAgeMs === 0
              ? "–"
              : <Duration ms={saturation.queueAgeMs} />,
        },
        {
          head: "Answers a second",
          isNumber: true,
          cell: ({ saturation }) => saturation?.throughputPerS.toFixed(1) ?? "–",
        },
        { head: "Workflows", isNumber: true, cell: ({ workflows }) => workflows.length },
      ]}
    />
  );
}
