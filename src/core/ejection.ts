/** Ejections: instances of a system that get no steps for a time. Pure. */

import type { Ejected } from "./shared_limit.ts";
import type { Instance } from "./system.ts";

/** The largest share of a system's instances that may be ejected at once. */
const SHARE_MAX = 0.25;

/** How many of a system's instances may be ejected at once; so with fewer than four, none. */
export function ejectableOf(instances: number): number {
  return Math.floor(instances * SHARE_MAX);
}

/** Names whose ejection is not over. */
export function unendedOf(ejected: Ejected, nowMs: number): readonly string[] {
  return Object.keys(ejected).filter((name) => (ejected[name] as number) > nowMs);
}

/**
 * Returns the instances that are to get nothing now.
 *
 * Instances may have gone since they were counted: if none that is healthy is left, no ejection holds,
 * because a slow answer is better than none. Source: the panic threshold of Envoy's outlier detection.
 */
export function ejectedNow(
  ejected: Ejected,
  instances: readonly Instance[],
  nowMs: number,
): readonly string[] {
  const names = unendedOf(ejected, nowMs);
  if (names.length === 0) return names;
  const isOneLeft = instances.some(({ instance, state, isDeclared }) =>
    state === "healthy" && !isDeclared && !names.includes(instance)
  );
  return isOneLeft ? names : [];
}
