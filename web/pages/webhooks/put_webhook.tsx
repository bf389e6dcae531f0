/** Makes a webhook, or changes one. */

import { useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import type { OperationInput } from "../../../src/client.ts";
import type { JsonSchema } from "../../../src/core/workflow.ts";
import { useClient } from "../../data/client.tsx";
import { useApiSchema } from "../../data/query.ts";
import { Button, CopyButton } from "../../kit/button.tsx";
import { Confirm } from "../../kit/confirm.tsx";
import { ErrorNote } from "../../kit/error_note.tsx";
import { pickFields, SchemaForm } from "../../kit/schema_form.tsx";
import type { Webhook } from "./webhook_list.tsx";

type Fields = Omit<OperationInput<"putWebhook">, "by" | "reason">;

/** Bytes of a new secret; Standard Webhooks advises 24 to 64. */
const SECRET_BYTES = 32;

/** Asks what is sent, and where to. */
export function PutWebhook({ webhook, onPut, onClose }: {
  /** Absent: a new one is made. */
  readonly webhook?: Webhook;
  readonly onPut: (name: string) => void;
  readonly onClose: () => void;
}) {
  const client = useClient();
  const queries = useQueryClient();
  const { schema, error } = useApiSchema("PutWebhook");
  const [fields, setFields] = useState<unknown>(() => webhook === undefined ? {} : kept(webhook));
  const put = async (reason: string) => {
    const asked = { ...(webhook && kept(webhook)), ...fields as Fields };
    await client.call("putWebhook", { ...asked, reason });
    await queries.invalidateQueries({ queryKey: ["listWebhooks"] });
    onPut(asked.name);
  };
  return (
    <Confirm
      title={webhook === undefined ? "Make a webhook" : `Change ${webhook.name}`}
      does={webhook === undefined
        ? "The events that you choose are sent to the URL from now on, signed with the secret. " +
          "What has happened before is not sent. All nodes follow within ten seconds."
        : "All nodes follow within ten seconds. Deliveries that have begun go on with the URL and " +
          "the secret that they began with."}
      verb={webhook === undefined ? "Make it" : "Change it"}
      isReady={schema !== undefined}
      onClose={onClose}
      onConfirm={put}
    >
      {error !== null && <ErrorNote error={error} />}
      {schema !== undefined && (
        <SchemaForm
          schema={formOf(schema, webhook === undefined)}
          value={fields}
          onChange={setFields}
          label="Webhook"
        />
      )}
      <NewSecret />
    </Confirm>
  );
}

/** What stays unless it is changed. */
function kept({ name, url, events, workflows, secret, isEnabled }: Webhook): Fields {
  return { name, url, events, workflows, secret, isEnabled };
}

function formOf(schema: JsonSchema, isNew: boolean): JsonSchema {
  return pickFields(schema, {
    ...(isNew && { name: { type: "string", description: "Also names it on the command line" } }),
    url: {},
    // The order of events says nothing.
    events: { uniqueItems: true },
    workflows: {},
    secret: {},
  }, isNew ? ["name"] : []);
}

/** The value of a secret is set where the server starts; here it is only made, for who has none. */
function NewSecret() {
  const [value, setValue] = useState<string>();
  if (value === undefined) {
    return (
      <p className="row">
        <Button onPress={() => setValue(makeSecret())}>Make a value for a new secret</Button>
      </p>
    );
  }
  return (
    <div className="stack">
      <p>
        This is the only time that it is shown, and no server has it. Set the variable to it where
        the server starts, name the variable in{" "}
        <code>TASKER_SECRETS</code>, start the server again, and give the value to the receiver.
      </p>
      <pre className="json" tabIndex={0} role="region" aria-label="Secret">{value}</pre>
      <p className="row">
        <CopyButton text={value} />
      </p>
    </div>
  );
}

function makeSecret(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(SECRET_BYTES));
  return `whsec_${btoa(String.fromCharCode(...bytes))}`;
}
