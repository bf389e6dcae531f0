/** The one implementation of the Runtime port: platform clock, timers, randomness and hashes. */

import { Buffer } from "node:buffer";
import { createHash, createHmac } from "node:crypto";
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
    sign: (secret, text) =>
      createHmac("sha256", Buffer.from(secret, "base64")).update(text).digest("base64url"),
    digest: (text) => createHash("sha256").update(text).digest("hex"),
  };
}
