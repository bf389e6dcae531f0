/** Systems of a test of the API: one that has registered nothing. */

import type { ApiDeps } from "../../src/api/deps.ts";
import type { SystemSummary } from "../../src/core/ports.ts";

/** Two namespaces use "inventory". */
export function fakeSystems(): Pick<ApiDeps, "systems" | "instancesOf" | "registrar"> {
  const inventory: SystemSummary = {
    name: "inventory",
    kind: "remote",
    workflows: ["orders/process", "billing/bill"],
    circuit: "closed",
    hasWorker: true,
    queued: 3,
    instances: [],
  };
  return {
    systems: () => Promise.resolve([inventory]),
    instancesOf: () => Promise.resolve([]),
    registrar: {
      register: () => Promise.resolve(),
      leave: () => Promise.resolve(true),
      forget: () => Promise.resolve(true),
    },
  };
}
