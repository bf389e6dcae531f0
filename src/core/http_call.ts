/** HTTP calls: what an `http` step's definition says about its request and the answers to it. */

import type { EgressHeader } from "./ports.ts";
import type { JsonSchema } from "./workflow.ts";

/** Methods that a step may use. */
export const HTTP_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"] as const;

/** The fixed part of a request; the step's `with` maps url, query, headers and body. */
export interface HttpCall {
  readonly method: (typeof HTTP_METHODS)[number];
  /** `scheme://host:port` that all requests go to; absent when a mapping makes the host. */
  readonly origin?: string;
  /** Headers whose values are secrets of the server. */
  readonly secrets?: Readonly<Record<string, Exclude<EgressHeader, string>>>;
  /**
   * The name of a secret that signs the request as Standard Webhooks says, in the headers webhook-id,
   * webhook-timestamp and webhook-signature. The id is the mapping's, or else that of the step: the same
   * for each attempt.
   */
  readonly sign?: string;
  /** Whatever comes with a success is not read: the result is the status. */
  readonly isStatusOnly?: boolean;
  /** Whose circuit, limits and retry budget the step shares; absent: those of its origin. */
  readonly circuit?: string;
  /** Statuses that are tried again beside 408, 425, 429 and those from 500 on. */
  readonly retryOn?: readonly number[];
  /** Headers that the result has beside the body; absent: the result is the body alone. */
  readonly responseHeaders?: readonly string[];
}

/** Whose circuit and limits a request shares; undefined: a mapping makes its host. */
export function calledBy(http: HttpCall | undefined): string | undefined {
  return http?.circuit ?? http?.origin;
}

/** A system without a broker: each of its envelopes is sent to a URL. */
export interface HttpSystem {
  readonly name: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, EgressHeader>>;
}

/** The secret that is the key of the model which explains incidents; the guard alone has it. */
export const MODEL_KEY = "TASKER_MODEL_KEY";

/** The secret of this client of the identity provider, as HTTP Basic sends it; the guard alone has it. */
export const OIDC_SECRET = "TASKER_OIDC_CLIENT_SECRET";

const SCALAR: JsonSchema = { type: ["string", "number", "boolean"] };

/** What the mapping of an `http` step makes. */
export const HTTP_REQUEST: JsonSchema = {
  type: "object",
  properties: {
    url: { type: "string" },
    query: {
      type: "object",
      additionalProperties: { anyOf: [SCALAR, { type: "array", items: SCALAR }] },
    },
    headers: { type: "object", additionalProperties: SCALAR },
    body: {},
  },
  required: ["url"],
  additionalProperties: false,
};

/** What the connection or the engine itself decides. */
const OWN_HEADERS: ReadonlySet<string> = new Set([
  "connection",
  "content-length",
  "expect",
  "host",
  "keep-alive",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

/** Why a request cannot have a header of this name; undefined: it can. */
export function whyNoHeader(name: string): string | undefined {
  const lower = name.toLowerCase();
  if (!/^[a-z0-9!#$%&'*+.^_`|~-]+$/.test(lower)) return "its name is not one of a header";
  return OWN_HEADERS.has(lower) ? "the engine sets it" : undefined;
}

/** Why a header cannot have this value, or part of one; undefined: it can. */
export function whyNoHeaderValue(value: string): string | undefined {
  return /[^\t\x20-\x7e\x80-\xff]/.test(value) ? "its value cannot be sent" : undefined;
}

/** Whether the same request may succeed later. */
export function isRetryable(status: number, { retryOn = [] }: Pick<HttpCall, "retryOn">): boolean {
  return status >= 500 || status === 408 || status === 425 || status === 429 ||
    retryOn.includes(status);
}

/**
 * Reads `Retry-After`, in seconds or as a date, as milliseconds from `nowMs`; undefined when it is
 * absent or neither. A date in the past is 0.
 */
export function retryAfterMs(header: string | undefined, nowMs: number): number | undefined {
  const text = header?.trim() ?? "";
  if (/^\d{1,12}$/.test(text)) return Number(text) * 1_000;
  // Date.parse takes much that is no HTTP date, such as "1": a date begins with its weekday.
  const atMs = /^[A-Z][a-z]{2,8},? /.test(text) ? Date.parse(text) : NaN;
  return Number.isNaN(atMs) ? undefined : Math.max(0, atMs - nowMs);
}

/** The charset that a content type states, in lower case; UTF-8 without one. */
export function charsetOf(contentType = ""): string {
  const [, ...parameters] = contentType.toLowerCase().split(";").map((part) => part.trim());
  const stated = parameters.find((one) => one.startsWith("charset="))?.slice(8) ?? "utf-8";
  return stated.replaceAll('"', "");
}
