/** The announcer: makes of turns the commands that start the deliveries of webhooks. Pure. */

import type { Event } from "./event.ts";
import { mintTaskId, slotOf, type TaskId } from "./ids.ts";
import { INCIDENT_WORKFLOW, incidentOfState, OWN_NAMESPACE } from "./incident.ts";
import type { Plan } from "./plan.ts";
import type { InboxRow, PolicyOverlay, Runtime, TaskBirth, TaskChange } from "./ports.ts";
import { hasResult, type TaskState, type TaskStateName } from "./state.ts";
import {
  deliveryCommand,
  eventBody,
  type Webhook,
  WEBHOOK_EVENTS,
  type WebhookEvent,
  WEBHOOKS_NAME,
  webhooksOf,
} from "./webhook.ts";
import { namespaceOf } from "./workflow.ts";

/** Characters of a blocked reason that are sent. */
const REASON_SENT_MAX = 500;

/** Steps that wait for a person and are named in one event. */
const STEPS_SENT_MAX = 50;

/** The step of an incident after which nothing of it changes any more. */
const LAST_CHANGE = "release";

/** A turn that is about to be appended. */
export interface AnnouncedTurn {
  readonly taskId: TaskId;
  readonly plan: Plan;
  readonly turn: number;
  /** The state before it. */
  readonly before: TaskStateName;
  readonly birth?: TaskBirth | undefined;
  readonly change?: TaskChange | undefined;
  readonly events: readonly Event[];
  /** The task after it. */
  readonly state: TaskState;
}

/** What happened in a turn, and what is sent of it. */
interface News {
  readonly event: WebhookEvent;
  readonly data: object;
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
   * Shape: none for Tasker's own tasks but incidents, so no delivery reports another.
   * Cost: O(events) a turn, O(webhooks) for one with news; nothing without webhooks.
   */
  sendsOf(turn: AnnouncedTurn): readonly InboxRow[] {
    if (this.#webhooks.size === 0) return [];
    const { plan } = turn;
    const isOwn = plan.definition.namespace === OWN_NAMESPACE;
    if (isOwn && plan.workflow !== INCIDENT_WORKFLOW) return [];
    const { workflow, news } = isOwn
      ? newsOfIncident(turn)
      : { workflow: plan.workflow, news: newsOfTask(turn) };
    if (news.length === 0) return [];
    return [...this.#webhooks].flatMap(([name, webhook]) => {
      if (!webhook.isEnabled || !isAbout(webhook, workflow)) return [];
      return news.filter(({ event }) => webhook.events.includes(event))
        .map((one) => this.#deliveryOf(turn, { name, webhook, ...one }));
    });
  }

  #deliveryOf(
    { taskId, turn }: AnnouncedTurn,
    { name, webhook, event, data }: News & { readonly name: string; readonly webhook: Webhook },
  ): InboxRow {
    const { runtime } = this;
    const nowMs = runtime.now();
    const delivery = mintTaskId(nowMs, slotOf(taskId), runtime.uuid());
    return deliveryCommand(name, webhook, {
      taskId: delivery,
      key: `webhook:${name}:${taskId}:${turn}:${event}`,
      tags: [event, taskId],
      body: eventBody(delivery, { type: event, nowMs, data }),
    });
  }
}

function isAbout({ workflows }: Webhook, workflow: string): boolean {
  return workflows.length === 0 ||
    workflows.some((one) => one === workflow || one === `${namespaceOf(workflow)}/*`);
}

function newsOfTask(of: AnnouncedTurn): readonly News[] {
  const { taskId, plan, turn, before, birth, change } = of;
  const about = { id: taskId, workflow: plan.workflow, version: plan.definition.version };
  const news: News[] = [];
  if (birth !== undefined) {
    const data = { ...about, state: "running", turn, tags: birth.tags };
    news.push({ event: "task.started", data });
  }
  const state = change?.state ?? before;
  const steps = stepsForPerson(of);
  if (steps.length > 0) {
    news.push({ event: "task.needs_person", data: { ...about, state, turn, steps } });
  }
  const event = state === before
    ? undefined
    : WEBHOOK_EVENTS.find((one) => one === `task.${state}`);
  if (event === undefined) return news;
  const reason = change?.blockedReason?.slice(0, REASON_SENT_MAX).toWellFormed();
  const isBlocked = event === "task.blocked" && reason !== undefined;
  const data = { ...about, state, turn, ...(isBlocked && { blockedReason: reason }) };
  return [...news, { event, data }];
}

/** The steps that began to wait for a person in a turn, and for what: a choice, or a signal. */
function stepsForPerson({ plan, events, state }: AnnouncedTurn) {
  if (state.end !== undefined) return [];
  const begun = new Set<number>();
  for (const event of events) {
    const isAsked = event.kind === "StepParked" || event.kind === "StepStarted" &&
        plan.steps[event.step]?.definition.kind === "signal";
    if (isAsked) begun.add(event.step);
  }
  return [...begun].slice(0, STEPS_SENT_MAX).flatMap((index) => {
    const known = state.steps[index];
    const step = plan.steps[index]?.name;
    if (known?.state === "parked") return [{ step, needs: "choice", reason: known.reason }];
    // A signal that was there already has ended its step.
    return known?.state === "waiting_for_reply" ? [{ step, needs: "signal" }] : [];
  });
}

function newsOfIncident(of: AnnouncedTurn): { workflow: string; news: readonly News[] } {
  const { birth, plan, state } = of;
  const hasEnded = hasEndedNow(of);
  const waits = stepsForPerson(of).length > 0;
  const incident = birth !== undefined || hasEnded || waits
    ? incidentOfState(state, plan)
    : undefined;
  if (incident === undefined) return { workflow: "", news: [] };
  const { id, degradation: { workflow, step, signal }, release, conclude } = incident;
  const data = { id, workflow, step, signal };
  const news: News[] = [];
  if (birth !== undefined) news.push({ event: "incident.opened", data });
  if (waits) news.push({ event: "incident.needs_person", data });
  if (hasEnded) {
    const outcome = (release ?? conclude)?.outcome ?? "broken_off";
    news.push({ event: "incident.ended", data: { ...data, outcome } });
  }
  return { workflow, news };
}

/** Whether nothing of an incident changes any more, since this turn. */
function hasEndedNow({ plan, events, state }: AnnouncedTurn): boolean {
  const last = plan.indexOf.get(LAST_CHANGE);
  const released = state.steps[last ?? -1];
  if (released === undefined || !hasResult(released)) {
    return events.some(({ kind }) => kind === "TaskEnded");
  }
  // A person may have ended it by hand.
  return events.some((event) =>
    (event.kind === "StepCompleted" || event.kind === "StepResolved") && event.step === last
  );
}
