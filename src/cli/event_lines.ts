/** Event lines: which events are sent to URLs (webhooks), and what those from outside do (triggers). */

import type { OperationResult } from "../client.ts";
import { type Cell, dateText, headOf, namesText, type Paint, tableLines } from "./format.ts";
import { TASKER } from "./verb.ts";

type Webhook = OperationResult<"listWebhooks">["webhooks"][number];
type Trigger = OperationResult<"listTriggers">["triggers"][number];

/** Names of one cell. */
const NAMES_MAX = 3;

/** Draws webhooks, with how their deliveries go. */
export function webhookLines(webhooks: readonly Webhook[], paint: Paint): readonly string[] {
  if (webhooks.length === 0) {
    return [
      "no webhooks: no event is sent anywhere",
      `make one: ${TASKER} webhooks put NAME --url URL --events task.failed --secret VARIABLE`,
    ];
  }
  const rows = webhooks.map((webhook): Cell[] => {
    const { name, url, events, workflows, waiting, delivered, failed } = webhook;
    return [
      ...[name, webhookState(webhook), namesText(events, NAMES_MAX)],
      namesText(workflows, NAMES_MAX) || "all workflows",
      ...[waiting, delivered, failed].map(({ count, isExact }) =>
        isExact ? `${count}` : `${count}+`
      ),
      url,
    ];
  });
  const counts = ["WAITING", "DELIVERED", "GIVEN UP"];
  return tableLines([headOf("WEBHOOK", "STATE", "EVENTS", "OF", ...counts, "URL"), ...rows], paint);
}

function webhookState({ isEnabled, lastFailedAt, lastDeliveredAt = "", lastErrorCode }: Webhook) {
  if (!isEnabled) return { text: "paused", tone: "warn" } as const;
  if (lastFailedAt === undefined || lastFailedAt <= lastDeliveredAt) {
    return { text: "sends", tone: "good" } as const;
  }
  const why = lastErrorCode === undefined ? "" : `: ${lastErrorCode}`;
  return { text: `gives up${why}, ${dateText(lastFailedAt)} UTC`, tone: "bad" } as const;
}

/** Draws triggers; where one refuses every event, why. */
export function triggerLines(triggers: readonly Trigger[], paint: Paint): readonly string[] {
  if (triggers.length === 0) {
    return [
      "no triggers: no event from outside starts or signals a task",
      `make one: ${TASKER} triggers put NAMESPACE/NAME --type TYPE --start '{"workflow": "WORKFLOW"}'`,
    ];
  }
  const rows = triggers.map((trigger): Cell[] => {
    const { namespace, name, type, filter, signed, start, signal } = trigger;
    const conditions = Object.keys(filter);
    return [
      ...[`${namespace}/${name}`, triggerState(trigger)],
      conditions.length === 0 ? type : `${type} if ${namesText(conditions, NAMES_MAX)}`,
      signed === undefined ? "with a key" : `signed: ${signed.scheme}`,
      start === undefined
        ? `signals ${signal?.workflow}, ${signal?.name}`
        : `starts ${start.workflow}`,
    ];
  });
  const refusing = triggers.flatMap(({ namespace, name, isEnabled, refusesAll }) =>
    isEnabled && refusesAll !== undefined
      ? [paint("bad", `${namespace}/${name} refuses every event: ${refusesAll}`)]
      : []
  );
  return [
    ...tableLines([headOf("TRIGGER", "STATE", "TAKES", "SENT", "DOES"), ...rows], paint),
    ...(refusing.length === 0 ? [] : ["", ...refusing]),
  ];
}

function triggerState({ isEnabled, refusesAll }: Trigger) {
  if (!isEnabled) return { text: "paused", tone: "warn" } as const;
  return refusesAll === undefined
    ? { text: "takes events", tone: "good" } as const
    : { text: "refuses all", tone: "bad" } as const;
}
