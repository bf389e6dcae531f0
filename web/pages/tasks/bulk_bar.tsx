/** Changes of all tasks of a filter: counted first, then page by page; it survives a reload. */

import { useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import type { OperationInput, OperationResult } from "../../../src/client.ts";
import { useClient } from "../../data/client.tsx";
import { Button } from "../../kit/button.tsx";
import { Dialog } from "../../kit/dialog.tsx";
import { ErrorNote } from "../../kit/error_note.tsx";
import { SchemaForm } from "../../kit/schema_form.tsx";
import type { Filter } from "./filter.ts";

type Action = OperationInput<"changeTasks">["action"];
type Page = OperationResult<"changeTasks">;

/** What each action does, before it is done. */
const ACTIONS: Readonly<Record<Action, string>> = {
  retry: "Each parked step is tried again at once.",
  resolve: "Each parked step ends with the result that you give; later steps read it.",
  skip: "Each parked step ends without running. It is refused where a later step needs its result.",
  choose:
    "Each parked step goes on as you choose: by one of its alternatives, or by a usual choice.",
  cancel: "Each task that has not ended is cancelled; its running steps are asked to stop.",
  pause: "No step of these tasks starts until they are resumed.",
  resume: "Paused tasks go on.",
};

/** Actions that are about parked steps; the others are about tasks. */
const ABOUT_STEPS: readonly Action[] = ["retry", "resolve", "skip", "choose"];

/** Refused commands that are named. */
const REFUSED_SHOWN_MAX = 20;

/** A change under way, as far as it has come. Kept in this tab, so that a reload can go on. */
interface Progress {
  readonly input: OperationInput<"changeTasks">;
  readonly tasks: number;
  readonly changed: number;
  readonly unchanged: number;
  readonly refused: readonly Page["refused"][number][];
  readonly refusedCount: number;
  /** Where it goes on; absent: it is done. */
  readonly cursor?: string | undefined;
  readonly isDone: boolean;
}

const STORE_KEY = "tasker.bulk";

/** Offers to change all tasks of the filter, and shows a change that is under way. */
export function BulkBar({ filter }: { readonly filter: Filter }) {
  const [action, setAction] = useState<Action>();
  const run = useBulk();
  return (
    <section aria-label="Change all tasks of this filter" className="row">
      <span className="muted">All tasks of this filter:</span>
      {Object.keys(ACTIONS).map((one) => (
        <Button
          key={one}
          onPress={() => setAction(one as Action)}
        >
          {titleOf(one)} …
        </Button>
      ))}
      {run.progress !== undefined && <ProgressNote {...run} progress={run.progress} />}
      {action !== undefined && (
        <Preview
          action={action}
          filter={filter}
          onStart={(input) => {
            setAction(undefined);
            run.start(input);
          }}
          onClose={() => setAction(undefined)}
        />
      )}
    </section>
  );
}

/** Counts the tasks and steps that a change would be about, page by page. */
function useCount(action: Action, filter: Filter) {
  const client = useClient();
  const [count, setCount] = useState({ tasks: 0, commands: 0, refused: 0, isDone: false });
  const [error, setError] = useState<unknown>();
  useEffect(() => {
    const abort = new AbortController();
    const input = {
      ...{ action, ...filter, dryRun: true },
      ...(action === "resolve" && { result: null }),
      ...(action === "choose" && { choice: "retry" }),
    };
    // What is not given yet is refused for other reasons than what will be.
    const isWhole = action !== "resolve" && action !== "choose";
    const look = async () => {
      let [tasks, commands, refused] = [0, 0, 0];
      let more: { readonly cursor?: string } | undefined = {};
      while (more !== undefined) {
        const { signal } = abort;
        const page: Page = await client.call("changeTasks", { ...input, ...more }, { signal });
        tasks += page.tasks;
        commands += page.commands;
        if (isWhole) refused += page.refused.length;
        more = page.nextCursor === undefined ? undefined : { cursor: page.nextCursor };
        setCount({ tasks, commands, refused, isDone: more === undefined });
      }
    };
    look().catch((thrown) => abort.signal.aborted || setError(thrown));
    return () => abort.abort();
  }, [action, filter]);
  return { count, error };
}

function titleOf(action: string): string {
  return `${action[0]?.toUpperCase()}${action.slice(1)}`;
}

function aboutOf(action: Action, { commands, tasks }: Pick<Page, "commands" | "tasks">): string {
  return ABOUT_STEPS.includes(action) ? `${commands} steps of ${tasks} tasks` : `${tasks} tasks`;
}

/** Counts what a change would be about, and asks. */
function Preview({ action, filter, onStart, onClose }: {
  readonly action: Action;
  readonly filter: Filter;
  readonly onStart: (input: OperationInput<"changeTasks">) => void;
  readonly onClose: () => void;
}) {
  const { count, error } = useCount(action, filter);
  const [reason, setReason] = useState("");
  const [result, setResult] = useState<unknown>({});
  const [choice, setChoice] = useState("");
  const what = aboutOf(action, count);
  const but = count.refused > 0 ? `, of which ${count.refused} would be refused` : "";
  return (
    <Dialog title={`${titleOf(action)} all`} onClose={onClose}>
      <div className="stack">
        <p>{ACTIONS[action]}</p>
        <p role="status">
          {count.isDone ? `This is about ${what}${but}.` : `Counting: ${what} so far …`}
        </p>
        {action === "resolve" && (
          <SchemaForm schema={{}} value={result} onChange={setResult} label="Result" />
        )}
        {action === "choose" && (
          <label className="stack">
            Choice, by the name that the steps give it
            <input
              required
              pattern="[a-z0-9_\-]+"
              value={choice}
              onChange={({ target }) => setChoice(target.value)}
            />
          </label>
        )}
        <label className="stack">
          Why (kept in each journal)
          <input value={reason} onChange={({ target }) => setReason(target.value)} />
        </label>
        {error !== undefined && <ErrorNote error={error} />}
        <div className="row end">
          <Button onPress={onClose}>Leave them</Button>
          <Button
            kind={action === "cancel" ? "danger" : "primary"}
            isDisabled={count.tasks === 0 || (action === "choose" && choice === "")}
            onPress={() =>
              onStart({
                action,
                ...filter,
                reason,
                ...(action === "resolve" && { result }),
                ...(action === "choose" && { choice }),
              })}
          >
            {titleOf(action)} {count.isDone ? what : "without waiting for the count"}
          </Button>
        </div>
      </div>
    </Dialog>
  );
}

function ProgressNote({ progress, error, isRunning, start, stop, forget }:
  & { readonly progress: Progress }
  & Omit<ReturnType<typeof useBulk>, "progress">) {
  const { input, tasks, changed, unchanged, refused, refusedCount, isDone } = progress;
  return (
    <div className="panel stack" role="status">
      <p>
        {input.action}: {tasks} tasks looked at, {changed} changed
        {unchanged > 0 && `, ${unchanged} were so already`}
        {refusedCount > 0 && `, ${refusedCount} refused`}
        {isDone ? ". Done." : isRunning ? " …" : ". It stopped before the end."}
      </p>
      {refused.map(({ id, step, problem }) => (
        <p key={`${id}/${step}`} className="muted">{id} {step}: {problem.detail}</p>
      ))}
      {error !== undefined && <ErrorNote error={error} />}
      <div className="row">
        {isRunning && <Button onPress={stop}>Stop</Button>}
        {!isRunning && !isDone && <Button onPress={() => start(input, progress)}>Go on</Button>}
        {!isRunning && <Button onPress={forget}>Close</Button>}
      </div>
    </div>
  );
}

/** Runs a change page by page, and keeps how far it has come. */
function useBulk() {
  const client = useClient();
  const queries = useQueryClient();
  const [progress, setProgress] = useState(stored);
  const [error, setError] = useState<unknown>();
  const running = useRef<AbortController>(undefined);
  const [isRunning, setIsRunning] = useState(false);
  const keep = (next: Progress | undefined) => {
    if (next === undefined) sessionStorage.removeItem(STORE_KEY);
    else sessionStorage.setItem(STORE_KEY, JSON.stringify(next));
    setProgress(next);
  };
  const start = (input: Progress["input"], before?: Progress) => {
    const abort = running.current = new AbortController();
    setIsRunning(true);
    setError(undefined);
    const run = async () => {
      let now: Progress = before ?? started(input);
      keep(now);
      while (!now.isDone && !abort.signal.aborted) {
        const { cursor } = now;
        const page = await client.call("changeTasks", {
          ...input,
          ...(cursor !== undefined && { cursor }),
        });
        now = advanced(now, page);
        keep(now);
      }
    };
    run().catch(setError).finally(() => {
      setIsRunning(false);
      void queries.invalidateQueries({ queryKey: ["listTasks"] });
      void queries.invalidateQueries({ queryKey: ["taskPages"] });
      void queries.invalidateQueries({ queryKey: ["countTasks"] });
    });
  };
  useEffect(() => () => running.current?.abort(), []);
  return {
    progress,
    error,
    isRunning,
    start,
    stop: () => running.current?.abort(),
    forget: () => keep(undefined),
  };
}

function started(input: Progress["input"]): Progress {
  return { input, tasks: 0, changed: 0, unchanged: 0, refused: [], refusedCount: 0, isDone: false };
}

function advanced(before: Progress, page: Page): Progress {
  return {
    ...before,
    tasks: before.tasks + page.tasks,
    changed: before.changed + page.changed,
    unchanged: before.unchanged + page.unchanged,
    refused: [...before.refused, ...page.refused].slice(0, REFUSED_SHOWN_MAX),
    refusedCount: before.refusedCount + page.refused.length,
    cursor: page.nextCursor,
    isDone: page.nextCursor === undefined,
  };
}

function stored(): Progress | undefined {
  try {
    return JSON.parse(sessionStorage.getItem(STORE_KEY) ?? "null") ?? undefined;
  } catch {
    return undefined;
  }
}
