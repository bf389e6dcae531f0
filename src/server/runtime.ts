/** The one implementation of the Runtime port: platform clock, timers, randomness and hashes. */

import { Buffer } from "node:buffer";
import { createHash, hash } from "node:crypto";
import type { Runtime } from "../core/ports.ts";

/** Opens the platform's runtime. `now` follows the database's clock once `setOffset` was called. */
export function openRuntime(): Runtime {
  let offsetMs = Date.now() - performance.now();
  return {
    now: () => Math.floor(performance.now() + offsetMs),
    monotonic: () => performance.now(),
    setOffset(databaseNowMs) {
      offsetMs = databaseNowMs - performance.now();
    },
    after(ms, call) {
      const id = setTimeout(call, ms);
      return () => clearTimeout(id);
    },
    soon: (call) => void setImmediate(call),
    random: () => Math.random(),
    uuid: () => crypto.randomUUID(),
    sign,
    digest: (text) => createHash("sha256").update(text).digest("hex"),
  };
}

/** Bytes of a block of SHA-256, and of its hash. */
const BLOCK_BYTES = 64;
const HASH_BYTES = 32;

/** The two keys that RFC 2104 makes of one, each the beginning of what is hashed. */
interface Pads {
  readonly inner: Uint8Array;
  readonly outer: Uint8Array;
}

/** By secret; a process has a few. */
const pads = new Map<string, Pads>();

/**
 * HMAC-SHA-256 of two hashes. `createHmac` makes an object of the platform each time, which costs a
 * remote step four times as much as the hashing, most of it when the objects are collected.
 */
function sign(secret: string, text: string): string {
  let pad = pads.get(secret);
  if (pad === undefined) pads.set(secret, pad = padsOf(secret));
  const { inner, outer } = pad;
  const whole = Buffer.allocUnsafe(BLOCK_BYTES + Buffer.byteLength(text));
  whole.set(inner);
  whole.write(text, BLOCK_BYTES);
  outer.set(hash("sha256", whole, "buffer"), BLOCK_BYTES);
  return hash("sha256", outer, "base64url");
}

function padsOf(secret: string): Pads {
  const given = Buffer.from(secret, "base64");
  const key = given.length > BLOCK_BYTES ? hash("sha256", given, "buffer") : given;
  const padded = new Uint8Array(BLOCK_BYTES);
  padded.set(key);
  const outer = new Uint8Array(BLOCK_BYTES + HASH_BYTES);
  outer.set(padded.map((byte) => byte ^ 0x5c));
  return { inner: padded.map((byte) => byte ^ 0x36), outer };
}
