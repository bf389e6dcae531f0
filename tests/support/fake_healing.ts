/** Healing of a test of the API: nothing was changed, and there are no tasks to learn from. */

import type { ApiDeps } from "../../src/api/deps.ts";
import { openOptimiser } from "../../src/heal/optimiser.ts";
import { MemoryPolicies } from "../../src/journal/memory_stores.ts";
import { openPlayback } from "../../src/server/playback.ts";

/** What the API asks of healing. */
export function fakeHealing(): Pick<
  ApiDeps,
  "optimiser" | "revertIncident" | "settleHealing" | "withFates"
> {
  return {
    optimiser: openOptimiser({
      reader: { async *tasks() {} },
      plans: { byHash: () => Promise.resolve(undefined) },
      policies: new MemoryPolicies(),
      playback: openPlayback(),
      codeOf: () => undefined,
      instances: () => [],
    }),
    revertIncident: () => Promise.resolve("put back"),
    settleHealing: () => Promise.resolve([]),
    withFates: (incidents) => Promise.resolve(incidents),
  };
}
