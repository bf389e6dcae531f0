/** Outputs: what a task gives when it completes. */

import { failureOf } from "./attempt.ts";
import { atMs, type Context } from "./decision.ts";
import { messageOf } from "./errors.ts";
import type { Event, Failure, TaskEnd } from "./event.ts";
import { describeFaults } from "./faults.ts";
import { evaluateMapping } from "./mapping_value.ts";
import { decodePayload, encodePayload, type JsonText } from "./payload.ts";
import type { PlannedOutput } from "./plan.ts";
import { hasResult, type TaskState } from "./state.ts";
import type { Given } from "./workflow.ts";

/**
 * Makes the event that ends a task. A task whose output cannot be made fails with `output_invalid`,
 * although its steps completed: who waits for the output must not take it for one.
 *
 * Cost: O(1); O(size) of a completed task with an output.
 */
export function endedEvent(state: TaskState, end: TaskEnd, context: Context): Event {
  const ended = { kind: "TaskEnded", atMs: atMs(state, context) } as const;
  const { output } = context.plan;
  if (end !== "completed" || output === undefined) return { ...ended, end };
  const made = outputOf(state, output);
  return typeof made === "string"
    ? { ...ended, end, output: made }
    : { ...ended, end: "failed", failure: made };
}

function outputOf(state: TaskState, { mapping, needs, check }: PlannedOutput): JsonText | Failure {
  const given: Record<string, unknown> = { input: decodePayload(state.input) };
  for (const [alias, index] of needs) {
    const step = state.steps[index];
    if (step !== undefined && hasResult(step)) given[alias] = decodePayload(step.result);
  }
  const mapped = evaluateMapping(mapping, given as Given);
  if (!mapped.ok) return invalid(mapped.detail);
  const kept = check(mapped.value);
  if (!kept.ok) return invalid(`it breaks its contract: ${describeFaults(kept.faults)}`);
  try {
    return encodePayload(kept.value, "the output of the task");
  } catch (error) {
    return invalid(messageOf(error));
  }
}

function invalid(why: string): Failure {
  const message = `All steps completed, but the output could not be made: ${why}`;
  return failureOf("contract_violation", message, "output_invalid");
}
