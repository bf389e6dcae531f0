/**
 * Forks: a new task that begins at a step of another one, with the results that the other task has
 * of the steps before. Pure.
 *
 * A step is kept when it ended with a result, does not depend on the chosen step, and all that it
 * depends on is kept; every other step runs. So nothing that is kept stands on something that runs
 * again, and what ran is not run again unless it depends on what does.
 */

import type { ForkedStart, KeptStep } from "./command.ts";
import { TaskerError } from "./errors.ts";
import { describeFaults } from "./faults.ts";
import { TURN_SIZE_MAX } from "./live_task.ts";
import { decodePayload, encodePayload, type JsonText } from "./payload.ts";
import type { Plan, PlannedStep } from "./plan.ts";
import { withoutSensitive } from "./sensitive.ts";
import { hasResult, isUnderWay, type StepState, type TaskState } from "./state.ts";
import type { JsonSchema } from "./workflow.ts";

/** Which task is forked, where, and by whom. */
export interface Fork {
  readonly plan: Plan;
  readonly state: TaskState;
  /** The name of the first step that runs. */
  readonly step: string;
  readonly by: string;
  readonly reason: string;
}

/** A step that runs in the new task. */
interface ForkedRun {
  readonly name: string;
  /** Its state in the old task; undefined: the new version added it. */
  readonly before: StepState["state"] | undefined;
  /** Attempts of the old task: what they did is done again. */
  readonly attempts: number;
}

/** What a fork would do. */
export interface ForkPlan {
  readonly start: ForkedStart;
  readonly runs: readonly ForkedRun[];
}

/**
 * Plans a fork under a version of the workflow, which may be another than that of the old task.
 *
 * Cost: O(steps + edges), and a check of each kept result.
 *
 * @throws {TaskerError} step.not_found, task.fork_refused, payload.too_large (never)
 */
export function planFork(
  { plan: oldPlan, state, step, by, reason }: Fork,
  plan: Plan,
): ForkPlan {
  const from = plan.indexOf.get(step);
  const { taskId } = state;
  if (from === undefined) {
    const { version } = plan.definition;
    throw new TaskerError(
      "step.not_found",
      `Cannot fork task "${taskId}" from "${step}": version ${version} has no such step`,
    );
  }
  const marks = { before: oldPlan.definition.input, now: plan.definition.input };
  refuseShowing("its input", state.input, marks);
  const kept = keptOf(plan, from, { oldPlan, state });
  const isKept = new Set(kept.map(({ step }) => step));
  const runs = plan.steps.filter(({ index }) => !isKept.has(index)).map(({ name }) => {
    const before = state.steps[oldPlan.indexOf.get(name) ?? -1];
    refuseUnderWay(taskId, name, before);
    return { name, before: before?.state, attempts: before?.attempt ?? 0 };
  });
  refuseTooLarge(state, step, kept);
  return { start: { from: { id: taskId, step, by, reason }, kept }, runs };
}

/** The steps that are kept, with their results by the contracts of the new version, as they ended. */
function keptOf(
  plan: Plan,
  from: number,
  { oldPlan, state }: { readonly oldPlan: Plan; readonly state: TaskState },
): readonly KeptStep[] {
  const ended = state.ended.flatMap((index) => {
    const planned = plan.steps[plan.indexOf.get(oldPlan.steps[index]?.name ?? "") ?? -1];
    const old = state.steps[index];
    const before = oldPlan.steps[index]?.definition.contract.success;
    return planned !== undefined && old !== undefined && hasResult(old)
      ? [{ planned, old, before }]
      : [];
  });
  const withResult = new Set(ended.map(({ planned }) => planned.index));
  const again = dependents(
    plan,
    plan.steps.flatMap(({ index }) => index === from || !withResult.has(index) ? [index] : []),
  );
  return ended.filter(({ planned }) => !again.has(planned.index)).map(
    ({ planned, old, before }) => {
      const { index, name, definition } = planned;
      const marks = { before, now: definition.contract.success };
      refuseShowing(`the result of step "${name}"`, old.result, marks);
      return { step: index, state: old.state, result: fitting(planned, old.result) };
    },
  );
}

/**
 * What the task's contracts mark with `writeOnly` would be shown by a version that does not mark it.
 *
 * @throws {TaskerError} task.fork_refused
 */
function refuseShowing(of: string, text: JsonText, marks: Marks): void {
  const shown = withoutSensitive(marks.now, decodePayload(text));
  if (JSON.stringify(withoutSensitive(marks.before, shown)) === JSON.stringify(shown)) return;
  throw new TaskerError(
    "task.fork_refused",
    `Cannot fork the task into this version: ${of} has values that the task's own version marks with ` +
      "writeOnly and this one does not, so they would be shown; fork it into a version that marks them",
  );
}

/** The contract of a value in the task, and in its fork. */
interface Marks {
  readonly before: JsonSchema | undefined;
  readonly now: JsonSchema | undefined;
}

/** Steps, and all that depend on them. */
function dependents(plan: Plan, steps: readonly number[]): ReadonlySet<number> {
  const children = plan.steps.map((): number[] => []);
  for (const { index, parents } of plan.steps) {
    for (const parent of parents) children[parent]?.push(index);
  }
  const found = new Set(steps);
  // A set is walked in the order of insertion, what is added meanwhile included.
  for (const index of found) for (const child of children[index] ?? []) found.add(child);
  return found;
}

/** A result as the contract of the new version takes it. @throws {TaskerError} task.fork_refused */
function fitting(planned: PlannedStep, result: JsonText): JsonText {
  const checked = planned.check("success")(decodePayload(result));
  if (checked.ok) return encodePayload(checked.value, `the result of step "${planned.name}"`);
  throw new TaskerError(
    "task.fork_refused",
    `Cannot keep the result of step "${planned.name}": ` +
      `this version's contract does not take it: ${describeFaults(checked.faults)}`,
    { faults: checked.faults },
  );
}

/** What is under way in the other task would run twice. @throws {TaskerError} task.fork_refused */
function refuseUnderWay(taskId: string, name: string, step: StepState | undefined): void {
  if (step === undefined || !(isUnderWay(step) || step.state === "waiting_for_retry")) return;
  throw new TaskerError(
    "task.fork_refused",
    `Cannot fork task "${taskId}": its step "${name}" is ${step.state} there, and would run twice; ` +
      "cancel that task first, or wait until the step has ended",
  );
}

/** @throws {TaskerError} payload.too_large */
function refuseTooLarge({ taskId, input }: TaskState, step: string, kept: readonly KeptStep[]) {
  const size = kept.reduce((sum, { result }) => sum + result.length, input.length);
  if (size <= TURN_SIZE_MAX) return;
  throw new TaskerError(
    "payload.too_large",
    `Cannot fork task "${taskId}" from "${step}": its input and the results before have ${size} ` +
      `characters, at most ${TURN_SIZE_MAX} fit into the first turn`,
  );
}
