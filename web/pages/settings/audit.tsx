/** Who changed what, the newest first. */

import { useState } from "react";
import { useOperation } from "../../data/query.ts";
import { Button } from "../../kit/button.tsx";
import { DataTable } from "../../kit/data_table.tsx";
import { EmptyState } from "../../kit/empty_state.tsx";
import { ErrorNote } from "../../kit/error_note.tsx";
import { Time } from "../../kit/time.tsx";

/** Calls of one page. */
const SHOWN_MAX = 100;

/** How often it is read, in milliseconds: calls are kept a moment after they were made. */
const READ_MS = 5_000;

/** Calls that changed something, or tried to. */
export function AuditList() {
  const [target, setTarget] = useState("");
  const [cursor, setCursor] = useState<string>();
  const { data, error, refetch } = useOperation("listAudit", {
    limit: SHOWN_MAX,
    ...(target !== "" && { target }),
    ...(cursor !== undefined && { cursor }),
  }, { everyMs: READ_MS });
  return (
    <div className="stack pad-top">
      <label className="row">
        About{" "}
        <input
          value={target}
          maxLength={256}
          placeholder="such as a task"
          onChange={({ target }) => {
            setTarget(target.value);
            setCursor(undefined);
          }}
        />
      </label>
      {error !== null && <ErrorNote error={error} onRetry={() => void refetch()} />}
      {data?.calls.length === 0 && <EmptyState title="Nothing was changed by a call like this" />}
      {data !== undefined && data.calls.length > 0 && (
        <DataTable
          caption="Calls that changed something"
          rows={data.calls}
          keyOf={({ at, operation, target, keyId }) => `${at} ${operation} ${target} ${keyId}`}
          columns={[
            { head: "When", cell: ({ at }) => <Time at={at} /> },
            {
              head: "Did",
              cell: ({ operation, isDryRun }) => (
                <>
                  <code>{operation}</code>
                  {isDryRun && <span className="muted">, only asked</span>}
                </>
              ),
            },
            { head: "About", cell: ({ target }) => <code>{target}</code> },
            { head: "Outcome", cell: ({ outcome }) => <code>{outcome}</code> },
            { head: "Who", cell: ({ by }) => by },
            // Every browser's own text begins so; it says more than a person wants to know.
            {
              head: "With",
              cell: ({ agent }) => agent.startsWith("Mozilla/") ? "a browser" : agent,
            },
          ]}
        />
      )}
      <div className="row">
        {cursor !== undefined && <Button onPress={() => setCursor(undefined)}>Newest</Button>}
        {data?.nextCursor !== undefined && (
          <Button onPress={() => setCursor(data.nextCursor)}>Older</Button>
        )}
      </div>
    </div>
  );
}
