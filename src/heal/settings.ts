/** Settings of the healer: kept as a policy overlay, so they have versions, authors and reasons. */

import { HEALER_DEFAULTS, type HealerSettings } from "../core/healing.ts";
import { HealerFields } from "../core/fields.ts";
import { OWN_NAMESPACE, SETTINGS_NAME } from "../core/incident.ts";
import type { PolicyOverlay } from "../core/ports.ts";

/** Reads the settings out of the newest overlays. What is not readable switches healing off. */
export function settingsIn(newest: ReadonlyMap<string, PolicyOverlay>): HealerSettings {
  const overlay = newest.get(`${OWN_NAMESPACE}/${SETTINGS_NAME}`);
  if (overlay === undefined) return HEALER_DEFAULTS;
  const read = HealerFields.safeParse(overlay.steps["*"]);
  return read.success ? read.data : { ...HEALER_DEFAULTS, mode: "off" };
}

/** Says that nothing is changed, because of the settings. */
export function offText({ mode }: Pick<HealerSettings, "mode">): string {
  return `healing is set to "${mode}"`;
}

/** Whether it is a time in which nothing is changed of a workflow. */
export function isSilent(
  { silences }: Pick<HealerSettings, "silences">,
  { workflow, nowMs }: { readonly workflow: string; readonly nowMs: number },
): boolean {
  return silences.some((span) =>
    span.fromMs <= nowMs && nowMs < span.untilMs && (span.workflow ?? workflow) === workflow
  );
}
