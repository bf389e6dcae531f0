/** One incident: what happened, why, what is proposed, and what the change did. */

import type { ReactNode } from "react";
import { Link } from "wouter";
import type { OperationResult } from "../../../src/client.ts";
import { actionText, SIGNAL_TEXTS } from "../../../src/core/incident_text.ts";
import { SYSTEMS_NAMESPACE } from "../../../src/core/policy.ts";
import { useOperation } from "../../data/query.ts";
import { DataTable } from "../../kit/data_table.tsx";
import { ErrorNote } from "../../kit/error_note.tsx";
import { Page } from "../../kit/page.tsx";
import { StateBadge } from "../../kit/state_badge.tsx";
import { durationText, Time } from "../../kit/time.tsx";
import { capital, Decide } from "./decide.tsx";
import { IncidentPlots } from "./incident_plots.tsx";

type Incident = OperationResult<"getIncident">;
type Proposal = Incident["proposals"][number];
type Figures = Incident["degradation"]["now"];

/** How often it is read while it goes on, in milliseconds. */
const READ_MS = 5_000;

/** The page at `/incidents/ID`. */
export function IncidentView({ incident: id }: { readonly incident: string }) {
  const { data, error, refetch } = useOperation("getIncident", { incident: id }, {
    everyMs: READ_MS,
  });
  const title = data === undefined ? "Incident" : titleOf(data);
  return (
    <Page title={title} actions={<Link href="/">All incidents</Link>}>
      {error !== null && <ErrorNote error={error} onRetry={() => void refetch()} />}
      {data === undefined && error === null && <p className="muted">Loading …</p>}
      {data !== undefined && <Body incident={data} />}
    </Page>
  );
}

function titleOf({ degradation: { step, signal } }: Incident): string {
  return `${step} ${SIGNAL_TEXTS[signal]} than it did`;
}

function Body({ incident }: { readonly incident: Incident }) {
  return (
    <>
      <Head incident={incident} />
      <div className="incident-body">
        <div className="stack">
          <section className="stack" aria-label="Before and after">
            <h2>Before and after</h2>
            <IncidentPlots incident={incident} />
            <FiguresTable incident={incident} />
          </section>
          <Cause incident={incident} />
          <Tasks incident={incident} />
        </div>
        <aside className="stack">
          <Chosen incident={incident} />
          <Course incident={incident} />
        </aside>
      </div>
    </>
  );
}

function Head({ incident }: { readonly incident: Incident }) {
  const { phase, conclusion, degradation: { workflow, saturated }, startedAt, number } = incident;
  return (
    <p className="row">
      <StateBadge state={phase} />
      {conclusion !== undefined && <StateBadge state={conclusion.outcome} />}
      <Link href={`~/workflows/${workflow}`}>{workflow}</Link>
      <span className="muted">
        seen <Time at={startedAt} />
        {number > 1 && `, incident ${number} of this kind`}
      </span>
      {saturated && (
        <span className="attention">
          more came in than was done: until that is over, nothing that adds load is allowed
        </span>
      )}
    </p>
  );
}

/** The same figures before, in trouble, and since then; and of those that try the change. */
function FiguresTable({ incident: { degradation, verdict, lesson } }: {
  readonly incident: Incident;
}) {
  const rows: readonly (readonly [string, Figures | undefined])[] = [
    ["Before", degradation.before],
    ["When it was seen", degradation.now],
    ["Tasks with the change", verdict?.with],
    ["Tasks without it", verdict?.without],
    ["Since it ended", lesson?.after],
  ];
  return (
    <DataTable
      caption="Figures of the step"
      rows={rows.flatMap(([name, of]) => of === undefined ? [] : [{ name, of }])}
      keyOf={({ name }) => name}
      columns={[
        { head: "", cell: ({ name }) => name },
        { head: "Attempts", isNumber: true, cell: ({ of }) => of.attempts },
        { head: "A minute", isNumber: true, cell: ({ of }) => of.perMinute.toFixed(1) },
        { head: "Failed", isNumber: true, cell: ({ of }) => shareText(of.failedShare) },
        { head: "Timed out", isNumber: true, cell: ({ of }) => shareText(of.timedOutShare) },
        { head: "Retries", isNumber: true, cell: ({ of }) => shareText(of.retriedShare) },
        { head: "Median", isNumber: true, cell: ({ of }) => msText(of.p50Ms) },
        { head: "95 % within", isNumber: true, cell: ({ of }) => msText(of.p95Ms) },
        { head: "Waited, 95 %", isNumber: true, cell: ({ of }) => msText(of.waitedP95Ms) },
      ]}
    />
  );
}

