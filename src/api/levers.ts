/** Levers: what of a policy or of limits is refused because it could not do what it says. */

import { switchedTo } from "../core/alternative.ts";
import { ejectableOf, unendedOf } from "../core/ejection.ts";
import type { Fault } from "../core/errors.ts";
import { nearestOf } from "../core/nearest.ts";
import { LEVER_MS_MAX, type Policy, WHOLE_SYSTEM } from "../core/policy.ts";
import type { PolicyOverlay, SystemSummary } from "../core/ports.ts";
import type { Ejected, SystemLimit } from "../core/shared_limit.ts";
import type { Instance } from "../core/system.ts";
import type { Definition } from "../core/workflow.ts";
import { ALL_STEPS } from "../operations/policies.ts";

type Steps = Readonly<Record<string, Policy>>;

/**
 * Finds steps that are switched to a system that nobody knows, or that no other system could run.
 *
 * A system that an earlier version named is taken: that version may be put again though the system has
 * gone. Whether it offers the capability is asked for each attempt.
 */
export function switchFaults(
  steps: Steps,
  { versions, systems, earlier }: {
    readonly versions: readonly Definition[];
    readonly systems: readonly Pick<SystemSummary, "name">[];
    readonly earlier: readonly Pick<PolicyOverlay, "steps">[];
  },
): readonly Fault[] {
  return Object.entries(steps).flatMap(([step, { system }]) => {
    if (system === undefined) return [];
    const fault = (code: string, detail: string): Fault[] => [
      { path: `steps.${step}.system`, code, detail },
    ];
    if (step === ALL_STEPS) return fault("not_tunable", "is said of a single step, by its name");
    const wasNamed = earlier.some((version) => version.steps[step]?.system === system);
    const names = systems.map(({ name }) => name);
    if (!wasNamed && !names.includes(system)) {
      const near = nearestOf(system, names);
      const meant = near === undefined ? "" : `, did you mean "${near}"?`;
      return fault("unknown_system", `there is no system "${system}"${meant}`);
    }
    const canSwitch = versions.some((version) =>
      version.steps.some((of) =>
        of.name === step && (of.capability !== undefined || switchedTo(of, system) !== undefined)
      )
    );
    if (canSwitch) return [];
    const detail = "the step asks for no capability, and declares no alternative of that system";
    return fault("not_tunable", detail);
  });
}

/**
 * Finds ejections that would take too many of a system's instances, or one that nobody knows.
 *
 * One that an earlier version named is taken, as for a switch. What is over counts no more.
 */
export function ejectionFaults(
  ejected: Ejected,
  { instances, earlier, nowMs }: {
    readonly instances: readonly Pick<Instance, "instance" | "state" | "isDeclared">[];
    readonly earlier: readonly Pick<PolicyOverlay, "steps">[];
    readonly nowMs: number;
  },
): readonly Fault[] {
  const path = `limits.${WHOLE_SYSTEM}.ejected`;
  const there = instances.filter(({ state, isDeclared }) => state !== "gone" && !isDeclared)
    .map(({ instance }) => instance);
  const known = new Set([
    ...there,
    ...earlier.flatMap(({ steps }) =>
      Object.keys((steps[WHOLE_SYSTEM] as SystemLimit | undefined)?.ejected ?? {})
    ),
  ]);
  const names = unendedOf(ejected, nowMs);
  const unknown = names.filter((name) => !known.has(name)).map((name) => {
    const near = nearestOf(name, there);
    const meant = near === undefined ? "" : `, did you mean "${near}"?`;
    const detail = `no instance "${name}" is registered${meant}`;
    return { path: `${path}.${name}`, code: "unknown_instance", detail };
  });
  const most = ejectableOf(there.length);
  const count = names.filter((name) => there.includes(name)).length;
  const tooMany = count <= most ? [] : [{
    path,
    code: "too_many",
    detail:
      `names ${count} of ${there.length} instances: at most a quarter, here ${most}, may be ejected`,
  }];
  return [
    ...names.flatMap((name) => tooFar(`${path}.${name}`, ejected[name], nowMs)),
    ...unknown,
    ...tooMany,
  ];
}

/** Finds an end that is too far away: what nobody takes back must end by itself. */
export function tooFar(path: string, untilMs: number | undefined, nowMs: number): readonly Fault[] {
  if (untilMs === undefined || untilMs <= nowMs + LEVER_MS_MAX) return [];
  const days = LEVER_MS_MAX / 86_400_000;
  return [{ path, code: "too_far", detail: `ends later than in ${days} days` }];
}
