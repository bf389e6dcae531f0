/** The codec: turns as compact JSON texts, and back. Nothing else knows how rows look. */

import { TaskerError } from "../core/errors.ts";
import type { Choice, Event, FailureClass, TaskEnd, Turn } from "../core/event.ts";
import type { JsonText } from "../core/payload.ts";

/**
 * A row is `[FORMAT, baseMs, commandIds, event, …]`; an event is `[kind, atMs − baseMs, …fields]`.
 * Times within an event are relative to its own. Payloads stand in it as the JSON they are, so SQL
 * views can show them and nothing is encoded twice. Trailing absent fields are left out.
 */
const FORMAT = 1;

/** Numbers of event kinds; they are in the database and never change. */
export const KINDS = {
  TaskStarted: 1,
  StepStarted: 2,
  StepSlept: 3,
  StepCompleted: 4,
  StepAttemptFailed: 5,
  StepInterrupted: 6,
  StepFailed: 7,
  StepParked: 8,
  StepRetried: 9,
  StepResolved: 10,
  StepSkipped: 11,
  StepCancelled: 12,
  StepUnreached: 13,
  SignalReceived: 14,
  TaskPaused: 15,
  TaskResumed: 16,
  TaskCancelRequested: 17,
  TaskAborted: 18,
  TaskPassivated: 19,
  TaskEnded: 20,
} as const satisfies Record<Event["kind"], number>;

const KIND_NAMES = new Map<number, Event["kind"]>(
  Object.entries(KINDS).map(([name, number]) => [number, name as Event["kind"]]),
);

/** Encodes a turn. Cost: one concatenation a field; payloads are copied, not parsed. */
export function encodeTurn(turn: Pick<Turn, "commandIds" | "events">): string {
  const baseMs = turn.events[0]?.atMs ?? 0;
  let text = `[${FORMAT},${baseMs},${JSON.stringify(turn.commandIds)}`;
  for (const event of turn.events) {
    text += `,[${KINDS[event.kind]},${event.atMs - baseMs}${fieldsOf(event)}]`;
  }
  return `${text}]`;
}

/**
 * Decodes a row.
 *
 * @throws {TaskerError} journal.format_unknown: a newer version wrote it
 */
export function decodeTurn(turn: number, text: string): Turn {
  const [format, baseMs, commandIds, ...events] = JSON.parse(text) as [
    number,
    number,
    string[],
    ...Fields[],
  ];
  if (format !== FORMAT) throw unknownFormat(`format ${format}`);
  return { turn, commandIds, events: events.map((fields) => decodeEvent(fields, baseMs)) };
}

/** A decoded event: kind, time, then its fields. */
// deno-lint-ignore no-explicit-any -- positions of one kind have one type; `decodeEvent` names them
type Fields = any[];

/** The fields of an event as text, each with its comma. */
function fieldsOf(event: Event): string {
  switch (event.kind) {
    case "TaskStarted":
      return `,"${event.definitionHash}",${event.input}` +
        tail(
          event.tags,
          event.key,
          event.deadlineAtMs && event.deadlineAtMs - event.atMs,
          event.traceparent,
        );
    case "StepStarted":
      return `,${event.step},${event.attempt},${event.waitedMs},${event.policyVersion}` +
        (event.dueAtMs === undefined ? "" : `,${event.dueAtMs - event.atMs}`);
    case "StepSlept":
      return `,${event.step},${event.dueAtMs - event.atMs}`;
    case "StepCompleted":
      return `,${event.step},${event.attempt},${event.ranMs},${event.result}`;
    case "StepAttemptFailed":
      return `,${event.step},${event.attempt},${event.ranMs},"${event.failure.class}",${event.failure.error}` +
        `,${event.nextAttemptAtMs - event.atMs},${event.policyVersion}`;
    case "StepInterrupted":
      return `,${event.step},${event.attempt}`;
    case "StepFailed":
      return `,${event.step},${event.attempt},${event.ranMs},"${event.failure.class}",${event.failure.error}` +
        `,${event.policyVersion}`;
    case "StepParked":
      return `,${event.step},${event.attempt},${event.ranMs},${JSON.stringify(event.reason)}` +
        `,${JSON.stringify(event.choices)},${event.policyVersion}` +
        (event.failure === undefined ? "" : `,"${event.failure.class}",${event.failure.error}`);
    case "StepUnreached":
      return `,${event.step},${event.cause}`;
    case "SignalReceived":
      return `,${event.step},${event.payload}`;
    case "StepCancelled":
      return `,${event.step}`;
    case "StepRetried":
      return `,${event.step}${tail(event.by, event.reason)}`;
    case "StepResolved":
      return `,${event.step}${tail(event.by, event.reason)},${event.result}`;
    case "StepSkipped":
      return `,${event.step}${tail(event.by, event.reason)}` +
        (event.result === undefined ? "" : `,${event.result}`);
    case "TaskPaused":
    case "TaskResumed":
    case "TaskCancelRequested":
      return tail(event.by, event.reason);
    case "TaskAborted":
      return tail(event.reason);
    case "TaskPassivated":
      return tail(event.wakeAtMs && event.wakeAtMs - event.atMs);
    case "TaskEnded":
      return tail(event.end);
    default:
      return event satisfies never;
  }
}

