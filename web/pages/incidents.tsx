/** Incidents: the list, and the page of one. */

import { Link, Route, Switch, useLocation, useParams, useSearchParams } from "wouter";
import type { EntryOf } from "../../src/client/documents.ts";
import { INCIDENT_PHASES, type IncidentPhase } from "../../src/core/incident.ts";
import { SIGNAL_TEXTS } from "../../src/core/incident_text.ts";
import { useOperation } from "../data/query.ts";
import { adoptCss } from "../kit/adopt_css.ts";
import { DataTable } from "../kit/data_table.tsx";
import { EmptyState } from "../kit/empty_state.tsx";
import { ErrorNote } from "../kit/error_note.tsx";
import { Page } from "../kit/page.tsx";
import { StateBadge } from "../kit/state_badge.tsx";
import { Time } from "../kit/time.tsx";
import css from "./incidents/incidents.css" with { type: "text" };
import { IncidentView } from "./incidents/incident_view.tsx";

adoptCss(css);

/** Incidents of one page. */
const SHOWN_MAX = 50;

/** The page at `/incidents`; `/incidents/ID` shows one. */
export default function IncidentsPage() {
  return (
    <Switch>
      <Route path="/:incident">
        <One />
      </Route>
      <Route>
        <List />
      </Route>
    </Switch>
  );
}

function One() {
  const { incident = "" } = useParams();
  return <IncidentView key={incident} incident={incident} />;
}

/** The filter and the place in the list stand in the address. */
function List() {
  const [search] = useSearchParams();
  const [, navigate] = useLocation();
  const phase = INCIDENT_PHASES.find((one) => one === search.get("phase"));
  const workflow = search.get("workflow") ?? undefined;
  const cursor = search.get("cursor") ?? undefined;
  const { data, error, refetch } = useOperation("listIncidents", {
    limit: SHOWN_MAX,
    ...(phase && { phase }),
    ...(workflow && { workflow }),
    ...(cursor && { cursor }),
  });
  const addressOf = (changed: Readonly<Record<string, string | undefined>>) => {
    const fields = Object.entries({ phase, workflow, ...changed });
    return `/?${new URLSearchParams(
      fields.flatMap(([name, value]) => value ? [[name, value]] : []),
    )}`;
  };
  return (
    <Page title="Incidents">
      <div className="row">
        <PhaseChoice phase={phase} onChoose={(phase) => navigate(addressOf({ phase }))} />
        {workflow && (
          <span>
            of <code>{workflow}</code>{" "}
            <Link href={addressOf({ workflow: undefined })}>of all workflows</Link>
          </span>
        )}
      </div>
      {error !== null && <ErrorNote error={error} onRetry={() => void refetch()} />}
      {data?.incidents.length === 0 && <Nothing isFiltered={Boolean(phase ?? workflow)} />}
      {data !== undefined && data.incidents.length > 0 && <Incidents incidents={data.incidents} />}
      <div className="row">
        {cursor && <Link href={addressOf({})}>Newest</Link>}
        {data?.nextCursor && <Link href={addressOf({ cursor: data.nextCursor })}>Older</Link>}
      </div>
    </Page>
  );
}

function Nothing({ isFiltered }: { readonly isFiltered: boolean }) {
  if (isFiltered) return <EmptyState title="No incident is like this" />;
  return (
    <EmptyState title="No incident">
      Tasker compares each step with how it did before. When one does clearly worse, its incident is
      shown here: what happened, why, and what would help.
    </EmptyState>
  );
}

function PhaseChoice({ phase, onChoose }: {
  readonly phase: IncidentPhase | undefined;
  readonly onChoose: (phase: IncidentPhase | undefined) => void;
}) {
  return (
    <label className="row">
      State{" "}
      <select
        value={phase ?? ""}
        onChange={({ target }) => onChoose(INCIDENT_PHASES.find((one) => one === target.value))}
      >
        <option value="">all</option>
        {INCIDENT_PHASES.map((one) => (
          <option key={one} value={one}>{one.replaceAll("_", " ")}</option>
        ))}
      </select>
    </label>
  );
}

/** Incidents in a table, the newest first. */
export function Incidents({ incidents, caption = "Incidents" }: {
  readonly incidents: readonly EntryOf<"listIncidents">[];
  readonly caption?: string;
}) {
  return (
    <DataTable
      caption={caption}
      rows={incidents}
      keyOf={({ id }) => id}
      columns={[
        {
          head: "Incident",
          cell: ({ id, step, signal }) => (
            <Link href={`~/incidents/${id}`}>{step} {SIGNAL_TEXTS[signal]}</Link>
          ),
        },
        {
          head: "Workflow",
          cell: ({ workflow }) => <Link href={`~/workflows/${workflow}`}>{workflow}</Link>,
        },
        { head: "Cause", cell: ({ failureType }) => failureType?.replaceAll("_", " ") ?? "–" },
        { head: "Proposal", cell: ({ proposal }) => proposal?.kind.replaceAll("_", " ") ?? "–" },
        { head: "State", cell: ({ phase }) => <StateBadge state={phase} /> },
        {
          head: "Outcome",
          cell: ({ outcome }) => outcome === undefined ? "–" : <StateBadge state={outcome} />,
        },
        { head: "Started", cell: ({ startedAt }) => <Time at={startedAt} /> },
      ]}
    />
  );
}
