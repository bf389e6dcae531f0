/** Operations of webhooks: events of tasks that are sent to URLs. */

import { z } from "zod";
import { By, Name, Reason, SecretName } from "../core/fields.ts";
import { WEBHOOK_EVENTS, WEBHOOK_NAME_LENGTH_MAX } from "../core/webhook.ts";
import { group, operation } from "./operation.ts";
import { named, Time, whole } from "./schema.ts";
import { Cursor, NextCursor, SearchedTo } from "./task_filter.ts";

/** Characters of a URL, and workflows that one webhook names. */
const URL_LENGTH_MAX = 2_000;
const WORKFLOWS_MAX = 50;

/** Deliveries that one request sends again. */
const RESENT_MAX = 100;

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
    .describe(
      "namespace/name or namespace/*; empty: all. Of an incident, the workflow it is about",
    ),
  secret: SecretName
    .describe("The name of the secret that signs: a variable that TASKER_SECRETS lists"),
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

/** The workflow of its deliveries has a longer name, which has to be one as well. */
const NewParams = z.strictObject({
  name: Name.max(
    WEBHOOK_NAME_LENGTH_MAX,
    `expected at most ${WEBHOOK_NAME_LENGTH_MAX} characters: a workflow is named after it`,
  ),
});

const ResendBody = named(
  "ResendDeliveries",
  z.strictObject({
    by: By,
    reason: Reason,
    delivery: z.string().max(64).optional()
      .describe("The task of the one delivery to send again, however it ended"),
    since: Time.optional().describe("Instead: all that were given up at or after this time"),
    until: Time.optional().describe("… and before this time"),
    dryRun: z.boolean().default(false).describe("Only counts: nothing is sent"),
    limit: whole(1, RESENT_MAX).default(RESENT_MAX),
    cursor: Cursor.optional(),
  }),
);

const Resent = named(
  "ResentDeliveries",
  z.object({
    found: z.int().describe("Deliveries of this page"),
    sent: z.array(z.string()).describe("The tasks that deliver them again"),
    sentBefore: z.int().describe("Of those found, what was sent again by an earlier request"),
    nextCursor: NextCursor,
    searchedTo: SearchedTo,
  }),
);

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
    params: NewParams,
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
  resendDeliveries: operation({
    method: "POST",
    path: "/v1/webhooks/{name}/resend",
    summary: "Sends deliveries again that were given up, newest first, under the ids that their " +
      "receiver knows, to the URL of now. Repeat it with `nextCursor` until there is none; none " +
      "is sent twice",
    right: "admin",
    repeat: "command",
    params: Params,
    body: ResendBody,
    answers: { 200: { description: "What became of the page", schema: Resent } },
    errors: ["webhook.not_found", "task.not_found", "node.draining", "mailbox.full"],
    command: { verb: "webhooks resend" },
    audit: { target: "{name} {found} deliveries" },
  }),
});
