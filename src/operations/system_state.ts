/** How a system is, in one word, for all who show it. Pure. */

import type { DeepReadonly } from "../core/json.ts";
import type { z } from "zod";
import type { System } from "./systems.ts";

/** What the state of a system depends on. */
type SystemFacts = Pick<
  DeepReadonly<z.output<typeof System>>,
  "kind" | "circuit" | "hasWorker" | "heldUntil" | "saturation" | "instances"
>;

/** Whether a system has registered instances, and none of them can take a step. */
export function isWithoutHealthy({ instances }: Pick<SystemFacts, "instances">): boolean {
  const { healthy, unhealthy, gone } = instances;
  return healthy === 0 && unhealthy + gone > 0;
}

/** The worst that is true of a system: it gets no steps, fewer, or all. */
export function systemStateOf(system: SystemFacts) {
  const { kind, circuit, hasWorker, heldUntil, saturation } = system;
  if (isWithoutHealthy(system)) return "no_healthy_instance";
  if (kind === "remote" && !hasWorker) return "no_worker_yet";
  if (heldUntil !== undefined) return "held";
  if (circuit !== "closed") return `circuit_${circuit}` as const;
  return saturation?.isSaturated ? "saturated" : "in_order";
}

/** Who takes the steps of a system, in words: `3 healthy, 1 gone`. */
export function instancesText(
  { instances, kind, hasWorker }: Pick<SystemFacts, "instances" | "kind" | "hasWorker">,
): string {
  const counts = Object.entries(instances).filter(([, count]) => count > 0);
  if (counts.length > 0) return counts.map(([state, count]) => `${count} ${state}`).join(", ");
  if (kind === "local") return "runs in the server";
  return hasWorker ? "none registered; a worker has connected" : "no worker has connected yet";
}
