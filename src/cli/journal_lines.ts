/** Journal lines: events as people read them, one per line. */

import type { JournalEntry } from "../client.ts";
import {
  type Cell,
  clockText,
  durationText,
  failureText,
  tableLines,
  valueText,
  wordsOf,
} from "./format.ts";
import type { Paint, Tone } from "./paint.ts";

/** Draws a journal, or a part of it. */
export function journalLines(entries: readonly JournalEntry[], paint: Paint): string[] {
  return tableLines(entries.map(rowOf), paint);
}

/** Column widths that fit most events, for lines that are printed one by one. */
const PLACE_WIDTH = 6;
const KIND_WIDTH = 17;

/** Draws one event. */
export function entryLine(entry: JournalEntry, paint: Paint): string {
  const { place, clock, fields } = partsOf(entry);
  const what = [entry.step ?? "", fields].filter(Boolean).join("  ");
  return [
    paint("dim", place.padEnd(PLACE_WIDTH)),
    paint("dim", clock),
    paint(toneOf(entry.kind), entry.kind.padEnd(KIND_WIDTH)),
    paint("plain", what),
  ].join("  ").trimEnd();
}

function rowOf(entry: JournalEntry): Cell[] {
  const { place, clock, fields } = partsOf(entry);
  return [
    { text: place, tone: "dim" },
    { text: clock, tone: "dim" },
    { text: entry.kind, tone: toneOf(entry.kind) },
    entry.step ?? "",
    fields,
  ];
}

function partsOf(entry: JournalEntry): { place: string; clock: string; fields: string } {
  const { turn, number, kind: _, at, step: __, ...rest } = entry;
  const fields = Object.entries(rest).flatMap(([name, value]) => fieldText(name, value));
  return { place: `${turn}.${number}`, clock: clockText(at), fields: fields.join(" · ") };
}

/** Fields that are left out: they say nothing to most readers. */
const HIDDEN: readonly string[] = ["policyVersion", "definitionHash", "traceparent"];

/** A newer server may add fields: any name is split into words. */
function fieldText(name: string, value: unknown): string[] {
  if (HIDDEN.includes(name) || value === "" || (Array.isArray(value) && value.length === 0)) {
    return [];
  }
  const words = wordsOf(name);
  if (name.endsWith("Ms") && typeof value === "number") {
    return [`${words.replace(/ ms$/, "")} ${durationText(value)}`];
  }
  if (name.endsWith("At") && typeof value === "string") return [`${words} ${clockText(value)}`];
  if (name === "failure") return [failureField(value)];
  if (name === "choices" && Array.isArray(value)) return [`choices ${value.join(", ")}`];
  const isWord = typeof value === "string" && !["result", "payload", "input"].includes(name);
  return [`${words} ${isWord ? value : valueText(value)}`];
}

function failureField(value: unknown): string {
  if (typeof value !== "object" || value === null || !("class" in value)) return valueText(value);
  return failureText(String(value.class), "error" in value ? value.error : undefined);
}

function toneOf(kind: string): Tone {
  if (/Completed|Resolved$/.test(kind)) return "good";
  if (/Failed|Parked|Aborted|Interrupted/.test(kind)) return "bad";
  if (/Cancel|Skipped|Paused|Unreached/.test(kind)) return "warn";
  return "plain";
}
