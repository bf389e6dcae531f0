/**
 * Holding: a change that ends by itself is looked at in each window while it holds. It is taken back when it
 * makes things worse. When its time is over, attempts are let through for a window: if the trouble is still
 * there, the change holds twice as long again, and if not, it ends. What it stands at is read from the versions that
 * the incident has put, so a look may be run again at any time.
 */

import type { HealingAction, OverlayChange } from "../core/healing.ts";
import { actionOf } from "../core/healing_action.ts";
import { chanceAbove } from "./comparison.ts";
import { slower } from "./detection.ts";
import type { HealerDeps } from "./healer_deps.ts";
import type { AppliedIncident, IncidentSteps, Later } from "./incident.ts";
import { compareWithFault, sinceAndUsual } from "./judging.ts";
import { holdingOf, type OverlayDeed, putHolding, type Standing } from "./overlay_change.ts";
import { isTrickle, probesFail } from "./probes.ts";
import { followRate, isStartRate } from "./start_rate.ts";
import { settingsIn } from "./settings.ts";
import type { Window } from "./window.ts";

/** How long a change holds at most before it is looked whether it is still needed. */
const HOLD_MS_MAX = 2 * 3_600_000;

/** After so many windows a change ends, whatever is still wrong: then people have to look. */
const HELD_WINDOWS_MAX = 720;

/** Looks in a window while attempts are let through, and the windows that takes at most. */
const PROBE_LOOKS = 4;
const PROBE_WINDOWS = 5;

/** Attempts that say that it works again, and those that say that it does not. */
const WORKS_ATTEMPTS = 20;
const FAILS_ATTEMPTS = 4;

/** The chance that one look may have to call what is usual trouble. */
const CHANCE_MAX = 1e-3;
const UNCLEAR_CHANCE_MAX = 0.05;
const SHARE_MIN = 0.1;

type Of = Parameters<IncidentSteps["release"]>[0];

interface Held extends AppliedIncident {
  readonly action: HealingAction | undefined;
  readonly deed: OverlayDeed;
  readonly inverse: OverlayChange;
  readonly holding: Standing;
  /** How long it holds at first, ms. */
  readonly firstMs: number;
}

/** Looks at what holds: a conclusion ends it. */
export async function hold(deps: HealerDeps, of: Of): ReturnType<IncidentSteps["release"]> {
  const { taskId, incident, proposed, applied, conclusion } = of;
  const proposal = proposed?.proposals.find(({ id }) => id === proposed.chosen);
  const { change, untilMs, action } = proposal ?? {};
  const { base, inverse, atMs } = applied;
  if (conclusion.outcome !== "kept" || untilMs === undefined) return conclusion;
  if (change === undefined || base === undefined || inverse === undefined) return conclusion;
  const nowMs = deps.runtime.now();
  const { mode } = settingsIn(await deps.policies.newest());
  if (mode === "off") {
    return { ...conclusion, says: "healing was switched off: nothing is changed" };
  }
  const deed = { incident: taskId, change, why: "", nowMs };
  const holding = await holdingOf(deps.policies, deed);
  switch (holding.kind) {
    case "conflict":
      return { outcome: "overtaken", says: holding.says, atMs: nowMs };
    case "ends":
      return { outcome: "released", says: "it is over", atMs: holding.atMs };
    case "takes back":
      return { outcome: "reverted", says: holding.says, atMs: holding.atMs };
    default: {
      const held: Held = {
        ...{ taskId, incident, proposed, applied, deed, inverse, holding },
        action: action && actionOf(action),
        firstMs: untilMs - atMs,
      };
      return holding.kind === "lets through"
        ? await lookAtProbe(deps, held)
        : await lookAtHeld(deps, held);
    }
  }
}

async function lookAtHeld(deps: HealerDeps, held: Held) {
  const { incident: { degradation: { windowMs } }, applied, holding, deed } = held;
  const { nowMs } = deed;
  if (nowMs >= applied.atMs + HELD_WINDOWS_MAX * windowMs) {
    return await end(deps, held, "ends", "it has held as long as it may");
  }
  const spanMs = Math.min(held.firstMs * 2 ** holding.renewals, HOLD_MS_MAX);
  if (isTrickle(held.action)) return await lookAtTrickle(deps, held);
  if (isStartRate(held.action)) return await lookAtStarts(deps, held, held.action);
  const { action } = held;
  if (action?.kind === "park_and_notify" && action.only?.code !== undefined) {
    return await failsStill(deps, held, action.only.code)
      ? later(windowMs)
      : await end(deps, held, "ends", `nothing fails with "${action.only.code}" any more`);
  }
  // Nodes end it by themselves at its time, and would let all through.
  const leftMs = holding.atMs + spanMs - windowMs - nowMs;
  if (leftMs <= 0) return await probe(deps, held);
  const { compared } = await compareWithFault(deps, held, holding.atMs);
  if (compared?.verdict === "worse") return await end(deps, held, "takes back", compared.says);
  return later(Math.min(leftMs, windowMs));
}

/** The few attempts that a trickle lets through are its probes: it stays while they fail. */
async function lookAtTrickle(deps: HealerDeps, held: Held) {
  const { incident: { degradation }, applied, firstMs, deed: { nowMs } } = held;
  const leftMs = applied.atMs + firstMs - nowMs;
  if (leftMs > 0) return later(Math.min(leftMs, degradation.windowMs));
  if (await probesFail(deps, degradation, applied.atMs + firstMs)) {
    return later(degradation.windowMs);
  }
  return await end(deps, held, "ends", "the few attempts complete");
}

