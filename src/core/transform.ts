/** Transforms: steps that make a value out of others by their mapping, decided within the turn. */

import { failStep, failureOf } from "./attempt.ts";
import { abortAfter, atMs, type Context, endingOf } from "./decision.ts";
import { messageOf } from "./errors.ts";
import type { Event, Failure } from "./event.ts";
import { describeFaults } from "./faults.ts";
import { givenOf, needsOf } from "./given.ts";
import { evaluateMapping } from "./mapping_value.ts";
import { encodePayload, type JsonText } from "./payload.ts";
import type { PlannedStep } from "./plan.ts";
import type { StepState, TaskState } from "./state.ts";

/**
 * Decides the end of a transform that was started in this turn. Nothing runs, so nothing can be lost
 * or tried again: a mapping that has no value would have none the next time either.
 */
export function decideTransform(
  state: TaskState,
  index: number,
  context: Context,
): readonly Event[] {
  const planned = context.plan.steps[index] as PlannedStep;
  const ended = transform(planned, state);
  if (typeof ended !== "string") {
    return abortAfter(state, failStep(endingOf(state, index, context), ended), context);
  }
  const { attempt } = state.steps[index] as StepState;
  const at = atMs(state, context);
  return [{ kind: "StepCompleted", atMs: at, step: index, attempt, ranMs: 0, result: ended }];
}

function transform(planned: PlannedStep, state: TaskState): JsonText | Failure {
  const needs = needsOf(planned, state);
  const { mapping } = planned;
  if (mapping === undefined) return mappingFailed("it is missing");
  const mapped = evaluateMapping(mapping, givenOf({ input: state.input, needs }));
  if (!mapped.ok) return mappingFailed(mapped.detail);
  const kept = planned.check("success")(mapped.value);
  if (!kept.ok) {
    const why = `The result breaks the success contract: ${describeFaults(kept.faults)}`;
    return failureOf("contract_violation", why);
  }
  try {
    return encodePayload(kept.value, `the result of step "${planned.name}"`);
  } catch (error) {
    return failureOf("contract_violation", messageOf(error));
  }
}

/** Makes the failure of a mapping without a value. */
export function mappingFailed(why: string): Failure {
  return failureOf("undeliverable", `The mapping has no value: ${why}`, "mapping_failed");
}
