/** Signatures: made and checked where the secrets are. */

import { Buffer } from "node:buffer";
import { createHmac, timingSafeEqual } from "node:crypto";
import type { Signatures } from "../core/ports.ts";

/** Checks signatures with these secrets, by name. Its time does not say how much of one is right. */
export function openSignatures(secrets: ReadonlyMap<string, string>): Signatures {
  return {
    isSigned({ secret: name, text, signatures, encoding, isKeyEncoded }) {
      const secret = secrets.get(name);
      const key = secret === undefined || !isKeyEncoded ? Buffer.from(secret ?? "") : keyOf(secret);
      const wanted = hmac(key, text);
      const isRight = (signature: string) => {
        const given = Buffer.from(signature, encoding);
        return given.length === wanted.length && timingSafeEqual(given, wanted);
      };
      const isSigned = signatures.filter(isRight).length > 0;
      // Anybody can sign with an empty key, which `whsec_` and no base64 would be.
      return Promise.resolve(isSigned && key.length > 0);
    },
  };
}

/** Signs a text as Standard Webhooks says (https://www.standardwebhooks.com). */
export function signatureOf(secret: string, text: string): string {
  return `v1,${hmac(keyOf(secret), text).toString("base64")}`;
}

/** The bytes that a secret `whsec_…` has in base64; any other secret is taken as it is. */
function keyOf(secret: string): Buffer {
  const [, encoded] = /^whsec_(.+)$/.exec(secret) ?? [];
  return encoded === undefined ? Buffer.from(secret) : Buffer.from(encoded, "base64");
}

function hmac(key: Buffer, text: string): Buffer {
  return createHmac("sha256", key).update(text).digest();
}
