/** Alternatives: other ways to get a step done, which a person may choose once it is parked. */

import type { Choice } from "./event.ts";
import { type AskedCapability, capabilityText, parseCapability } from "./asked_capability.ts";
import { ANY_SYSTEM } from "./system.ts";
import type { Plan } from "./plan.ts";
import type { RouteReason, SystemDirectory } from "./system_directory.ts";
import type { StepDefinition } from "./workflow.ts";

/**
 * One alternative: another system, another capability, or what a person does by hand. Not part of the
 * definition hash: a task under way may take one that was added later, because StepChosen records where
 * it leads.
 */
export interface Alternative {
  readonly name: string;
  /** The system that gets the step; with a capability, it has to offer that. */
  readonly system?: string;
  /** What is asked for instead; without a system, of any that offers it. */
  readonly capability?: AskedCapability;
  /** What a person does; the step then takes the result that they give. */
  readonly manual?: string;
}

/** An alternative as modules and manifests write it; `capability` is `name` or `name@range`. */
export interface WrittenAlternative extends Omit<Alternative, "capability"> {
  readonly capability?: string;
}

/** Where a person sent the attempts of a step. */
export interface Elsewhere {
  readonly system?: string;
  /** `name` or `name@range`. */
  readonly capability?: string;
}

/** Where an alternative leads; undefined: nowhere, a person does it. */
export function elsewhereOf({ system, capability }: Alternative): Elsewhere | undefined {
  if (system === undefined && capability === undefined) return undefined;
  return {
    ...(system !== undefined && { system }),
    ...(capability !== undefined && { capability: capabilityText(capability) }),
  };
}

/**
 * Where a policy that names a system sends a step which declares that system as an alternative;
 * undefined: it declares none that takes the same envelope.
 */
export function switchedTo(
  { alternatives = [] }: Pick<StepDefinition, "alternatives">,
  system: string | undefined,
): Elsewhere | undefined {
  const isSame = (one: Alternative) => one.system === system && one.capability === undefined;
  return system !== undefined && alternatives.some(isSame) ? { system } : undefined;
}

/** What an attempt asks for, and of whom. */
export type Asked = Pick<StepDefinition, "owner" | "capability" | "event">;

/** What attempts of a step ask for: as it is defined, unless a person sent them elsewhere. */
export function askedOf(definition: Asked, elsewhere: Elsewhere | undefined): Asked {
  if (elsewhere === undefined) return definition;
  const { system, capability: text } = elsewhere;
  const capability = text === undefined ? definition.capability : parseCapability(text);
  const event = text === undefined ? definition.event : capability?.name;
  return {
    owner: system ?? ANY_SYSTEM,
    ...(capability !== undefined && { capability }),
    ...(event !== undefined && { event }),
  };
}

/**
 * Where a step goes whose policy names one of its declared alternatives; undefined: it names none, or
 * the instances of that system have registered and none is healthy. Cost: O(1).
 */
export function alternativeFor(
  directory: Pick<SystemDirectory, "candidates">,
  { definition: { namespace } }: Pick<Plan, "definition">,
  definition: StepDefinition,
  switchTo: string | undefined,
): Elsewhere | undefined {
  const to = switchedTo(definition, switchTo);
  if (to === undefined) return undefined;
  const asked = { ...askedOf(definition, to), namespace };
  return typeof directory.candidates(asked) === "string" ? undefined : to;
}

/**
 * Why a step would not go to a system that its policy names; undefined: it would. What proposes a switch
 * asks this, and so does admission, part by part, for each step. Cost: O(1).
 */
export function whyNotSwitched(
  directory: Pick<SystemDirectory, "candidates" | "whyNotSwitched">,
  plan: Pick<Plan, "definition">,
  { definition, switchTo }: { readonly definition: StepDefinition; readonly switchTo: string },
): RouteReason | undefined {
  if (alternativeFor(directory, plan, definition, switchTo) !== undefined) return undefined;
  const { namespace } = plan.definition;
  return directory.whyNotSwitched({ ...definition, namespace, switchTo });
}

/** What an alternative does, for people. */
function alternativeText({ system, capability, manual }: Alternative): string {
  if (manual !== undefined) return manual;
  if (capability === undefined) return `Let system "${system}" do the step`;
  const of = system === undefined ? "" : ` of system "${system}"`;
  return `Use capability ${capabilityText(capability)}${of}`;
}

/** What each choice does, for people. */
const LABELS: Readonly<Record<Choice, string>> = {
  retry: "Try the step again",
  resolve: "Give the step its result by hand",
  skip: "Go on without the step",
  cancel: "Cancel the task",
};

/** A choice, and what it does. */
export interface Option {
  readonly choice: string;
  readonly label: string;
  /** The step ends with a result, which the person gives with the choice. */
  readonly takesResult?: true;
}

/** Everything that a person may choose for a parked step: alternatives come after the first choice. */
export function optionsFor(
  choices: readonly Choice[],
  alternatives: readonly Alternative[],
): readonly Option[] {
  const [first = [], ...others] = choices.map((choice): Option[] => [
    { choice, label: LABELS[choice], ...(choice === "resolve" && { takesResult: true }) },
  ]);
  const more = alternatives.map((one): Option => ({
    choice: one.name,
    label: alternativeText(one),
    ...(elsewhereOf(one) === undefined && { takesResult: true }),
  }));
  return [...first, ...more, ...others.flat()];
}
