/** Strategies: pure choices on (failure, history). The supervisor carries them out. */

import { exponentialMs } from "../src/core/backoff.ts";
import { TaskerError } from "../src/core/errors.ts";

/** What to do about an actor that crashed. */
export type CrashChoice =
  | { readonly kind: "restart"; readonly afterMs: number }
  | { readonly kind: "quarantine" };

/** Crashes while loading after which a task is set aside, so that the others go on. */
export const LOADING_CRASHES_MAX = 3;

const RESTART = { minMs: 50, maxMs: 10_000 };

/**
 * Chooses what to do about a crash: restart with back-off, or set the task aside.
 *
 * `crashes` counts this one; it starts anew when the actor commits a turn.
 */
export function onCrash(of: { crashes: number; whileLoading: boolean }): CrashChoice {
  if (of.whileLoading && of.crashes >= LOADING_CRASHES_MAX) return { kind: "quarantine" };
  return { kind: "restart", afterMs: exponentialMs(of.crashes, RESTART) };
}

const SLOW = { minMs: 1_000, maxMs: 600_000, factor: 4 };

/**
 * How long a task is left alone that takes Postgres too long. Each try costs the others a timeout,
 * so the times between them grow fast; `times` counts this one, since the last committed turn.
 */
export function slowAfterMs(times: number): number {
  return exponentialMs(times, SLOW);
}

/** Strikes after which a command that crashes its actor is refused. */
export const STRIKES_MAX = 2;

/** Whether readiness is lost for all tasks, and has not only refused the one at hand. */
export function isLostCore(error: unknown): boolean {
  return error instanceof TaskerError && error.code === "ffi.broken";
}
