/** All webhooks, with how their deliveries go. */

import { Link } from "wouter";
import type { OperationResult } from "../../../src/client.ts";
import { useOperation } from "../../data/query.ts";
import { DataTable } from "../../kit/data_table.tsx";
import { EmptyState } from "../../kit/empty_state.tsx";
import { ErrorNote } from "../../kit/error_note.tsx";
import { Time } from "../../kit/time.tsx";

/** A webhook, as the API shows it. */
export type Webhook = OperationResult<"listWebhooks">["webhooks"][number];

/** How often webhooks are read, in milliseconds: no event announces a delivery. */
export const READ_MS = 5_000;

/** The table of all webhooks. */
export function WebhookList() {
  const { data, error, refetch } = useOperation("listWebhooks", {}, { everyMs: READ_MS });
  if (error !== null) return <ErrorNote error={error} onRetry={() => void refetch()} />;
  if (data === undefined) return <p className="muted pad">Reading …</p>;
  if (data.webhooks.length === 0) {
    return (
      <EmptyState title="No event is sent anywhere">
        Make a webhook in a terminal:{" "}
        <code>
          deno task tasker webhooks put NAME --url URL --events task.failed --secret SECRET
        </code>
      </EmptyState>
    );
  }
  return (
    <div className="stack pad-top">
      <DataTable
        caption="Webhooks"
        rows={data.webhooks}
        keyOf={({ name }) => name}
        columns={[
          { head: "Webhook", cell: ({ name }) => <Link href={`/${name}`}>{name}</Link> },
          { head: "State", cell: (webhook) => <WebhookState webhook={webhook} /> },
          { head: "Events", cell: ({ events }) => events.join(", ") },
          { head: "Of", cell: ({ workflows }) => workflows.join(", ") || "all workflows" },
          { head: "Waiting", isNumber: true, cell: ({ waiting }) => countText(waiting) },
          { head: "Delivered", isNumber: true, cell: ({ delivered }) => countText(delivered) },
          { head: "Given up", isNumber: true, cell: ({ failed }) => countText(failed) },
          {
            head: "Last given up",
            cell: ({ lastFailedAt }) =>
              lastFailedAt === undefined ? "–" : <Time at={lastFailedAt} />,
          },
        ]}
      />
    </div>
  );
}

/** A number of deliveries, of which there may be more. */
export function countText({ count, isExact }: Webhook["waiting"]): string {
  return isExact ? String(count) : `${count} or more`;
}

/** What becomes of events now: sent, not sent, or given up lately. */
export function WebhookState({ webhook }: { readonly webhook: Webhook }) {
  const { isEnabled, lastFailedAt, lastDeliveredAt = "" } = webhook;
  if (!isEnabled) return <span className="state attention">paused</span>;
  return lastFailedAt !== undefined && lastFailedAt > lastDeliveredAt
    ? <span className="state bad">gives up</span>
    : <span className="state good">sends</span>;
}
