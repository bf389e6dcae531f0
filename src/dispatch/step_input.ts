/** The input of a step: mapped from the results of its parents, and checked. */

import { describeFaults } from "../core/faults.ts";
import type { Failure } from "../core/event.ts";
import { givenOf } from "../core/given.ts";
import { evaluateMapping } from "../core/mapping_value.ts";
import { decodePayload } from "../core/payload.ts";
import type { Attempt } from "../core/ports.ts";
import { mappingFailed } from "../core/transform.ts";
import type { StepCode } from "../core/workflow.ts";
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
    const mapped = evaluateMapping(mapping, givenOf(attempt));
    return mapped.ok ? mapped : { ok: false, failure: mappingFailed(mapped.detail) };
  }
  const map = code?.with;
  if (map === undefined) return { ok: true, value: decodePayload(attempt.input) };
  try {
    return { ok: true, value: map(givenOf(attempt)) };
  } catch (error) {
    const how = { class: "undeliverable", code: "mapping_failed" } as const;
    const before = "Mapping the input threw: ";
    return { ok: false, failure: failureOfThrown(describeThrown(error), { ...how, before }) };
  }
}

function brokenContract(why: string): Input {
  return { ok: false, failure: contractFailure(`The input breaks the input contract: ${why}`) };
}