function Cause({ incident }: { readonly incident: Incident }) {
  const { finding, advice, degradation: { error, windowMs } } = incident;
  return (
    <section className="stack" aria-label="Cause">
      <h2>Cause</h2>
      <div className="panel stack">
        {finding === undefined ? <p className="muted">Looking for the cause …</p> : (
          <>
            <p>
              <strong>{capital(finding.failureType.replaceAll("_", " "))}</strong>
              {finding.confidence > 0 && (
                <span className="muted">, at least {shareText(finding.confidence)} sure</span>
              )}
            </p>
            <p>{capital(finding.says)}</p>
            <ul className="evidence">
              {finding.evidence.map(({ id, says }) => <li key={id}>{says}</li>)}
            </ul>
          </>
        )}
        {error !== undefined && (
          <p>
            Most frequent error: <code>{error}</code>
          </p>
        )}
        <p className="muted">
          Compared by windows of {durationText(windowMs)}.
        </p>
      </div>
      {advice !== undefined && (
        <div className="panel stack">
          <h3>In the words of a model, which decides nothing</h3>
          <p>{advice.name}</p>
          {advice.explanation.map(({ text }) => <p key={text}>{text}</p>)}
        </div>
      )}
    </section>
  );
}

/** What is proposed, and what can be decided about it. */
function Chosen({ incident }: { readonly incident: Incident }) {
  const { proposals, chosen, notes } = incident;
  const proposal = proposals.find(({ id }) => id === chosen);
  const others = proposals.filter(({ id }) => id !== chosen);
  return (
    <section className="stack" aria-label="Proposal">
      <h2>Proposal</h2>
      <div className="panel stack">
        {proposal === undefined
          ? (
            <p className="muted">
              {incident.phase === "diagnosing" ? "None yet." : "Nothing was chosen."}
            </p>
          )
          : <ProposalFacts proposal={proposal} finding={incident.finding} />}
        <Decide incident={incident} />
        {others.length > 0 && (
          <details>
            <summary>{others.length} other {others.length === 1 ? "change" : "changes"}</summary>
            <ul className="evidence">
              {others.map(({ id, action, tier, expected }) => (
                <li key={id}>
                  {capital(actionText(action))} <span className="muted">({tier}): {expected}</span>
                </li>
              ))}
            </ul>
          </details>
        )}
        {notes.map((note) => <p key={note} className="muted">{capital(note)}</p>)}
      </div>
    </section>
  );
}

function ProposalFacts({ proposal, finding }: {
  readonly proposal: Proposal;
  readonly finding: Incident["finding"];
}) {
  const { action, expected, blastRadius, bounds, tier, change, inverse, evidence } = proposal;
  // All of it is beside the proposal, under the cause.
  const isAll = evidence.length === finding?.evidence.length;
  const says = isAll ? [] : finding?.evidence.filter(({ id }) => evidence.includes(id)) ?? [];
  const decides = tier === "T0" || tier === "T1" ? "no person has to decide" : "a person decides";
  return (
    <>
      <p>
        <strong>{capital(actionText(action))}</strong>
      </p>
      <dl className="facts-list">
        <Fact name="Expected">{expected}</Fact>
        <Fact name="Concerns">
          {blastRadius.workflows.join(", ")}, {Math.round(blastRadius.tasksPerHour)} tasks an hour
        </Fact>
        {bounds !== undefined && <Fact name="Allowed">{bounds.join(" to ")}</Fact>}
        <Fact name="Tier">{tier}: {decides}</Fact>
        {says.length > 0 && <Fact name="Because">{says.map((one) => one.says).join("; ")}</Fact>}
        {proposal.untilMs !== undefined && (
          <Fact name="Until">{new Date(proposal.untilMs).toLocaleString()}</Fact>
        )}
        <Fact name="Changes">{changesText(change)}</Fact>
        <Fact name="Put back by">{changesText(inverse)}</Fact>
      </dl>
    </>
  );
}

