/** The codec: turns as compact JSON texts, and back. Nothing else knows how rows look. */

import { assert, TaskerError } from "../core/errors.ts";
import type { Event, Failure, Turn } from "../core/event.ts";
import { mintedAtMs, type TaskId } from "../core/ids.ts";
import type { JsonText } from "../core/payload.ts";

/**
 * A row is `[FORMAT, base, commandIds, event, …]`, where a list at the end of the ids has those that
 * changed nothing; an event `[kind, delta, …fields]`: `base` counts
 * milliseconds from the minting of the task's id, `delta` from there. Payloads stand in it as the
 * JSON they are, so SQL shows them and nothing is encoded twice.
 */
const FORMAT = 1;

/**
 * The newest format that this version reads. Law: a version that adds a kind of event, a field or a
 * form of rows raises it, so that nodes which run beside it leave such tasks to it.
 */
export const FORMAT_READ = 4;

/**
 * Encodes a turn.
 *
 * Cost: 0.3 µs an event beside its payload, which is copied, not parsed.
 */
export function encodeTurn(taskId: TaskId, turn: Omit<Turn, "turn">): string {
  const mintedMs = mintedAtMs(taskId);
  const baseMs = turn.events[0]?.atMs ?? mintedMs;
  const ids = turn.commandIds.length === 0
    ? "[]"
    : JSON.stringify([...turn.commandIds, ...turn.idleIds?.length ? [turn.idleIds] : []]);
  let text = `[${FORMAT},${numberText(baseMs - mintedMs)},${ids}`;
  for (const event of turn.events) text += `,${encodeEvent(event, baseMs)}`;
  return `${text}]`;
}

/**
 * Decodes a turn.
 *
 * Cost: one JSON.parse of the row and one JSON.stringify of each payload in it.
 *
 * @throws {TaskerError} journal.format_unknown: a newer version wrote it
 */
export function decodeTurn(taskId: TaskId, turn: number, text: string): Turn {
  const at = { taskId, turn };
  const [format, base, commandIds, ...events] = parse(text, at);
  if (format !== FORMAT) throw unknown(`its format is ${format}`, at);
  const baseMs = mintedAtMs(taskId) + Number(base);
  return {
    turn,
    ...idsOf(commandIds as (string | string[])[]),
    events: events.map((fields) => decodeEvent(arrayOf(fields, at), baseMs, at)),
  };
}

function idsOf(ids: readonly (string | readonly string[])[]): Pick<Turn, "commandIds" | "idleIds"> {
  const idleIds = ids.flatMap((id) => typeof id === "string" ? [] : id);
  const commandIds = ids.filter((id) => typeof id === "string");
  return idleIds.length === 0 ? { commandIds } : { commandIds, idleIds };
}

function encodeEvent(event: Event, baseMs: number): string {
  const layout = LAYOUT_OF.get(event.kind);
  assert(layout !== undefined, `no layout of event kind "${event.kind}"`);
  const values = event as unknown as Readonly<Record<string, unknown>>;
  let text = `[${layout.number},${numberText(event.atMs - baseMs)}`;
  let absent = "";
  for (const { name, shape } of layout.fields) {
    const value = values[name];
    if (value === undefined) absent += ",null";
    else {
      text += `${absent},${encodeField(shape, value, event.atMs)}`;
      absent = "";
    }
  }
  return `${text}]`;
}

function encodeField(shape: Shape, value: unknown, atMs: number): string {
  switch (shape) {
    case "number":
      return numberText(value as number);
    case "later":
      return numberText(value as number - atMs);
    case "payload":
      return value as JsonText;
    case "failure": {
      const { class: name, error } = value as Failure;
      return `["${name}",${error}]`;
    }
    case "text":
    case "list":
    case "object":
      return JSON.stringify(value);
    default:
      return shape satisfies never;
  }
}

/** A number that JSON cannot hold would make the row unreadable for ever. */
function numberText(value: number): string {
  assert(Number.isFinite(value), `an event holds the number ${value}`);
  return String(value);
}

function decodeEvent(fields: readonly unknown[], baseMs: number, at: TurnKey): Event {
  const layout = LAYOUT_OF_NUMBER.get(fields[0]);
  if (layout === undefined) throw unknown(`it holds an event of kind ${fields[0]}`, at);
  if (fields.length > layout.fields.length + 2) {
    throw unknown(`its ${layout.kind} has more fields`, at);
  }
  const atMs = baseMs + Number(fields[1]);
  const event: Record<string, unknown> = { kind: layout.kind, atMs };
  decodeFields(event, layout, fields.slice(2));
  // The layout's type says that these are the fields of its kind.
  return event as unknown as Event;
}

