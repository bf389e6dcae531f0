/** The nodes that share the work of the database, and how the one is that answers. */

import { SLOTS } from "../../../src/core/ids.ts";
import { useOperation } from "../../data/query.ts";
import { DataTable } from "../../kit/data_table.tsx";
import { ErrorNote } from "../../kit/error_note.tsx";
import { clockText, durationText, Time } from "../../kit/time.tsx";

/** How often they are read, and what one says of itself, in milliseconds. */
const READ_MS = 5_000;
const FACTS_READ_MS = 10_000;

/** A node renews its lease once a second; after this long it is late, in milliseconds. */
const LATE_MS = 4_000;

/** All nodes: since when, in which version, and which of them are late or gone. */
export function Nodes() {
  const { data, error, refetch } = useOperation("listNodes", {}, { everyMs: READ_MS });
  const versions = new Set(data?.nodes.map(({ version }) => version ?? "an earlier one"));
  return (
    <div className="stack pad-top">
      {error !== null && <ErrorNote error={error} onRetry={() => void refetch()} />}
      {versions.size > 1 && (
        <p className="attention">
          The nodes run {versions.size} versions:{" "}
          {[...versions].join(", ")}. That is so while they are updated one by one.
        </p>
      )}
      {data !== undefined && (
        <DataTable
          caption="Nodes"
          rows={data.nodes}
          keyOf={({ id }) => id}
          columns={[
            {
              head: "Node",
              cell: ({ name, isThis }) => (
                <>
                  <code>{name}</code>
                  {isThis && <span className="muted">, this page comes from it</span>}
                </>
              ),
            },
            { head: "State", cell: (node) => <NodeState {...node} /> },
            { head: "Version", cell: ({ version }) => version ?? "an earlier one" },
            {
              head: "Started",
              cell: ({ since }) => since === undefined ? "not known" : <Time at={since} />,
            },
            {
              head: "Share of the tasks",
              isNumber: true,
              cell: ({ slots }) => `${Math.round(slots / SLOTS * 100)} %`,
            },
          ]}
        />
      )}
      <h2>The node that answers</h2>
      <NodeFacts />
    </div>
  );
}

function NodeState({ isExpired, renewedAgoMs }: {
  readonly isExpired: boolean;
  readonly renewedAgoMs: number;
}) {
  const ago = durationText(renewedAgoMs);
  if (isExpired) {
    return <span className="state bad">silent for {ago}; the others take its tasks over</span>;
  }
  return renewedAgoMs > LATE_MS
    ? <span className="state attention">silent for {ago}</span>
    : <span className="state good">alive</span>;
}

/** Its version, its clock, and each part with what can be done about it. */
function NodeFacts() {
  const { data, error, refetch } = useOperation("getHealth", {}, { everyMs: FACTS_READ_MS });
  if (error !== null) return <ErrorNote error={error} onRetry={() => void refetch()} />;
  if (data === undefined) return <p className="muted pad">Reading …</p>;
  const { node, version, now, notReady, checks, ok } = data;
  return (
    <div className="stack pad-top">
      <p className="row">
        <span className={`state ${ok ? "good" : "bad"}`}>{ok ? "in order" : "not in order"}</span>
        <span>
          <code>{node}</code>, Tasker {version}
        </span>
        <span className="muted">its clock says {clockText(now).slice(0, 8)}</span>
      </p>
      {notReady !== undefined && <p className="attention">It takes no requests: {notReady}</p>}
      <DataTable
        caption="Parts of this node"
        rows={checks}
        keyOf={({ name }) => name}
        columns={[
          { head: "Part", cell: ({ name }) => name },
          {
            head: "State",
            cell: ({ ok }) => (
              <span className={`state ${ok ? "good" : "bad"}`}>
                {ok ? "in order" : "not in order"}
              </span>
            ),
          },
          { head: "Detail", cell: ({ detail }) => detail },
          { head: "What to do", cell: ({ ok, action }) => ok ? "–" : action ?? "–" },
        ]}
      />
    </div>
  );
}
