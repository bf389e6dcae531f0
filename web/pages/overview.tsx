/** The overview: what needs a person on top, then how it goes. */

import { Link } from "wouter";
import type { OperationResult } from "../../src/client.ts";
import { systemStateOf } from "../../src/operations/system_state.ts";
import { useOperation } from "../data/query.ts";
import { useMay } from "../data/session.tsx";
import { DataTable } from "../kit/data_table.tsx";
import { EmptyState } from "../kit/empty_state.tsx";
import { ErrorNote } from "../kit/error_note.tsx";
import { Page } from "../kit/page.tsx";
import { Plot } from "../kit/plot.tsx";
import { Spark } from "../kit/spark.tsx";
import { StateBadge } from "../kit/state_badge.tsx";
import { Duration, durationText, Time } from "../kit/time.tsx";
import { Incidents } from "./incidents.tsx";
import { FAILED, TOOK } from "./overview/outcome_columns.tsx";
import { SystemPlots } from "./overview/system_plots.tsx";
import { SystemsTable } from "./systems.tsx";

/** Parts of the hour that is shown. */
const INTERVALS = 60;

/** Statistics are counted every ten seconds. */
const STATISTICS_MS = 10_000;

/** How often what no event announces is read, in milliseconds. */
const READ_MS = 10_000;

type Statistics = OperationResult<"getStatistics">;
type Workflow = Statistics["statistics"][number];
type Task = OperationResult<"listTasks">["tasks"][number];

/** The page at `/`. */
export default function Overview() {
  const blocked = useOperation("listTasks", { state: "blocked", limit: 10 });
  const newest = useOperation("listTasks", { limit: 10 });
  const statistics = useOperation("getStatistics", { intervals: INTERVALS }, {
    everyMs: STATISTICS_MS,
  });
  const reads = [blocked, newest, statistics];
  const failed = reads.find(({ error }) => error !== null);
  const isEmpty = newest.data?.tasks.length === 0;
  return (
    <Page title="Overview">
      {failed?.error && <ErrorNote error={failed.error} onRetry={() => void failed.refetch()} />}
      {isEmpty && <FirstSteps />}
      {blocked.data !== undefined && !isEmpty && <NeedsPerson tasks={blocked.data.tasks} />}
      {statistics.data !== undefined && !isEmpty && <LastHour statistics={statistics.data} />}
      {!isEmpty && <Systems />}
      {newest.data !== undefined && !isEmpty && (
        <section className="stack">
          <h2>Newest tasks</h2>
          <Tasks caption="Newest tasks" tasks={newest.data.tasks} />
        </section>
      )}
    </Page>
  );
}

/** What a new user does next. */
function FirstSteps() {
  const mayStart = useMay("write");
  return (
    <EmptyState title="No task has run yet">
      {mayStart
        ? (
          <>
            Start one in a terminal:{" "}
            <code>deno task tasker start examples/hello --input '&#123;"name":"Ada"&#125;'</code>
          </>
        )
        : "Your rights let you look, and not start tasks. What others start is shown here."}
    </EmptyState>
  );
}

/** What waits for a decision: proposals first, then envelopes that nobody could use, then tasks. */
function NeedsPerson({ tasks }: { readonly tasks: readonly Task[] }) {
  const signals = useOperation("listTasks", { needs: ["signal"], limit: 10 });
  const proposals = useOperation("listIncidents", { phase: "waiting_for_approval", limit: 10 });
  const maySeeLetters = useMay("operate");
  const letters = useOperation("listDead", { limit: LETTERS_MAX }, {
    isEnabled: maySeeLetters,
    everyMs: READ_MS,
  });
  const incidents = proposals.data?.incidents ?? [];
  const dead = letters.data?.letters ?? [];
  const asked = signals.data?.tasks ?? [];
  const isNothing = tasks.length + asked.length + incidents.length + dead.length === 0;
  return (
    <section className="stack">
      <h2>Needs a person</h2>
      {isNothing && <p className="muted">Nothing waits for a decision.</p>}
      {incidents.length > 0 && <Incidents incidents={incidents} caption="Proposals that wait" />}
      {dead.length > 0 && <DeadLetters systems={dead.map(({ system }) => system)} />}
      {tasks.length > 0 && <Tasks caption="Tasks that wait for a decision" tasks={tasks} />}
      {asked.length > 0 && <Tasks caption="Approvals and other signals" tasks={asked} />}
      {tasks.length + asked.length > 0 && (
        <p>
          <Link href="/parked">All that waits for a choice or an approval</Link>
        </p>
      )}
    </section>
  );
}

/** Letters that are counted. */
const LETTERS_MAX = 100;

