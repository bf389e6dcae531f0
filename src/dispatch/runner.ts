/** The runner: sends each attempt to where its step runs. */

import type { TaskId } from "../core/ids.ts";
import type { Plan } from "../core/plan.ts";
import type { Attempt, Runner } from "../core/ports.ts";
import { runsHere, type StepKind, type WorkflowCode } from "../core/workflow.ts";
import { type HttpStepDeps, runHttp } from "./http_step.ts";
import type { LocalRunner } from "./local.ts";

/** Runs the steps of other systems. */
export interface RemoteAttempts {
  start(attempt: Attempt): void;
  stop(taskId: TaskId, plan: Plan, step: number, system?: string): void;
  unconfirmed(taskId: TaskId): number;
}

/** What the runner works with. */
interface RunnerDeps {
  readonly local: LocalRunner;
  readonly remote: RemoteAttempts;
  readonly http: HttpStepDeps;
  codeOf(hash: string): WorkflowCode | undefined;
  /** Whether steps of an owner run in this process. */
  isLocalOwner(owner: string): boolean;
}

/** Makes the Runner of a node. */
export function openRunner(deps: RunnerDeps): Runner {
  const codeOf = (plan: Plan, step: number) =>
    deps.codeOf(plan.hash)?.steps.get(plan.steps[step]?.name ?? "");
  return {
    canStart(plan, step) {
      const definition = plan.steps[step]?.definition;
      switch (definition?.kind) {
        case "local":
          return codeOf(plan, step)?.run !== undefined && deps.isLocalOwner(definition.owner);
        case "remote":
          return definition.with !== undefined || deps.codeOf(plan.hash) !== undefined;
        case "sleep":
          return definition.sleepMs !== undefined || definition.with !== undefined ||
            codeOf(plan, step) !== undefined;
        default:
          return definition !== undefined;
      }
    },
    start(attempt) {
      const code = codeOf(attempt.plan, attempt.step);
      switch (kindOf(attempt.plan, attempt.step)) {
        case "local":
          return deps.local.start(attempt, code ?? {});
        case "remote":
          return deps.remote.start(attempt);
        case "http":
          return deps.local.begin(attempt, (signal) => runHttp(deps.http, attempt, signal));
        case "sleep":
          return deps.local.startSleep(attempt, code);
        case "signal":
          return;
      }
    },
    stop(taskId, plan, step, system) {
      if (runsHere(kindOf(plan, step))) deps.local.stop(taskId, step);
      else if (kindOf(plan, step) === "remote") deps.remote.stop(taskId, plan, step, system);
    },
    isRunning: (taskId, plan, step, attempt) =>
      !runsHere(kindOf(plan, step)) || deps.local.isRunning(taskId, step, attempt),
    unconfirmed: (taskId) => deps.remote.unconfirmed(taskId),
  };
}

function kindOf(plan: Plan, step: number): StepKind {
  return plan.steps[step]?.definition.kind ?? "local";
}
