/** Triggers: which events from outside start tasks, or signal them. */

import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { Link } from "wouter";
import type { OperationResult } from "../../../src/client.ts";
import { useClient } from "../../data/client.tsx";
import { useOperation } from "../../data/query.ts";
import { useMay } from "../../data/session.tsx";
import { Button } from "../../kit/button.tsx";
import { Confirm } from "../../kit/confirm.tsx";
import { DataTable } from "../../kit/data_table.tsx";
import { EmptyState } from "../../kit/empty_state.tsx";
import { ErrorNote } from "../../kit/error_note.tsx";
import { Time } from "../../kit/time.tsx";

type Trigger = OperationResult<"listTriggers">["triggers"][number];

/** What is done to a trigger, after a question. */
const ACTS = {
  enableTrigger: {
    verb: "Take events again",
    does: "It takes events from now on. Those that came while it was paused were not kept for it.",
  },
  disableTrigger: {
    verb: "Pause",
    does: "It takes no more events, and they are not kept for it. Senders are answered that no " +
      "trigger takes them, unless another one does. Tasks that it has started go on.",
  },
  removeTrigger: {
    verb: "Remove",
    does: "It takes no more events, and its rule is gone. Tasks that it has started go on.",
  },
} as const;

type Act = keyof typeof ACTS;

/** All triggers of the namespaces that the key covers. */
export function Triggers() {
  const client = useClient();
  const queries = useQueryClient();
  const mayChange = useMay("admin");
  const [asked, setAsked] = useState<{ readonly act: Act; readonly of: Trigger }>();
  const { data, error, refetch } = useOperation("listTriggers", {});
  if (error !== null) return <ErrorNote error={error} onRetry={() => void refetch()} />;
  if (data === undefined) return <p className="muted pad">Reading …</p>;
  if (data.triggers.length === 0) {
    return (
      <EmptyState title="No event from outside starts anything">
        Make a trigger in a terminal:{" "}
        <code>
          deno task tasker triggers put NAMESPACE/NAME --type order.placed --start
          '&#123;"workflow": "shop/order"&#125;'
        </code>
      </EmptyState>
    );
  }
  return (
    <div className="stack pad-top">
      <TriggersTable
        triggers={data.triggers}
        {...(mayChange && { onAsk: (act: Act, of: Trigger) => setAsked({ act, of }) })}
      />
      {asked !== undefined && (
        <Confirm
          title={`${ACTS[asked.act].verb}: ${nameOf(asked.of)}`}
          does={ACTS[asked.act].does}
          verb={ACTS[asked.act].verb}
          isDanger={asked.act === "removeTrigger"}
          takesReason={asked.act !== "removeTrigger"}
          onClose={() => setAsked(undefined)}
          onConfirm={async (reason) => {
            const { act, of: { namespace, name: trigger } } = asked;
            if (act === "removeTrigger") await client.call(act, { namespace, trigger });
            else await client.call(act, { namespace, trigger, reason });
            await queries.invalidateQueries({ queryKey: ["listTriggers"] });
          }}
        />
      )}
    </div>
  );
}

/** Without `onAsk` nothing can be done to them. */
function TriggersTable({ triggers, onAsk }: {
  readonly triggers: readonly Trigger[];
  readonly onAsk?: (act: Act, of: Trigger) => void;
}) {
  return (
    <DataTable
      caption="Triggers"
      rows={triggers}
      keyOf={nameOf}
      columns={[
        { head: "Trigger", cell: nameOf },
        {
          head: "State",
          cell: ({ isEnabled }) => (
            <span className={`state ${isEnabled ? "good" : "attention"}`}>
              {isEnabled ? "takes events" : "paused"}
            </span>
          ),
        },
        { head: "Takes", cell: (trigger) => <Taken {...trigger} /> },
        { head: "Does", cell: (trigger) => <Deed {...trigger} /> },
        { head: "Changed", cell: ({ at, by }) => <>{<Time at={at} />} by {by}</> },
        ...(onAsk !== undefined
          ? [{
            head: "Do",
            cell: (of: Trigger) => <Buttons of={of} onAsk={(act) => onAsk(act, of)} />,
          }]
          : []),
      ]}
    />
  );
}

function nameOf({ namespace, name }: Pick<Trigger, "namespace" | "name">): string {
  return `${namespace}/${name}`;
}

function Taken({ type, filter }: Pick<Trigger, "type" | "filter">) {
  const conditions = Object.entries(filter);
  return (
    <>
      <code>{type}</code>
      {conditions.length > 0 && (
        <span className="muted">
          {" where "}
          {conditions.map(([field, value]) => `${field} is ${JSON.stringify(value)}`).join(", ")}
        </span>
      )}
    </>
  );
}

function Deed({ name, start, signal }: Pick<Trigger, "name" | "start" | "signal">) {
  const workflow = (start ?? signal)?.workflow ?? "";
  const started = new URLSearchParams({ workflow, tag: `trigger:${name}` });
  return (
    <>
      {start === undefined ? `signals ${signal?.name} of ` : "starts "}
      <Link href={`~/workflows/${workflow}`}>{workflow}</Link>
      {start !== undefined && (
        <>
          {", "}
          <Link href={`~/tasks?${started}`}>its tasks</Link>
        </>
      )}
    </>
  );
}

function Buttons({ of: { isEnabled }, onAsk }: {
  readonly of: Trigger;
  readonly onAsk: (act: Act) => void;
}) {
  const turn = isEnabled ? "disableTrigger" : "enableTrigger";
  return (
    <span className="row">
      <Button onPress={() => onAsk(turn)}>{ACTS[turn].verb} …</Button>
      <Button kind="danger" onPress={() => onAsk("removeTrigger")}>Remove …</Button>
    </span>
  );
}
