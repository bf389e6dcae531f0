/** Contracts of capabilities: which fields they take and give. Pure. */

import type { Offer } from "./capability_index.ts";

/** The fields of an object's contract. */
export function fieldsOf(
  schema: Readonly<Record<string, unknown>> | undefined,
): Readonly<Record<string, Readonly<Record<string, unknown>>>> {
  const { properties } = schema ?? {};
  return typeof properties === "object" && properties !== null ? properties as never : {};
}

/** The fields that a capability has to be given. */
export function requiredOf({ capability: { input } }: Offer): readonly string[] {
  const required = input?.["required"];
  return Array.isArray(required) ? required.filter((name) => typeof name === "string") : [];
}

/** The fields that capabilities have to be given, with their contracts. */
export function takenBy(offers: readonly Offer[]): ReturnType<typeof fieldsOf> {
  return Object.fromEntries(
    offers.flatMap((offer) => {
      const required = requiredOf(offer);
      return Object.entries(fieldsOf(offer.capability.input)).filter(([name]) =>
        required.includes(name)
      );
    }),
  );
}
