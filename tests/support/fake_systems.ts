/** Systems of a test of the API: one that has one instance, and one that a manifest declares. */

import type { ApiDeps } from "../../src/api/deps.ts";
import type { InstanceRow, SystemSummary } from "../../src/core/ports.ts";
import { openSignatures } from "../../src/egress/signatures.ts";

/** Two namespaces use "inventory". */
export function fakeSystems(): Pick<
  ApiDeps,
  | "systems"
  | "queueOf"
  | "instancesOf"
  | "registrar"
  | "hashOf"
  | "whyNotCalled"
  | "signatures"
  | "nodes"
> {
  const inventory: SystemSummary = {
    name: "inventory",
    kind: "remote",
    workflows: ["orders/process", "billing/bill"],
    circuit: "closed",
    instances: [],
  };
  return {
    hashOf: ({ name, version }) => `${name}@${version}`,
    signatures: openSignatures(new Map([["HOOK", "secret of the test"]])),
    whyNotCalled: (_url, secret) => secret === "ABSENT" ? "ABSENT is not named" : undefined,
    nodes: () => Promise.resolve([]),
    systems: () => [inventory],
    queueOf: () => Promise.resolve({ queued: 3, hasWorker: true }),
    instancesOf: () => Promise.resolve([row("host-1", false), row("@orders/process", true)]),
    registrar: {
      register: () => Promise.resolve(),
      leave: () => Promise.resolve(true),
      forget: () => Promise.resolve(true),
    },
  };
}

function row(instance: string, isDeclared: boolean): InstanceRow {
  return {
    system: "inventory",
    instance,
    isDeclared,
    version: "1.0.0",
    state: "healthy",
    namespaces: isDeclared ? ["orders"] : [],
    capabilities: [],
    detail: "",
    sinceMs: 0,
    expiresAtMs: 90_000,
  };
}
