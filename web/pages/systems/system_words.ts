/** The instances of a system, in words. */

import type { System } from "../../../src/client.ts";

/** `3 healthy, 1 gone`. */
export function instancesText({ instances, kind }: System): string {
  const counts = Object.entries(instances).filter(([, count]) => count > 0);
  if (counts.length === 0) return kind === "local" ? "runs here" : "none has registered";
  return counts.map(([state, count]) => `${count} ${state}`).join(", ");
}
