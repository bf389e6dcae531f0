/** Field checks: which names, versions, event types and policies are valid. */

import { z } from "zod";
import { Alternatives } from "../core/fields.ts";
import { TASK_START } from "../core/envelope.ts";
import {
  EventType,
  HealFields,
  Name,
  NAME_FORM,
  PolicyFields,
  RetryFields,
  Version,
} from "../core/fields.ts";
import type { HealBounds } from "../core/healing.ts";
import { contradictionOf, type Policy } from "../core/policy.ts";
import type { StepSpec } from "../core/workflow_module.ts";
import type { Faults, Place } from "./fault.ts";

/** The prefix of Tasker's own envelope types. */
const RESERVED = TASK_START.slice(0, TASK_START.indexOf(".") + 1);

/** Adds a fault unless it is a name. */
export function checkName(faults: Faults, place: Place, name: unknown): void {
  if (Name.safeParse(name).success) return;
  faults.add(place, "bad_name", `${show(name)} is not a valid name, expected ${NAME_FORM}`);
}

/** Adds a fault unless it is an envelope type that a step may have. */
export function checkEvent(faults: Faults, place: Place, event: unknown): void {
  const parsed = EventType.safeParse(event);
  if (!parsed.success) {
    faults.add(
      place,
      "bad_event",
      `${
        show(event)
      } is not a valid event type, expected names joined by dots, such as "stock.check"`,
    );
  } else if (parsed.data.startsWith(RESERVED)) {
    faults.add(
      place,
      "bad_event",
      `${show(event)} is reserved: types that begin with "${RESERVED}" belong to Tasker`,
    );
  }
}

/** Adds a fault unless it is a version. */
export function checkVersion(faults: Faults, place: Place, version: unknown): void {
  if (Version.safeParse(version).success) return;
  faults.add(
    place,
    "bad_version",
    `${show(version)} is not a valid version, expected one such as "1.0.0"`,
  );
}

/** Returns a value as error texts show it. */
export function show(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 80 ? `${text.slice(0, 79)}…` : text;
}

/** A policy whose delays do not contradict each other. */
const Sound = PolicyFields.omit({ system: true }).extend({
  retry: RetryFields.superRefine((retry, context) => {
    const found = contradictionOf(retry);
    if (found === undefined) return;
    context.addIssue({ code: "custom", path: found.field.split("."), message: found.detail });
  }).optional(),
});

/** Everything that a step definition may hold; contracts, names and code are checked elsewhere. */
const Written = Sound.extend({
  atMostOnce: z.boolean().optional(),
  alternatives: Alternatives.optional(),
  input: z.unknown().optional(),
  success: z.unknown().optional(),
  error: z.unknown().optional(),
  run: z.unknown().optional(),
  owner: z.unknown().optional(),
  system: z.unknown().optional(),
  event: z.unknown().optional(),
});

/** Adds a fault for each field of a step definition that is unknown or out of bounds. */
export function checkWritten(
  faults: Faults,
  place: (field: string) => Place,
  written: Partial<StepSpec>,
): void {
  addIssues(faults, place, Written.safeParse(written).error);
}

/** Adds a fault for each bound of healing that is unknown or out of bounds. */
export function checkHeal(faults: Faults, place: Place, heal: HealBounds): void {
  for (const { path, message } of HealFields.safeParse(heal).error?.issues ?? []) {
    const field = [place.path, ...path.map(String)].join(".");
    faults.add({ ...place, path: field }, "bad_policy", message);
  }
}

/** Adds a fault for each field of a policy that is unknown or out of bounds. */
export function checkPolicy(
  faults: Faults,
  place: (field: string) => Place,
  policy: Policy,
): void {
  addIssues(faults, place, Sound.safeParse(policy).error);
}

/** Returns what may be tuned of a step. */
export function policyOf(written: Partial<StepSpec> | undefined): Policy {
  const names = Object.keys(Sound.shape) as (keyof Policy)[];
  const given = names.filter((name) => written?.[name] !== undefined);
  return Object.fromEntries(given.map((name) => [name, written?.[name]]));
}

/** Merges two policies: `above` overrides `base`, and in `retry` field by field. */
export function mergePolicies(base: Policy, above: Policy): Policy {
  const retry = { ...base.retry, ...above.retry };
  return { ...base, ...above, ...(Object.keys(retry).length > 0 && { retry }) };
}

function addIssues(
  faults: Faults,
  place: (field: string) => Place,
  error: z.ZodError | undefined,
): void {
  for (const issue of error?.issues ?? []) {
    const path = issue.path.map(String);
    if (issue.code !== "unrecognized_keys") {
      faults.add(place(path.join(".")), "bad_policy", issue.message);
      continue;
    }
    const known = Object.keys(path[0] === "retry" ? RetryFields.shape : Written.shape);
    for (const key of issue.keys) {
      faults.addUnknown(place([...path, key].join(".")), key, known);
    }
  }
}
