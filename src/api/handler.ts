/** Handlers: what the server does for each operation. */

import { TaskerError } from "../core/errors.ts";
import type { Runtime } from "../core/ports.ts";
import type { Answers, BodyOf, ParsedOf } from "../operations/operation.ts";
import type { Access, Caller } from "./access.ts";
import type { ApiDeps } from "./deps.ts";
import type { Changes } from "./changes.ts";
import type { LiveFeed } from "./live_feed.ts";
import type { OpenConnections } from "./open_connections.ts";
import type { SharedReads } from "./shared_reads.ts";
import type { StreamMemory } from "./sse.ts";
import type { ShownValues } from "./shown_values.ts";
import type { TaskFrames } from "./task_frames.ts";
import type { TaskReader } from "./task_reader.ts";
import type { TriggerStore } from "./trigger_store.ts";
import type { Watch } from "./watch.ts";

/** What handlers work with: what the API is given, and what it keeps itself. */
export interface Services extends ApiDeps {
  readonly access: Access;
  readonly tasks: TaskReader;
  readonly triggers: TriggerStore;
  readonly watch: Watch;
  readonly connections: OpenConnections;
  readonly live: LiveFeed;
  readonly changes: Changes;
  readonly frames: TaskFrames;
  readonly shownValues: ShownValues;
  readonly sharedReads: SharedReads;
  readonly streamMemory: StreamMemory;
}

/** Who asks, and how, beside the input. */
export interface Call {
  readonly caller: Caller;
  /** A repeat under the same key gets the first answer. */
  readonly idempotencyKey: string | undefined;
  /** The caller's span (W3C Trace Context), for the new task's trace. */
  readonly traceparent: string | undefined;
  /** The id of the last event that the reader of a stream has seen. */
  readonly lastEventId: string | undefined;
  /** Only the head of the answer is wanted: do not wait, and open no stream. */
  readonly isHead: boolean;
  /** Where the browser sees this server. */
  readonly place: { readonly isHttps: boolean; readonly url: string };
  /** The secret of the sign-in at the identity provider that this browser has begun. */
  readonly signInSecret: string | undefined;
  /** A header of the request. */
  header(name: string): string | undefined;
  /** Reads the body as it came, of an operation that takes none of its own. */
  readText(): Promise<string>;
  /** Aborts when the caller has gone. */
  readonly signal: AbortSignal;
}

/** What a handler answers. */
export interface ApiAnswer<Status extends number = number, Body = unknown> {
  readonly status: Status;
  /** JSON, a text or a stream, as the operation says; absent: no body. */
  readonly body?: Body;
  /** The whole JSON of a large body, of which `body` is the beginning. */
  readonly stream?: ReadableStream<Uint8Array>;
  /** The type of a text, with its parameters. */
  readonly mediaType?: string;
  /** Cookies to set, as the header says them. */
  readonly cookies?: readonly string[];
  /** Where a browser is sent on to. */
  readonly location?: string;
  /** What came of a sign-in, for the audit: nobody calls before they are signed in. */
  readonly signIn?: { readonly caller: Caller } | { readonly refusal: string };
}

/** One of an operation's answers. */
export type ApiAnswerOf<A extends Answers> = {
  [Status in keyof A & number]: BodyOf<A[Status]> extends undefined ? ApiAnswer<Status, undefined>
    : ApiAnswer<Status, BodyOf<A[Status]>> & { readonly body: BodyOf<A[Status]> };
}[keyof A & number];

/** What the server does for one operation; the input is parsed. */
export type Handler<O extends { readonly answers: Answers }> = (
  input: ParsedOf<O>,
  call: Call,
) => Promise<ApiAnswerOf<O["answers"]>>;

/** A handler for each operation of a group, by name. */
export type Handlers<T extends Readonly<Record<string, { readonly answers: Answers }>>> = {
  readonly [Name in keyof T]: Handler<T[Name]>;
};

/** Makes the error of a request that cannot be read. */
export function badRequest(detail: string, details?: ConstructorParameters<typeof TaskerError>[2]) {
  return new TaskerError("api.bad_request", detail, details);
}

/**
 * Returns the command id of a request: the same for a repeat, so that it gets the first answer.
 *
 * Shape: `http:<key id>:<operation and target>:<Idempotency-Key>`; without the header a fresh one.
 * The target is in it because command ids of all tasks of a slot meet in one inbox, and the
 * operation because a client may use one key for two requests by mistake.
 */
export function commandIdOf(
  runtime: Pick<Runtime, "uuid">,
  { caller, idempotencyKey }: Pick<Call, "caller" | "idempotencyKey">,
  ...operation: readonly string[]
): string {
  if (idempotencyKey === undefined) return `http:${runtime.uuid()}`;
  return ["http", caller.keyId, ...operation, idempotencyKey].join(":");
}
