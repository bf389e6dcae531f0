/**
 * Triggers: rules by which events from outside start tasks, or signal them. An event is JSON in the
 * form of CloudEvents (https://cloudevents.io); what a task gets of it is a mapping. Pure.
 */

import { z } from "zod";
import { TaskerError } from "./errors.ts";
import { Name, Priority, SecretName, WorkflowName } from "./fields.ts";
import type { DeepReadonly } from "./json.ts";
import { OWN_NAMESPACE } from "./incident.ts";
import { parseMapping, pathText, type Template } from "./mapping.ts";
import { evaluateMapping } from "./mapping_value.ts";
import type { PolicyOverlay } from "./ports.ts";
import { referenceOf } from "./search.ts";
import { SIGNATURE_SCHEMES } from "./signed_event.ts";
import type { Given } from "./workflow.ts";

/** Triggers of one namespace, and the characters of their JSON: each event is compared with all. */
export const TRIGGERS_MAX = 50;
export const TRIGGERS_SIZE_MAX = 128 * 1024;

/** Triggers of one namespace for one type of event: what one event may start and signal. */
export const TRIGGERS_PER_TYPE_MAX = 10;

/** Characters of the texts of an event. */
const EVENT_ID_LENGTH_MAX = 256;
const SOURCE_LENGTH_MAX = 1_024;

/** Fields that one filter looks at, and values that it takes for one of them. */
const FILTER_FIELDS_MAX = 10;
const FILTER_VALUES_MAX = 50;

/** Tags that a trigger sets; it adds one with its own name. */
const TAGS_MAX = 16;

/** Characters of a template that makes a text. */
const TEXT_LENGTH_MAX = 1_024;

/** What templates call the event. */
export const EVENT_ROOT = "event";

/** What a task gets unless its trigger says: the data of the event. */
const DATA = `$.${EVENT_ROOT}.data`;

/** Type of an event, such as `com.shop.order.placed`. */
const OutsideEventType = z.string().min(1).max(EVENT_ID_LENGTH_MAX);

/** An event as it comes in; CloudEvents allows any further attribute. */
export const OutsideEvent = z.looseObject({
  specversion: z.literal("1.0").optional(),
  id: z.string().min(1).max(EVENT_ID_LENGTH_MAX)
    .describe("Names the event among those of its source: a repeat changes nothing"),
  source: z.string().min(1).max(SOURCE_LENGTH_MAX).optional(),
  type: OutsideEventType,
  data: z.unknown().optional(),
});

/** An event as it came in. */
export type OutsideEvent = DeepReadonly<z.output<typeof OutsideEvent>>;

const Text = z.string().min(1).max(TEXT_LENGTH_MAX);

const Scalar = z.union([z.string().max(TEXT_LENGTH_MAX), z.number(), z.boolean(), z.null()]);

const Mapped = z.custom<Template>(() => true).default(DATA);

const Start = z.strictObject({
  workflow: WorkflowName,
  input: Mapped.describe(`Makes the input of the event; "${DATA}" unless given`),
  tags: z.array(Text).max(TAGS_MAX).default([])
    .describe('Tags of the task, such as "order-${event.data.id}"'),
  priority: Priority.optional(),
});

const Signal = z.strictObject({
  workflow: WorkflowName.describe("The workflow of the task; no other task is signalled"),
  name: Name.describe("The signal step"),
  payload: Mapped.describe(`Makes what is sent of the event; "${DATA}" unless given`),
  task: Text.optional().describe('The id of the task, such as "$.event.data.taskId"'),
  tag: Text.optional().describe('A tag that only this task has, such as "order-${event.data.id}"'),
  attribute: z.strictObject({ name: Name, value: Text }).optional()
    .describe("A search attribute, and the value that only this task has"),
}).refine(
  ({ task, tag, attribute }) =>
    [task, tag, attribute].filter((one) => one !== undefined).length === 1,
  "expected one of task, tag and attribute",
);

