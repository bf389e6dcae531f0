/** Routes of systems: who owns steps, and how they are. */

import { z } from "zod";
import type { SystemSummary } from "../core/ports.ts";
import type { Caller } from "./access.ts";
import { type Route, route } from "./route.ts";
import { named } from "./schema.ts";
import type { Services } from "./services.ts";

const SystemList = named(
  "SystemList",
  z.object({
    systems: z.array(z.object({
      name: z.string(),
      kind: z.enum(["local", "remote"]),
      workflows: z.array(z.string()).describe("Those the key may see"),
      circuit: z.enum(["closed", "open", "half_open"]),
      queued: z.int().optional().describe("Envelopes waiting; absent when the bus cannot tell"),
      hasWorker: z.boolean().describe(
        "False: no worker has ever asked for its commands, so its steps wait for the first",
      ),
      schemas: z.record(z.string(), z.looseObject({})).optional(),
    })),
  }),
);

/** All routes that show systems. */
export function systemRoutes({ systems }: Services): readonly Route[] {
  return [
    route({
      method: "GET",
      path: "/v1/systems",
      name: "listSystems",
      group: "systems",
      summary: "Lists owners of steps: health and queue",
      right: "read",
      repeat: "harmless",
      answers: { 200: { description: "By name", schema: SystemList } },
      problems: ["bus.unavailable"],
      async handle({ caller }) {
        const seen = (await systems()).flatMap((one) => asSeenBy(caller, one));
        return { status: 200, body: { systems: seen } };
      },
    }),
  ];
}

/** A system that serves only workflows of other namespaces is not shown. */
function asSeenBy(caller: Caller, system: SystemSummary): SystemSummary[] {
  if (caller.namespaces === undefined) return [system];
  const workflows = system.workflows.filter((name) => caller.covers(name.split("/")[0] ?? ""));
  return workflows.length === 0 ? [] : [{ ...system, workflows }];
}
