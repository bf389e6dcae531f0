/** Alternatives of steps: checked at load, so that each can be chosen when it is needed. */

import type { Alternative, WrittenAlternative } from "../core/alternative.ts";
import { CHOICES } from "../core/event.ts";
import { type AskedCapability, parseCapability } from "../core/asked_capability.ts";
import { doesWork } from "../core/workflow.ts";
import type { Draft } from "./draft.ts";
import type { Faults } from "./fault.ts";

/**
 * Reads the alternatives of a step, and adds a fault for each that could not be chosen: a name that is
 * taken, a system or a capability for a step that does not go to a system, or nothing to do.
 */
export function alternativesOf(
  { alternatives = [], kind, place }: Draft,
  faults: Faults,
): readonly Alternative[] {
  const taken = new Set<string>(CHOICES);
  return alternatives.map((written, index) => {
    const { name, system, manual } = written;
    const refuse = (detail: string) =>
      faults.add(place(`alternatives[${index}]`), "bad_alternative", detail);
    if (taken.has(name)) refuse(`the name "${name}" is taken: every choice needs one of its own`);
    taken.add(name);
    if (!doesWork(kind)) refuse(`a ${kind} has no alternatives: it does no work`);
    const why = whyUnfit(written, kind);
    if (why !== undefined) refuse(why);
    const capability = capabilityOf(written, refuse);
    return {
      name,
      ...(system !== undefined && { system }),
      ...(capability !== undefined && { capability }),
      ...(manual !== undefined && { manual }),
    };
  });
}

function whyUnfit(
  { system, capability, manual }: WrittenAlternative,
  kind: Draft["kind"],
): string | undefined {
  const isSent = system !== undefined || capability !== undefined;
  if (isSent === (manual !== undefined)) {
    return "expected either a system or a capability, or else what a person does: manual";
  }
  return isSent && kind !== "remote"
    ? "only a step that another system runs can go to another one: use manual"
    : undefined;
}

function capabilityOf(
  { capability: text }: WrittenAlternative,
  refuse: (detail: string) => void,
): AskedCapability | undefined {
  if (text === undefined) return undefined;
  const capability = parseCapability(text);
  if (capability === undefined) {
    refuse(`"${text}" is not a capability, expected one such as stock.check or stock.check@^1.2`);
  }
  return capability;
}
