/** One workflow: its graph with what its steps take in time, its contracts, and its versions. */

import { useMutation } from "@tanstack/react-query";
import { useMemo, useState } from "react";
import type { OperationResult, WorkflowVersion } from "../../../src/client.ts";
import { useClient } from "../../data/client.tsx";
import { useOperation } from "../../data/query.ts";
import { edgeKey, type GraphEdge, type GraphStep, pathEdges } from "../../graph/graph_model.ts";
import { StepGraph } from "../../graph/step_graph.tsx";
import { adoptCss } from "../../kit/adopt_css.ts";
import { Button } from "../../kit/button.tsx";
import { ErrorNote } from "../../kit/error_note.tsx";
import { Page } from "../../kit/page.tsx";
import { Tabs } from "../../kit/tabs.tsx";
import { durationText } from "../../kit/time.tsx";
import { StatisticsTable } from "./statistics_table.tsx";
import { StepDetails } from "./step_details.tsx";
import { Versions } from "./versions.tsx";
import css from "./workflow.css" with { type: "text" };

adoptCss(css);

type Optimisation = OperationResult<"optimiseWorkflow">;
type StepStatistics = OperationResult<"getStatistics">["statistics"][number];

/** How often statistics are read again; nodes write them every ten seconds. */
const EVERY_MS = 10_000;

/** Which workflow. */
interface Named {
  readonly namespace: string;
  readonly name: string;
}

/** The page of a workflow. */
export function WorkflowView({ namespace, name }: Named) {
  const { data, error, refetch } = useOperation("getWorkflow", { namespace, name });
  const [chosen, setChosen] = useState<string>();
  const [view, setView] = useState("graph");
  const version = data?.versions.find((one) => one.version === (chosen ?? data.starts)) ??
    data?.versions[0];
  const of = { namespace, name };
  return (
    <Page
      title={`${namespace}/${name}`}
      actions={
        <div className="row">
          <label>
            Version{" "}
            <select
              value={version?.version ?? ""}
              onChange={({ target }) => setChosen(target.value)}
            >
              {data?.versions.map(({ version }) => (
                <option key={version} value={version}>
                  {version === data.starts ? `${version} (starts take it)` : version}
                </option>
              ))}
            </select>
          </label>
          {data?.file === undefined
            ? <a href={`/builder/${namespace}/${name}`}>Open in the builder</a>
            : (
              <span className="muted">
                Defined by <code>{data.file}</code> on the server: change it there
              </span>
            )}
        </div>
      }
    >
      {error !== null && <ErrorNote error={error} onRetry={() => void refetch()} />}
      {data !== undefined && version !== undefined && (
        <Tabs
          label="Workflow"
          chosen={view}
          onChoose={setView}
          tabs={[
            { key: "graph", title: "Graph", content: <GraphView {...of} version={version} /> },
            {
              key: "versions",
              title: "Versions",
              content: <Versions {...of} versions={data.versions} />,
            },
          ]}
        />
      )}
    </Page>
  );
}

function GraphView({ namespace, name, version }: Named & { readonly version: WorkflowVersion }) {
  const [selected, setSelected] = useState<string>();
  const statistics = useOperation(
    "getStatistics",
    { workflow: `${namespace}/${name}` },
    { everyMs: EVERY_MS },
  );
  const client = useClient();
  const optimise = useMutation({
    mutationFn: () =>
      client.call("optimiseWorkflow", { namespace, name, version: version.version }),
  });
  const rows = statistics.data?.statistics;
  const graph = useMemo(() => graphOf(version, { rows, path: optimise.data }), [
    version,
    rows,
    optimise.data,
  ]);
  const step = version.definition.steps.find((one) => one.name === selected);
  return (
    <div className="workflow">
      <div className="workflow-graph">
        <StepGraph
          label={`Steps of ${name}`}
          steps={graph.steps}
          edges={graph.edges}
          selected={selected}
          onSelect={setSelected}
        />
      </div>
      <div className="workflow-side">
        {step === undefined
          ? (
            <>
              <CriticalPath optimise={optimise} />
              {statistics.error !== null && <ErrorNote error={statistics.error} />}
              {rows !== undefined && <StatisticsTable rows={rows} onSelect={setSelected} />}
            </>
          )
          : <StepDetails step={step} onClose={() => setSelected(undefined)} />}
      </div>
    </div>
  );
}

/** The critical path of the newest tasks, when it is asked for: it takes some seconds of the server. */
function CriticalPath({ optimise }: {
  readonly optimise: {
    readonly data: Optimisation | undefined;
    readonly error: Error | null;
    readonly isPending: boolean;
    mutate(): void;
  };
}) {
  const { data, error, isPending } = optimise;
  return (
    <section aria-label="Critical path" className="stack">
      <Button isDisabled={isPending} onPress={() => optimise.mutate()}>
        {isPending ? "Reading tasks …" : "Draw the critical path"}
      </Button>
      {error !== null && <ErrorNote error={error} />}
      {data !== undefined && (
        <>
          <p className="muted">
            Of {data.tasks} tasks of the last 30 days{data.isSample ? " (a sample)" : ""}.
          </p>
          <ol>
            {data.bottlenecks.map(({ step, share, meanMs }) => (
              <li key={step}>
                <strong>{step}</strong> {Math.round(100 * share)} %, {durationText(meanMs)}{" "}
                on average
              </li>
            ))}
          </ol>
          {data.suggested_optimizations.map(({ text }) => <p key={text}>{text}</p>)}
        </>
      )}
    </section>
  );
}

/** The graph of a version: with times where they are known, and the critical path where it was asked for. */
function graphOf(
  { definition, edges }: WorkflowVersion,
  { rows = [], path }: {
    readonly rows: readonly StepStatistics[] | undefined;
    readonly path: Optimisation | undefined;
  },
): { readonly steps: readonly GraphStep[]; readonly edges: readonly GraphEdge[] } {
  const times = new Map(rows.map(({ step, ranMs }) => [step, ranMs]));
  const shares = new Map(path?.bottlenecks.map(({ step, share }) => [step, share]));
  const critical = pathEdges(edges, (step) => (shares.get(step) ?? 0) > 0);
  return {
    steps: definition.steps.map(({ name, kind, owner, capability, event }): GraphStep => {
      const ran = times.get(name);
      return {
        name,
        kind,
        detail: [owner, capability?.name ?? event].filter((part) => part !== undefined).join(" · "),
        share: shares.get(name),
        ...(ran !== undefined && {
          note: `p50 ${durationText(ran.p50)} · p95 ${durationText(ran.p95)}`,
        }),
      };
    }),
    edges: edges.map((edge) => ({ ...edge, isCritical: critical.has(edgeKey(edge)) })),
  };
}
