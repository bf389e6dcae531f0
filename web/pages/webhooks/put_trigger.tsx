/** Makes a trigger, or changes one. */

import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import type { OperationInput } from "../../../src/client.ts";
import { OWN_NAMESPACE } from "../../../src/core/incident.ts";
import { type JsonSchema, namespaceOf } from "../../../src/core/workflow.ts";
import { useClient } from "../../data/client.tsx";
import { useApiSchema, useOperation } from "../../data/query.ts";
import { Confirm } from "../../kit/confirm.tsx";
import { ErrorNote } from "../../kit/error_note.tsx";
import { pickFields, SchemaForm } from "../../kit/schema_form.tsx";
import type { Trigger } from "./triggers.tsx";

type Fields = Omit<OperationInput<"putTrigger">, "by" | "reason">;

/** What a trigger does with an event. */
type Deed = "start" | "signal";

/** Asks which events a trigger takes, and what it does. */
export function PutTrigger({ trigger, onClose }: {
  /** Absent: a new one is made. */
  readonly trigger?: Trigger;
  readonly onClose: () => void;
}) {
  const client = useClient();
  const queries = useQueryClient();
  const { schema, error: unread } = useApiSchema("PutTrigger");
  const { data, error } = useOperation("listWorkflows", {});
  const [fields, setFields] = useState<unknown>(() => trigger === undefined ? {} : kept(trigger));
  const [deed, setDeed] = useState<Deed>(trigger?.signal === undefined ? "start" : "signal");
  const put = async (reason: string) => {
    const { start, signal, ...others } = fields as Fields;
    const [rule, workflow] = deed === "start"
      ? [{ start }, start?.workflow]
      : [{ signal }, signal?.workflow];
    const namespace = trigger?.namespace ?? namespaceOf(workflow ?? "");
    await client.call("putTrigger", { ...others, ...rule, namespace, reason });
    await queries.invalidateQueries({ queryKey: ["listTriggers"] });
  };
  return (
    <Confirm
      title={trigger === undefined
        ? "Make a trigger"
        : `Change ${trigger.namespace}/${trigger.name}`}
      does={"It takes events that come from now on; all nodes follow within two seconds. It belongs " +
        "to the namespace of its workflow, and is checked against its contract first." +
        (trigger === undefined ? "" : " Tasks that it has started go on.")}
      verb={trigger === undefined ? "Make it" : "Change it"}
      isReady={schema !== undefined && data !== undefined}
      onClose={onClose}
      onConfirm={put}
    >
      {(error ?? unread) !== null && <ErrorNote error={error ?? unread} />}
      <label className="stack">
        What it does
        <select
          value={deed}
          onChange={({ target }) => setDeed(target.value === "signal" ? "signal" : "start")}
        >
          <option value="start">It starts a task</option>
          <option value="signal">It signals a task</option>
        </select>
      </label>
      {schema !== undefined && data !== undefined && (
        <SchemaForm
          schema={formOf(schema, {
            deed,
            isNew: trigger === undefined,
            workflows: choosable(data.workflows, trigger),
          })}
          value={fields}
          onChange={setFields}
          label="Trigger"
        />
      )}
    </Confirm>
  );
}

/** Workflows that it may be about: a trigger stays in its namespace. */
function choosable(
  workflows: readonly { readonly namespace: string; readonly name: string }[],
  trigger: Trigger | undefined,
): readonly string[] {
  return workflows
    .filter(({ namespace }) =>
      trigger === undefined ? namespace !== OWN_NAMESPACE : namespace === trigger.namespace
    )
    .map(({ namespace, name }) => `${namespace}/${name}`);
}

/** What stays unless it is changed. */
function kept(
  { name, type, filter, signed, start, signal, isEnabled }: Trigger,
): Omit<Fields, "namespace"> {
  return {
    ...{ trigger: name, type, filter, isEnabled },
    ...(signed !== undefined && { signed }),
    ...(start !== undefined && { start }),
    ...(signal !== undefined && { signal }),
  };
}

function formOf(schema: JsonSchema, { deed, isNew, workflows }: {
  readonly deed: Deed;
  readonly isNew: boolean;
  readonly workflows: readonly string[];
}): JsonSchema {
  const { [deed]: rule } = schema.properties as Readonly<Record<Deed, JsonSchema>>;
  const { workflow, ...others } = rule.properties as Readonly<Record<string, JsonSchema>>;
  return pickFields(schema, {
    ...(isNew && { trigger: { type: "string", title: "name", description: "Of the trigger" } }),
    type: {},
    filter: {},
    signed: {},
    [deed]: { properties: { workflow: { ...workflow, enum: workflows }, ...others } },
  }, [deed, ...(isNew ? ["trigger"] : [])]);
}
