/** Schemas: the shapes of bodies and answers, each named once for OpenAPI. */

import { z } from "zod";

/** Every named shape: the components of the OpenAPI document. */
export const SCHEMAS = z.registry<{ id: string }>();

/** Gives a shape its name in the OpenAPI document. */
export function named<S extends z.ZodType>(id: string, schema: S): S {
  SCHEMAS.add(schema, { id });
  return schema;
}

/** The most entries of one page. */
export const PAGE_MAX = 200;

/** The highest number of a turn that a journal can hold. */
export const TURN_MAX = 2 ** 31 - 1;

/** ISO 8601 in UTC with milliseconds. */
export const Time = z.iso.datetime({ offset: true });

/** A whole number in a query. */
export function whole(min: number, max: number) {
  return z.coerce.number().int().min(min).max(max);
}

/** How many entries to answer with. */
export const Limit = whole(1, PAGE_MAX).default(50);

/** Writes a time as people and programs read it. */
export function timeText(atMs: number): string {
  return new Date(atMs).toISOString();
}
