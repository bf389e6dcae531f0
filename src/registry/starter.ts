/** The starter: checks what somebody wants to start, and sends it off. */

import { z } from "zod";
import type { Answer } from "../core/command.ts";
import { describeFaults, faultsOf } from "../core/contract.ts";
import { TaskerError } from "../core/errors.ts";
import { encodePayload } from "../core/payload.ts";
import type { Plan } from "../core/plan.ts";
import type { CommandSink, Starter, StartRequest } from "../core/ports.ts";
import { suggest } from "./fault.ts";
import type { Registry } from "./workflows.ts";

/** Opens the Starter of a node: its tasks get ids in slots of this node. */
export function openStarter(registry: Registry, sink: CommandSink): Starter {
  const parsers = new Map<string, z.ZodType>();

  function parserOf(plan: Plan): z.ZodType {
    const known = parsers.get(plan.hash);
    if (known !== undefined) return known;
    const parser = registry.codeOf(plan.hash)?.input ?? storedParser(plan);
    parsers.set(plan.hash, parser);
    return parser;
  }

  return {
    async start(request: StartRequest): Promise<Answer> {
      const plan = findPlan(registry, request);
      const input = parseInput(parserOf(plan), request);
      const { namespace, version } = plan.definition;
      return await sink.send({
        kind: "StartTask",
        taskId: sink.mintTaskId(),
        commandId: request.commandId,
        namespace,
        workflow: plan.workflow,
        version,
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
  const namespace = `${workflow.split("/")[0]}/`;
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
function parseInput(parser: z.ZodType, { input, workflow }: StartRequest): unknown {
  const parsed = parser.safeParse(input);
  if (parsed.success) return parsed.data;
  const faults = faultsOf(parsed.error, "input");
  throw new TaskerError(
    "contract.violation",
    `Cannot start workflow "${workflow}": ${describeFaults(faults)}`,
    { faults },
  );
}

/** A stored version without its code is checked, and filled in, by its JSON Schema. */
function storedParser({ definition: { input } }: Plan): z.ZodType {
  if (input === undefined) return z.unknown();
  return z.fromJSONSchema(input as Parameters<typeof z.fromJSONSchema>[0]);
}
