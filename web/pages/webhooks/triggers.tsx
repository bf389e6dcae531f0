/** Triggers: which events from outside start tasks, or signal them. */

import { useQueryClient } from "@tanstack/react-query";
import { useId, useState } from "react";
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
import { PutTrigger } from "./put_trigger.tsx";

/** A trigger, as the API shows it. */
export type Trigger = OperationResult<"listTriggers">["triggers"][number];

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

/** All triggers of the namespaces that the key covers; a new one is made here. */
export function Triggers() {
  const mayChange = useMay("admin");
  const [asked, setAsked] = useState<{ readonly act: Act; readonly of: Trigger }>();
  const [put, setPut] = useState<{ readonly trigger?: Trigger }>();
  const whyId = useId();
  const { data, error, refetch } = useOperation("listTriggers", {});
  if (error !== null) return <ErrorNote error={error} onRetry={() => void refetch()} />;
  if (data === undefined) return <p className="muted pad">Reading …</p>;
  const acts = { onAsk: (act: Act, of: Trigger) => setAsked({ act, of }), onChange: setPut };
  return (
    <div className="stack pad-top">
      <div className="row">
        <Button
          kind="primary"
          isDisabled={!mayChange}
          describedBy={whyId}
          onPress={() => setPut({})}
        >
          Make a trigger …
        </Button>
        <span id={whyId} className="muted">
          {!mayChange && "Triggers are made and changed with the scope admin, which you lack."}
        </span>
      </div>
      {data.triggers.length === 0
        ? (
          <EmptyState title="No event from outside starts anything">
            A trigger starts a task for an event that is sent here, or signals one.
          </EmptyState>
        )
        : <TriggersTable triggers={data.triggers} {...(mayChange && { acts })} />}
      {put !== undefined && <PutTrigger {...put} onClose={() => setPut(undefined)} />}
      {asked !== undefined && <AskedAct {...asked} onClose={() => setAsked(undefined)} />}
    </div>
  );
}

/** Asks before it is done. */
function AskedAct({ act, of, onClose }: {
  readonly act: Act;
  readonly of: Trigger;
  readonly onClose: () => void;
}) {
  const client = useClient();
  const queries = useQueryClient();
  const { verb, does } = ACTS[act];
  return (
    <Confirm
      title={`${verb}: ${nameOf(of)}`}
      does={does}
      verb={verb}
      isDanger={act === "removeTrigger"}
      takesReason={act !== "removeTrigger"}
      onClose={onClose}
      onConfirm={async (reason) => {
        const { namespace, name: trigger } = of;
        if (act === "removeTrigger") await client.call(act, { namespace, trigger });
        else await client.call(act, { namespace, trigger, reason });
        await queries.invalidateQueries({ queryKey: ["listTriggers"] });
      }}
    />
  );
}

/** What may be done to each trigger. */
interface TriggerActs {
  readonly onAsk: (act: Act, of: Trigger) => void;
  readonly onChange: (put: { readonly trigger: Trigger }) => void;
}

/** Without acts, nothing can be done to them. */
function TriggersTable({ triggers, acts }: {
  readonly triggers: readonly Trigger[];
  readonly acts?: TriggerActs;
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
          cell: (trigger) => <TriggerState {...trigger} />,
        },
        { head: "Takes", cell: (trigger) => <Taken {...trigger} /> },
        { head: "Does", cell: (trigger) => <Deed {...trigger} /> },
        { head: "Changed", cell: ({ at, by }) => <>{<Time at={at} />} by {by}</> },
        ...(acts === undefined
          ? []
          : [{ head: "Do", cell: (of: Trigger) => <Buttons of={of} acts={acts} /> }]),
      ]}
    />
  );
}

function TriggerState({ isEnabled, refusesAll }: Trigger) {
  if (!isEnabled) return <span className="state attention">paused</span>;
  if (refusesAll === undefined) return <span className="state good">takes events</span>;
  return (
    <>
      <span className="state bad">refuses all</span> <span className="muted">{refusesAll}</span>
    </>
  );
}

function nameOf({ namespace, name }: Pick<Trigger, "namespace" | "name">): string {
  return `${namespace}/${name}`;
}

function Taken({ namespace, name, type, filter, signed }: Trigger) {
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
      {signed !== undefined && (
        <span className="muted">
          {" signed by "}
          {signed.scheme}, at <code className="breaks">/v1/events/{namespace}/{name}</code>
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

function Buttons({ of, acts: { onAsk, onChange } }: {
  readonly of: Trigger;
  readonly acts: TriggerActs;
}) {
  const turn = of.isEnabled ? "disableTrigger" : "enableTrigger";
  return (
    <span className="row">
      <Button onPress={() => onChange({ trigger: of })}>Change …</Button>
      <Button onPress={() => onAsk(turn, of)}>{ACTS[turn].verb} …</Button>
      <Button kind="danger" onPress={() => onAsk("removeTrigger", of)}>Remove …</Button>
    </span>
  );
}
