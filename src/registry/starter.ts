/** The starter: checks what somebody wants to start, and sends it off. */

import type { Answer } from "../core/command.ts";
import { describeFaults } from "../core/contract.ts";
import { TaskerError } from "../core/errors.ts";
import { encodePayload } from "../core/payload.ts";
import type { Plan } from "../core/plan.ts";
import type { CommandSink, Starter, StartRequest } from "../core/ports.ts";
import { namespaceOf } from "../core/workflow.ts";
import { suggest } from "./fault.ts";
import type { Registry } from "./workflows.ts";

/** Opens the Starter of a node: its tasks get ids in slots of this node. */
export function openStarter(registry: Registry, sink: CommandSink): Starter {
  return {
    async start(request: StartRequest): Promise<Answer> {
      const plan = findPlan(registry, request);
      const input = inputOf(plan, request);
      const { namespace, version } = plan.definition;
      return await sink.send({
        kind: "StartTask",
        taskId: sink.mintTaskId(),
        commandId: request.commandId,
        namespace,
        workflow: plan.workflow,
        version,
        ...(request.version !== undefined && { versionAsked: request.version }),
        definitionHash: plan.hash,
        input: encodePayload(input, `the input of "${plan.workflow}"`),
        tags: request.tags,
        ...(request.key !== undefined && { key: request.key }),
        ...(request.deadlineMs !== undefined && { deadlineMs: request.deadlineMs }),
        ...(request.traceparent !== undefined && { traceparent: request.traceparent }),
      });
    },
  };
}

/** Names are suggested from the same namespace only: the caller may not see the others. */
function findPlan(registry: Registry, { workflow, version }: StartRequest): Plan {
  const plan = registry.find(workflow, version);
  if (plan !== undefined) return plan;
  const namespace = `${namespaceOf(workflow)}/`;
  const near = registry.names().filter((name) => name.startsWith(namespace));
  const wanted = version === undefined ? workflow : `${workflow}@${version}`;
  const versions = registry.list().filter(({ plan }) => plan.workflow === workflow);
  const known = versions.map(({ plan }) => plan.definition.version).join(", ");
  const hint = known === "" ? suggest(workflow, near) : `, known versions are ${known}`;
  throw new TaskerError(
    "definition.unknown",
    `Cannot start workflow "${wanted}": none is loaded here${hint}`,
  );
}

/** Fills in what the contract has defaults for, and refuses what breaks it. */
function inputOf(plan: Plan, { input, workflow }: StartRequest): unknown {
  const checked = plan.checkInput(input);
  if (checked.ok) return checked.value;
  const faults = checked.faults.map((fault) => ({
    ...fault,
    path: fault.path === "" ? "input" : `input.${fault.path}`,
  }));
  throw new TaskerError(
    "contract.violation",
    `Cannot start workflow "${workflow}": ${describeFaults(faults)}`,
    { faults },
  );
}
