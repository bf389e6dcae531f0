/** Late starts: pushes a start back while what waits already takes too long for its task to be in time. */

import type { StartTask } from "../src/core/command.ts";
import { TaskerError } from "../src/core/errors.ts";
import type { TaskId } from "../src/core/ids.ts";
import type { Plan } from "../src/core/plan.ts";
import type { FullPolicy } from "../src/core/policy.ts";
import type { Plans, Runtime } from "../src/core/ports.ts";
import { comeAgainMs, PRIORITY } from "../src/core/starts.ts";
import { doesWork } from "../src/core/workflow.ts";
import type { NodeAdmission } from "./admission.ts";

/** The part of a task's time that it may wait for what is before it. */
const WAITING_PART = 0.5;

/** What pushing starts back works with. */
export interface LateStartsDeps {
  readonly runtime: Pick<Runtime, "random">;
  readonly plans: Pick<Plans, "cached">;
  readonly admission: Pick<NodeAdmission, "drainOf">;
  policyOf(of: { plan: Plan; taskId: TaskId }, step: number): FullPolicy;
}

/**
 * The bound of what waits to start, in time: a line is full for a task when it takes longer to serve than
 * half of the time until the task's deadline, or than the queue time-out of its step. The start is then
 * not acknowledged, and its sender comes again; what was acknowledged stays. A task without either can
 * wait for as long as it takes, and is never pushed back.
 *
 * Cost: nothing for a task without a deadline and queue time-outs; else a look-up a step.
 */
export class LateStarts {
  /** Starts that were pushed back since the node began, by workflow. */
  readonly pushedBack = new Map<string, number>();
  /** By plan: the steps that come at once, and not after a sleep or a signal of unknown length. */
  readonly #soon = new WeakMap<Plan, readonly number[]>();

  constructor(readonly deps: LateStartsDeps) {}

  /** Why a task could not be done in time if it began now; undefined: it could. */
  refusalOf(
    { definitionHash, taskId, workflow, deadlineMs, priority = PRIORITY.default }: StartTask,
  ): TaskerError | undefined {
    const plan = this.deps.plans.cached(definitionHash);
    if (plan === undefined) return undefined;
    const leftMs = deadlineMs ?? plan.definition.deadlineMs ?? Infinity;
    for (const step of this.#soonOf(plan)) {
      const { queueTimeoutMs = Infinity } = this.deps.policyOf({ plan, taskId }, step);
      const waitMsMax = Math.min(leftMs * WAITING_PART, queueTimeoutMs);
      if (waitMsMax === Infinity) continue;
      const { ms, of } = this.deps.admission.drainOf({ plan, step, priority });
      if (ms <= waitMsMax) continue;
      this.pushedBack.set(workflow, (this.pushedBack.get(workflow) ?? 0) + 1);
      return new TaskerError(
        "workflow.starts_late",
        `Cannot start a task of "${workflow}" now: what waits for ${of} takes ${
          secondsOf(ms)
        } s, ` +
          `and the task may wait ${secondsOf(waitMsMax)} s to be in time`,
        { retryAfterMs: comeAgainMs(ms - waitMsMax, this.deps.runtime.random()) },
      );
    }
    return undefined;
  }

  #soonOf(plan: Plan): readonly number[] {
    const known = this.#soon.get(plan);
    if (known !== undefined) return known;
    const isSoon: boolean[] = [];
    for (const { index, parents, definition: { kind, when } } of plan.steps) {
      const isWait = kind === "sleep" || kind === "signal";
      const isUsual = when === "succeeded" || when === "always";
      isSoon[index] = !isWait && isUsual && parents.every((parent) => isSoon[parent]);
    }
    const soon = plan.steps.filter(({ index, definition }) =>
      isSoon[index] && doesWork(definition.kind)
    ).map(({ index }) => index);
    this.#soon.set(plan, soon);
    return soon;
  }
}

function secondsOf(ms: number): string {
  return (ms / 1_000).toFixed(1);
}