/** What a person declares. */
export const TRIGGER_FIELDS = {
  type: OutsideEventType.describe("The type of events that it takes, as a whole"),
  filter: z.record(Text, z.union([Scalar, z.array(Scalar).min(1).max(FILTER_VALUES_MAX)]))
    .refine((filter) => Object.keys(filter).length <= FILTER_FIELDS_MAX, "too many fields")
    .describe('Values that fields must have: {"$.event.data.country": ["DE", "AT"]}'),
  signed: z.strictObject({
    scheme: z.enum(SIGNATURE_SCHEMES).describe("How the sender signs"),
    secret: SecretName.describe("The name of its secret: a variable that TASKER_SECRETS lists"),
  }).optional().describe(
    "Takes only events that a sender without a key signs, at /v1/events/NAMESPACE/NAME",
  ),
  start: Start.optional().describe("Starts a task"),
  signal: Signal.optional()
    .describe("Signals the task that one of task, tag and attribute names"),
};

/** A trigger as it is kept. */
const StoredTrigger = z.object({
  ...TRIGGER_FIELDS,
  isEnabled: z.boolean(),
  by: z.string(),
  atMs: z.number(),
});

/** A trigger as it is kept: it starts a task, or it signals one. */
export type Trigger = DeepReadonly<z.output<typeof StoredTrigger>>;

/** What a trigger does, and with which events. */
export type TriggerRule = Omit<Trigger, "by" | "atMs" | "isEnabled">;

/** Under which name of OWN_NAMESPACE the triggers of a namespace are kept, as a policy overlay. */
export function triggersName(namespace: string): string {
  return `triggers:${namespace}`;
}

/** Reads triggers out of the newest overlays, by namespace and name. One that cannot be read is left out. */
export function triggersOf(
  newest: ReadonlyMap<string, PolicyOverlay>,
): ReadonlyMap<string, { version: number; triggers: ReadonlyMap<string, Trigger> }> {
  const prefix = `${OWN_NAMESPACE}/${triggersName("")}`;
  return new Map(
    [...newest].filter(([name]) => name.startsWith(prefix)).map(([name, { version, steps }]) => {
      const read = Object.entries(steps).flatMap(([trigger, stored]) => {
        const { data } = StoredTrigger.safeParse(stored);
        return data === undefined ? [] : [[trigger, data] as const];
      });
      return [name.slice(prefix.length), { version, triggers: new Map(read) }];
    }),
  );
}

/** The workflow whose tasks a trigger starts, or signals. */
export function workflowOf({ start, signal }: TriggerRule): string {
  return (start ?? signal)?.workflow ?? "";
}

/** Whether a trigger takes an event. Cost: O(filter). */
export function takes(trigger: Trigger, event: OutsideEvent): boolean {
  if (!trigger.isEnabled || trigger.type !== event.type) return false;
  return Object.entries(trigger.filter).every(([field, wanted]) => {
    const reference = referenceOf(field);
    if (reference === undefined) return false;
    const read = evaluateMapping({ kind: "reference", reference }, givenBy(event));
    const values: readonly unknown[] = Array.isArray(wanted) ? wanted : [wanted];
    return read.ok && values.includes(read.value);
  });
}

/**
 * Makes a value of an event.
 *
 * @param what is named in the error
 * @throws {TaskerError} contract.violation when there is none
 */
export function mapEvent(template: Template, event: OutsideEvent, what: string): unknown {
  const read = parseMapping(template);
  const made = read.ok
    ? evaluateMapping(read.mapping, givenBy(event))
    : { ok: false as const, detail: read.faults[0]?.detail ?? "" };
  if (made.ok) return made.value;
  throw new TaskerError("contract.violation", `Cannot make ${what} of the event: ${made.detail}`);
}

/**
 * Makes a text of an event; a number and a boolean are taken as they are written.
 *
 * @throws {TaskerError} contract.violation when the event has nothing of that kind there
 */
export function mapEventText(template: string, event: OutsideEvent, what: string): string {
  const value = mapEvent(template, event, what);
  if (typeof value === "string" && value !== "") return value;
  if (typeof value === "number" || typeof value === "boolean") return String(value);
  const reference = referenceOf(template);
  const where = reference === undefined ? "it" : `"${pathText(reference)}"`;
  throw new TaskerError(
    "contract.violation",
    `Cannot make ${what} of the event: ${where} is no text, number or boolean`,
  );
}

/** The tag of the tasks that a trigger started. */
export function triggerTag(name: string): string {
  return `trigger:${name}`;
}

/** Mappings speak of a task's input; here there is only the event. */
function givenBy(event: OutsideEvent): Given {
  return { input: undefined, [EVENT_ROOT]: event };
}
