/** How the node is that answers. */

import { useOperation } from "../../data/query.ts";
import { DataTable } from "../../kit/data_table.tsx";
import { ErrorNote } from "../../kit/error_note.tsx";
import { clockText } from "../../kit/time.tsx";

/** How often it is read, in milliseconds. */
const READ_MS = 10_000;

/** Its version, its clock, and each part with what can be done about it. */
export function NodeFacts() {
  const { data, error, refetch } = useOperation("getHealth", {}, { everyMs: READ_MS });
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
