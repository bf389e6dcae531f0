/** Still allowed: whether a change may be made now that was proposed some time ago. */

import type { Degradation } from "../core/incident.ts";
import type { OverlayChange, Proposal } from "../core/healing.ts";
import type { HealerDeps } from "./healer_deps.ts";
import { isSaturatedNow } from "./judging.ts";
import { HEALER, standingOf } from "./overlay_change.ts";
import { readIncidents } from "./reading.ts";
import { ADDS_LOAD, refusals } from "./rules.ts";
import { offText, settingsIn } from "./settings.ts";

/**
 * Why a change is not made after all; undefined: it is. Much may have happened since it was proposed:
 * what people did not approve is weighed again. What was put before a crash stays, and is judged.
 */
export async function whyNotNow(
  deps: Pick<HealerDeps, "policies" | "tasks" | "plans" | "statistics"> & {
    readonly runtime: Pick<HealerDeps["runtime"], "now">;
  },
  { incident, degradation, change, by, load }: {
    readonly incident: string;
    readonly degradation: Degradation;
    readonly change: OverlayChange | undefined;
    /** Who approved it. */
    readonly by: string;
    readonly load: Proposal["load"];
  },
): Promise<string | undefined> {
  if (change !== undefined) {
    const { kind } = await standingOf(deps.policies, { change, incident });
    if (kind !== "nothing") return undefined;
  }
  const settings = settingsIn(await deps.policies.newest());
  if (settings.mode !== "on") return offText(settings);
  if (load === "adds" && await isSaturatedNow(deps, degradation)) return ADDS_LOAD;
  if (by !== HEALER) return undefined;
  const nowMs = deps.runtime.now();
  const past = await readIncidents(deps, { nowMs, except: incident });
  return refusals({ degradation, past, nowMs }, settings)[0];
}
