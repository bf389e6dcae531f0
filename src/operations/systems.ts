/** Operations of systems: who owns steps, and how they are. */

import { z } from "zod";
import { group, operation } from "./operation.ts";
import { named } from "./schema.ts";

const System = z.object({
  name: z.string(),
  kind: z.enum(["local", "remote"]),
  workflows: z.array(z.string()).describe("Those that the key may see"),
  circuit: z.enum(["closed", "open", "half_open"]),
  queued: z.int().optional().describe("Envelopes that wait; absent if the bus does not know"),
  hasWorker: z.boolean().describe(
    "False: no worker has ever polled for it, so its steps wait for the first one",
  ),
  schemas: z.record(z.string(), z.looseObject({})).optional(),
});

const SystemList = named("SystemList", z.object({ systems: z.array(System) }));

/** Everything that can be asked of systems. */
export const SYSTEMS = group("systems", {
  listSystems: operation({
    method: "GET",
    path: "/v1/systems",
    summary: "Lists the owners of steps, with circuit and queue",
    right: "read",
    repeat: "harmless",
    answers: { 200: { description: "By name", schema: SystemList } },
    errors: ["bus.unavailable"],
    command: { verb: "systems" },
  }),
});
