/** The layout of events in a row: their numbers, and their fields in order. */

import type { Event, Failure } from "../core/event.ts";
import type { JsonText } from "../core/payload.ts";

/**
 * How a field is written.
 *
 * number, text, list: as JSON has them · later: a time, as milliseconds after the event's own ·
 * payload: the JSON it is, unquoted · failure: `[class, payload]`
 */
export type Shape = "number" | "later" | "text" | "list" | "payload" | "failure";

type ShapeOf<Value> = Value extends JsonText ? "payload"
  : Value extends string ? "text"
  : Value extends number ? "number" | "later"
  : Value extends Failure ? "failure"
  : "list";

type FieldsOf<E extends Event> = {
  readonly [Field in Exclude<keyof E, "kind" | "atMs">]-?: ShapeOf<NonNullable<E[Field]>>;
};

type Layouts = {
  readonly [Kind in Event["kind"]]: readonly [
    number: number,
    fields: FieldsOf<Extract<Event, { kind: Kind }>>,
  ];
};

/**
 * Every kind of event. Numbers and the order of fields are in the database: a change is a new kind.
 * Steps come first. An optional payload comes last, since absent fields are null, or left out at
 * the end. `sql/0007_history_views.sql` has the numbers, and where the payloads are, as well;
 * `sql/0010_event_view.sql` which kinds begin with a step.
 */
const LAYOUTS: Layouts = {
  TaskStarted: [1, {
    definitionHash: "text",
    input: "payload",
    tags: "list",
    key: "text",
    deadlineAtMs: "later",
    traceparent: "text",
  }],
  StepStarted: [2, {
    step: "number",
    attempt: "number",
    waitedMs: "number",
    policyVersion: "number",
    dueAtMs: "later",
  }],
  StepSlept: [3, { step: "number", dueAtMs: "later" }],
  StepCompleted: [4, { step: "number", attempt: "number", ranMs: "number", result: "payload" }],
  StepAttemptFailed: [5, {
    step: "number",
    attempt: "number",
    ranMs: "number",
    nextAttemptAtMs: "later",
    policyVersion: "number",
    failure: "failure",
  }],
  StepInterrupted: [6, { step: "number", attempt: "number" }],
  StepFailed: [7, {
    step: "number",
    attempt: "number",
    ranMs: "number",
    policyVersion: "number",
    failure: "failure",
  }],
  StepParked: [8, {
    step: "number",
    attempt: "number",
    ranMs: "number",
    policyVersion: "number",
    reason: "text",
    choices: "list",
    failure: "failure",
  }],
  StepRetried: [9, { step: "number", by: "text", reason: "text" }],
  StepResolved: [10, { step: "number", by: "text", reason: "text", result: "payload" }],
  StepSkipped: [11, { step: "number", by: "text", reason: "text", result: "payload" }],
  StepCancelled: [12, { step: "number" }],
  StepUnreached: [13, { step: "number", cause: "number" }],
  SignalReceived: [14, { step: "number", payload: "payload" }],
  TaskPaused: [15, { by: "text", reason: "text" }],
  TaskResumed: [16, { by: "text", reason: "text" }],
  TaskCancelRequested: [17, { by: "text", reason: "text" }],
  TaskAborted: [18, { reason: "text" }],
  TaskPassivated: [19, { wakeAtMs: "later" }],
  TaskEnded: [20, { end: "text" }],
};

/** One kind of event, as the codec walks through it. */
export interface Layout {
  readonly kind: Event["kind"];
  readonly number: number;
  readonly fields: readonly { readonly name: string; readonly shape: Shape }[];
}

const ALL: readonly Layout[] = Object.entries(LAYOUTS).map(([kind, [number, fields]]) => ({
  kind: kind as Event["kind"],
  number,
  fields: Object.entries(fields).map(([name, shape]) => ({ name, shape: shape as Shape })),
}));

/** Layouts by the event's kind. */
export const LAYOUT_OF: ReadonlyMap<string, Layout> = new Map(ALL.map((one) => [one.kind, one]));

/** Layouts by the kind's number. */
export const LAYOUT_OF_NUMBER: ReadonlyMap<unknown, Layout> = new Map(
  ALL.map((one) => [one.number, one]),
);
