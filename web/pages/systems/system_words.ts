/** How a system is, in words. */

import type { System } from "../../../src/client.ts";

/** The worst that is true of a system: it gets no steps, fewer, or all. */
export function systemStateOf(
  { kind, circuit, hasWorker, heldUntil, saturation, instances }: System,
): string {
  const { healthy, unhealthy, gone } = instances;
  if (healthy === 0 && unhealthy + gone > 0) return "no_healthy_instance";
  if (kind === "remote" && !hasWorker) return "no_worker_yet";
  if (heldUntil !== undefined) return "held";
  if (circuit !== "closed") return `circuit_${circuit}`;
  if (saturation?.isSaturated) return "saturated";
  return "in_order";
}

/** `3 healthy, 1 gone`. */
export function instancesText({ instances, kind }: System): string {
  const counts = Object.entries(instances).filter(([, count]) => count > 0);
  if (counts.length === 0) return kind === "local" ? "runs here" : "none has registered";
  return counts.map(([state, count]) => `${count} ${state}`).join(", ");
}
