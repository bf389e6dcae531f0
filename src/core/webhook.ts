/**
 * Webhooks: events of tasks that are sent to URLs, signed as Standard Webhooks says
 * (https://www.standardwebhooks.com). A delivery is a task of a workflow with one HTTP step, so its
 * retries, limits, circuit and journal are those of any other step; the command that starts it is
 * committed with the turn that it reports. Pure.
 */

import { z } from "zod";
import type { DeepReadonly } from "./json.ts";
import { slotOf, stepKey, type TaskId } from "./ids.ts";
import { OWN_NAMESPACE } from "./incident.ts";
import type { InboxRow, PolicyOverlay } from "./ports.ts";
import { encodePayload } from "./payload.ts";
import type { Definition } from "./workflow.ts";

/** What a webhook may report: of a task, or of an incident. */
export const WEBHOOK_EVENTS = [
  "task.started",
  "task.needs_person",
  "task.blocked",
  "task.paused",
  "task.completed",
  "task.failed",
  "task.cancelled",
  "incident.opened",
  "incident.needs_person",
  "incident.ended",
] as const;

/** What a webhook may report. */
export type WebhookEvent = (typeof WEBHOOK_EVENTS)[number];

/** Webhooks of one installation: each turn that changes a task's state is compared with all. */
export const WEBHOOKS_MAX = 100;

/** Under which name of OWN_NAMESPACE webhooks are kept, as a policy overlay: by name, in `steps`. */
export const WEBHOOKS_NAME = "webhooks";

/** The one step of a delivery. */
const DELIVER = "deliver";

/** What is tried again: each answer but "gone", because receivers are fixed while deliveries wait. */
const RETRIED = Array.from({ length: 200 }, (_, at) => 300 + at).filter((status) => status !== 410);

/**
 * 20 attempts within about a day; the first six within five minutes. A delivery waits for its circuit as
 * long as it takes: a time-out of the queue would give it up after its first attempt.
 */
const POLICY = {
  timeoutMs: 15_000,
  // A receiver that hangs takes no more places of a node from others, until its circuit opens.
  concurrencyMax: 32,
  retry: { attemptsMax: 20, backoff: "exponential", delayMsMin: 5_000, delayMsMax: 4 * 3_600_000 },
  onExhausted: "fail",
} as const;

/** A webhook as it is kept. */
const StoredWebhook = z.object({
  url: z.string(),
  events: z.array(z.enum(WEBHOOK_EVENTS)),
  /** `namespace/name` or `namespace/*`; empty: all. */
  workflows: z.array(z.string()),
  /** The name of the secret that signs. */
  secret: z.string(),
  isEnabled: z.boolean(),
  /** The definition of its deliveries. */
  version: z.string(),
  hash: z.string(),
});

/** A webhook as it is kept. */
export type Webhook = DeepReadonly<z.output<typeof StoredWebhook>>;

/** Reads webhooks out of their overlay, by name. One that cannot be read is left out. */
export function webhooksOf(overlay: PolicyOverlay | undefined): ReadonlyMap<string, Webhook> {
  const entries = Object.entries(overlay?.steps ?? {}).flatMap(([name, stored]) => {
    const read = StoredWebhook.safeParse(stored);
    return read.success ? [[name, read.data] as const] : [];
  });
  return new Map(entries);
}

/** Begins the name of the workflow of a webhook's deliveries. */
const DELIVERIES = "webhook_";

/** Characters of a webhook's name: the workflow of its deliveries has one of 64. */
export const WEBHOOK_NAME_LENGTH_MAX = 64 - DELIVERIES.length;

/** The workflow of a webhook's deliveries: `tasker/webhook_<name>`. */
export function webhookWorkflow(name: string): string {
  return `${OWN_NAMESPACE}/${DELIVERIES}${name}`;
}

/** Whether a workflow is that of a webhook's deliveries. */
export function isDelivery(namespace: string, name: string): boolean {
  return namespace === OWN_NAMESPACE && name.startsWith(DELIVERIES);
}

/** The definition of deliveries: one request. Another URL or secret is another version. */
export function webhookDefinition(
  name: string,
  { url, secret, version }: Pick<Webhook, "url" | "secret" | "version">,
): Definition {
  return {
    namespace: OWN_NAMESPACE,
    name: `${DELIVERIES}${name}`,
    version,
    failurePolicy: "continue_independent",
    steps: [{
      name: DELIVER,
      kind: "http",
      owner: OWN_NAMESPACE,
      needs: {},
      after: [],
      when: "succeeded",
      contract: {},
      // An event that is sent again is still the same event.
      with: {
        url,
        headers: { "webhook-id": "$.input.id", "idempotency-key": "$.input.id" },
        body: "$.input",
      },
      http: {
        method: "POST",
        origin: new URL(url).origin,
        sign: secret,
        retryOn: RETRIED,
        isStatusOnly: true,
        circuit: `webhook:${name}`,
      },
      atMostOnce: false,
      policy: POLICY,
    }],
  };
}

/**
 * Makes the body of an event, as Standard Webhooks has it.
 *
 * @param delivery the task that delivers it first
 */
export function eventBody(
  delivery: TaskId,
  { type, nowMs, data }: { readonly type: string; readonly nowMs: number; readonly data: object },
): object {
  return { id: eventId(delivery), type, timestamp: new Date(nowMs).toISOString(), data };
}

/** What names an event to its receiver, however often it is sent. */
export function eventId(delivery: TaskId): string {
  return stepKey(delivery, DELIVER);
}

/** Makes the command that starts one delivery. */
export function deliveryCommand(
  name: string,
  { version, hash }: Pick<Webhook, "version" | "hash">,
  { taskId, key, tags, body }: {
    readonly taskId: TaskId;
    readonly key: string;
    readonly tags: readonly string[];
    readonly body: unknown;
  },
): InboxRow {
  return {
    commandId: key,
    slot: slotOf(taskId),
    wantsAnswer: false,
    command: {
      kind: "StartTask",
      taskId,
      commandId: key,
      namespace: OWN_NAMESPACE,
      workflow: webhookWorkflow(name),
      version,
      definitionHash: hash,
      input: encodePayload(body, `the event of webhook "${name}"`),
      tags,
      key,
    },
  };
}
