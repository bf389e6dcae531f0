/** Effects: what repeating a step does, as far as anybody has declared it. */

import { ANY_SYSTEM, EFFECTS, type Instance } from "../core/system.ts";
import type { StepDefinition } from "../core/workflow.ts";

/** What repeating a step does: nothing, the same once more, or something that cannot be taken back. */
export type Effect = (typeof EFFECTS)[number];

/**
 * Returns what repeating a step does; undefined: nobody says. A transform and an HTTP GET do nothing;
 * of a capability counts the strongest that any instance of the system declares.
 */
export function effectOf(
  { kind, owner, http, capability, event }: StepDefinition,
  instances: readonly Instance[],
): Effect | undefined {
  if (kind === "transform" || http?.method === "GET" || http?.method === "HEAD") return "none";
  const name = capability?.name ?? event;
  if (kind !== "remote" || name === undefined) return undefined;
  const declared = instances.filter(({ system }) => owner === ANY_SYSTEM || system === owner)
    .flatMap(({ capabilities }) => capabilities.filter((one) => one.name === name))
    .map(({ effect }) => effect);
  if (declared.length === 0 || declared.includes(undefined)) return undefined;
  return EFFECTS.findLast((effect) => declared.includes(effect));
}
