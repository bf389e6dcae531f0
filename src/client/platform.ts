/** The platform under a client: what Deno, Node and browsers have in common. */

import type { Runtime } from "../core/ports.ts";

/** What a client needs of a Runtime; tests hand in a virtual one. */
export type ClientRuntime = Pick<Runtime, "after" | "monotonic" | "random" | "uuid">;

/** Opens the platform's own clock, timers and randomness. */
export function openPlatform(): ClientRuntime {
  return {
    after(ms, call) {
      const id = setTimeout(call, ms);
      return () => clearTimeout(id);
    },
    monotonic: () => performance.now(),
    random: () => Math.random(),
    uuid: randomId,
  };
}

/** 128 random bits in hex: browsers offer `crypto.randomUUID` to pages served over TLS alone. */
function randomId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
