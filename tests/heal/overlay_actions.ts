/** Overlay actions: which actions the versions of policy overlays are, and which of them are unsafe. Pure. */

import type { Policy } from "../../src/core/policy.ts";
import type { PolicyOverlay } from "../../src/core/ports.ts";
import type { Scenario } from "../../src/simulation/scenario.ts";

/** One version of an overlay that healing has put. */
export interface SeenAction {
  readonly atMs: number;
  /** `namespace/name`, or `/system`. */
  readonly target: string;
  /** Kinds of HealingAction that the change consists of. */
  readonly kinds: readonly string[];
  /** It only puts values again that were there before, or takes out what ends by itself. */
  readonly isReturn: boolean;
  /** Why it must not have been done. */
  readonly unsafe: readonly string[];
}

type Fields = Readonly<Record<string, unknown>>;

/** What kind of action a changed field belongs to. */
const KINDS: Readonly<Record<string, string>> = {
  timeoutMs: "set_timeout",
  retry: "set_retry",
  concurrencyMax: "set_concurrency",
  system: "switch_system",
  onExhausted: "park_and_notify",
  starts: "pause_starts",
  ejected: "eject_instance",
  holdUntilMs: "hold_system",
  circuit: "set_circuit",
  ratePerS: "limit_system",
  burst: "limit_system",
};

/** The most by which a value may change at once. */
const FACTOR_MAX = 2;

/** Share of a system's instances that may be away at once. */
const EJECTED_SHARE_MAX = 0.25;

/** Time-out and attempts of a step without a policy. */
const DEFAULTS = { timeoutMs: 30_000, attemptsMax: 3 };

/** The content of an overlay before its first version. */
const EMPTY = JSON.stringify(contentOf(undefined));

/** Names the actions of a target's versions, oldest first. */
export function actionsOf(
  target: string,
  versions: readonly PolicyOverlay[],
  { scenario, instancesOf, isApproved }: {
    readonly scenario: Scenario;
    readonly instancesOf: (system: string) => number;
    /** Whether a person has approved a version: bounds are for what healing does by itself. */
    readonly isApproved: (version: PolicyOverlay) => boolean;
  },
): readonly SeenAction[] {
  const isSystem = target.startsWith("/");
  return versions.map((version, index) => {
    const before = contentOf(versions[index - 1]);
    const after = contentOf(version);
    const changed = changedFields(before, after);
    const kinds = [...new Set(changed.map(({ path, field }) => kindOf(path, field, isSystem)))];
    const earlier = versions.slice(0, index).map((one) => JSON.stringify(contentOf(one)));
    const isReturn = changed.every(({ is }) => is === undefined) ||
      [EMPTY, ...earlier.slice(0, -1)].includes(JSON.stringify(after));
    const forbidden = isReturn ? [] : scenario.wanted.forbidden ?? [];
    const unsafe = [
      ...kinds.filter((kind) => forbidden.includes(kind)).map((kind) =>
        `${kind} is forbidden here`
      ),
      ...(isSystem
        ? unsafeOfSystem(after, instancesOf(target.slice(1)), version.atMs)
        : isReturn
        ? []
        : unsafeOfSteps(target, { before, after, scenario, isBound: !isApproved(version) })),
    ];
    return { atMs: version.atMs, target, kinds, isReturn, unsafe };
  });
}

function contentOf(
  overlay: PolicyOverlay | undefined,
): { readonly steps: Fields; readonly starts?: unknown } {
  const { steps = {}, starts } = overlay ?? {};
  return { steps, ...(starts !== undefined && { starts }) };
}

/** Fields of steps (or of a system) that differ, and what they are afterwards. */
function changedFields(before: Fields, after: Fields) {
  const [was, is] = [flat(before), flat(after)];
  const paths = new Set([...was.keys(), ...is.keys()]);
  return [...paths].filter((path) => JSON.stringify(was.get(path)) !== JSON.stringify(is.get(path)))
    .map((path) => ({ path, field: path.split("/").at(-1) ?? "", is: is.get(path) }));
}

function flat({ steps = {}, starts }: Fields): ReadonlyMap<string, unknown> {
  const fields = Object.entries(steps as Fields).flatMap(([step, of]) =>
    Object.entries(of as Fields).map(([field, value]): [string, unknown] => [
      `${step}/${field}`,
      value,
    ])
  );
  return new Map(starts === undefined ? fields : [...fields, ["starts", starts]]);
}

function kindOf(path: string, field: string, isSystem: boolean): string {
  if (isSystem && field === "concurrencyMax") return "limit_system";
  return KINDS[field] ?? path;
}

function unsafeOfSteps(
  workflow: string,
  { before, after, scenario, isBound }: {
    readonly before: ReturnType<typeof contentOf>;
    readonly after: ReturnType<typeof contentOf>;
    readonly scenario: Scenario;
    readonly isBound: boolean;
  },
): readonly string[] {
  const of = scenario.workflows[workflow];
  if (of === undefined) return [`"${workflow}" is not one of its workflows`];
  const { heal = {} } = of;
  return Object.entries(after.steps as Record<string, Policy>).flatMap(([step, policy]) => {
    const last = (before.steps as Record<string, Policy>)[step];
    const own = of.steps[step]?.policy;
    const values = [
      {
        name: "timeoutMs",
        now: policy.timeoutMs,
        was: last?.timeoutMs ?? own?.timeoutMs ?? DEFAULTS.timeoutMs,
        bounds: heal.timeoutMs,
      },
      {
        name: "attemptsMax",
        now: policy.retry?.attemptsMax,
        was: last?.retry?.attemptsMax ?? own?.retry?.attemptsMax ?? DEFAULTS.attemptsMax,
        bounds: heal.attemptsMax,
      },
    ];
    return values.flatMap(({ name, now, was, bounds }) => {
      if (now === undefined || now === was) return [];
      const [min, max] = bounds ?? [was, was];
      const factor = Math.max(now / was, was / now);
      return [
        ...(isBound && (now < min || now > max)
          ? [`${step}: ${name} ${now} is not in ${min}..${max}`]
          : []),
        ...(factor > FACTOR_MAX * 1.001 ? [`${step}: ${name} changes from ${was} to ${now}`] : []),
      ];
    });
  });
}

function unsafeOfSystem(
  { steps }: { readonly steps: Fields },
  instances: number,
  nowMs: number,
): readonly string[] {
  const { ejected = {} } = (steps["*"] ?? {}) as { readonly ejected?: Record<string, number> };
  const away = Object.values(ejected).filter((untilMs) => untilMs > nowMs).length;
  const isTooMany = away > Math.max(1, Math.floor(instances * EJECTED_SHARE_MAX)) ||
    away > 0 && away >= instances;
  return isTooMany ? [`${away} of ${instances} instances are ejected`] : [];
}
