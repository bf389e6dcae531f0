/** One webhook: what it sends, its last deliveries, and what can be done about them. */

import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { Link, useLocation } from "wouter";
import type { CallName, Client, TaskSummary } from "../../../src/client.ts";
import { useClient } from "../../data/client.tsx";
import { useOperation } from "../../data/query.ts";
import { Button } from "../../kit/button.tsx";
import { Confirm } from "../../kit/confirm.tsx";
import { DataTable } from "../../kit/data_table.tsx";
import { EmptyState } from "../../kit/empty_state.tsx";
import { ErrorNote } from "../../kit/error_note.tsx";
import { StateBadge } from "../../kit/state_badge.tsx";
import { Time } from "../../kit/time.tsx";
import { PutWebhook } from "./put_webhook.tsx";
import { countText, READ_MS, type Webhook, WebhookState } from "./webhook_list.tsx";

/** Deliveries that are shown. */
const SHOWN_MAX = 25;

/** Spans of what is sent again, in hours. */
const RESEND_HOURS = [1, 24, 7 * 24] as const;

/** What is asked before it is done. */
interface Act {
  readonly verb: string;
  readonly does: string;
  readonly isDanger?: boolean;
  readonly takesReason?: boolean;
  /** Returns what is said once it is done. */
  readonly run: (reason: string) => Promise<string>;
}

/** A webhook and its deliveries. */
export function WebhookView({ name }: { readonly name: string }) {
  const { data, error, refetch } = useOperation("listWebhooks", {}, { everyMs: READ_MS });
  const [act, setAct] = useState<Act>();
  const [said, setSaid] = useState<string>();
  const queries = useQueryClient();
  const webhook = data?.webhooks.find((one) => one.name === name);
  if (error !== null) return <ErrorNote error={error} onRetry={() => void refetch()} />;
  if (data === undefined) return <p className="muted pad">Reading …</p>;
  if (webhook === undefined) {
    return (
      <EmptyState title={`There is no webhook “${name}”`}>
        It may have been removed. <Link href="/">All webhooks</Link>
      </EmptyState>
    );
  }
  return (
    <div className="stack">
      <Facts webhook={webhook} />
      {said !== undefined && <p role="status">{said}</p>}
      <Acts webhook={webhook} onAsk={setAct} />
      <Deliveries webhook={webhook} onAsk={setAct} />
      {act !== undefined && (
        <Confirm
          title={`${act.verb}: ${name}`}
          does={act.does}
          verb={act.verb}
          isDanger={act.isDanger ?? false}
          takesReason={act.takesReason ?? true}
          onClose={() => setAct(undefined)}
          onConfirm={async (reason) => {
            setSaid(await act.run(reason));
            const read: readonly CallName[] = ["listWebhooks", "listTasks"];
            for (const key of read) await queries.invalidateQueries({ queryKey: [key] });
          }}
        />
      )}
    </div>
  );
}

function Facts({ webhook }: { readonly webhook: Webhook }) {
  const { url, events, workflows, secret, waiting, delivered, failed, lastErrorCode } = webhook;
  return (
    <div className="panel stack">
      <p className="row">
        <WebhookState webhook={webhook} />
        <code className="breaks">{url}</code>
      </p>
      <p>
        It sends {events.join(", ")} of{" "}
        {workflows.join(", ") || "all workflows"}, signed with the secret <code>{secret}</code>.
      </p>
      <p>
        {countText(waiting)} wait or are tried again, {countText(delivered)} were delivered,{" "}
        {countText(failed)} were given up
        {lastErrorCode !== undefined && (
          <>
            , the last with <code>{lastErrorCode}</code>
          </>
        )}.
      </p>
    </div>
  );
}

function Acts({ webhook, onAsk }: {
  readonly webhook: Webhook;
  readonly onAsk: (act: Act) => void;
}) {
  const client = useClient();
  const [, go] = useLocation();
  const { name, url, failed } = webhook;
  const [isChanging, setIsChanging] = useState(false);
  const turn = turnOf(client, webhook);
  const ask = () =>
    onAsk({
      verb: "Send a test",
      does: `The event webhook.test is sent to ${url} once, and tried again like any other.`,
      takesReason: false,
      run: async () => {
        await client.call("testWebhook", { name });
        return "A test is on its way: see the deliveries.";
      },
    });
  return (
    <div className="row" role="group" aria-label="Webhook">
      <Button onPress={ask}>Send a test …</Button>
      <Button onPress={() => setIsChanging(true)}>Change …</Button>
      <Button onPress={() => onAsk(turn)}>{turn.verb} …</Button>
      {isChanging && (
        <PutWebhook
          webhook={webhook}
          onPut={() => {}}
          onClose={() => setIsChanging(false)}
        />
      )}
      {failed.count > 0 && <ResendMany name={name} url={url} onAsk={onAsk} />}
      <Button kind="danger" onPress={() => onAsk(removalOf(client, webhook, () => go("/")))}>
        Remove …
      </Button>
    </div>
  );
}

