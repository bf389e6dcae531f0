/**
 * Webhooks: events of tasks that are sent to URLs, signed as Standard Webhooks says
 * (https://www.standardwebhooks.com). A delivery is a task of a workflow with one HTTP step, so its
 * retries, limits, circuit and journal are those of any other step; the command that starts it is
 * committed with the turn that it reports. Pure.
 */

import { z } from "zod";
import type { DeepReadonly } from "./json.ts";
import { mintTaskId, slotOf, type TaskId } from "./ids.ts";
import { OWN_NAMESPACE } from "./incident.ts";
import type { Plan } from "./plan.ts";
import type { InboxRow, PolicyOverlay, Runtime, TaskBirth, TaskChange } from "./ports.ts";
import { encodePayload } from "./payload.ts";
import type { TaskStateName } from "./state.ts";
import type { Definition } from "./workflow.ts";

/** What a webhook may report: a task started, or came into a state. */
export const WEBHOOK_EVENTS = [
  "task.started",
  "task.blocked",
  "task.paused",
  "task.completed",
  "task.failed",
  "task.cancelled",
] as const;

/** What a webhook may report. */
export type WebhookEvent = (typeof WEBHOOK_EVENTS)[number];

/** Webhooks of one installation: each turn that changes a task's state is compared with all. */
export const WEBHOOKS_MAX = 100;

/** Under which name of OWN_NAMESPACE webhooks are kept, as a policy overlay: by name, in `steps`. */
export const WEBHOOKS_NAME = "webhooks";

/** The one step of a delivery. */
const DELIVER = "deliver";

/** Characters of a blocked reason that are sent. */
const REASON_SENT_MAX = 500;

/** What is tried again: each answer but "gone", because receivers are fixed while deliveries wait. */
const RETRIED = Array.from({ length: 200 }, (_, at) => 300 + at).filter((status) => status !== 410);

/**
 * 20 attempts within about a day; the first six within five minutes. A delivery waits for its circuit as
 * long as it takes: a time-out of the queue would give it up after its first attempt.
 */
const POLICY = {
  timeoutMs: 15_000,
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
      with: { url, body: "$.input" },
      http: {
        method: "POST",
        origin: new URL(url).origin,
        sign: secret,
        retryOn: RETRIED,
        isStatusOnly: true,
      },
      atMostOnce: false,
      policy: POLICY,
    }],
  };
}

/** A turn that is about to be appended. */
export interface AnnouncedTurn {
  readonly taskId: TaskId;
  readonly plan: Plan;
  readonly turn: number;
  /** The state before it. */
  readonly before: TaskStateName;
  readonly birth?: TaskBirth | undefined;
  readonly change?: TaskChange | undefined;
}

/** Makes the commands that start deliveries. */
export class Announcer {
  #webhooks: ReadonlyMap<string, Webhook> = new Map();

  constructor(readonly runtime: Pick<Runtime, "now" | "uuid">) {}

  /** Takes the webhooks out of the newest overlays. */
  renew(newest: ReadonlyMap<string, PolicyOverlay>): void {
    this.#webhooks = webhooksOf(newest.get(`${OWN_NAMESPACE}/${WEBHOOKS_NAME}`));
  }

  /**
   * Makes the commands that start a turn's deliveries. Their tasks are in the slot of the turn's task:
   * its owner may write to the inbox of no other with the turn.
   *
   * Shape: none for Tasker's own tasks, so no delivery reports another.
   * Cost: O(webhooks) for a turn that starts a task or changes its state.
   */
  sendsOf(turn: AnnouncedTurn): readonly InboxRow[] {
    const { plan } = turn;
    if (this.#webhooks.size === 0 || plan.definition.namespace === OWN_NAMESPACE) return [];
    const events = eventsOf(turn);
    return [...this.#webhooks].flatMap(([name, webhook]) => {
      if (!webhook.isEnabled || !isAbout(webhook, plan)) return [];
      return events.filter((event) => webhook.events.includes(event))
        .map((event) => this.#deliveryOf(turn, { name, webhook, event }));
    });
  }

  #deliveryOf(
    { taskId, plan, turn, change, birth }: AnnouncedTurn,
    { name, webhook, event }: { name: string; webhook: Webhook; event: WebhookEvent },
  ): InboxRow {
    const { runtime } = this;
    const nowMs = runtime.now();
    const blockedReason = change?.blockedReason?.slice(0, REASON_SENT_MAX).toWellFormed();
    const data = {
      id: taskId,
      workflow: plan.workflow,
      version: plan.definition.version,
      state: event === "task.started" ? "running" : change?.state,
      turn,
      ...(birth !== undefined && { tags: birth.tags }),
      ...(event === "task.blocked" && blockedReason !== undefined && { blockedReason }),
    };
    return deliveryCommand(name, webhook, {
      taskId: mintTaskId(nowMs, slotOf(taskId), runtime.uuid()),
      key: `webhook:${name}:${taskId}:${turn}:${event}`,
      tags: [event, taskId],
      body: eventBody(event, nowMs, data),
    });
  }
}

/** The body of an event, as Standard Webhooks has it. */
export function eventBody(type: string, nowMs: number, data: object): object {
  return { type, timestamp: new Date(nowMs).toISOString(), data };
}

function eventsOf({ before, birth, change }: AnnouncedTurn): readonly WebhookEvent[] {
  const started = birth === undefined ? [] : ["task.started" as const];
  const isSame = change === undefined || change.state === before;
  const now = isSame ? undefined : WEBHOOK_EVENTS.find((event) => event === `task.${change.state}`);
  return now === undefined ? started : [...started, now];
}

function isAbout({ workflows }: Webhook, { workflow, definition: { namespace } }: Plan): boolean {
  return workflows.length === 0 ||
    workflows.some((one) => one === workflow || one === `${namespace}/*`);
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
