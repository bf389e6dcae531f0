/** Reply tokens: the holder of one may answer one attempt, for a limited time, and nothing else. */

import { z } from "zod";
import { type Envelope, STEP_PROGRESS } from "../core/envelope.ts";
import type { Runtime } from "../core/ports.ts";

/**
 * How long a token outlives its attempt.
 *
 * A reply may be late because the broker was away; the step's state, not the token, decides whether
 * it still counts.
 */
export const GRACE_MS = 24 * 3_600_000;

/** How long a token is valid when its attempt has neither a time-out nor a deadline. */
export const LIFE_MS_MAX = 30 * 24 * 3_600_000;

const FORM = "v1";

const Claims = z.strictObject({
  task: z.string(),
  step: z.string(),
  attempt: z.int().min(1),
  sys: z.string(),
  exp: z.number(),
});

/**
 * What a token allows: to answer this attempt.
 *
 * Shape: `step` is the step's name; `sys` the system that was asked.
 * Units: `exp` is Unix time in milliseconds.
 */
export type Claims = z.infer<typeof Claims>;

/** Why a token is not accepted; also the label of the metric. */
export type TokenFault =
  | "token_missing"
  | "token_malformed"
  | "token_key_unknown"
  | "token_forged"
  | "token_expired";

/** What a token says, or what is wrong with it. */
type Verified =
  | { readonly ok: true; readonly claims: Claims }
  | {
    readonly ok: false;
    readonly fault: TokenFault;
    /** The key of which there is no secret here: another installation's, or taken out. */
    readonly kid?: string;
  };

/** A key. Shape: `secret` is base64 of at least 32 bytes. */
export interface TokenKey {
  readonly kid: string;
  readonly secret: string;
}

/** What tokens are made with. The first key signs, all verify: so keys are rotated. */
interface TokenDeps {
  readonly runtime: Pick<Runtime, "now" | "sign">;
  readonly keys: readonly [TokenKey, ...TokenKey[]];
}

/**
 * Signs and verifies tokens of the form `v1.<kid>.<base64url JSON>.<base64url HMAC-SHA-256>`.
 *
 * Not JWT: there is no algorithm to choose, so none to confuse. Cost: 15 µs each way.
 */
export class ReplyTokens {
  constructor(readonly deps: TokenDeps) {}

  sign(claims: Claims): string {
    const [key] = this.deps.keys;
    const signed = `${FORM}.${key.kid}.${toBase64Url(JSON.stringify(claims))}`;
    return `${signed}.${this.deps.runtime.sign(key.secret, signed)}`;
  }

  verify(token: string | undefined): Verified {
    if (token === undefined) return invalid("token_missing");
    const parts = token.split(".");
    const [form, kid, body, signature] = parts;
    if (parts.length !== 4 || form !== FORM || body === undefined || signature === undefined) {
      return invalid("token_malformed");
    }
    const key = this.deps.keys.find((one) => one.kid === kid);
    if (key === undefined) return { ...invalid("token_key_unknown"), kid: kid ?? "" };
    const expected = this.deps.runtime.sign(key.secret, `${form}.${kid}.${body}`);
    if (!isSameText(signature, expected)) return invalid("token_forged");
    const claims = Claims.safeParse(parseBody(body));
    if (!claims.success) return invalid("token_malformed");
    return claims.data.exp < this.deps.runtime.now()
      ? invalid("token_expired")
      : { ok: true, claims: claims.data };
  }
}

function invalid(fault: TokenFault) {
  return { ok: false, fault } as const;
}

/** Compares in a time that depends on the lengths only, so that a signature cannot be guessed. */
function isSameText(actual: string, expected: string): boolean {
  if (actual.length !== expected.length) return false;
  let difference = 0;
  for (let index = 0; index < expected.length; index++) {
    difference |= actual.charCodeAt(index) ^ expected.charCodeAt(index);
  }
  return difference === 0;
}

function toBase64Url(text: string): string {
  return new TextEncoder().encode(text).toBase64({ alphabet: "base64url", omitPadding: true });
}

function parseBody(body: string): unknown {
  try {
    const bytes = Uint8Array.fromBase64(body, { alphabet: "base64url" });
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch {
    return undefined;
  }
}

/** Characters of a body that are searched. */
const SEARCHED_LENGTH_MAX = 16 * 1024 * 1024;

const TYPE = /"type"\s*:\s*"([\w.]{1,512})"/g;
const SUBJECT = /"subject"\s*:\s*"([^"\\]{1,512})"/g;
const TOKEN = /"taskerreplytoken"\s*:\s*"([\w.-]{1,2048})"/g;

/** Whom a reply answers; the token still has to be verified. */
export type Addressee = Pick<Envelope, "subject" | "taskerreplytoken">;

/**
 * Finds the addressee of a body that could not be read as an envelope: it is too large, nested too
 * deep, has a wrong attribute, or is not JSON because of a NaN in its data.
 *
 * Returns undefined for a heartbeat, which ends nothing, and where the body is ambiguous: text that
 * is not JSON may quote another envelope. Cost: O(characters).
 */
export function addresseeOf(body: string): Addressee | undefined {
  if (body.length > SEARCHED_LENGTH_MAX) return undefined;
  const { type, subject, taskerreplytoken } = attributesOf(body);
  if (type === STEP_PROGRESS) return undefined;
  if (typeof subject !== "string" || typeof taskerreplytoken !== "string") return undefined;
  return { subject, taskerreplytoken };
}

function attributesOf(body: string): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(body);
  } catch {
    return {
      type: onlyOf(body, TYPE),
      subject: onlyOf(body, SUBJECT),
      taskerreplytoken: onlyOf(body, TOKEN),
    };
  }
  return typeof value === "object" && value !== null ? { ...value } : {};
}

/** The value in which all matches agree; undefined where they differ. */
function onlyOf(body: string, pattern: RegExp): string | undefined {
  const found = new Set<string | undefined>();
  for (const match of body.matchAll(pattern)) found.add(match[1]);
  return found.size === 1 ? [...found][0] : undefined;
}
