/** The one implementation of the Runtime port: platform clock, timers, randomness and hashes. */

import { Buffer } from "node:buffer";
import { createHash, hash } from "node:crypto";
import type { Runtime } from "../core/ports.ts";

/** Opens the platform's runtime. `now` follows the database's clock once `setOffset` was called. */
export function openRuntime(): Runtime {
  let offsetMs = Date.now() - performance.now();
  const soon = openSoon();
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
    soon,
    random: () => Math.random(),
    uuid: () => crypto.randomUUID(),
    sign,
    digest: (text) => createHash("sha256").update(text).digest("hex"),
  };
}

/** How long calls may follow each other before requests and timers get their turn, ms. */
const IN_A_ROW_MS_MAX = 20;

/**
 * Opens `soon`. While immediates wait, Deno's loop looks at sockets and timers in every 61st iteration
 * alone (tokio's `event_interval`): slices of 50 ms would keep a request waiting for 3 s. A timer that
 * fires shows that it has looked; if not for a while, calls wait for timers too, which makes it look.
 *
 * Cost: a timer each time that the loop looks; about 1 ms for a call that waits for it.
 */
function openSoon(): Runtime["soon"] {
  let sinceMs: number | undefined;
  return (call) => {
    const nowMs = performance.now();
    if (sinceMs === undefined) {
      sinceMs = nowMs;
      setTimeout(() => sinceMs = undefined, 0);
    }
    if (nowMs - sinceMs < IN_A_ROW_MS_MAX) setImmediate(call);
    else setTimeout(call, 0);
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
