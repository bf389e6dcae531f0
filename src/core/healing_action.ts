/** Healing actions as journals and answers have them: what this version does not know is none. Pure. */

import { z } from "zod";
import { FailureMatchFields, RetriesFields } from "./fields.ts";
import type { HealingAction } from "./healing.ts";

const OfStep = z.object({ workflow: z.string(), step: z.string() });
const Until = z.object({ untilMs: z.number() });
const OfSystem = Until.extend({ system: z.string() });
const number = z.number().optional();
const only = FailureMatchFields.partial().optional();

/** The fields of each kind. What it may say is decided where it is made; here it is only read again. */
const ACTIONS: Readonly<Record<HealingAction["kind"], z.ZodType<object>>> = {
  set_timeout: OfStep.extend({ timeoutMs: z.number() }),
  set_retry: OfStep.extend({ ...RetriesFields.partial().shape, only }),
  set_concurrency: OfStep.extend({ ...Until.shape, concurrencyMax: z.number() }),
  limit_system: OfSystem.extend({
    capability: z.string(),
    concurrencyMax: number,
    ratePerS: number,
    burst: number,
  }),
  set_circuit: OfSystem.extend({
    failureShare: number,
    slowShare: number,
    slowMs: number,
    volumeMin: number,
  }),
  open_circuit: OfSystem,
  pause_starts: Until.extend({ workflow: z.string(), pausedBelow: number, ratePerS: number }),
  eject_instance: OfSystem.extend({ instance: z.string() }),
  switch_system: OfStep.extend({ system: z.string() }),
  quarantine_task: z.object({ taskId: z.string(), workflow: z.string() }),
  hold_system: OfSystem,
  park_and_notify: OfStep.extend({ only, untilMs: number }),
  suggest_change: z.object({ workflow: z.string(), text: z.string() }),
};

/** Every kind. */
export const ACTION_KINDS: readonly string[] = Object.keys(ACTIONS);

/** Reads an action; undefined: another version made it, and this one cannot do or undo it. */
export function actionOf(action: { readonly kind: string }): HealingAction | undefined {
  if (!Object.hasOwn(ACTIONS, action.kind)) return undefined;
  const kind = action.kind as HealingAction["kind"];
  const read = ACTIONS[kind].safeParse(action);
  return read.success ? { kind, ...read.data } as HealingAction : undefined;
}
