/** The gate of capabilities: a new version must not break the steps that ask for it. */

import { compareSchemas, type Compatibility } from "../core/compatibility.ts";
import type { Fault } from "../core/errors.ts";
import type { Plan } from "../core/plan.ts";
import type { Capability, Instance } from "../core/system.ts";
import { compareVersions, parseVersionRange } from "../core/version.ts";
import { show } from "./field_checks.ts";

/** What a capability without a version counts as. */
const NO_VERSION = "1.0.0";

/** Steps that are named. */
const STEPS_SHOWN_MAX = 5;

/** What the gate looks at. */
interface Offers {
  readonly system: string;
  readonly capabilities: readonly Capability[];
  /** The instances of the system that are registered. */
  readonly known: readonly Instance[];
  /** Whose steps may ask for it. */
  readonly plans: Iterable<Plan>;
}

/**
 * Lists what new capabilities break: input that the version before took and this one refuses, or
 * output that only this one gives. Only versions that one step may get both of are compared, so a
 * new major version breaks nobody who asks for a range.
 *
 * What cannot be proved with an example is let through, as by the gate of workflows.
 */
export function capabilityBreaks({ system, capabilities, known, plans }: Offers): readonly Fault[] {
  const offered = known.filter(({ state }) => state !== "gone")
    .flatMap((instance) => instance.capabilities);
  const steps = stepsAsking(system, plans);
  return capabilities.flatMap((capability, index) => {
    const before = offered
      .filter((one) => one.name === capability.name && isEarlier(one, capability))
      .sort((one, other) => compareVersions(versionOf(other), versionOf(one)))[0];
    if (before === undefined) return [];
    const asking = steps.filter(({ name, takes }) =>
      name === capability.name && takes(versionOf(before)) && takes(versionOf(capability))
    );
    if (asking.length === 0) return [];
    const affected = namesOf(asking.map(({ step }) => step));
    const fault = (part: "input" | "output", found: Compatibility): Fault[] => {
      if (found.kind !== "breaks") return [];
      const [first] = found.misfits;
      const detail = `${part === "input" ? "refuses what" : "gives what"} ${capability.name} ` +
        `${versionOf(before)} ${part === "input" ? "took" : "did not"}` +
        `: ${first === undefined ? "" : `${first.path} ${first.detail}`.trim()}, such as ` +
        `${show(found.example)}; affects ${affected}`;
      return [{ path: `capabilities.${index}.${part}`, code: "breaks_others", detail }];
    };
    return [
      ...fault("input", compareSchemas(before.input, capability.input)),
      ...fault("output", compareSchemas(capability.output, before.output)),
    ];
  });
}

function versionOf({ version = NO_VERSION }: Capability): string {
  return version;
}

/** Not later; the same version with other schemas is a change, too. */
function isEarlier(one: Capability, other: Capability): boolean {
  return compareVersions(versionOf(one), versionOf(other)) <= 0;
}

/** Steps that may get a capability of the system: by its name, or as the event that they send. */
function stepsAsking(system: string, plans: Iterable<Plan>) {
  return [...plans].flatMap(({ workflow, steps }) =>
    steps.flatMap(({ name: step, definition: { kind, owner, event, capability } }) => {
      const name = capability?.name ?? (owner === system ? event : undefined);
      if (kind !== "remote" || name === undefined) return [];
      const range = capability?.range;
      const takes = range === undefined ? () => true : parseVersionRange(range) ?? (() => false);
      return [{ step: `${workflow} step "${step}"`, name, takes }];
    })
  );
}

function namesOf(steps: readonly string[]): string {
  const names = [...new Set(steps)].sort();
  const more = names.length - STEPS_SHOWN_MAX;
  return names.slice(0, STEPS_SHOWN_MAX).join(", ") + (more > 0 ? ` and ${more} more` : "");
}
