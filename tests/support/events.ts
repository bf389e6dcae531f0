/** Random events of every kind, for tests of whatever carries them. */

import fc from "fast-check";
import type { Event, Turn } from "../../src/core/event.ts";
import type { JsonText } from "../../src/core/payload.ts";

type Kind = Event["kind"];
type Of<K extends Kind> = Extract<Event, { kind: K }>;
type Fields<K extends Kind> = Omit<Of<K>, "kind" | "atMs">;

/** Times around the minting of the ids that tests use; clocks may have been behind it. */
const atMs = fc.integer({ min: 1_000_000, max: 2 ** 45 });
const step = fc.nat(5_000);
const attempt = fc.nat(1_000);
const ranMs = fc.nat(2 ** 40);
const policyVersion = fc.nat(1_000);
/** Characters of every plane; not U+0000, which is refused at the edge, nor halves of pairs. */
const text = fc.string({ unit: "grapheme", maxLength: 20 }).map((drawn) =>
  drawn.replaceAll("\u0000", "")
);
const hand = { step, by: text, reason: text };
const ofTask = { by: text, reason: text };

/** JSON texts as `encodePayload` writes them. */
const payloads: fc.Arbitrary<JsonText> = fc.jsonValue({ maxDepth: 3 })
  .map((value) => JSON.stringify(value))
  .filter((drawn) => !drawn.includes("\\u0000") && drawn.isWellFormed())
  .filter((drawn) => !/\\ud[89a-f]/i.test(drawn))
  .map((drawn) => drawn as JsonText);

const failure = record({
  class: fc.constantFrom(
    "failed",
    "thrown",
    "timed_out",
    "contract_violation",
    "interrupted",
    "undeliverable",
  ),
  error: payloads,
});
const failed = { step, attempt, ranMs, failure, policyVersion };

/** Random fields of each kind; optional ones are sometimes absent. */
const FIELDS: { readonly [K in Kind]: fc.Arbitrary<Fields<K>> } = {
  TaskStarted: optional(
    { definitionHash: text, input: payloads, tags: fc.array(text, { maxLength: 3 }) },
    { key: text, deadlineAtMs: atMs, traceparent: text, priority: fc.integer({ min: 1, max: 5 }) },
  ),
  StepStarted: optional({ step, attempt, waitedMs: ranMs, policyVersion }, {
    dueAtMs: atMs,
    system: text,
  }),
  StepSlept: record({ step, dueAtMs: atMs }),
  StepCompleted: optional({ step, attempt, ranMs, result: payloads }, { instance: text }),
  StepAttemptFailed: optional({ ...failed, nextAttemptAtMs: atMs }, { instance: text }),
  StepInterrupted: record({ step, attempt }),
  StepFailed: optional(failed, { instance: text }),
  StepParked: optional({
    step,
    attempt,
    ranMs,
    policyVersion,
    reason: text,
    choices: fc.subarray(["retry", "resolve", "skip", "cancel"] as const),
  }, { failure, instance: text }),
  StepRetried: record(hand),
  StepResolved: record({ ...hand, result: payloads }),
  StepSkipped: optional(hand, { result: payloads }),
  StepCancelled: record({ step }),
  StepUnreached: record({ step, cause: step }),
  SignalReceived: record({ step, payload: payloads }),
  TaskPaused: record(ofTask),
  TaskResumed: record(ofTask),
  TaskCancelRequested: record(ofTask),
  TaskAborted: record({ reason: fc.constantFrom("deadline", "fail_fast") }),
  TaskPassivated: optional({}, { wakeAtMs: atMs }),
  TaskEnded: optional({ end: fc.constantFrom("completed", "failed", "cancelled") }, {
    failure,
    output: payloads,
  }),
  StepChosen: optional({ ...hand, choice: text }, {
    system: text,
    capability: text,
    diagnosed: text,
    confidence: fc.double({ min: 0, max: 1, noNaN: true }),
    cause: text,
  }),
};

/** Every kind of event. */
export const KINDS = Object.keys(FIELDS) as readonly Kind[];

/** Random events of one kind. */
export function eventsOf(kind: Kind): fc.Arbitrary<Event> {
  const fields: fc.Arbitrary<Fields<Kind>> = FIELDS[kind];
  return fc.tuple(atMs, fields).map(([at, more]) => ({ kind, atMs: at, ...more }) as Event);
}

/** Random turns, with events of any kinds. */
export const turns: fc.Arbitrary<Turn> = record({
  turn: fc.integer({ min: 1, max: 2 ** 31 - 1 }),
  commandIds: fc.array(text, { maxLength: 3 }),
  events: fc.array(fc.oneof(...KINDS.map(eventsOf)), { minLength: 1, maxLength: 12 }),
});

function record<T>(fields: { [Key in keyof T]: fc.Arbitrary<T[Key]> }): fc.Arbitrary<T> {
  return fc.record(fields, { noNullPrototype: true }) as fc.Arbitrary<T>;
}

function optional<Needed, Absent>(
  needed: { [Key in keyof Needed]: fc.Arbitrary<Needed[Key]> },
  absent: { [Key in keyof Absent]: fc.Arbitrary<Absent[Key]> },
): fc.Arbitrary<Needed & Partial<Absent>> {
  const requiredKeys = Object.keys(needed) as never[];
  const fields = { ...needed, ...absent };
  return fc.record(fields, { requiredKeys, noNullPrototype: true }) as unknown as fc.Arbitrary<
    Needed & Partial<Absent>
  >;
}
