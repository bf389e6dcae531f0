/** Schemas that several operations share, and the names of all schemas in OpenAPI. */

import { z } from "zod";

/** Every named schema: the components of the OpenAPI document. */
export const SCHEMAS = z.registry<{ id: string }>();

/** Gives a schema its name in the OpenAPI document. */
export function named<S extends z.ZodType>(id: string, schema: S): S {
  SCHEMAS.add(schema, { id });
  return schema;
}

/** Gives a schema the type of its values, where it checks less than the type says. */
export function typedAs<T>(schema: z.ZodType): z.ZodType<T, T> {
  return schema as z.ZodType<T, T>;
}

/** The most entries of one page. */
const PAGE_MAX = 200;

/** The highest number of a turn that a journal can hold. */
export const TURN_MAX = 2 ** 31 - 1;

/** ISO 8601 with an offset; answers are in UTC, with milliseconds. */
export const Time = z.iso.datetime({
  offset: true,
  error: "expected a time such as 2026-01-31T09:30:00Z",
});

/** Whether to show what a key may not see without the scope admin. */
export const Sensitive = z.enum(["hidden", "shown"]).default("hidden").describe(
  "What contracts mark with `writeOnly`; to have it shown needs the scope admin",
);

/** A whole number in a query. */
export function whole(min: number, max: number) {
  return z.coerce.number<string | number>().int().min(min).max(max);
}

/**
 * A list in a query: joined by commas, where a backslash stands before a comma that is part of an
 * entry. A program may give an array.
 */
export function listed<S extends z.ZodType>(
  entry: S,
  max: number,
): z.ZodType<z.output<S>[], string | readonly z.input<S>[]> {
  const list = z.preprocess(
    (value) => typeof value === "string" ? splitList(value) : value,
    z.array(entry).min(1).max(max),
  );
  // zod takes anything for the input of a preprocess.
  return list as z.ZodType<z.output<S>[], string | readonly z.input<S>[]>;
}

/** Reads a list that is written as one text. */
export function splitList(text: string): string[] {
  const entries = text.match(/(?:\\.|[^\\,])+/gs) ?? [];
  return entries.map((entry) => entry.replace(/\\(.)/gs, "$1"));
}

/** How many entries to answer with. */
export const Limit = whole(1, PAGE_MAX).default(50);

/** The longest Idempotency-Key. */
export const IDEMPOTENCY_KEY_LENGTH_MAX = 200;

/** What names a write, so that a repeat gets the first answer. */
export const IdempotencyKey = z.string().regex(
  new RegExp(`^[\\x21-\\x7e]{1,${IDEMPOTENCY_KEY_LENGTH_MAX}}$`),
  `expected 1 to ${IDEMPOTENCY_KEY_LENGTH_MAX} visible ASCII characters`,
);

/** The second that was written last, and its text: the times of a task are close together. */
let lastSecond = NaN;
let lastText = "";

/** Writes a time as people and programs read it. Cost: 0.1 µs in the second of the one before. */
export function timeText(atMs: number): string {
  const second = Math.floor(atMs / 1_000);
  if (second !== lastSecond) {
    lastText = new Date(second * 1_000).toISOString().slice(0, -"000Z".length);
    lastSecond = second;
  }
  return `${lastText}${String(Math.floor(atMs - second * 1_000)).padStart(3, "0")}Z`;
}
