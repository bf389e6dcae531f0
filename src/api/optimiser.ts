/** Handlers of the optimiser: whose tasks may be learned from, and what may be asked. */

import type { LearnFrom, WhatifChange } from "../core/ports.ts";
import type { OPTIMISER } from "../operations/optimiser.ts";
import type { Call, Handlers, Services } from "./handler.ts";
import { demandEffective } from "./policies.ts";
import { versionOf, versionsOf } from "./workflows.ts";

/** Handlers of everything that learns from tasks. */
export function optimiserHandlers(services: Services): Handlers<typeof OPTIMISER> {
  const { optimiser, definitions, runtime } = services;
  return {
    async compareArms({ namespace, name, metric }, { caller }) {
      await versionsOf(definitions, { namespace, name, caller });
      const body = await optimiser.arms({ namespace, name, metric, untilMs: runtime.now() });
      return { status: 200, body };
    },
    async optimiseWorkflow(input, call) {
      return {
        status: 200,
        body: await optimiser.optimise(await learnFrom(services, input, call)),
      };
    },
    async whatifWorkflow({ steps, dropEdges, ...input }, call) {
      const from = await learnFrom(services, input, call);
      const known = await versionsOf(definitions, { ...input, caller: call.caller });
      // The schema lets a field be undefined; parsed JSON has no such field.
      const change: WhatifChange = {
        steps: steps as WhatifChange["steps"],
        dropEdges: dropEdges.map((edge) => {
          const [from = "", to = ""] = edge.split(":");
          return { from, to };
        }),
      };
      demandEffective(change.steps, known.map(({ definition }) => definition));
      return { status: 200, body: await optimiser.whatif({ ...from, change }) };
    },
  };
}

/** @throws {TaskerError} definition.unknown */
async function learnFrom(
  { runtime, definitions }: Services,
  { namespace, name, version, sinceMs, tasks }: {
    readonly namespace: string;
    readonly name: string;
    readonly version?: string | undefined;
    readonly sinceMs: number;
    readonly tasks: number;
  },
  { caller, signal }: Call,
): Promise<LearnFrom> {
  if (version === undefined) await versionsOf(definitions, { namespace, name, caller });
  else await versionOf(definitions, { namespace, name, version, caller });
  const untilMs = runtime.now();
  return {
    workflow: `${namespace}/${name}`,
    ...(version !== undefined && { version }),
    sinceMs: Math.max(0, untilMs - sinceMs),
    untilMs,
    limit: tasks,
    signal,
  };
}
