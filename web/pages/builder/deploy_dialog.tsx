/** Deployment through the gate: what it would change is shown first, and it needs a reason. */

import { useMutation, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { stepsOf } from "../../../src/author/document.ts";
import { ClientError, type OperationResult } from "../../../src/client.ts";
import { useClient } from "../../data/client.tsx";
import { Button } from "../../kit/button.tsx";
import { Dialog } from "../../kit/dialog.tsx";
import { ErrorNote } from "../../kit/error_note.tsx";
import { Labelled } from "./commit_field.tsx";
import { setField } from "./gestures.ts";
import { baseOf } from "./newer_note.tsx";
import type { Builder } from "./use_builder.ts";

type Report = OperationResult<"deployWorkflow">;

/** Shows a dry run, asks for the reason, and deploys. */
export function DeployDialog({ builder, onClose, onDeployed }: {
  readonly builder: Builder;
  readonly onClose: () => void;
  readonly onDeployed: (report: Report) => void;
}) {
  const client = useClient();
  const { text, file } = builder.session;
  const dryRun = useQuery({
    queryKey: ["dryRun", file, text],
    queryFn: ({ signal }) =>
      client.call("deployWorkflow", { text, file, reason: "Dry run", dryRun: true }, { signal }),
    gcTime: 0,
  });
  const report = dryRun.data;
  return (
    <Dialog
      title={`Deploy ${String(builder.value.name ?? "")} ${String(builder.value.version ?? "")}`}
      onClose={onClose}
      isWide
    >
      {dryRun.isPending && <p role="status">Checking what it would change …</p>}
      {dryRun.error !== null && <Refused builder={builder} error={dryRun.error} />}
      {report !== undefined && isSame(report) && (
        <>
          <p>{report.version} is deployed, and the draft says the same: nothing would change.</p>
          <div className="row">
            <Button onPress={onClose}>Close</Button>
          </div>
        </>
      )}
      {report !== undefined && !isSame(report) && (
        <DeployForm builder={builder} report={report} onClose={onClose} onDeployed={onDeployed} />
      )}
    </Dialog>
  );
}

function isSame({ before, version, changes }: Report): boolean {
  return before === version && changes.length === 0;
}

/** What the dry run says, the reason, and why it may break others where it does. */
function DeployForm({ builder, report, onClose, onDeployed }: {
  readonly builder: Builder;
  readonly report: Report;
  readonly onClose: () => void;
  readonly onDeployed: (report: Report) => void;
}) {
  const client = useClient();
  const { text, file } = builder.session;
  const [reason, setReason] = useState("");
  const [force, setForce] = useState("");
  const deploy = useMutation({
    mutationFn: () =>
      client.call("deployWorkflow", { text, file, reason, ...(force !== "" && { force }) }),
    onSuccess: async (deployed) => {
      const { namespace, name, version } = deployed;
      // The draft goes on from what it has just become.
      const source = await client.call("workflowSource", { namespace, name, version });
      builder.setBase(baseOf(source));
      onDeployed(deployed);
    },
  });
  const isForced = !report.isAccepted;
  const isMissing = reason.trim() === "" || (isForced && force.trim() === "");
  return (
    <>
      <ReportView report={report} stepNames={stepsOf(builder.value).map(({ name }) => name)} />
      <Line label="Reason" hint="Kept with the version" value={reason} onChange={setReason} />
      {isForced && (
        <Line
          label="Why it may break others"
          hint="Recorded with what it breaks"
          value={force}
          onChange={setForce}
        />
      )}
      {deploy.error !== null && <Refused builder={builder} error={deploy.error} />}
      <div className="row">
        <Button
          kind="primary"
          isDisabled={deploy.isPending || isMissing}
          onPress={() => deploy.mutate()}
        >
          {deploy.isPending ? "Deploying …" : "Deploy"}
        </Button>
        <Button onPress={onClose}>Not now</Button>
      </div>
    </>
  );
}

function Line({ label, hint, value, onChange }: {
  readonly label: string;
  readonly hint: string;
  readonly value: string;
  readonly onChange: (value: string) => void;
}) {
  return (
    <Labelled label={label} hint={hint}>
      {(id) => (
        <input
          id={id}
          required
          value={value}
          onChange={({ target }) => onChange(target.value)}
        />
      )}
    </Labelled>
  );
}

/** A refusal; where only the version is too low, one click raises it. */
function Refused({ builder, error }: { readonly builder: Builder; readonly error: unknown }) {
  const next = raised(builder.value.version);
  const isLow = error instanceof ClientError &&
    ["definition.not_highest", "definition.changed"].includes(error.code);
  return (
    <>
      <ErrorNote error={error} />
      {isLow && next !== undefined && (
        <div className="row">
          <Button
            kind="primary"
            onPress={() =>
              builder.make(setField(builder.session.document, { field: ["version"], value: next }))}
          >
            Raise the version to {next}
          </Button>
        </div>
      )}
    </>
  );
}

/** The next minor version. */
function raised(version: unknown): string | undefined {
  const [, major, minor] = /^(\d+)\.(\d+)\.\d+$/.exec(String(version)) ?? [];
  return minor === undefined ? undefined : `${major}.${Number(minor) + 1}.0`;
}

const SIGNS = { added: "+", removed: "−", changed: "~" } as const;

function ReportView({ report, stepNames }: {
  readonly report: Report;
  readonly stepNames: readonly string[];
}) {
  const { before, starts, openTasks, changes, moreChanges, breaks, problems, rehearsal } = report;
  const failing = rehearsal?.problems ?? [];
  return (
    <div className="report">
      <p>
        Starts take <strong>{starts}</strong>{" "}
        {before === undefined ? "(the first version)" : `instead of ${before}`}; {openTasks === 0
          ? "no task is under way."
          : `${openTasks} ${openTasks === 1 ? "task keeps its" : "tasks keep their"} version.`}
      </p>
      {changes.length > 0 && (
        <ul className="changes" aria-label="Changes">
          {changes.map(({ part, what, path, text }) => (
            <li key={`${part} ${path} ${text}`}>
              <span className={`change ${what}`}>{SIGNS[what]}</span> {part} <code>{path}</code>
              {" "}
              <span className="muted">{text}</span>
            </li>
          ))}
          {moreChanges > 0 && <li>and {moreChanges} more</li>}
        </ul>
      )}
      {breaks.map(({ verdict, path, detail, affected }) => (
        <p key={`${path} ${detail}`} className="bad">
          ✕ {verdict === "breaks" ? "Breaks" : "May break"} {affected}: <code>{path}</code> {detail}
        </p>
      ))}
      {problems.map(({ code, text, path: [first, index] }) => (
        <p key={`${code} ${index} ${text}`} className="attention">
          ! <code>{code}</code>{" "}
          {first === "workflow_steps" && <strong>{stepNames[Number(index)]}:</strong>} {text}
        </p>
      ))}
      {rehearsal !== undefined && (
        <p className={rehearsal.isOk ? undefined : "bad"}>
          {rehearsal.isOk ? "✓" : "✕"} {rehearsal.runs.length} simulated{" "}
          {rehearsal.runs.length === 1 ? "run" : "runs"}: everything succeeding, and each step
          failing
        </p>
      )}
      {failing.map(({ code, text }) => <p key={code + text} className="attention">! {text}</p>)}
    </div>
  );
}
