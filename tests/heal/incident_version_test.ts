/** Servers are upgraded while incidents of the version before are stored, and some are open. */

import { deepEqual } from "node:assert/strict";
import { INCIDENT_WORKFLOW } from "../../src/core/incident.ts";
import { incidentWorkflow } from "../../src/heal/incident.ts";
import { MemoryDefinitions } from "../../src/journal/memory_stores.ts";
import { openRegistry } from "../../src/registry/load.ts";
import { VirtualRuntime } from "../../src/server/virtual_runtime.ts";

/** After a change of the workflow: raise its version, and put that and the hash shown here. */
const STORED = {
  version: "1.4.0",
  hash: "97acdd26482bf6cbd82120df8122453b8c9b2fd23182305a0b23b65fb4c13ec8",
};

Deno.test("the workflow of incidents does not change under its version: else no upgraded server starts", async () => {
  const runtime = new VirtualRuntime(1);
  const registry = await openRegistry({
    own: [incidentWorkflow(() => {
      throw new Error("nothing runs");
    })],
    definitions: new MemoryDefinitions(),
    digest: (text) => runtime.digest(text),
    onWarning: () => {},
  });

  const plan = registry.find(INCIDENT_WORKFLOW);

  deepEqual({ version: plan?.definition.version, hash: plan?.hash }, STORED);
});
