/** Handler of forks: a new task from a step of another one. */

import { decodePayload } from "../core/payload.ts";
import type { FORKS } from "../operations/forks.ts";
import { demandStartable } from "./access.ts";
import { commandIdOf, type Handlers, type Services } from "./handler.ts";

/** Handlers of everything that forks tasks. */
export function forkHandlers(
  { tasks, starts, starter, runtime, log }: Services,
): Handlers<typeof FORKS> {
  return {
    async forkTask({ id, step, version: asked, by, reason, dryRun }, call) {
      const { caller } = call;
      const summary = await tasks.find(id, caller);
      const { taskId, namespace, version: own, tags } = summary;
      const workflow = `${namespace}/${summary.workflow}`;
      demandStartable(workflow, caller);
      const { plan, state } = await tasks.whole(summary);
      const request = {
        workflow,
        version: asked ?? own,
        input: decodePayload(state.input),
        fork: { plan, state, step, by: caller.signature(by), reason },
      };
      const { definition, fork } = starts.check(request);
      const body = {
        version: definition.version,
        keeps: fork?.start.kept.map((kept) => definition.steps[kept.step]?.name ?? "") ?? [],
        runs: fork?.runs.map(({ name, before, attempts }) => ({
          step: name,
          ...(before !== undefined && { before }),
          attempts,
        })) ?? [],
      };
      if (dryRun) return { status: 200, body };
      const { taskId: started, changed } = await starter.start({
        ...request,
        tags,
        commandId: commandIdOf(runtime, call, `fork:${step}`, taskId),
        ...(call.idempotencyKey !== undefined && {
          key: commandIdOf(runtime, call, `fork:${step}`, taskId),
        }),
        ...(state.priority !== undefined && { priority: state.priority }),
        ...(call.traceparent !== undefined && { traceparent: call.traceparent }),
      });
      log.info("Forked a task", { taskId, step, forkId: started, keyId: caller.keyId });
      return { status: changed ? 201 : 200, body: { forkId: started, ...body } };
    },
  };
}
