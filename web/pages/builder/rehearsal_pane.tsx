/** Runs on sample input: what a simulated run does, step by step, also when a step fails. */

import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import type { OperationResult } from "../../../src/client.ts";
import { stepsOf } from "../../../src/author/document.ts";
import { isKeywords } from "../../../src/core/schema_alternatives.ts";
import { useClient } from "../../data/client.tsx";
import { STATE_MARKS } from "../../graph/graph_model.ts";
import { Button } from "../../kit/button.tsx";
import { ErrorNote } from "../../kit/error_note.tsx";
import { SchemaForm } from "../../kit/schema_form.tsx";
import { durationText } from "../../kit/time.tsx";
import { Labelled, PickField } from "./commit_field.tsx";
import type { Overlay, Shown } from "./overlay.ts";
import type { Builder } from "./use_builder.ts";

type Rehearsal = OperationResult<"simulateDocument">;
type Run = Rehearsal["runs"][number];

/** The run that is looked at, and how far. */
interface Looked {
  readonly of: string;
  readonly rehearsal: Rehearsal;
  readonly run: number;
  readonly atMs: number;
}

/** Rehearses the document, and lets time pass over the graph. */
export function RehearsalPane({ builder, onShow }: {
  readonly builder: Builder;
  readonly onShow: (shown: Shown | undefined) => void;
}) {
  const client = useClient();
  const [input, setInput] = useState<unknown>();
  const [fails, setFails] = useState<readonly string[]>([]);
  const [shown, setShown] = useState<Looked>();
  const { session, value } = builder;
  const show = (next: Looked) => {
    setShown(next);
    const overlay = overlayOf(next);
    onShow(overlay && { kind: "run", overlay });
  };
  const rehearse = useMutation({
    mutationFn: () =>
      client.call("simulateDocument", {
        text: session.text,
        ...(input !== undefined && { input }),
        ...(fails.length > 0 && { failures: fails.map((step) => ({ step })) }),
      }),
    onSuccess: (rehearsal) =>
      show({ of: session.text, rehearsal, run: 0, atMs: rehearsal.runs[0]?.tookMs ?? 0 }),
  });
  return (
    <div className="inspector">
      {isKeywords(value.input) && (
        <details>
          <summary>Sample input{input === undefined && " (made out of its contract)"}</summary>
          <SchemaForm schema={value.input} value={input} onChange={setInput} label="Input" />
        </details>
      )}
      <FailureChoice
        names={stepsOf(value).map(({ name }) => name)}
        fails={fails}
        onChange={setFails}
      />
      <Button kind="primary" isDisabled={rehearse.isPending} onPress={() => rehearse.mutate()}>
        {rehearse.isPending ? "Running …" : "Run on a virtual clock"}
      </Button>
      <p className="muted hint">Nothing is sent to anyone; results are made out of contracts.</p>
      {rehearse.error !== null && <ErrorNote error={rehearse.error} />}
      {shown !== undefined && (
        <>
          {shown.of !== session.text && (
            <p role="status">The document has changed since this run.</p>
          )}
          <RunView shown={shown} onShow={show} />
        </>
      )}
    </div>
  );
}

function FailureChoice({ names, fails, onChange }: {
  readonly names: readonly string[];
  readonly fails: readonly string[];
  readonly onChange: (fails: readonly string[]) => void;
}) {
  return (
    <div>
      <PickField
        label="Let a step fail"
        action="Add"
        choices={names.filter((name) => !fails.includes(name))}
        onPick={(name) => onChange([...fails, name])}
      />
      {fails.length === 0
        ? <p className="muted hint">Each step fails in turn, unless you choose some.</p>
        : (
          <p className="row">
            {fails.join(", ")}
            <Button onPress={() => onChange([])}>Each in turn again</Button>
          </p>
        )}
    </div>
  );
}

