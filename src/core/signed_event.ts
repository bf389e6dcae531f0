/**
 * Signed events: senders without a key prove by a signature that an event is theirs. What each scheme
 * signs, where it stands in a request, and how its events read as those of Tasker. Pure.
 */

import type { SignedText } from "./ports.ts";

/** How senders sign: Standard Webhooks (https://www.standardwebhooks.com), GitHub, and Stripe. */
export const SIGNATURE_SCHEMES = ["standard_webhooks", "github", "stripe"] as const;

/** One of them. */
export type SignatureScheme = (typeof SIGNATURE_SCHEMES)[number];

/** How far the time of a signature may be from ours, in milliseconds: clocks differ, and a captured request ages. */
const AGE_MS_MAX = 300_000;

/** Signatures of one request: a sender whose secret changes sends one for each. */
const SIGNATURES_MAX = 8;

/** A request as it came. */
export interface SignedRequest {
  /** A header by its name. */
  header(name: string): string | undefined;
  readonly body: string;
}

/**
 * Returns the text that a request claims to sign, with its signatures; undefined: it has none of this
 * scheme, or its time is too far from ours.
 */
export function readSignature(
  scheme: SignatureScheme,
  { header, body }: SignedRequest,
  nowMs: number,
): Omit<SignedText, "secret"> | undefined {
  switch (scheme) {
    case "standard_webhooks": {
      const [id, at] = [header("webhook-id"), header("webhook-timestamp")];
      const signatures = (header("webhook-signature") ?? "").split(" ")
        .flatMap((one) => one.startsWith("v1,") ? one.slice(3) : []);
      if (id === undefined || !isRecent(at, nowMs)) return undefined;
      return signedText(`${id}.${at}.${body}`, signatures, { encoding: "base64" });
    }
    case "github": {
      const [, signature] = /^sha256=(.+)$/.exec(header("x-hub-signature-256") ?? "") ?? [];
      return signedText(body, signature === undefined ? [] : [signature], { encoding: "hex" });
    }
    case "stripe": {
      const parts = (header("stripe-signature") ?? "").split(",").map((part) => part.split("="));
      const valuesOf = (name: string) =>
        parts.flatMap(([key = "", value = ""]) => key.trim() === name ? value : []);
      const [at] = valuesOf("t");
      if (!isRecent(at, nowMs)) return undefined;
      return signedText(`${at}.${body}`, valuesOf("v1"), { encoding: "hex" });
    }
  }
}

function signedText(
  text: string,
  signatures: readonly string[],
  { encoding }: Pick<SignedText, "encoding">,
): Omit<SignedText, "secret"> | undefined {
  if (signatures.length === 0) return undefined;
  // Only Standard Webhooks takes `whsec_…` for a key in base64; to Stripe it is a text like others.
  const isKeyEncoded = encoding === "base64";
  return { text, signatures: signatures.slice(0, SIGNATURES_MAX), encoding, isKeyEncoded };
}

/** Whether a time in Unix seconds is near ours. */
function isRecent(seconds: string | undefined, nowMs: number): boolean {
  if (!/^\d{1,12}$/.test(seconds ?? "")) return false;
  return Math.abs(Number(seconds) * 1_000 - nowMs) <= AGE_MS_MAX;
}

/**
 * Returns an event in the form of CloudEvents, of the body of a request that is signed.
 *
 * @param body JSON
 * @param source names the trigger that it came to
 */
export function readSignedEvent(
  scheme: SignatureScheme,
  { header, body, source }: {
    header(name: string): string | undefined;
    readonly body: unknown;
    readonly source: string;
  },
): object {
  const fields = typeof body === "object" && body !== null ? body : {};
  switch (scheme) {
    case "standard_webhooks":
      return { ...fields, source, id: header("webhook-id") };
    case "github":
      return {
        source,
        id: header("x-github-delivery"),
        type: header("x-github-event"),
        data: body,
      };
    case "stripe":
      return { ...fields, source };
  }
}
