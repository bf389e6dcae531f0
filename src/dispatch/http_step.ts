/** HTTP steps: makes the request that a definition states, and reads its answer as an outcome. */

import { failureOf } from "../core/attempt.ts";
import type { Outcome } from "../core/command.ts";
import { messageOf, TaskerError } from "../core/errors.ts";
import { givenOf } from "../core/given.ts";
import { charsetOf, type HttpCall, isRetryable, retryAfterMs } from "../core/http_call.ts";
import { stepKey } from "../core/ids.ts";
import type { Mapping, Reference } from "../core/mapping.ts";
import { evaluateMapping } from "../core/mapping_value.ts";
import type { Attempt, Egress, EgressHeader, EgressResponse, Runtime } from "../core/ports.ts";
import { RETRY_AFTER_MS_MAX } from "../core/policy.ts";
import { mappingFailed } from "../core/transform.ts";
import { type Given, StepFailure } from "../core/workflow.ts";
import { ANSWER_SHOWN_MAX, contractFailure, endsAtMs, plainText, stepOf } from "./failures.ts";
import { encodeError, notRetryable, outcomeOfFailure, outcomeOfResult } from "./outcome.ts";

/** Bytes of an answer's body; a result may have 256 Ki characters. */
const BYTES_MAX = 1_048_576;

/** The same where only the status counts: what a person is shown of a refusal. */
const REFUSAL_BYTES_MAX = 4_096;

/** Shorter parts of a URL are words, not secrets. */
const SECRET_LENGTH_MIN = 8;

/** Time for an attempt without a time-out. */
const TIMEOUT_DEFAULT_MS = 3_600_000;

/** What HTTP steps need. */
export interface HttpStepDeps {
  readonly runtime: Pick<Runtime, "now">;
  readonly egress: Egress;
}

/** A request as its mapping makes it. */
interface Asked {
  readonly url: string;
  readonly query?: Readonly<Record<string, unknown>>;
  readonly headers?: Readonly<Record<string, unknown>>;
  readonly body?: unknown;
}

/**
 * Makes the request of an attempt; `signal` ends it. Never throws.
 *
 * @returns interrupted when our own guard ended meanwhile: the attempt is not charged for that
 */
export async function runHttp(
  { runtime, egress }: HttpStepDeps,
  attempt: Attempt,
  signal: AbortSignal,
): Promise<Outcome | "interrupted"> {
  const { definition: { http }, mapping } = stepOf(attempt);
  if (http === undefined || mapping === undefined) {
    return notRetryable(mappingFailed("the definition of the step states no request"));
  }
  const asked = requestOf(mapping, givenOf(attempt));
  if (!asked.ok) return notRetryable(mappingFailed(asked.detail));
  const nowMs = runtime.now();
  try {
    const answer = await egress.request({
      method: http.method,
      url: urlOf(asked.value),
      ...contentOf(asked.value, http, {
        key: stepKey(attempt.taskId, stepOf(attempt).name),
        nowMs,
      }),
      timeoutMs: Math.max(1, (endsAtMs(attempt) ?? nowMs + TIMEOUT_DEFAULT_MS) - nowMs),
      bytesMax: http.isStatusOnly ? REFUSAL_BYTES_MAX : BYTES_MAX,
      ...(http.isStatusOnly && { isStatusOnly: true }),
      signal,
    });
    return outcomeOf(answer, { attempt, http, url: asked.value.url, nowMs: runtime.now() });
  } catch (error) {
    if (isOurs(error)) return "interrupted";
    const outcome = outcomeOfThrow(error);
    // What the configuration refuses now it may allow before the last attempt.
    return http.isStatusOnly && outcome.kind === "failed"
      ? { ...outcome, retryable: true }
      : outcome;
  }
}

/** Whether our own guard ended: that says nothing about the host. */
export function isOurs(error: unknown): boolean {
  return error instanceof TaskerError && error.code === "egress.unavailable";
}

type Evaluated<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly detail: string };

