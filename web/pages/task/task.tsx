/** One task: where it stands, its steps over time, its journal, and what can be done. */

import { useQuery } from "@tanstack/react-query";
import { lazy, Suspense, useDeferredValue, useMemo, useState } from "react";
import { Link, useSearchParams } from "wouter";
import type { Step, Task } from "../../../src/client.ts";
import { doesWork } from "../../../src/core/workflow.ts";
import { useClient } from "../../data/client.tsx";
import { useOperation } from "../../data/query.ts";
import { adoptCss } from "../../kit/adopt_css.ts";
import { ErrorNote } from "../../kit/error_note.tsx";
import { JsonView } from "../../kit/json_view.tsx";
import { Page } from "../../kit/page.tsx";
import { StateBadge } from "../../kit/state_badge.tsx";
import { Tabs } from "../../kit/tabs.tsx";
import { Duration, Time } from "../../kit/time.tsx";
import { ForkAction, StepActions, TaskActions } from "./actions.tsx";
import { DiagnosisPanel } from "./diagnosis.tsx";
import { Gantt } from "./gantt.tsx";
import type { History, Moment } from "./history.ts";
import { Journal } from "./journal.tsx";
import { StepLines } from "./step_lines.tsx";
import css from "./task.css" with { type: "text" };
import { type ReadJournal, useJournal } from "./use_journal.ts";

adoptCss(css);

const TaskGraph = lazy(() => import("./graph.tsx"));

/** Forks of a task that are named. */
const FORKS_SHOWN_MAX = 5;

/** States of steps that want a look first. */
const PRESSING: readonly Step["state"][] = ["parked", "failed", "waiting_for_retry"];

/** The page at `/tasks/ID`. */
export default function TaskPage({ id }: { readonly id: string }) {
  const read = useOperation("getTask", { id });
  const task = read.data;
  if (task === undefined) {
    return (
      <Page title="Task">
        {read.error
          ? <ErrorNote error={read.error} onRetry={() => void read.refetch()} />
          : <p className="muted" role="status">Reading the task …</p>}
      </Page>
    );
  }
  return (
    <Page title={`${task.namespace}/${task.workflow}`} actions={<TaskActions task={task} />}>
      {read.error && <ErrorNote error={read.error} onRetry={() => void read.refetch()} />}
      <Head task={task} />
      <Body task={task} />
    </Page>
  );
}

function Head({ task }: { readonly task: Task }) {
  const { id, version, state, blockedReason, createdAt, endedAt, tags, attributes = {}, trace } =
    task;
  const found = [...tags, ...Object.entries(attributes).map(([name, value]) => `${name}=${value}`)];
  return (
    <div className="panel facts">
      <p>
        <StateBadge state={state} /> <strong>{waitsFor(task)}</strong>
      </p>
      <p className="muted">
        <code>{id}</code> · version {version} · started <Time at={createdAt} />
        {endedAt !== undefined && (
          <>
            {" "}
            · took <Duration ms={Date.parse(endedAt) - Date.parse(createdAt)} />
          </>
        )}
        {blockedReason !== undefined && ` · ${blockedReason}`}
        {found.length > 0 && ` · ${found.join(", ")}`}
        {trace?.url !== undefined && (
          <>
            {" "}
            · <a href={trace.url} rel="noreferrer" target="_blank">trace</a>
          </>
        )} ·{" "}
        <Link href={`/?workflow=${encodeURIComponent(`${task.namespace}/${task.workflow}`)}`}>
          other tasks of this workflow
        </Link>
      </p>
      <Forks task={task} />
    </div>
  );
}

/** The task that this one was forked from, and those that were forked from it. */
function Forks({ task: { id, forkedFrom } }: { readonly task: Task }) {
  const client = useClient();
  // Under a key of its own: no change of other tasks has it read again.
  const forks = useQuery({
    queryKey: ["forksOf", { id }],
    queryFn: ({ signal }) =>
      client.call("listTasks", { forkOf: id, limit: FORKS_SHOWN_MAX }, { signal }),
  }).data?.tasks ?? [];
  if (forkedFrom === undefined && forks.length === 0) return null;
  return (
    <p className="muted">
      {forkedFrom !== undefined && (
        <>
          Forked from{" "}
          <Link href={`/${forkedFrom.id}?step=${encodeURIComponent(forkedFrom.step)}`}>
            {forkedFrom.id}
          </Link>{" "}
          at <code>{forkedFrom.step}</code> by {forkedFrom.by}
          {forkedFrom.reason !== "" && `: ${forkedFrom.reason}`}.{" "}
        </>
      )}
      {forks.length > 0 && "Forked to "}
      {forks.map((fork, index) => (
        <span key={fork.id}>
          {index > 0 && ", "}
          <Link href={`/${fork.id}`}>{fork.id}</Link> ({fork.state})
        </span>
      ))}
    </p>
  );
}

