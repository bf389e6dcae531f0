/** Wait hints: where to look, or what to do, when a step that is ready does not start. */

import type { Step, Task } from "../client.ts";
import type { WaitReason } from "../core/rollup.ts";
import { ANY_SYSTEM } from "../core/system.ts";
import { TASKER } from "./verb.ts";

/** What a hint of a reason is about. */
type About =
  | "limits"
  | "system"
  | "worker"
  | "systems"
  | "policies"
  | "version"
  | "deadline"
  | "none";

const ABOUT: Readonly<Record<WaitReason, About>> = {
  no_system_offers: "systems",
  instances_differ: "system",
  no_healthy_instance: "system",
  no_worker: "worker",
  retry_budget: "system",
  concurrency_max: "policies",
  node_full: "none",
  circuit_open: "system",
  system_saturated: "system",
  deadline_too_near: "deadline",
  system_held: "limits",
  system_concurrency: "limits",
  system_rate: "limits",
  node_draining: "none",
  code_not_loaded: "version",
};

/** As the engine's rollup writes it; a task that is parked has another text, and its own hints. */
const BLOCKED = /^step "([^"]+)": (\w+)$/;

/** Says where to look when a step does not start; nothing for a reason of a newer server. */
export function waitHints(task: Task): readonly string[] {
  const [, name, reason = ""] = BLOCKED.exec(task.blockedReason ?? "") ?? [];
  const step = task.steps.find((one) => one.name === name);
  const about = new Map<string, About>(Object.entries(ABOUT)).get(reason);
  if (step === undefined || about === undefined) return [];
  const workflow = `${task.namespace}/${task.workflow}`;
  const system = systemOf(step);
  const isOpen = system === ANY_SYSTEM;
  switch (about) {
    case "limits":
    case "system":
      return [isOpen ? `${TASKER} systems` : `${TASKER} ${about} ${system}`];
    case "worker":
      return [`start a worker${isOpen ? "" : ` of ${system}`}: ${TASKER} systems`];
    case "systems":
      return [`${TASKER} systems`];
    case "policies":
      return [`${TASKER} policies ${workflow}`];
    case "version":
      return [`start a server that loads version ${task.version} of ${workflow}`];
    case "deadline":
      return ["nothing to do: the task fails at its deadline; give such tasks more time"];
    case "none":
      return ["nothing to do: it starts once a server has room"];
    default:
      return about satisfies never;
  }
}

/** The system that has a step, or had it last; ANY_SYSTEM: none was chosen yet. */
export function systemOf({ owner, system }: Step): string {
  return system ?? owner;
}
