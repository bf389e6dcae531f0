/** One call of a model: over the guard of HTTP requests, once, with every bound of our own. */

import type { OpenAI } from "openai";
import { z } from "zod";
import { TaskerError } from "../core/errors.ts";
import { MODEL_KEY, retryAfterMs } from "../core/http_call.ts";
import type { Egress } from "../core/ports.ts";
import type { Prompt } from "./prompt.ts";

/** Bytes of an answer: the longest that is of use has some 30 KiB. */
const ANSWER_BYTES_MAX = 65_536;

/** Why a call gave no text. None of these holds what the other side wrote. */
export type NoText =
  | "too_late"
  | "unreachable"
  | "not_allowed"
  | "too_large"
  | "an_error"
  | "not_a_completion"
  | "empty"
  | "declined"
  | "cut_off"
  | "wants_a_tool";

/** What came of a call. */
export interface Completion {
  readonly text?: string;
  readonly why?: NoText;
  /** What a person can look for: a status, an error code of ours. */
  readonly detail?: string;
  readonly retryAfterMs?: number;
  /** As the endpoint says; absent: it does not. */
  readonly usedTokens?: number;
}

/** Which model. */
export interface ModelAddress {
  /** Base of the API, such as `https://api.openai.com/v1`. */
  readonly url: string;
  readonly name: string;
}

/** What a call is made with. */
interface CallDeps {
  readonly library: typeof OpenAI;
  readonly address: ModelAddress;
  readonly egress: Egress;
  /** Unix time in milliseconds. */
  readonly nowMs: number;
}

/** What an answer is. */
export interface AnswerShape {
  /** Of letters. */
  readonly name: string;
  /** With what a model thinks before it. */
  readonly tokensMax: number;
}

/** A turn of the conversation. */
export interface Said {
  readonly role: "system" | "user" | "assistant";
  readonly content: string;
}

/**
 * Asks once. Never throws.
 *
 * @param timeoutMs for all of it: name, connection, head and body
 */
export async function complete(
  deps: CallDeps,
  { said, schema, answer: of, timeoutMs, signal }: {
    readonly said: readonly Said[];
    readonly schema: Prompt["schema"];
    readonly answer: AnswerShape;
    readonly timeoutMs: number;
    readonly signal: AbortSignal;
  },
): Promise<Completion> {
  const client = openClient(deps, timeoutMs);
  try {
    const answer = await client.chat.completions.create({
      model: deps.address.name,
      messages: [...said],
      max_completion_tokens: of.tokensMax,
      response_format: {
        type: "json_schema",
        json_schema: { name: of.name, strict: true, schema },
      },
    }, { signal, timeout: timeoutMs }).asResponse();
    return readCompletion(await answer.text());
  } catch (error) {
    return signal.aborted ? { why: "too_late" } : failureOf(error, deps);
  }
}

/**
 * Every option that the library would look for in the environment is given: it has no right to that,
 * and a variable of somebody else must not choose where data goes. It retries nothing.
 */
function openClient({ library, address, egress }: CallDeps, timeoutMs: number): OpenAI {
  return new library({
    apiKey: "the guard has it",
    adminAPIKey: null,
    organization: null,
    project: null,
    webhookSecret: null,
    baseURL: address.url,
    maxRetries: 0,
    timeout: timeoutMs,
    logLevel: "off",
    fetch: (url, init) => fetchOver(egress, { url: String(url), init, timeoutMs }),
  });
}

/** Makes the library's request by the guard, which puts the key in. */
async function fetchOver(
  egress: Egress,
  { url, init, timeoutMs }: {
    readonly url: string;
    readonly init: RequestInit | undefined;
    readonly timeoutMs: number;
  },
): Promise<Response> {
  const { status, headers, body } = await egress.request({
    method: "POST",
    url,
    headers: {
      "content-type": "application/json",
      accept: "application/json",
      authorization: { secret: MODEL_KEY, prefix: "Bearer " },
    },
    body: String(init?.body),
    timeoutMs,
    bytesMax: ANSWER_BYTES_MAX,
    ...(init?.signal && { signal: init.signal }),
  });
  const hasBody = status !== 204 && status !== 205 && status !== 304;
  return new Response(hasBody ? new Uint8Array(body) : null, {
    status,
    headers: { "retry-after": headers["retry-after"] ?? "" },
  });
}

/** What is read of a completion. Endpoints add fields of their own. */
const COMPLETION = z.object({
  choices: z.array(z.object({
    finish_reason: z.string().nullish(),
    message: z.object({
      content: z.string().nullish(),
      refusal: z.string().nullish(),
      tool_calls: z.array(z.unknown()).nullish(),
      function_call: z.unknown().nullish(),
    }),
  })),
  usage: z.object({ total_tokens: z.number().int().min(0).max(1e9) }).nullish().catch(undefined),
});

function readCompletion(text: string): Completion {
  const parsed = COMPLETION.safeParse(jsonOf(text));
  if (!parsed.success) return { why: "not_a_completion" };
  const { choices: [choice], usage } = parsed.data;
  const used = usage ? { usedTokens: usage.total_tokens } : {};
  if (choice === undefined) return { ...used, why: "empty" };
  const { finish_reason: end, message } = choice;
  const isTool = (message.tool_calls?.length ?? 0) > 0 || message.function_call != null;
  if (isTool) return { ...used, why: "wants_a_tool" };
  if (message.refusal || end === "content_filter") return { ...used, why: "declined" };
  if (end === "length") return { ...used, why: "cut_off" };
  if (!message.content?.trim()) return { ...used, why: "empty" };
  return { ...used, text: message.content };
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** The text of an error stays here: endpoints repeat in it what they were sent, keys included. */
function failureOf(error: unknown, { library, nowMs }: CallDeps): Completion {
  if (error instanceof library.APIConnectionTimeoutError) return { why: "too_late" };
  if (error instanceof library.APIError && error.status !== undefined) {
    const restMs = retryAfterMs(error.headers?.get("retry-after") ?? undefined, nowMs);
    return {
      why: "an_error",
      detail: `HTTP ${error.status}`,
      ...(restMs !== undefined && { retryAfterMs: restMs }),
    };
  }
  const ours = [error, (error as Error | undefined)?.cause].find((one) =>
    one instanceof TaskerError
  );
  if (!(ours instanceof TaskerError)) return { why: "unreachable" };
  const why = ours.code === "payload.too_large"
    ? "too_large"
    : ours.code === "egress.refused"
    ? "not_allowed"
    : "unreachable";
  return { why, detail: ours.code };
}