/** Plain fields as text; absent ones are null, and left out at the end. */
function tail(...fields: readonly unknown[]): string {
  const last = fields.findLastIndex((field) => field !== undefined);
  return fields.slice(0, last + 1).map((field) => `,${JSON.stringify(field ?? null)}`).join("");
}

function decodeEvent([number, delta, ...f]: Fields, baseMs: number): Event {
  const kind = KIND_NAMES.get(number as number);
  const atMs = baseMs + (delta as number);
  switch (kind) {
    case "TaskStarted":
      return {
        kind,
        atMs,
        definitionHash: f[0],
        input: payload(f[1]),
        tags: f[2] ?? [],
        ...optional("key", f[3]),
        ...optional("deadlineAtMs", later(atMs, f[4])),
        ...optional("traceparent", f[5]),
      };
    case "TaskPaused":
    case "TaskResumed":
    case "TaskCancelRequested":
      return { kind, atMs, by: f[0], reason: f[1] };
    case "TaskAborted":
      return { kind, atMs, reason: f[0] };
    case "TaskPassivated":
      return { kind, atMs, ...optional("wakeAtMs", later(atMs, f[0])) };
    case "TaskEnded":
      return { kind, atMs, end: f[0] as TaskEnd };
    case undefined:
      throw unknownFormat(`event kind ${number}`);
    default:
      return decodeStepEvent(kind, atMs, f);
  }
}

type StepKindName = Extract<Event, { step: number }>["kind"];

function decodeStepEvent(kind: StepKindName, atMs: number, [step, ...f]: Fields): Event {
  const on = { atMs, step: step as number };
  switch (kind) {
    case "StepStarted":
      return {
        kind,
        ...on,
        attempt: f[0],
        waitedMs: f[1],
        policyVersion: f[2],
        ...optional("dueAtMs", later(atMs, f[3])),
      };
    case "StepSlept":
      return { kind, ...on, dueAtMs: atMs + f[0] };
    case "StepCompleted":
      return { kind, ...on, attempt: f[0], ranMs: f[1], result: payload(f[2]) };
    case "StepAttemptFailed":
      return {
        kind,
        ...on,
        attempt: f[0],
        ranMs: f[1],
        failure: failure(f[2], f[3]),
        nextAttemptAtMs: atMs + f[4],
        policyVersion: f[5],
      };
    case "StepInterrupted":
      return { kind, ...on, attempt: f[0] };
    case "StepFailed":
      return {
        kind,
        ...on,
        attempt: f[0],
        ranMs: f[1],
        failure: failure(f[2], f[3]),
        policyVersion: f[4],
      };
    case "StepParked":
      return {
        kind,
        ...on,
        attempt: f[0],
        ranMs: f[1],
        reason: f[2],
        choices: f[3] as Choice[],
        policyVersion: f[4],
        ...(f.length > 5 ? { failure: failure(f[5], f[6]) } : {}),
      };
    case "StepRetried":
      return { kind, ...on, by: f[0], reason: f[1] };
    case "StepResolved":
      return { kind, ...on, by: f[0], reason: f[1], result: payload(f[2]) };
    case "StepSkipped":
      return {
        kind,
        ...on,
        by: f[0],
        reason: f[1],
        ...(f.length > 2 ? { result: payload(f[2]) } : {}),
      };
    case "StepCancelled":
      return { kind, ...on };
    case "StepUnreached":
      return { kind, ...on, cause: f[0] };
    case "SignalReceived":
      return { kind, ...on, payload: payload(f[0]) };
    default:
      return kind satisfies never;
  }
}

function failure(kind: FailureClass, error: unknown) {
  return { class: kind, error: payload(error) };
}

function payload(value: unknown): JsonText {
  return JSON.stringify(value) as JsonText;
}

function later(atMs: number, delta: number | null | undefined): number | undefined {
  return delta === null || delta === undefined ? undefined : atMs + delta;
}

function optional<K extends string, V>(name: K, value: V | null | undefined): { [key in K]?: V } {
  return value === null || value === undefined ? {} : { [name]: value } as { [key in K]?: V };
}

function unknownFormat(what: string): TaskerError {
  return new TaskerError(
    "journal.format_unknown",
    `Cannot read a turn: it has ${what}, which a newer version wrote`,
  );
}