function Fact({ name, children }: { readonly name: string; readonly children: ReactNode }) {
  return (
    <>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </>
  );
}

function changesText(change: Proposal["change"]): ReactNode {
  if (change === undefined) return "nothing";
  const { namespace, name } = change;
  const [of, href] = namespace === SYSTEMS_NAMESPACE
    ? [`system ${name}`, `~/systems/${name}`]
    : [`policy of ${namespace}/${name}`, `~/workflows/${namespace}/${name}`];
  return (
    <>
      <Link href={href}>{of}</Link>
      {change.changes.map(({ path, value }) => (
        <div key={path.join(".")}>
          <code>
            {path.join(".")} {value === undefined ? "as before" : `= ${JSON.stringify(value)}`}
          </code>
        </div>
      ))}
    </>
  );
}

/** Who is under a change that is looked at. */
function watchedText({ applied, triedPercent }: Incident): string {
  if (applied?.percent === undefined) {
    return "All tasks are under it; it is compared with before.";
  }
  return triedPercent === undefined
    ? "None of the tasks tries it any more."
    : `${triedPercent} % of the tasks try it now; they are compared with the others.`;
}

/** What was done, in order. */
function Course({ incident }: { readonly incident: Incident }) {
  const { approval, applied, verdict, conclusion, lesson, degradation } = incident;
  const because = (reason: string) => reason === "" ? "" : `: ${reason}`;
  return (
    <section className="stack" aria-label="Course">
      <h2>Course</h2>
      <ol className="course panel">
        <Moment at={degradation.sinceMs}>It began.</Moment>
        {approval !== undefined && (
          <li>
            {approval.isUnanswered
              ? "Nobody decided in time."
              : `${approval.approved ? "Approved" : "Rejected"} by ${approval.by}${
                because(approval.reason)
              }`}
          </li>
        )}
        {applied !== undefined && (
          <Moment at={applied.atMs}>
            {applied.isApplied ? "Changed" : "Nothing was changed"}: {applied.says}
            {applied.version === undefined ? "" : `, as version ${applied.version} of its policy`}
          </Moment>
        )}
        {incident.phase === "observing" && (
          <li className="active">
            {watchedText(incident)}
          </li>
        )}
        {verdict !== undefined && verdict.verdict !== "none" && (
          <li>{capital(verdict.verdict)}: {verdict.says}</li>
        )}
        {conclusion !== undefined && (
          <Moment at={conclusion.atMs}>
            {capital(conclusion.outcome.replaceAll("_", " "))}: {conclusion.says}
          </Moment>
        )}
        {lesson?.after !== undefined && (
          <li>
            Since then {shareText(lesson.after.failedShare)} of {lesson.after.attempts}{" "}
            attempts failed.
          </li>
        )}
      </ol>
    </section>
  );
}

function Moment({ at, children }: { readonly at: number; readonly children: ReactNode }) {
  return (
    <li>
      <time className="muted number" dateTime={new Date(at).toISOString()}>
        {new Date(at).toLocaleTimeString()}
      </time>{" "}
      {children}
    </li>
  );
}

/** Where the tasks are that it is about, and the incident's own. */
function Tasks({ incident: { id, degradation: { workflow, step, sinceMs } } }: {
  readonly incident: Incident;
}) {
  const since = new Date(sinceMs).toISOString();
  const tasks = (filter: Readonly<Record<string, string>>) =>
    `~/tasks?${new URLSearchParams({ workflow, ...filter, since })}`;
  return (
    <section className="stack" aria-label="Tasks">
      <h2>Tasks</h2>
      <p className="row">
        <Link href={tasks({ failedStep: step })}>Failed or parked at this step</Link>
        <Link href={tasks({ state: "blocked" })}>Blocked</Link>
        <Link href={tasks({})}>All since then</Link>
        <Link href={`~/tasks/${id}`}>The journal of this incident</Link>
        <Link href={`/?${new URLSearchParams({ workflow })}`}>Other incidents of {workflow}</Link>
      </p>
      <p className="muted">
        Tasks of <code>{workflow}</code> that started after “{step}” began to do worse.
      </p>
    </section>
  );
}

function shareText(share: number): string {
  return `${Math.round(share * 1_000) / 10} %`;
}

function msText(ms: number | undefined): string {
  return ms === undefined ? "–" : durationText(ms);
}