/** What a task waits for, in words. */
function waitsFor({ state, steps, endedAt, error }: Task): string {
  if (endedAt !== undefined) {
    return error === undefined
      ? `It has ${state === "completed" ? "completed" : `ended: ${state}`}`
      : "Its output could not be made";
  }
  const named = (of: readonly Step[]) => of.map(({ name }) => `"${name}"`).slice(0, 3).join(", ");
  const parked = steps.filter((step) => step.state === "parked");
  if (parked.length > 0) return `Waits for a person to decide about ${named(parked)}`;
  const signals = steps.filter((step) =>
    step.kind === "signal" && step.state === "waiting_for_reply"
  );
  if (signals.length > 0) return `Waits for the signal ${named(signals)}`;
  const retrying = steps.filter((step) => step.state === "waiting_for_retry");
  if (retrying.length > 0) return `Waits to try ${named(retrying)} again`;
  const remote = steps.filter((step) => step.state === "waiting_for_reply");
  if (remote.length > 0) return `Waits for ${named(remote)}`;
  const running = steps.filter((step) => step.state === "running");
  return running.length > 0
    ? `Runs ${named(running)}`
    : state === "paused"
    ? "Waits to be resumed"
    : "Waits to start a step";
}

function Body({ task }: { readonly task: Task }) {
  const journal = useJournal(task.id, task.turn);
  const { version, versions } = useVersion(task);
  const [params, setParams] = useSearchParams();
  const [turn, setTurn] = useState<number>();
  // The slider moves at once; the views follow as fast as they can be drawn.
  const moment = useMoment(task, journal, useDeferredValue(turn));
  const pressing = task.steps.find(({ state }) => PRESSING.includes(state)) ??
    task.steps.find(({ kind, state }) => kind === "signal" && state === "waiting_for_reply");
  const selected = params.get("step") ?? pressing?.name ?? task.steps[0]?.name;
  const choose = (changes: Readonly<Record<string, string>>) =>
    setParams({ ...Object.fromEntries(params), ...changes }, { replace: true });
  const steps = useMemo(
    () =>
      task.steps.map((step) => ({ ...step, state: moment?.steps.get(step.name) ?? step.state })),
    [task.steps, moment],
  );
  const step = steps.find(({ name }) => name === selected);
  const onSelect = (name: string) => choose({ step: name });
  return (
    <div className="task-body">
      <div className="stack">
        {journal.error !== undefined && <ErrorNote error={journal.error} />}
        <TurnSlider task={task} turn={turn} moment={moment} onChange={setTurn} />
        <Tabs
          label="Views of the task"
          tabs={tabsOf({ task, steps, journal, version, selected, onSelect })}
          chosen={params.get("view") ?? "time"}
          onChoose={(view) => choose({ view })}
        />
      </div>
      {step !== undefined && (
        <StepPanel
          task={task}
          step={step}
          versions={versions}
          isNow={moment === undefined}
          contract={version?.definition.steps.find(({ name }) => name === step.name)?.contract}
        />
      )}
    </div>
  );
}

/** What the views of a task show. */
interface ViewProps {
  readonly task: Task;
  /** As they are, or as they were at a turn. */
  readonly steps: readonly Step[];
  readonly journal: ReadJournal;
  readonly selected: string | undefined;
  readonly onSelect: (name: string) => void;
}

function TimeLine({ task, steps, journal, selected, onSelect }: ViewProps) {
  const { history, count } = journal;
  const untilMs = Math.max(
    Date.parse(task.endedAt ?? history.entries.at(-1)?.at ?? task.createdAt),
    task.endedAt === undefined ? Date.now() : 0,
  );
  return (
    <Gantt
      {...{ steps, history, count, untilMs, selected, onSelect }}
      fromMs={Date.parse(task.createdAt)}
    />
  );
}

function tabsOf({ task, steps, journal, version, selected, onSelect }: ViewProps & {
  readonly version: ReturnType<typeof useVersion>["version"];
}) {
  return [
    {
      key: "time",
      title: "Time line",
      content: <TimeLine {...{ task, steps, journal, selected, onSelect }} />,
    },
    {
      key: "graph",
      title: "Graph",
      content: (
        <Suspense fallback={<p className="muted pad">Loading …</p>}>
          <TaskGraph {...{ steps, selected, onSelect }} edges={version?.edges} />
        </Suspense>
      ),
    },
    {
      key: "journal",
      title: `Journal (${journal.count} events)`,
      content: <Journal entries={journal.history.entries} count={journal.count} />,
    },
    {
      key: "data",
      title: "Input and output",
      content: (
        <div className="stack">
          <h3>Input</h3>
          <JsonView value={task.input} label="Input" />
          <h3>Output</h3>
          <JsonView value={task.output} label="Output" />
        </div>
      ),
    },
  ];
}

