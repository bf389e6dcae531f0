/**
 * Operations: everything that can be asked of Tasker, each defined once. Routes, OpenAPI, the client
 * and the command line are derived from these definitions; so can any other way to ask be.
 */

import { z } from "zod";
import type { ErrorCode } from "../core/errors.ts";
import type { Scope } from "../core/api_key.ts";
import type { DeepReadonly } from "../core/json.ts";

/** The scope that a key must have; any key does for "key", and "open" asks for none. */
export type Right = Scope | "key" | "open";

/** The methods of routes. */
export type Method = "GET" | "POST" | "PUT" | "DELETE";

/**
 * How a repeated request finds its first answer: by the command id in the task's journal, in a cache
 * of one node, or not at all, because nothing is written or a repeat does no harm.
 */
export type Repeat = "command" | "remembered" | "harmless";

/** A successful answer. */
export interface Answer {
  readonly description: string;
  /** The JSON body; absent: there is no body, or one of another type. */
  readonly schema?: z.ZodType;
  /** The type of a body that is not JSON. */
  readonly mediaType?: "text/plain" | "text/event-stream" | "application/jsonl";
  /** The data of each event of a stream. */
  readonly event?: z.ZodType;
  /** Where the new object is found; `{id}` stands for the body's field. */
  readonly location?: string;
}

/** Successful answers by HTTP status. */
export type Answers = Readonly<Record<number, Answer>>;

/** How a list is read page by page. */
export interface Pages<Entries extends string = string> {
  /** The field of the answer with the entries. */
  readonly entries: Entries;
  /** The field of the answer that says where the next page begins; absent there: no more pages. */
  readonly next: string;
  /** The input field that takes it. */
  readonly from: string;
}

/** How the command line offers an operation. */
export interface CommandHint {
  /** `cancel`, or two words: `dead replay`. */
  readonly verb: string;
  /** The input fields that are given by position; absent: those of the path, in order. */
  readonly operands?: readonly string[];
}

/** How the audit shows a call. `{id}` stands for a field of the input or of the answer. */
export interface AuditHint {
  /** What the call is about. */
  readonly target: string;
  /** The command that undoes it, without the name of the program; absent: there is none. */
  readonly undo?: string;
}

/** What the author of an operation writes. */
export interface Definition<
  P extends z.ZodObject,
  Q extends z.ZodObject,
  B extends z.ZodType,
  F extends string,
  A extends Answers,
  L extends string,
> {
  readonly summary: string;
  readonly right: Right;
  readonly method: Method;
  /** As in OpenAPI: `/v1/tasks/{id}`. */
  readonly path: string;
  readonly repeat: Repeat;
  /** It may wait for long before it answers, or it answers with a stream. */
  readonly longLived?: "poll" | "stream";
  /** How long the answer may take, in ms; absent: as any other. */
  readonly answerMsMax?: number;
  /** It answers all who have the same rights alike, so many who ask at once may share one answer. */
  readonly isShared?: true;
  readonly params?: P;
  readonly query?: Q;
  readonly body?: B;
  /** The largest body, in bytes; absent: as any other. */
  readonly bodyBytesMax?: number;
  /**
   * The body field whose entries are answered one by one. An entry that cannot be kept as JSON does
   * not fail the request, so the handler has to check each; a number that would change does fail it.
   */
  readonly entries?: string;
  /** The name of the body in the input, for a body that is not an object of named fields. */
  readonly bodyName?: F;
  readonly answers: A;
  /** Its own error codes, beside those that every operation may answer with. */
  readonly errors: readonly ErrorCode[];
  readonly pages?: Pages<L>;
  readonly command?: CommandHint;
  /** Absent: its calls are not in the audit, because they change nothing that the journal has not. */
  readonly audit?: AuditHint;
}

/** An operation without its names, which come from the table. */
export interface Unnamed<
  P extends z.ZodObject,
  Q extends z.ZodObject,
  B extends z.ZodType,
  F extends string,
  A extends Answers,
  L extends string,
> extends Omit<Definition<P, Q, B, F, A, L>, "params" | "query"> {
  readonly params: P;
  readonly query: Q;
}

