/** Operations of triggers: events from outside that start tasks, or signal them. */

import { z } from "zod";
import { faultsOf } from "../core/faults.ts";
import { By, Name, Reason } from "../core/fields.ts";
import { OutsideEvent, TRIGGER_FIELDS } from "../core/trigger.ts";
import { group, operation } from "./operation.ts";
import { Problem } from "./problem.ts";
import { named, Time } from "./schema.ts";

/** Events of one request. */
const EVENTS_MAX = 100;

const TriggerDocument = named(
  "Trigger",
  z.object({
    namespace: z.string(),
    name: z.string(),
    ...TRIGGER_FIELDS,
    isEnabled: z.boolean(),
    refusesAll: z.string().optional().describe("Why no event can be signed for it now"),
    by: z.string().describe("Who changed it last"),
    at: Time,
  }),
);

const PutBody = named(
  "PutTrigger",
  z.strictObject({
    by: By,
    reason: Reason,
    ...TRIGGER_FIELDS,
    filter: TRIGGER_FIELDS.filter.default({}),
    isEnabled: z.boolean().default(true),
  }),
);

const Decision = named("TriggerDecision", z.strictObject({ by: By, reason: Reason }).prefault({}));

const Event = named("OutsideEvent", OutsideEvent);

/** Any other value is answered in its place, with what is wrong with it; nobody means to send one. */
const NotAnEvent = z.custom<never>(() => true)
  .describe("Anything else is refused by itself")
  .transform((value: unknown) => ({
    faults: faultsOf(Event.safeParse(value).error as z.ZodError, ""),
  }));

/** One event, or a list of them. */
const EventsBody = named(
  "OutsideEvents",
  z.union([
    z.array(z.union([Event, NotAnEvent])).min(1).max(EVENTS_MAX),
    Event.transform((one) => [one]),
  ]),
);

const Fired = z.object({
  trigger: z.string(),
  outcome: z.enum(["started", "signalled", "refused"])
    .describe("A repeated event gets the outcome that it had"),
  task: z.string().optional().describe("The task, unless it is refused"),
  problem: Problem.optional().describe("Why it is refused"),
});

const EventAnswers = named(
  "EventAnswers",
  z.object({
    namespace: z.string(),
    events: z.array(z.object({
      id: z.string().optional().describe("Of the event, if it could be read"),
      outcome: z.enum(["taken", "unmatched", "refused"]).describe(
        "unmatched: no trigger takes it, and nothing was done; refused: it could not be read",
      ),
      triggers: z.array(Fired).describe("What each trigger did that takes the event, by name"),
      sendAgain: z.boolean().describe(
        "Something failed that may succeed later: send the event again; what is done is not " +
          "done twice",
      ),
      problem: Problem.optional(),
    })).describe("One for each event, in the same order"),
  }),
);

/** Bytes of a signed event, which anybody can send. */
const SIGNED_BYTES_MAX = 512 * 1024;

const SignedEventAnswer = named(
  "SignedEventAnswer",
  z.object({
    outcome: z.enum(["started", "signalled", "unmatched"]).describe(
      "unmatched: the trigger takes events of another type, or is paused",
    ),
    task: z.string().optional(),
  }),
);

const Params = z.strictObject({ namespace: Name, trigger: Name });

const CHANGE = { right: "admin", repeat: "harmless", params: Params } as const;

const ERRORS = ["trigger.not_found", "policy.conflict"] as const;

const SHOWN = { 200: { description: "The trigger", schema: TriggerDocument } } as const;

/** Everything that can be asked of triggers. */
export const TRIGGERS = group("triggers", {
  listTriggers: operation({
    method: "GET",
    path: "/v1/triggers",
    summary: "Lists triggers: which events start tasks, or signal them",
    right: "read",
    repeat: "harmless",
    answers: {
      200: {
        description: "All of the namespaces that the key covers, by namespace and name",
        schema: named("Triggers", z.object({ triggers: z.array(TriggerDocument) })),
      },
    },
    errors: [],
    command: { verb: "triggers" },
  }),
  putTrigger: operation({
    ...CHANGE,
    method: "PUT",
    path: "/v1/triggers/{namespace}/{trigger}",
    summary: "Makes a trigger, or changes it; all nodes follow within two seconds",
    body: PutBody,
    answers: SHOWN,
    errors: ["trigger.invalid", "definition.unknown", "policy.conflict"],
    command: { verb: "triggers put" },
    audit: { target: "{namespace}/{trigger}", undo: "triggers remove {namespace}/{trigger}" },
  }),
  enableTrigger: operation({
    ...CHANGE,
    method: "POST",
    path: "/v1/triggers/{namespace}/{trigger}/enable",
    summary: "Takes events again, from now on",
    body: Decision,
    answers: SHOWN,
    errors: ERRORS,
    command: { verb: "triggers enable" },
    audit: { target: "{namespace}/{trigger}", undo: "triggers disable {namespace}/{trigger}" },
  }),
  disableTrigger: operation({
    ...CHANGE,
    method: "POST",
    path: "/v1/triggers/{namespace}/{trigger}/disable",
    summary: "Takes no further events; they are not kept for it",
    body: Decision,
    answers: SHOWN,
    errors: ERRORS,
    command: { verb: "triggers disable" },
    audit: { target: "{namespace}/{trigger}", undo: "triggers enable {namespace}/{trigger}" },
  }),
  removeTrigger: operation({
    ...CHANGE,
    method: "DELETE",
    path: "/v1/triggers/{namespace}/{trigger}",
    summary: "Removes a trigger; tasks that it has started go on",
    answers: { 204: { description: "It is removed" } },
    errors: ERRORS,
    command: { verb: "triggers remove" },
    audit: { target: "{namespace}/{trigger}" },
  }),
  sendEvents: operation({
    method: "POST",
    path: "/v1/events",
    summary: "Sends an event, or up to 100: each trigger of the namespace that takes it starts a " +
      "task, or signals one. A repeated event changes nothing and gets the same answer",
    right: "events",
    repeat: "harmless",
    query: z.strictObject({
      namespace: Name.optional().describe("May be left out if the key covers only one"),
    }),
    body: EventsBody,
    bodyName: "events",
    entries: "events",
    answers: { 200: { description: "What became of each event", schema: EventAnswers } },
    errors: [],
    command: { verb: "events send" },
    audit: { target: "{namespace} {events} events" },
  }),
  sendSignedEvent: operation({
    method: "POST",
    path: "/v1/events/{namespace}/{trigger}",
    summary:
      "Takes an event that its sender has signed as the trigger says, instead of a key. The " +
      "body is the sender's, as its signature covers it",
    right: "open",
    repeat: "harmless",
    params: Params,
    bodyBytesMax: SIGNED_BYTES_MAX,
    answers: { 200: { description: "What became of the event", schema: SignedEventAnswer } },
    errors: [
      ...["event.not_signed", "api.busy", "egress.unavailable", "contract.violation"] as const,
      ...["definition.unknown", "task.not_found", "trigger.ambiguous"] as const,
      ...["node.draining", "mailbox.full"] as const,
    ],
    audit: { target: "{namespace}/{trigger}" },
  }),
});
