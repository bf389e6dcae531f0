/** Operations of webhooks: events of tasks that are sent to URLs. */

import { z } from "zod";
import { By, Name, Reason } from "../core/fields.ts";
import { WEBHOOK_EVENTS } from "../core/webhook.ts";
import { group, operation } from "./operation.ts";
import { named, Time } from "./schema.ts";

/** Characters of a URL, and workflows that one webhook names. */
const URL_LENGTH_MAX = 2_000;
const WORKFLOWS_MAX = 50;

/** Names a workflow, or all of a namespace. */
const Workflow = z.string().max(130).regex(
  /^[a-z0-9_-]{1,64}\/([a-z0-9_-]{1,64}|\*)$/,
  "expected namespace/name or namespace/*",
);

const FIELDS = {
  url: z.url({ protocol: /^https?$/ }).max(URL_LENGTH_MAX)
    .describe("Where events are sent; TASKER_EGRESS has to list its host"),
  events: z.array(z.enum(WEBHOOK_EVENTS)).min(1).max(WEBHOOK_EVENTS.length),
  workflows: z.array(Workflow).max(WORKFLOWS_MAX)
    .describe("namespace/name or namespace/*; empty: all"),
  secret: z.string().regex(
    /^(?!TASKER_)[A-Za-z_][A-Za-z0-9_]{0,127}$/,
    "expected the name of a variable that TASKER_SECRETS lists",
  ).describe("The name of the secret that signs: a variable that TASKER_SECRETS lists"),
};

const Count = z.object({
  count: z.int(),
  isExact: z.boolean().describe("False: there are so many at least"),
});

const WebhookDocument = named(
  "Webhook",
  z.object({
    name: z.string(),
    ...FIELDS,
    isEnabled: z.boolean(),
    deliveriesWorkflow: z.string().describe("Each delivery is a task of this workflow"),
    waiting: Count.describe("Deliveries under way, or to be tried again"),
    delivered: Count,
    failed: Count.describe("Given up after all attempts"),
    lastDeliveredAt: Time.optional(),
    lastFailedAt: Time.optional(),
    lastErrorCode: z.string().optional(),
  }),
);

const PutBody = named(
  "PutWebhook",
  z.strictObject({
    by: By,
    reason: Reason,
    ...FIELDS,
    workflows: FIELDS.workflows.default([]),
    isEnabled: z.boolean().default(true),
  }),
);

const Decision = named("WebhookDecision", z.strictObject({ by: By, reason: Reason }).prefault({}));

const Params = z.strictObject({ name: Name });

/** A change of all webhooks' one document. */
const CHANGE = {
  right: "admin",
  repeat: "harmless",
  params: Params,
} as const;

const ERRORS = ["webhook.not_found", "policy.conflict"] as const;

const SHOWN = { 200: { description: "The webhook", schema: WebhookDocument } } as const;

/** Everything that can be asked of webhooks. */
export const WEBHOOKS = group("webhooks", {
  listWebhooks: operation({
    method: "GET",
    path: "/v1/webhooks",
    summary: "Lists webhooks, with how their deliveries go",
    right: "admin",
    repeat: "harmless",
    answers: {
      200: {
        description: "All of them, by name",
        schema: named("Webhooks", z.object({ webhooks: z.array(WebhookDocument) })),
      },
    },
    errors: [],
    command: { verb: "webhooks" },
  }),
  putWebhook: operation({
    ...CHANGE,
    method: "PUT",
    path: "/v1/webhooks/{name}",
    summary: "Makes a webhook, or changes it; all nodes follow within ten seconds",
    body: PutBody,
    answers: SHOWN,
    errors: ["policy.conflict"],
    command: { verb: "webhooks put" },
    audit: { target: "{name}", undo: "webhooks remove {name}" },
  }),
  enableWebhook: operation({
    ...CHANGE,
    method: "POST",
    path: "/v1/webhooks/{name}/enable",
    summary: "Sends events again, from now on",
    body: Decision,
    answers: SHOWN,
    errors: ERRORS,
    command: { verb: "webhooks enable" },
    audit: { target: "{name}", undo: "webhooks disable {name}" },
  }),
  disableWebhook: operation({
    ...CHANGE,
    method: "POST",
    path: "/v1/webhooks/{name}/disable",
    summary: "Sends no further events; what happens meanwhile is not sent later",
    body: Decision,
    answers: SHOWN,
    errors: ERRORS,
    command: { verb: "webhooks disable" },
    audit: { target: "{name}", undo: "webhooks enable {name}" },
  }),
  removeWebhook: operation({
    ...CHANGE,
    method: "DELETE",
    path: "/v1/webhooks/{name}",
    summary: "Removes a webhook; deliveries that have begun go on",
    answers: { 204: { description: "It is removed" } },
    errors: ERRORS,
    command: { verb: "webhooks remove" },
    audit: { target: "{name}" },
  }),
  testWebhook: operation({
    method: "POST",
    path: "/v1/webhooks/{name}/test",
    summary: "Sends the event `webhook.test`, also while it is disabled",
    right: "admin",
    repeat: "command",
    params: Params,
    answers: {
      202: {
        description: "Recorded, to be delivered",
        schema: named(
          "WebhookTest",
          z.object({ id: z.string().describe("The task that delivers it") }),
        ),
      },
    },
    errors: ["webhook.not_found", "node.draining", "mailbox.full"],
    command: { verb: "webhooks test" },
    audit: { target: "{name} {id}" },
  }),
});