/** One operation. Its fields are data: nothing here knows who asks, or how. */
export interface Operation<
  P extends z.ZodObject = z.ZodObject,
  Q extends z.ZodObject = z.ZodObject,
  B extends z.ZodType = z.ZodType,
  F extends string = string,
  A extends Answers = Answers,
  L extends string = string,
> extends Unnamed<P, Q, B, F, A, L> {
  /** Unique in the table: `startTask`. */
  readonly name: string;
  /** The group it belongs to: `tasks`. */
  readonly group: string;
}

/** No fields. */
const NONE = z.strictObject({});

/** Defines an operation. */
export function operation<
  P extends z.ZodObject = typeof NONE,
  Q extends z.ZodObject = typeof NONE,
  B extends z.ZodType = z.ZodUndefined,
  const F extends string = never,
  const A extends Answers = Answers,
  const L extends string = never,
>(definition: Definition<P, Q, B, F, A, L>): Unnamed<P, Q, B, F, A, L> {
  const { params = NONE, query = NONE, ...rest } = definition;
  return { ...rest, params, query } as Unnamed<P, Q, B, F, A, L>;
}

/** Names the operations of a group. */
export function group<T extends Readonly<Record<string, object>>>(
  group: string,
  unnamed: T,
): { readonly [Name in keyof T]: T[Name] & { readonly name: string; readonly group: string } } {
  const named = Object.entries(unnamed).map(([name, one]) => [name, { ...one, name, group }]);
  return Object.fromEntries(named);
}

/** All of a type, with the types it is put together from merged into one. */
type Flat<T> = { [Field in keyof T]: T[Field] };

/** For zod, an object without fields has every key, of type never. */
type Fields<T> = string extends keyof T ? unknown : T;

type BodyFields<T, F extends string> = [F] extends [never]
  ? [T] extends [undefined] ? unknown : NonNullable<T>
  : { readonly [Name in F]: T };

/** What a caller gives: the fields of path, query and body as one object. */
export type InputOf<O> = O extends Unnamed<infer P, infer Q, infer B, infer F, infer _A, infer _L>
  ? Flat<DeepReadonly<Fields<z.input<P>> & Fields<z.input<Q>> & BodyFields<z.input<B>, F>>>
  : never;

/** What a handler gets: the same, parsed, with defaults filled in. */
export type ParsedOf<O> = O extends Unnamed<infer P, infer Q, infer B, infer F, infer _A, infer _L>
  ? Flat<DeepReadonly<Fields<z.output<P>> & Fields<z.output<Q>> & BodyFields<z.output<B>, F>>>
  : never;

/** The body of an answer, as its reader gets it. */
export type BodyOf<A extends Answer> = A extends { readonly schema: infer S extends z.ZodType }
  ? DeepReadonly<z.output<S>>
  : A extends { readonly mediaType: "text/event-stream" | "application/jsonl" }
    ? ReadableStream<Uint8Array>
  : A extends { readonly mediaType: "text/plain" } ? string
  : undefined;

/** What a caller gets. */
export type ResultOf<O extends { readonly answers: Answers }> = {
  [Status in keyof O["answers"]]: BodyOf<O["answers"][Status] & Answer>;
}[keyof O["answers"]];

/**
 * The schema of an input as one object, for tools and forms. Rules between fields of a body are not
 * in it: a handler's input is parsed by `params`, `query` and `body`.
 */
export function inputSchemaOf({ params, query, body, bodyName }: Operation): z.ZodObject {
  const fields = body === undefined
    ? {}
    : bodyName !== undefined
    ? { [bodyName]: body }
    : fieldsOf(body);
  return z.strictObject({ ...params.shape, ...query.shape, ...fields });
}

/** The fields of a body, which may be left out as a whole. */
function fieldsOf(body: z.ZodType): z.core.$ZodShape {
  if (body instanceof z.ZodObject) return body.shape;
  if (body instanceof z.ZodPrefault) return fieldsOf(body.unwrap() as z.ZodType);
  throw new TypeError("a body without named fields needs a bodyName");
}

/** The JSON Schema (draft 2020-12) of what an operation takes. */
export function inputJsonSchemaOf(of: Operation): Readonly<Record<string, unknown>> {
  return z.toJSONSchema(inputSchemaOf(of), JSON_SCHEMA);
}

/** How schemas are written: what JSON Schema cannot say is left open. */
export const JSON_SCHEMA = { io: "input", unrepresentable: "any" } as const;
