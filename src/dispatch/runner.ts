/** The runner: sends each attempt to where its step runs. */

import type { TaskId } from "../core/ids.ts";
import type { Plan } from "../core/plan.ts";
import type { Attempt, Runner } from "../core/ports.ts";
import type { StepKind, WorkflowCode } from "../core/workflow.ts";
import type { LocalRunner } from "./local.ts";

/** The remote half, as the runner sees it. */
export interface RemoteSteps {
  start(attempt: Attempt): void;
  stop(taskId: TaskId, plan: Plan, step: number): void;
  unconfirmed(taskId: TaskId): number;
}

/** What the runner works with. */
export interface RunnerDeps {
  readonly local: LocalRunner;
  readonly remote: RemoteSteps;
  codeOf(hash: string): WorkflowCode | undefined;
  /** Whether steps of an owner run in this process. */
  isLocalOwner(owner: string): boolean;
}

/** Makes the Runner of a node. */
export function openRunner(parts: RunnerDeps): Runner {
  const codeOf = (plan: Plan, step: number) =>
    parts.codeOf(plan.hash)?.steps.get(plan.steps[step]?.name ?? "");
  return {
    canStart(plan, step) {
      const definition = plan.steps[step]?.definition;
      switch (definition?.kind) {
        case "local":
          return codeOf(plan, step)?.run !== undefined && parts.isLocalOwner(definition.owner);
        case "remote":
          return parts.codeOf(plan.hash) !== undefined;
        case "sleep":
          return definition.sleepMs !== undefined || codeOf(plan, step) !== undefined;
        default:
          return definition !== undefined;
      }
    },
    start(attempt) {
      const code = codeOf(attempt.plan, attempt.step);
      switch (kindOf(attempt.plan, attempt.step)) {
        case "local":
          return parts.local.start(attempt, code ?? {});
        case "remote":
          return parts.remote.start(attempt);
        case "sleep":
          return parts.local.startSleep(attempt, code);
        case "signal":
          return;
      }
    },
    stop(taskId, plan, step) {
      if (kindOf(plan, step) === "local") parts.local.stop(taskId, step);
      else if (kindOf(plan, step) === "remote") parts.remote.stop(taskId, plan, step);
    },
    isRunning: (taskId, plan, step, attempt) =>
      kindOf(plan, step) !== "local" || parts.local.isRunning(taskId, step, attempt),
    unconfirmed: (taskId) => parts.remote.unconfirmed(taskId),
  };
}

function kindOf(plan: Plan, step: number): StepKind {
  return plan.steps[step]?.definition.kind ?? "local";
}
