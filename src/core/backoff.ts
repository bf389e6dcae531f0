/** Backing off: how long to wait before the next try, and waiting. */

import type { Runtime } from "./ports.ts";

/** Beyond this exponent every delay is at its bound. */
const EXPONENT_MAX = 64;

/** How delays grow. Units: milliseconds. */
export interface Growth {
  readonly minMs: number;
  readonly maxMs: number;
  /** By what each delay is longer than the one before; 2 unless given. */
  readonly factor?: number;
  /** Spreads what failed together: the delay is drawn between its half and its whole. */
  readonly random?: () => number;
}

/** Returns how long to wait after this many failures in a row: `minMs` after the first. Pure. */
export function exponentialMs(
  failures: number,
  { minMs, maxMs, factor = 2, random }: Growth,
): number {
  const exponent = Math.min(Math.max(0, failures - 1), EXPONENT_MAX);
  const ms = Math.min(minMs * factor ** exponent, maxMs);
  return random === undefined ? ms : ms * (0.5 + random() / 2);
}

/** Waits `ms`, or until a signal aborts; then no timer is left. */
export function wait(
  runtime: Pick<Runtime, "after">,
  ms: number,
  signal?: AbortSignal,
): Promise<void> {
  if (signal?.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const end = () => {
      cancel();
      signal?.removeEventListener("abort", end);
      resolve();
    };
    const cancel = runtime.after(ms, end);
    signal?.addEventListener("abort", end, { once: true });
  });
}
