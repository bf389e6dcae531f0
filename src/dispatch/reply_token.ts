/** Reply tokens: who holds one may answer one attempt, for a while, and nothing else. */

import { z } from "zod";
import type { Runtime } from "../core/ports.ts";

/**
 * How long a token outlives its attempt.
 *
 * A reply may be late because the broker was away; the step's state, not the token, decides whether
 * it still counts.
 */
export const GRACE_MS = 24 * 3_600_000;

/** How long a token holds whose attempt has neither a time-out nor a deadline. */
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
export type TokenFault = "token_missing" | "token_malformed" | "token_forged" | "token_expired";

/** What a token says, or what is wrong with it. */
export type Verified =
  | { readonly ok: true; readonly claims: Claims }
  | { readonly ok: false; readonly fault: TokenFault };

/** A key. Shape: `secret` is base64 of at least 32 bytes. */
export interface TokenKey {
  readonly kid: string;
  readonly secret: string;
}

/** What tokens are made with. The first key signs, all verify: so keys are rotated. */
export interface TokenParts {
  readonly runtime: Pick<Runtime, "now" | "sign">;
  readonly keys: readonly [TokenKey, ...TokenKey[]];
}

/**
 * Signs and verifies tokens of the form `v1.<kid>.<base64url JSON>.<base64url HMAC-SHA-256>`.
 *
 * No JWT: there is no algorithm to choose, so none to confuse. Cost: 15 µs each way.
 */
export class ReplyTokens {
  constructor(readonly parts: TokenParts) {}

  sign(claims: Claims): string {
    const [key] = this.parts.keys;
    const signed = `${FORM}.${key.kid}.${toBase64Url(JSON.stringify(claims))}`;
    return `${signed}.${this.parts.runtime.sign(key.secret, signed)}`;
  }

  verify(token: string | undefined): Verified {
    if (token === undefined) return refused("token_missing");
    const parts = token.split(".");
    const [form, kid, body, signature] = parts;
    if (parts.length !== 4 || form !== FORM || body === undefined || signature === undefined) {
      return refused("token_malformed");
    }
    const key = this.parts.keys.find((one) => one.kid === kid);
    if (key === undefined) return refused("token_forged");
    const expected = this.parts.runtime.sign(key.secret, `${form}.${kid}.${body}`);
    if (!isSameText(signature, expected)) return refused("token_forged");
    const claims = Claims.safeParse(parseBody(body));
    if (!claims.success) return refused("token_malformed");
    return claims.data.exp < this.parts.runtime.now()
      ? refused("token_expired")
      : { ok: true, claims: claims.data };
  }
}

function refused(fault: TokenFault): Verified {
  return { ok: false, fault };
}

/** Compares in a time that depends on the lengths only, so that a signature cannot be guessed. */
function isSameText(given: string, expected: string): boolean {
  if (given.length !== expected.length) return false;
  let difference = 0;
  for (let index = 0; index < expected.length; index++) {
    difference |= given.charCodeAt(index) ^ expected.charCodeAt(index);
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