function RunView({ shown, onShow }: {
  readonly shown: Looked;
  readonly onShow: (shown: Looked) => void;
}) {
  const { rehearsal, run: index, atMs } = shown;
  const run = rehearsal.runs[index];
  if (run === undefined) return null;
  const times = momentsOf(run);
  const at = times.findLastIndex((ms) => ms <= atMs);
  const go = (to: number) => onShow({ ...shown, atMs: times[to] ?? atMs });
  const problems = [...rehearsal.problems, ...run.problems];
  return (
    <>
      <Labelled label="Run">
        {(id) => (
          <select
            id={id}
            value={index}
            onChange={({ target }) => {
              const next = Number(target.value);
              onShow({ ...shown, run: next, atMs: rehearsal.runs[next]?.tookMs ?? 0 });
            }}
          >
            {rehearsal.runs.map(({ fails, end }, run) => (
              <option key={fails ?? ""} value={run}>
                {fails === undefined ? "everything succeeds" : `${fails} fails`}: {wordOf(end)}
              </option>
            ))}
          </select>
        )}
      </Labelled>
      <div className="row">
        <Button isDisabled={at <= 0} onPress={() => go(at - 1)}>◀ Back</Button>
        <Button isDisabled={at >= times.length - 1} onPress={() => go(at + 1)}>Step ▶</Button>
        <output className="number">
          {durationText(times[at] ?? 0)} of {durationText(run.tookMs)}
        </output>
      </div>
      {problems.map(({ code, severity, text }) => (
        <p key={`${code} ${text}`} className={severity === "error" ? "bad" : "attention"}>
          {severity === "error" ? "✕" : "!"} {text}
        </p>
      ))}
      <RunSteps rehearsal={rehearsal} run={run} atMs={atMs} />
      {rehearsal.test !== undefined && (
        <TestText text={rehearsal.test} workflow={rehearsal.workflow} />
      )}
    </>
  );
}

function wordOf(end: Run["end"]): string {
  return end.replaceAll("_", " ");
}

/** The moments at which something begins or ends. */
function momentsOf({ steps, tookMs }: Run): readonly number[] {
  const times = steps.flatMap(({ startedMs, endedMs }) => [startedMs, endedMs ?? startedMs]);
  return [...new Set([0, ...times, tookMs])].sort((a, b) => a - b);
}

function RunSteps({ run, atMs }: {
  readonly rehearsal: Rehearsal;
  readonly run: Run;
  readonly atMs: number;
}) {
  return (
    <ol className="run-steps">
      {run.steps.filter(({ startedMs }) => startedMs <= atMs).map((step) => {
        const { mark, tone, word } = STATE_MARKS[stateAt(step, atMs)];
        return (
          <li key={step.step}>
            <span className={tone}>{mark}</span> <strong>{step.step}</strong>{" "}
            <span className="muted">{word} at {durationText(step.endedMs ?? step.startedMs)}</span>
            {step.took !== undefined && <pre>takes {step.took}</pre>}
            {step.gave !== undefined && <pre>gives {step.gave}</pre>}
            {step.error !== undefined && <pre>fails {step.error}</pre>}
          </li>
        );
      })}
    </ol>
  );
}

function stateAt({ state, startedMs, endedMs }: Run["steps"][number], atMs: number) {
  if (startedMs > atMs) return "pending";
  return endedMs === undefined || endedMs > atMs
    ? (endedMs === undefined ? state : "running")
    : state;
}

/** States of the run's steps at a moment. In a run with a failure, the others went as without. */
function overlayOf({ rehearsal, run: index, atMs }: Looked): Overlay | undefined {
  const run = rehearsal.runs[index];
  const good = rehearsal.runs.find(({ fails }) => fails === undefined);
  if (run === undefined) return undefined;
  const steps = [...(good?.steps ?? []), ...run.steps];
  const states = new Map(steps.map((step) => [step.step, { state: stateAt(step, atMs) }] as const));
  for (const name of run.notReached) states.set(name, { state: "unreached" });
  return { title: "Simulated run", states };
}

function TestText({ text, workflow }: { readonly text: string; readonly workflow: string }) {
  const name = `${workflow.split("/").at(-1)}_test.ts`;
  return (
    <details>
      <summary>Generated test</summary>
      <Button onPress={() => saveFile(name, text)}>Download {name}</Button>
      <pre className="text-block" tabIndex={0}>{text}</pre>
    </details>
  );
}

/** Offers a text as a download. */
function saveFile(name: string, text: string): void {
  const url = URL.createObjectURL(new Blob([text], { type: "text/plain" }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  URL.revokeObjectURL(url);
}