/** The version of the workflow that a task runs, with its contracts, and the names of all versions. */
function useVersion({ namespace, workflow, definitionHash, version }: Task) {
  const read = useOperation("getWorkflow", { namespace, name: workflow });
  const all = read.data?.versions ?? [];
  return {
    version: all.find(({ hash }) => hash === definitionHash) ??
      all.find((one) => one.version === version),
    versions: all.map((one) => one.version),
  };
}

function useMoment(
  task: Task,
  { history, count }: { readonly history: History; readonly count: number },
  turn: number | undefined,
): Moment | undefined {
  return useMemo(() => {
    if (turn === undefined) return undefined;
    const waits = task.steps.filter(({ kind }) =>
      kind === "remote" || kind === "sleep" || kind === "signal"
    );
    return history.momentAt(turn, {
      steps: task.steps.map(({ name }) => name),
      waits: new Set(waits.map(({ name }) => name)),
    });
  }, [task.steps, history, count, turn]);
}

/** Shows the task as it was after any turn of its journal. */
function TurnSlider({ task, turn, moment, onChange }: {
  readonly task: Task;
  readonly turn: number | undefined;
  readonly moment: Moment | undefined;
  readonly onChange: (turn: number | undefined) => void;
}) {
  return (
    <label className="turns">
      <span>Turn {turn ?? task.turn} of {task.turn}</span>
      <input
        type="range"
        min={1}
        max={task.turn}
        value={turn ?? task.turn}
        onChange={({ target }) => {
          const next = Number(target.value);
          onChange(next >= task.turn ? undefined : next);
        }}
      />
      <span className="muted" role="status">
        {moment === undefined
          ? "as it is now"
          : `as it was at ${new Date(moment.at).toLocaleString()}: ${moment.state}`}
      </span>
    </label>
  );
}

/** Which attempt it is; a step that does no work, such as a signal, has none to count. */
function startOf(
  { kind, attempt, attemptsMax, result }: Step,
  { forkedFrom }: Task,
): string | undefined {
  if (attempt > 0) return doesWork(kind) ? `Attempt ${attempt} of ${attemptsMax}` : undefined;
  return result !== undefined && forkedFrom !== undefined
    ? "Taken from the task that this one was forked from"
    : "Not started yet";
}

function StepPanel({ task, step, contract, versions, isNow }: {
  readonly task: Task;
  readonly step: Step;
  /** Of the workflow, the newest first. */
  readonly versions: readonly string[];
  readonly contract:
    | NonNullable<
      ReturnType<typeof useVersion>["version"]
    >["definition"]["steps"][number]["contract"]
    | undefined;
  readonly isNow: boolean;
}) {
  const { name, kind, owner, system, attempt, state, parkedReason, error, result } = step;
  // Of a transform there are no attempts to compare: its error says all.
  const isDiagnosed = isNow && step.diagnosis !== undefined && kind !== "transform" &&
    (state === "parked" || state === "failed");
  return (
    <aside className="panel stack" aria-label={`Step ${name}`}>
      <h2>{name}</h2>
      <p>
        <StateBadge state={state} /> <span className="muted">{kind} · {system ?? owner}</span>
      </p>
      <p className="muted">
        {[
          startOf(step, task),
          ...(step.after.length > 0 ? [`after ${step.after.slice(0, 4).join(", ")}`] : []),
          ...(step.unreachedBecause !== undefined ? [`because of ${step.unreachedBecause}`] : []),
        ].filter((text) => text !== undefined).join(" · ")}
      </p>
      {parkedReason !== undefined && isNow && <p>{parkedReason}</p>}
      {isNow
        ? (
          <div className="row" key={name}>
            <StepActions id={task.id} step={step} success={contract?.success} />
            <ForkAction task={task} step={name} versions={versions} />
          </div>
        )
        : <p className="muted">Move the slider to the end to act on this step.</p>}
      {isNow && error !== undefined && (
        <>
          <h3>Error</h3>
          <JsonView value={error} label="Error" />
        </>
      )}
      {isNow && kind === "local" && attempt > 0 && (
        <StepLines id={task.id} step={name} attempt={attempt} isRunning={state === "running"} />
      )}
      {isDiagnosed && <DiagnosisPanel id={task.id} step={step} success={contract?.success} />}
      {isNow && result !== undefined && (
        <>
          <h3>Result</h3>
          <JsonView value={result} label="Result" />
        </>
      )}
    </aside>
  );
}