/** Windows in which nothing must have failed in a way for it to be over. */
const OVER_WINDOWS = 3;

/** To try such failures again as a probe would only bring back what they cost: first attempts show it. */
async function failsStill({ statistics }: HealerDeps, held: Held, code: string): Promise<boolean> {
  const { incident: { degradation: { workflow, step, windowMs } }, deed: { nowMs } } = held;
  const sinceMs = nowMs - OVER_WINDOWS * windowMs;
  const cells = await statistics.read({ workflow, step, sinceMs, untilMs: nowMs });
  return cells.some((cell) => cell.step === step && cell.counts.errors.has(code));
}

/** Starts are never let through all at once: those that were held back would come together. */
async function lookAtStarts(
  deps: HealerDeps,
  held: Held,
  action: Parameters<typeof followRate>[1]["action"],
) {
  const { incident: { degradation }, deed, firstMs } = held;
  const { change, nowMs } = deed;
  const untilMs = nowMs + firstMs;
  const changes = await followRate(deps, { action, degradation, change, untilMs });
  if (changes === undefined) return await end(deps, held, "ends", "nothing has to be held back");
  if (changes.length === 0) return later(degradation.windowMs);
  const why = "as many as are done";
  const put = await putHolding(deps.policies, { ...deed, why }, { kind: "holds on", changes });
  if (put.kind === "conflict") return { outcome: "overtaken" as const, ...said(put.says, deed) };
  return later(degradation.windowMs);
}

/** Lets attempts through as if nothing had been changed. */
async function probe(deps: HealerDeps, { deed, inverse, incident }: Held) {
  const why = "whether it is still needed";
  const { changes } = inverse;
  const put = await putHolding(deps.policies, { ...deed, why }, {
    kind: "lets through",
    changes,
  });
  if (put.kind === "conflict") return { outcome: "overtaken" as const, ...said(put.says, deed) };
  return later(incident.degradation.windowMs / PROBE_LOOKS);
}

async function lookAtProbe(deps: HealerDeps, held: Held) {
  const { incident: { degradation }, holding, deed } = held;
  const { windowMs } = degradation;
  const { since, usual } = await sinceAndUsual(deps, degradation, holding.atMs);
  const state = stateOf(since, usual);
  const isLate = deed.nowMs >= holding.atMs + PROBE_WINDOWS * windowMs;
  if (state === "fails") return await renew(deps, held);
  const isWhole = deed.nowMs >= holding.atMs + windowMs;
  if ((state === "works" && isWhole) || isLate) {
    return await end(deps, held, "ends", isLate ? "nothing says that it is needed" : "it is over");
  }
  return later(windowMs / PROBE_LOOKS);
}

/** What attempts say since some are let through. */
export function stateOf(since: Window, usual: Window): "works" | "fails" | "unclear" {
  const { ended, failed } = since.counts;
  const before = { count: usual.counts.failed, of: usual.counts.ended };
  const isMore = ended >= FAILS_ATTEMPTS &&
    failed / ended >= SHARE_MIN + before.count / Math.max(1, before.of);
  const chance = before.of === 0 ? 0 : chanceAbove({ count: failed, of: ended }, before);
  if (isMore && chance <= CHANCE_MAX) return "fails";
  const slow = slower(since, usual);
  if (slow <= CHANCE_MAX) return "fails";
  return ended >= WORKS_ATTEMPTS && !isMore && slow > UNCLEAR_CHANCE_MAX ? "works" : "unclear";
}

/** Puts the change again, for twice as long. */
async function renew(deps: HealerDeps, held: Held) {
  const { deed, firstMs, holding, incident } = held;
  const spanMs = Math.min(firstMs * 2 ** (holding.renewals + 1), HOLD_MS_MAX);
  const { untilMs = 0 } = (held.action ?? {}) as { readonly untilMs?: number };
  const changes = deed.change.changes.map(({ path, value }) => ({
    path,
    value: until(value, untilMs, deed.nowMs + spanMs),
  }));
  const put = await putHolding(deps.policies, { ...deed, why: "the trouble is still there" }, {
    kind: "holds on",
    changes,
  });
  if (put.kind === "conflict") return { outcome: "overtaken" as const, ...said(put.says, deed) };
  deps.log.info("Still needed; it holds on", { incident: deed.incident });
  return later(Math.min(spanMs, incident.degradation.windowMs));
}

/** A value with a later end, wherever it says one. */
function until(value: unknown, oldMs: number, newMs: number): unknown {
  if (value === oldMs) return newMs;
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [name, until(inner, oldMs, newMs)]),
  );
}

async function end(deps: HealerDeps, held: Held, kind: "ends" | "takes back", why: string) {
  const { deed, inverse } = held;
  const { changes } = inverse;
  const put = await putHolding(deps.policies, { ...deed, why }, { kind, changes });
  if (put.kind === "conflict") return { outcome: "overtaken" as const, ...said(put.says, deed) };
  const outcome = kind === "ends" ? "released" as const : "reverted" as const;
  return { outcome, ...said(why, deed) };
}

function said(says: string, { nowMs }: OverlayDeed) {
  return { says, atMs: nowMs };
}

function later(ms: number): Later {
  return { laterMs: Math.max(1, Math.ceil(ms)) };
}
