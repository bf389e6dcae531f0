/** Journal entries: events as JSON shows them, with step names, times and plain payloads. */

import { z } from "zod";
import type { Event, Failure, Turn } from "../core/event.ts";
import { decodePayload, type JsonText } from "../core/payload.ts";
import type { Plan } from "../core/plan.ts";
import { named, Time, timeText } from "./schema.ts";

/** An event in JSON. */
export const JournalEntry = named(
  "JournalEntry",
  z.looseObject({
    turn: z.int(),
    number: z.int().describe("Its place in the turn, from 1"),
    kind: z.string().describe("TaskStarted, StepCompleted …"),
    at: Time,
    step: z.string().optional(),
  }).describe("Other fields go by the kind: payloads are plain JSON, times end in At"),
);

/** An event in JSON. */
export type JournalEntry = z.infer<typeof JournalEntry>;

/** Fields that hold the index of a step. */
const STEP_FIELDS: readonly string[] = ["step", "cause"];
/** Fields that hold the text of a payload. */
const PAYLOAD_FIELDS: readonly string[] = ["input", "result", "payload"];

/** Shows the events of a turn, in order. */
export function entriesOf(plan: Plan, { turn, events }: Turn): JournalEntry[] {
  return events.map((event, index) => entryOf(plan, event, { turn, number: index + 1 }));
}

function entryOf(
  plan: Plan,
  { kind, atMs, ...rest }: Event,
  place: { turn: number; number: number },
): JournalEntry {
  const fields = Object.entries(rest)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => field(plan, name, value));
  return { ...place, kind, at: timeText(atMs), ...Object.fromEntries(fields) };
}

function field(plan: Plan, name: string, value: unknown): readonly [string, unknown] {
  if (STEP_FIELDS.includes(name)) return [name, plan.steps[value as number]?.name];
  if (PAYLOAD_FIELDS.includes(name)) return [name, decodePayload(value as JsonText)];
  if (name.endsWith("AtMs")) return [name.slice(0, -"Ms".length), timeText(value as number)];
  if (name !== "failure") return [name, value];
  const failure = value as Failure;
  return [name, { class: failure.class, error: decodePayload(failure.error) }];
}