function DeadLetters({ systems }: { readonly systems: readonly string[] }) {
  const count = systems.length === LETTERS_MAX ? `${LETTERS_MAX} or more` : systems.length;
  return (
    <p className="attention row">
      <span>{count} dead {systems.length === 1 ? "letter" : "letters"} of</span>
      {[...new Set(systems)].map((name) => <Link key={name} href={`/systems/${name}`}>{name}
      </Link>)}
    </p>
  );
}

/** How the systems are, which step waits longest and why, and how long the journal takes to commit. */
function Systems() {
  const { data } = useOperation("listSystems", {}, { everyMs: READ_MS });
  const health = useOperation("getHealth", {}, { everyMs: READ_MS });
  if (data === undefined || data.systems.length === 0) return null;
  const waits = ({ saturation }: typeof data.systems[number]) => saturation?.queueAgeMs ?? 0;
  const oldest = data.systems.reduce((one, other) => waits(other) > waits(one) ? other : one);
  const commit = health.data?.commit;
  return (
    <section className="stack">
      <h2>Systems</h2>
      <p className="row">
        <span>
          {waits(oldest) === 0
            ? "No step waits for a system."
            : `The oldest waiting step waits ${durationText(waits(oldest))} for ${oldest.name}: ` +
              `${systemStateOf(oldest).replaceAll("_", " ")}.`}
        </span>
        {commit !== undefined && (
          <span className="muted">
            {health.data?.node} commits in {msText(commit.p50Ms)} (half) and {msText(commit.p95Ms)}
            {" "}
            (95 %), of the last {commit.count}
          </span>
        )}
      </p>
      <SystemsTable systems={data.systems} />
      <SystemPlots intervals={INTERVALS} />
    </section>
  );
}

function msText(ms: number): string {
  return ms < 10 ? `${ms.toFixed(1)} ms` : durationText(ms);
}

function LastHour({ statistics: { statistics } }: { readonly statistics: Statistics }) {
  const times = statistics[0]?.intervals.map(({ at }) => Date.parse(at)) ?? [];
  const sum = (field: "starts" | "ended" | "failed") =>
    times.map((_, at) =>
      statistics.reduce((all, one) => all + (one.intervals[at]?.[field] ?? 0), 0)
    );
  const [starts, ended, failed] = [sum("starts"), sum("ended"), sum("failed")];
  const total = (values: readonly number[]) => values.reduce((all, value) => all + value, 0);
  if (statistics.length === 0) return null;
  return (
    <section className="stack">
      <h2>Last hour</h2>
      <Plot
        caption={`Tasks of the last hour: ${total(starts)} started, ${total(ended)} ended, ` +
          `${total(failed)} of them failed`}
        unit="tasks a minute"
        times={times}
        lines={[
          { label: "started", values: starts, color: "--active" },
          { label: "ended", values: ended, color: "--good" },
          { label: "failed", values: failed, color: "--bad" },
        ]}
      />
      <Workflows workflows={statistics} />
    </section>
  );
}

function Workflows({ workflows }: { readonly workflows: readonly Workflow[] }) {
  return (
    <DataTable
      caption="Workflows in the last hour"
      rows={workflows}
      keyOf={({ workflow }) => workflow}
      columns={[
        {
          head: "Workflow",
          cell: ({ workflow }) => <Link href={`/workflows/${workflow}`}>{workflow}</Link>,
        },
        {
          head: "",
          cell: ({ workflow, intervals }) => (
            <Spark
              label={`Tasks of ${workflow} that started, by minute`}
              color="--active"
              values={intervals.map(({ starts }) => starts)}
            />
          ),
        },
        { head: "Started", isNumber: true, cell: ({ starts }) => starts },
        { head: "Ended", isNumber: true, cell: ({ ended }) => ended },
        FAILED,
        { head: "Parked", isNumber: true, cell: ({ parked }) => parked },
        ...TOOK,
      ]}
    />
  );
}

function Tasks({ caption, tasks }: { readonly caption: string; readonly tasks: readonly Task[] }) {
  return (
    <DataTable
      caption={caption}
      rows={tasks}
      keyOf={({ id }) => id}
      columns={[
        {
          head: "Task",
          cell: ({ id }) => (
            <Link href={`/tasks/${id}`}>
              <code>{id}</code>
            </Link>
          ),
        },
        { head: "Workflow", cell: ({ namespace, workflow }) => `${namespace}/${workflow}` },
        { head: "State", cell: ({ state }) => <StateBadge state={state} /> },
        { head: "Started", cell: ({ createdAt }) => <Time at={createdAt} /> },
        {
          head: "Took",
          isNumber: true,
          cell: ({ createdAt, endedAt }) =>
            endedAt === undefined
              ? "–"
              : <Duration ms={Date.parse(endedAt) - Date.parse(createdAt)} />,
        },
      ]}
    />
  );
}
