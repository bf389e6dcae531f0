/** All webhooks, with how their deliveries go. */

import { useState } from "react";
import { Link, useLocation } from "wouter";
import type { OperationResult } from "../../../src/client.ts";
import { useOperation } from "../../data/query.ts";
import { Button } from "../../kit/button.tsx";
import { DataTable } from "../../kit/data_table.tsx";
import { EmptyState } from "../../kit/empty_state.tsx";
import { ErrorNote } from "../../kit/error_note.tsx";
import { Time } from "../../kit/time.tsx";
import { PutWebhook } from "./put_webhook.tsx";

/** A webhook, as the API shows it. */
export type Webhook = OperationResult<"listWebhooks">["webhooks"][number];

/** How often webhooks are read, in milliseconds: no event announces a delivery. */
export const READ_MS = 5_000;

/** All webhooks; a new one is made here. */
export function WebhookList() {
  const { data, error, refetch } = useOperation("listWebhooks", {}, { everyMs: READ_MS });
  const [isMaking, setIsMaking] = useState(false);
  const [, go] = useLocation();
  if (error !== null) return <ErrorNote error={error} onRetry={() => void refetch()} />;
  if (data === undefined) return <p className="muted pad">Reading …</p>;
  const { webhooks } = data;
  return (
    <div className="stack pad-top">
      <div className="row">
        <Button kind="primary" onPress={() => setIsMaking(true)}>Make a webhook …</Button>
      </div>
      {webhooks.length === 0
        ? (
          <EmptyState title="No event is sent anywhere">
            A webhook sends events of tasks and incidents to a URL of yours.
          </EmptyState>
        )
        : <WebhookTable webhooks={webhooks} />}
      {isMaking && (
        <PutWebhook
          onPut={(name) => go(`/${name}`)}
          onClose={() => setIsMaking(false)}
        />
      )}
    </div>
  );
}

function WebhookTable({ webhooks }: { readonly webhooks: readonly Webhook[] }) {
  return (
    <DataTable
      caption="Webhooks"
      rows={webhooks}
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
          cell: ({ lastFailedAt }) => lastFailedAt === undefined ? "–" : <Time at={lastFailedAt} />,
        },
      ]}
    />
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