function decodeFields(event: Record<string, unknown>, layout: Layout, values: unknown[]): void {
  for (const [index, { name, shape }] of layout.fields.entries()) {
    const value = values[index];
    const isAbsent = value === undefined || (value === null && shape !== "payload");
    if (!isAbsent) event[name] = decodeField(shape, value, event.atMs as number);
  }
}

function decodeField(shape: Shape, value: unknown, atMs: number): unknown {
  switch (shape) {
    case "number":
    case "text":
    case "list":
    case "object":
      return value;
    case "later":
      return atMs + (value as number);
    case "payload":
      return JSON.stringify(value);
    case "failure": {
      const [name, error] = value as [Failure["class"], unknown];
      return { class: name, error: JSON.stringify(error) };
    }
    default:
      return shape satisfies never;
  }
}

/** Which row, for errors. */
interface TurnKey {
  readonly taskId: TaskId;
  readonly turn: number;
}

function parse(text: string, at: TurnKey): unknown[] {
  try {
    return arrayOf(JSON.parse(text), at);
  } catch (cause) {
    if (cause instanceof TaskerError) throw cause;
    throw unknown("not valid JSON", at, cause);
  }
}

function arrayOf(value: unknown, at: TurnKey): unknown[] {
  if (!Array.isArray(value)) throw unknown("it holds what is no array", at);
  return value;
}

function unknown(why: string, { taskId, turn }: TurnKey, cause?: unknown): TaskerError {
  return new TaskerError(
    "journal.format_unknown",
    `Cannot read turn ${turn} of task "${taskId}": ${why}, which this version does not know`,
    { cause, ids: { taskId, turn } },
  );
}

// How events are laid out

/**
 * How a field is written.
 *
 * number, text, list, object: as JSON has them · later: a time, as milliseconds after the event's own ·
 * payload: the JSON it is, unquoted · failure: `[class, payload]`
 */
export type Shape = "number" | "later" | "text" | "list" | "object" | "payload" | "failure";

type ShapeOf<Value> = Value extends JsonText ? "payload"
  : Value extends string ? "text"
  : Value extends number ? "number" | "later"
  : Value extends Failure ? "failure"
  : Value extends readonly unknown[] ? "list"
  : "object";

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
 * Steps come first in an event. An optional payload comes last, since absent fields are null, or left out at
 * the end. `sql/0023_choices.sql` has the numbers, where the payloads are, and which kinds begin with
 * a step, as well.
 */
const LAYOUTS: Layouts = {
  TaskStarted: [1, {
    definitionHash: "text",
    input: "payload",
    tags: "list",
    key: "text",
    deadlineAtMs: "later",
    traceparent: "text",
    priority: "number",
    forkedFrom: "object",
  }],
  StepStarted: [2, {
    step: "number",
    attempt: "number",
    waitedMs: "number",
    policyVersion: "number",
    dueAtMs: "later",
    system: "text",
  }],
  StepSlept: [3, { step: "number", dueAtMs: "later" }],
  StepCompleted: [4, {
    step: "number",
    attempt: "number",
    ranMs: "number",
    result: "payload",
    instance: "text",
  }],
  StepAttemptFailed: [5, {
    step: "number",
    attempt: "number",
    ranMs: "number",
    nextAttemptAtMs: "later",
    policyVersion: "number",
    failure: "failure",
    instance: "text",
  }],
  StepInterrupted: [6, { step: "number", attempt: "number" }],
  StepFailed: [7, {
    step: "number",
    attempt: "number",
    ranMs: "number",
    policyVersion: "number",
    failure: "failure",
    instance: "text",
  }],
  StepParked: [8, {
    step: "number",
    attempt: "number",
    ranMs: "number",
    policyVersion: "number",
    reason: "text",
    choices: "list",
    failure: "failure",
    instance: "text",
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
  TaskEnded: [20, { end: "text", failure: "failure", output: "payload" }],
  StepChosen: [21, {
    step: "number",
    by: "text",
    reason: "text",
    choice: "text",
    system: "text",
    capability: "text",
    diagnosed: "text",
    confidence: "number",
    cause: "text",
  }],
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