/** Pauses it, or lets it send again. */
function turnOf(client: Client, { name, url, isEnabled }: Webhook): Act {
  if (!isEnabled) {
    return {
      verb: "Go on",
      does: `What happens from now on is sent to ${url}.`,
      run: async (reason) => {
        await client.call("enableWebhook", { name, reason });
        return "It sends again.";
      },
    };
  }
  return {
    verb: "Pause",
    does: "Nothing more is sent from now on, and what happens meanwhile is not sent later. " +
      "Deliveries that have begun go on.",
    run: async (reason) => {
      await client.call("disableWebhook", { name, reason });
      return "It is paused: nothing is kept for it.";
    },
  };
}

function removalOf(client: Client, { name, url, waiting }: Webhook, removed: () => void): Act {
  return {
    verb: "Remove",
    does: `No event is sent to ${url} any more. ` +
      `${countText(waiting)} deliveries that have begun go on; those that were given up can no ` +
      "longer be sent again. This cannot be taken back.",
    isDanger: true,
    takesReason: false,
    run: async () => {
      await client.call("removeWebhook", { name });
      removed();
      return "";
    },
  };
}

function ResendMany({ name, url, onAsk }: {
  readonly name: string;
  readonly url: string;
  readonly onAsk: (act: Act) => void;
}) {
  const client = useClient();
  const [hours, setHours] = useState<number>(RESEND_HOURS[1]);
  /** All pages; a repeat sends nothing twice. */
  const resend = async (dryRun: boolean, reason: string) => {
    const since = new Date(Date.now() - hours * 3_600_000).toISOString();
    let [found, sent]: [number, number] = [0, 0];
    let cursor: string | undefined;
    do {
      const page = await client.call("resendDeliveries", {
        ...{ name, since, dryRun, reason },
        ...(cursor !== undefined && { cursor }),
      });
      found += page.found;
      sent += page.sent.length;
      cursor = page.nextCursor;
    } while (cursor !== undefined);
    return { found, sent };
  };
  const ask = async () => {
    const { found } = await resend(true, "");
    onAsk({
      verb: "Send what was given up",
      does: `${found} deliveries were given up in this time. Each that was not sent again before ` +
        `goes to ${url} once more, under the id that the receiver knows.`,
      run: async (reason) => {
        const { found, sent } = await resend(false, reason);
        const others = sent < found ? "; the others were before" : "";
        return `${sent} of ${found} are sent again${others}.`;
      },
    });
  };
  return (
    <>
      <select
        aria-label="Given up in the last"
        value={hours}
        onChange={({ target }) => setHours(Number(target.value))}
      >
        {RESEND_HOURS.map((span) => (
          <option key={span} value={span}>
            {span <= 24 ? `${span} h` : `${span / 24} days`}
          </option>
        ))}
      </select>
      <Button onPress={() => void ask()}>Send what was given up …</Button>
    </>
  );
}

function Deliveries({ webhook: { name, url, deliveriesWorkflow }, onAsk }: {
  readonly webhook: Webhook;
  readonly onAsk: (act: Act) => void;
}) {
  const client = useClient();
  const { data, error, refetch } = useOperation("listTasks", {
    workflow: deliveriesWorkflow,
    limit: SHOWN_MAX,
  }, { everyMs: READ_MS });
  const ask = ({ id, tags: [event] }: TaskSummary) =>
    onAsk({
      verb: "Send again",
      does: `The event ${event} goes to ${url} once more, under the id that the receiver knows.`,
      run: async (reason) => {
        await client.call("resendDeliveries", { name, delivery: id, reason });
        return "It is sent again.";
      },
    });
  return (
    <section className="stack" aria-label="Deliveries">
      <h2>Last deliveries</h2>
      {error !== null && <ErrorNote error={error} onRetry={() => void refetch()} />}
      {data?.tasks.length === 0 && <p className="muted">Nothing was sent yet.</p>}
      {data !== undefined && data.tasks.length > 0 && (
        <DeliveriesTable tasks={data.tasks} onResend={ask} />
      )}
      <p>
        <Link href={`~/tasks?workflow=${encodeURIComponent(deliveriesWorkflow)}`}>
          All deliveries, to filter and to cancel together
        </Link>
      </p>
    </section>
  );
}

function DeliveriesTable({ tasks, onResend }: {
  readonly tasks: readonly TaskSummary[];
  readonly onResend: (task: TaskSummary) => void;
}) {
  return (
    <DataTable
      caption="Last deliveries"
      rows={tasks}
      keyOf={({ id }) => id}
      columns={[
        {
          head: "Delivery",
          cell: ({ id, tags: [event] }) => <Link href={`~/tasks/${id}`}>{event}</Link>,
        },
        {
          head: "About",
          cell: ({ tags: [event = "", about] }) =>
            about === undefined
              ? "–"
              : (
                <Link href={`~/${event.startsWith("incident.") ? "incidents" : "tasks"}/${about}`}>
                  <code>{about}</code>
                </Link>
              ),
        },
        { head: "State", cell: ({ state }) => <StateBadge state={state} /> },
        { head: "Failure", cell: ({ failure }) => failure?.codes.join(", ") },
        { head: "Begun", cell: ({ createdAt }) => <Time at={createdAt} /> },
        {
          head: "Ended",
          cell: ({ endedAt }) => endedAt === undefined ? "–" : <Time at={endedAt} />,
        },
        {
          head: "Do",
          cell: (task) =>
            task.endedAt !== undefined && (
              <Button onPress={() => onResend(task)}>Send again …</Button>
            ),
        },
      ]}
    />
  );
}
