/** What a step reads: the task's input, and the results or outcomes of its parents. */

import { assert } from "./errors.ts";
import { decodePayload, type JsonText } from "./payload.ts";
import type { PlannedStep } from "./plan.ts";
import type { Attempt, ParentOutcome } from "./ports.ts";
import { hasResult, type StepState, type TaskState } from "./state.ts";
import type { Given } from "./workflow.ts";

/** Returns what a step reads of its parents, by alias. */
export function needsOf(
  { needs, definition }: PlannedStep,
  { steps }: Pick<TaskState, "steps">,
): Attempt["needs"] {
  const read = definition.when === "succeeded" ? resultOf : outcomeOf;
  return Object.fromEntries(
    needs.map(([alias, parent]) => [alias, read(steps[parent] as StepState)]),
  );
}

/** Decodes what a step reads. Every value is freshly parsed: steps share nothing. */
export function givenOf({ input, needs }: Pick<Attempt, "input" | "needs">): Given {
  const given: Record<string, unknown> = { input: decodePayload(input) };
  for (const [alias, end] of Object.entries(needs)) given[alias] = decodeEnd(end);
  return given as Given;
}

function resultOf(step: StepState): JsonText {
  assert(hasResult(step), `A step that needs results was started while a parent is ${step.state}`);
  return step.result;
}

function outcomeOf(step: StepState): ParentOutcome {
  return {
    state: step.state,
    ...(hasResult(step) ? { result: step.result } : {}),
    ...(step.state === "failed" ? { error: step.failure.error } : {}),
  };
}

/** A parent's result, or its whole outcome for a step whose `when` is not `succeeded`. */
function decodeEnd(end: JsonText | ParentOutcome): unknown {
  if (typeof end === "string") return decodePayload(end);
  const { state, result, error } = end;
  return {
    state,
    ...(result === undefined ? {} : { result: decodePayload(result) }),
    ...(error === undefined ? {} : { error: decodePayload(error) }),
  };
}
