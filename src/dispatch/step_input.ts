/** The input of a step: mapped from the results of its parents, and checked. */

import { failureOf } from "../core/attempt.ts";
import { describeFaults } from "../core/faults.ts";
import type { Failure } from "../core/event.ts";
import { evaluateMapping } from "../core/mapping_value.ts";
import { decodePayload, type JsonText } from "../core/payload.ts";
import type { Attempt, ParentOutcome } from "../core/ports.ts";
import type { Given, StepCode } from "../core/workflow.ts";
import { contractFailure, describeThrown, failureOfThrown, stepOf } from "./failures.ts";

/** A step's input, or why it has none. */
export type Input =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly failure: Failure };

/**
 * Maps and checks the input of an attempt: the mapping of its definition, or `with` of its code, over
 * the task's input and the outcomes of the parents, then the input contract. Without either the step
 * takes the task's input.
 *
 * Every value is freshly parsed: steps share nothing. A throw or a broken contract is not retried,
 * because it would happen again.
 */
export function inputOf(attempt: Attempt, code: StepCode | undefined): Input {
  const mapped = mapInput(attempt, code);
  if (!mapped.ok) return mapped;
  const checked = stepOf(attempt).check("input")(mapped.value);
  return checked.ok ? checked : brokenContract(describeFaults(checked.faults));
}

function mapInput(attempt: Attempt, code: StepCode | undefined): Input {
  const { mapping } = stepOf(attempt);
  if (mapping !== undefined) {
    const mapped = evaluateMapping(mapping, givenFor(attempt));
    return mapped.ok ? mapped : { ok: false, failure: mappingFailed(mapped.detail) };
  }
  const map = code?.with;
  if (map === undefined) return { ok: true, value: decodePayload(attempt.input) };
  try {
    return { ok: true, value: map(givenFor(attempt)) };
  } catch (error) {
    const how = { class: "undeliverable", code: "mapping_failed" } as const;
    const before = "Mapping the input threw: ";
    return { ok: false, failure: failureOfThrown(describeThrown(error), { ...how, before }) };
  }
}

function givenFor({ input, needs }: Attempt): Given {
  const given: Record<string, unknown> = { input: decodePayload(input) };
  for (const [alias, end] of Object.entries(needs)) given[alias] = outcomeOf(end);
  return given as Given;
}

/** A parent's result, or its whole outcome for a step whose `when` is not `succeeded`. */
function outcomeOf(end: JsonText | ParentOutcome): unknown {
  if (typeof end === "string") return decodePayload(end);
  const { state, result, error } = end;
  return {
    state,
    ...(result === undefined ? {} : { result: decodePayload(result) }),
    ...(error === undefined ? {} : { error: decodePayload(error) }),
  };
}

function mappingFailed(why: string): Failure {
  return failureOf("undeliverable", `The input cannot be mapped: ${why}`, "mapping_failed");
}

function brokenContract(why: string): Input {
  return { ok: false, failure: contractFailure(`The input breaks the input contract: ${why}`) };
}
