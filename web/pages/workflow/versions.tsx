/** The versions of a workflow: who deployed them and why, and what is different between two. */

import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { type Client, ClientError, type WorkflowVersion } from "../../../src/client.ts";
import { useClient } from "../../data/client.tsx";
import { useOperation } from "../../data/query.ts";
import { useMay } from "../../data/session.tsx";
import { Button } from "../../kit/button.tsx";
import { Confirm } from "../../kit/confirm.tsx";
import { DataTable } from "../../kit/data_table.tsx";
import { ErrorNote } from "../../kit/error_note.tsx";
import { TextDiff } from "../../kit/text_diff.tsx";
import { Time } from "../../kit/time.tsx";

interface Of {
  readonly namespace: string;
  readonly name: string;
  readonly versions: readonly WorkflowVersion[];
}

/** The history, and a comparison. */
export function Versions({ namespace, name, versions }: Of) {
  const history = useOperation("deployHistory", { namespace, name, limit: 50 });
  const mayDeploy = useMay("deploy");
  const [asked, setAsked] = useState<string>();
  const starts = history.data?.deployments[0]?.version;
  const revertColumn = {
    head: "",
    cell: ({ version }: { readonly version: string }) =>
      version !== starts && (
        <Button
          label={`Revert to ${version}`}
          onPress={() => setAsked(version)}
        >
          Revert …
        </Button>
      ),
  };
  return (
    <div className="versions">
      {asked !== undefined && (
        <Revert
          {...{ namespace, name, to: asked }}
          onClose={() => setAsked(undefined)}
        />
      )}
      {history.error !== null && <ErrorNote error={history.error} />}
      {history.data?.deployments.length === 0 && (
        <p className="muted">Files of the server define it: nothing was deployed.</p>
      )}
      {history.data !== undefined && history.data.deployments.length > 0 && (
        <DataTable
          caption="Deployments, the newest first"
          rows={history.data.deployments}
          keyOf={({ entry }) => String(entry)}
          columns={[
            { head: "Version", cell: ({ version }) => version },
            { head: "What", cell: ({ kind }) => kind === "deploy" ? "deployed" : "reverted to" },
            { head: "When", cell: ({ at }) => <Time at={at} /> },
            { head: "By", cell: ({ by }) => by },
            { head: "Reason", cell: ({ reason }) => reason },
            ...(mayDeploy ? [revertColumn] : []),
          ]}
        />
      )}
      {versions.length > 1 && <Comparison {...{ namespace, name, versions }} />}
    </div>
  );
}

/** Asks for the reason, and says first what a dry run says. */
function Revert({ namespace, name, to, onClose }: {
  readonly namespace: string;
  readonly name: string;
  readonly to: string;
  readonly onClose: () => void;
}) {
  const client = useClient();
  const queries = useQueryClient();
  const of = { namespace, name, to };
  const dryRun = useQuery({
    queryKey: ["revertDryRun", of],
    queryFn: () => client.call("revertWorkflow", { ...of, reason: "Dry run", dryRun: true }),
    gcTime: 0,
  });
  const report = dryRun.data;
  return (
    <Confirm
      title={`Revert ${namespace}/${name} to ${to}`}
      does={report === undefined
        ? `Starts take ${to} again. Tasks that have begun keep their version.`
        : `Starts take ${to} again instead of ${report.before}. ${openText(report.openTasks)}`}
      verb={`Revert to ${to}`}
      needsReason
      onConfirm={async (reason) => {
        await client.call("revertWorkflow", { ...of, reason });
        await queries.invalidateQueries();
      }}
      onClose={onClose}
    >
      {dryRun.error !== null && <ErrorNote error={dryRun.error} />}
      {report?.breaks.map(({ verdict, path, detail, affected }) => (
        <p key={`${path} ${detail}`} className="bad">
          ✕ {verdict === "breaks" ? "Breaks" : "May break"} {affected}: <code>{path}</code> {detail}
        </p>
      ))}
    </Confirm>
  );
}

function openText(openTasks: number): string {
  if (openTasks === 0) return "No task is under way.";
  return openTasks === 1
    ? "1 open task keeps its version."
    : `${openTasks} open tasks keep their version.`;
}

function Comparison({ namespace, name, versions }: Of) {
  const [to = "", from = ""] = versions.map(({ version }) => version);
  const [pair, setPair] = useState({ from, to });
  const client = useClient();
  const breaks = useOperation("compareVersions", { namespace, name, ...pair });
  const texts = useQuery({
    queryKey: ["versionTexts", namespace, name, pair],
    queryFn: () =>
      Promise.all(
        [pair.from, pair.to].map((version) =>
          textOf(client, { namespace, name, versions }, version)
        ),
      ),
  });
  const [before, after] = texts.data ?? [];
  return (
    <section aria-label="Difference" className="stack">
      <div className="row">
        {(["from", "to"] as const).map((end) => (
          <label key={end}>
            {end === "from" ? "From" : "To"}{" "}
            <select
              value={pair[end]}
              onChange={({ target }) => setPair({ ...pair, [end]: target.value })}
            >
              {versions.map(({ version }) => <option key={version}>{version}</option>)}
            </select>
          </label>
        ))}
      </div>
      {[breaks.error, texts.error].map((error) =>
        error !== null && <ErrorNote key={error.message} error={error} />
      )}
      {breaks.data?.breaks.map(({ verdict, path, detail, affected }) => (
        <p key={`${path} ${detail}`} className="bad">
          ✕ {verdict === "breaks" ? "Breaks" : "May break"} {affected}: <code>{path}</code> {detail}
        </p>
      ))}
      {breaks.data?.breaks.length === 0 && <p>✓ Nobody who relies on {pair.from} is broken.</p>}
      {before !== undefined && after !== undefined && (
        <TextDiff before={before} after={after} label={`From ${pair.from} to ${pair.to}`} />
      )}
    </section>
  );
}

/** The text as it was deployed; of a version that a file defines, its definition. */
async function textOf(
  client: Client,
  { namespace, name, versions }: Of,
  version: string,
): Promise<string> {
  try {
    return (await client.call("workflowSource", { namespace, name, version })).text;
  } catch (error) {
    const isOfFile = error instanceof ClientError &&
      ["definition.in_file", "definition.unknown"].includes(error.code);
    if (!isOfFile) throw error;
    const found = versions.find((one) => one.version === version);
    return `${JSON.stringify(found?.definition, undefined, 2)}\n`;
  }
}