/** Evaluates the request; the text of its URL by parts. */
function requestOf(mapping: Mapping, given: Given): Evaluated<Asked> {
  const fields = mapping.kind === "object" ? mapping.fields : [];
  const [, url] = fields.find(([name]) => name === "url") ?? [];
  if (url === undefined) return { ok: false, detail: "the request has no url" };
  const made = url.kind === "text" ? urlTextOf(url.parts, given) : evaluateMapping(url, given);
  if (!made.ok) return made;
  if (typeof made.value !== "string") return { ok: false, detail: "the url is not a text" };
  const others = fields.filter(([name]) => name !== "url");
  const rest = evaluateMapping({ kind: "object", fields: others }, given);
  if (!rest.ok) return rest;
  const asked = { ...rest.value as Omit<Asked, "url">, url: made.value };
  const { query = {}, headers = {} } = asked;
  const isDeep = [...Object.values(query).flat(), ...Object.values(headers)].some((value) =>
    typeof value === "object" && value !== null
  );
  return isDeep
    ? { ok: false, detail: "a header, or a field of the query, is neither a text nor a number" }
    : { ok: true, value: asked };
}

/**
 * Makes the text of a URL. What a reference gives is encoded, so that it stays the part of the URL
 * for which it was meant.
 */
function urlTextOf(parts: readonly (string | Reference)[], given: Given): Evaluated<string> {
  let text = "";
  for (const part of parts) {
    if (typeof part === "string") {
      text += part;
      continue;
    }
    const piece = evaluateMapping({ kind: "text", parts: [part] }, given);
    if (!piece.ok) return piece;
    text += encodeURIComponent(String(piece.value).toWellFormed());
  }
  const isUp = /\/(\.|%2e){1,2}([/?#]|$)/i.test(text);
  return isUp
    ? { ok: false, detail: 'a part of the url is "." or ".."' }
    : { ok: true, value: text };
}

/** The URL with its query; what is not a URL the guard refuses. */
function urlOf({ url, query = {} }: Asked): string {
  const parsed = URL.parse(url);
  if (parsed === null) return url;
  for (const [name, value] of Object.entries(query)) {
    for (const one of [value ?? []].flat()) parsed.searchParams.append(name, String(one));
  }
  return parsed.href;
}

/** Headers and body; what the step states goes before what it is sent by default. */
function contentOf(
  { headers = {}, body }: Asked,
  { method, secrets = {}, sign }: HttpCall,
  { key, nowMs }: { readonly key: string; readonly nowMs: number },
): { readonly headers: Readonly<Record<string, EgressHeader>>; readonly body?: string } {
  const isText = typeof body === "string";
  const made: Record<string, EgressHeader> = {
    accept: "application/json, */*;q=0.5",
    "user-agent": "tasker",
    ...(method !== "GET" && method !== "HEAD" && { "idempotency-key": key }),
    ...(body !== undefined && { "content-type": isText ? "text/plain" : "application/json" }),
  };
  for (const [name, value] of Object.entries(headers)) {
    if (value !== null) made[name.toLowerCase()] = String(value);
  }
  for (const [name, secret] of Object.entries(secrets)) made[name.toLowerCase()] = secret;
  if (sign !== undefined) {
    const stated = made["webhook-id"];
    const id = typeof stated === "string" ? stated : key;
    const timestamp = String(Math.floor(nowMs / 1_000));
    made["webhook-id"] = id;
    made["webhook-timestamp"] = timestamp;
    made["webhook-signature"] = { secret: sign, signs: `${id}.${timestamp}` };
  }
  if (body === undefined) return { headers: made };
  return { headers: made, body: isText ? body : JSON.stringify(body) };
}

interface AnswerContext {
  readonly attempt: Attempt;
  readonly http: HttpCall;
  readonly url: string;
  readonly nowMs: number;
}

function outcomeOf(answer: EgressResponse, { attempt, http, url, nowMs }: AnswerContext): Outcome {
  const { status, headers } = answer;
  if (status >= 200 && status < 300 && http.isStatusOnly === true) {
    return outcomeOfResult({ status }, attempt);
  }
  const read = readBody(answer);
  if (status >= 200 && status < 300) {
    if (!read.ok) return notRetryable(contractFailure(`The answer ${read.detail}`));
    return outcomeOfResult(resultOf(answer, read.value, http), attempt);
  }
  const error = {
    error_code: `http_${status}`,
    error_message: plainText(messageFor(answer, http, url)),
    http_status: status,
  };
  const stated = retryAfterMs(headers["retry-after"], nowMs);
  // A longer one would park the step; nobody looks at the steps of deliveries one by one.
  const retryAfter = http.isStatusOnly && stated !== undefined
    ? Math.min(stated, RETRY_AFTER_MS_MAX)
    : stated;
  // Who answers with such a status has failed; the others answered that they will not do it.
  if (status >= 500) {
    return {
      kind: "failed",
      failure: { class: "thrown", error: encodeError(error) },
      retryable: true,
      ...(retryAfter !== undefined && { retryAfterMs: retryAfter }),
    };
  }
  return outcomeOfFailure(new StepFailure(error, isRetryable(status, http), retryAfter), attempt);
}

function resultOf(
  { status, headers }: EgressResponse,
  body: unknown,
  { responseHeaders }: HttpCall,
): unknown {
  if (responseHeaders === undefined) return body;
  const kept = responseHeaders.flatMap((name) => {
    const value = headers[name.toLowerCase()];
    return value === undefined ? [] : [[name.toLowerCase(), value]];
  });
  return { status, headers: Object.fromEntries(kept), body };
}

function messageFor(answer: EgressResponse, http: HttpCall, url: string): string {
  const { method, origin } = http;
  const { status, headers } = answer;
  const what = `${method} ${origin ?? "of the step"} was answered ${status}`;
  if (status >= 300 && status < 400) {
    const to = URL.parse(headers.location ?? "", origin)?.origin ?? "nowhere";
    return `${what}: redirects are not followed, and this one leads to ${to}`;
  }
  const read = readBody(answer);
  const whole = !read.ok || read.value === null
    ? ""
    : typeof read.value === "string"
    ? read.value
    : JSON.stringify(read.value);
  const shown = http.isStatusOnly ? withoutUrl(whole, url) : whole;
  return shown === "" ? what : `${what}: ${shown.slice(0, ANSWER_SHOWN_MAX)}`;
}

/** Hides what a text repeats of the URL of a webhook: who has that may send events as well. */
function withoutUrl(text: string, url: string): string {
  const { pathname, search } = new URL(url);
  const path = pathname + search;
  const parts = [path, ...path.split(/[/?&=;,]/)]
    .flatMap((part) => [part, decoded(part)])
    .filter(({ length }) => length >= SECRET_LENGTH_MIN)
    // One that begins another would leave the rest of that one.
    .toSorted((one, other) => other.length - one.length);
  return parts.reduce((left, part) => left.replaceAll(part, "<url>"), text);
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** Reads a body: JSON as a value, text as text, nothing as null. */
function readBody({ headers, body }: EgressResponse): Evaluated<unknown> {
  if (body.length === 0) return { ok: true, value: null };
  const encoding = headers["content-encoding"] ?? "identity";
  if (encoding !== "identity") return { ok: false, detail: `is encoded as ${encoding}` };
  const stated = headers["content-type"] ?? "text/plain";
  const type = stated.toLowerCase().split(";")[0]?.trim() ?? "";
  const isJson = /[/+]json$/.test(type);
  if (!isJson && !/^text\/|[/+](xml|x-www-form-urlencoded|yaml)$/.test(type)) {
    return { ok: false, detail: `is ${type}, which is neither JSON nor text` };
  }
  try {
    const text = new TextDecoder(charsetOf(stated)).decode(body);
    return { ok: true, value: isJson ? JSON.parse(text) : text };
  } catch (error) {
    return { ok: false, detail: `cannot be read as ${type}: ${messageOf(error)}` };
  }
}

/** The outcome of a request without an answer. */
export function outcomeOfThrow(error: unknown): Outcome {
  const text = plainText(messageOf(error));
  const code = error instanceof TaskerError ? error.code : "";
  if (code === "payload.too_large") return notRetryable(contractFailure(text));
  if (code === "egress.refused") {
    return notRetryable(failureOf("undeliverable", text, "egress_refused"));
  }
  return { kind: "failed", failure: failureOf("thrown", text, "egress_failed"), retryable: true };
}
