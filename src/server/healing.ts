/** Healing: gives the healer what it works with, in a server and in a simulation alike. */

import type {
  Plans,
  Policies,
  Runtime,
  Starter,
  StatisticsStore,
  TaskReader,
} from "../core/ports.ts";
import type { Plan } from "../core/plan.ts";
import { whyNotSwitched } from "../core/alternative.ts";
import type { SystemDirectory } from "../core/system_directory.ts";
import { findingOf } from "../heal/finding.ts";
import type { Healer } from "../heal/healer.ts";
import type { HealerDeps } from "../heal/healer_deps.ts";
import type { Log } from "../telemetry/log.ts";
import type { Engine } from "./engine.ts";

/** What a healer is opened over. */
export interface HealingOptions {
  readonly windowMs?: number;
  readonly adviser?: HealerDeps["adviser"];
  readonly runtime: Runtime;
  readonly log: Log;
  readonly engine: Engine;
  readonly plans: Plans & { find(workflow: string): Plan | undefined };
  readonly policies: Policies;
  readonly statistics: Pick<StatisticsStore, "read" | "active">;
  readonly attendance: HealerDeps["attendance"];
  readonly tasks: TaskReader;
  readonly starter: Starter;
  readonly directory: SystemDirectory;
}

/** Opens a healer: it begins to watch. Close it before the engine is drained. */
export function openHealing(healer: Healer, options: HealingOptions): void {
  const { engine, directory } = options;
  healer.open({
    ...options,
    sink: engine.router,
    active: (range) => options.statistics.active(range),
    systems: () =>
      [...directory.systems].map(({ name, instances }) => {
        const healthy = instances.filter(({ state }) => state === "healthy");
        const workers = healthy.filter(({ isDeclared }) => !isDeclared);
        // What a manifest declares stands for a system only while no worker has registered.
        const isDeclared = instances.every((one) => one.isDeclared);
        const offered = (isDeclared ? healthy : workers).flatMap(({ capabilities }) =>
          capabilities
        );
        const external = new Set(
          offered.filter(({ effect = "external" }) => effect === "external").map(nameOf),
        );
        const capabilities = offered.map(nameOf);
        return {
          name,
          instances: workers.map(({ instance }) => instance),
          capabilities,
          idempotent: capabilities.filter((capability) => !external.has(capability)),
        };
      }),
    whyNotSwitched: (plan, of) => whyNotSwitched(directory, plan, of),
    diagnose: findingOf,
    owns: (taskId) => engine.router.owns(taskId),
    isWatched: (workflow) => engine.ownsWorkflow(workflow),
  });
}

function nameOf({ name }: { readonly name: string }): string {
  return name;
}
