/** Offers: what is registered for the steps that go to systems. Pure, and small enough for browsers. */

import { type AskedCapability, parseCapability } from "../core/asked_capability.ts";
import type { Directory } from "../core/authoring.ts";
import { parseVersionRange } from "../core/version.ts";
import { type Fields, type StepEntry, stepsOf } from "./document.ts";

/** A capability that a system offers. */
export type Offer = Directory["systems"][number]["capabilities"][number];

/** A step that goes to a system. */
export interface Sent extends StepEntry {
  readonly owner?: string;
  readonly asked?: AskedCapability;
}

/** The steps that go to systems: by an event or by a capability. */
export function sentSteps(value: Fields): readonly Sent[] {
  return stepsOf(value).flatMap((step) => {
    const { owner, capability, event_pattern: event, handler } = step.fields;
    if (handler !== undefined || (capability === undefined && event === undefined)) return [];
    const asked = typeof capability === "string" ? parseCapability(capability) : undefined;
    return [{
      ...step,
      ...(typeof owner === "string" && { owner }),
      ...(asked !== undefined && { asked }),
    }];
  });
}

/** What a step asks for: its capability, or the one that its event is the type of. */
export function askedBy(
  { asked, fields: { event_pattern: event } }: Sent,
): AskedCapability | undefined {
  return asked ?? (typeof event === "string" ? { name: event } : undefined);
}

/** What the directory offers for a step: its contract, effect and time-out. */
export function offerFor(step: Sent, { systems }: Directory): Offer | undefined {
  const { owner } = step;
  const asked = askedBy(step);
  if (asked === undefined) return undefined;
  const offers = systems.filter(({ name }) => owner === undefined || name === owner)
    .flatMap(({ capabilities }) => capabilities);
  return offers.find((offer) => offer.name === asked.name && isIn(offer, asked));
}

/** Whether an offer is of a version that will do. */
export function isIn({ version }: Offer, { range }: AskedCapability): boolean {
  if (version === undefined || range === undefined) return true;
  return parseVersionRange(range)?.(version) === true;
}
