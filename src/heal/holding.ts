/**
 * Holding: a change that ends by itself is looked at in each window while it holds. It is taken back when it
 * makes things worse. When its time is over, attempts are let through for a window: if the trouble is still
 * there, the change holds twice as long again, and if not, it ends. What it stands at is read from the versions that
 * the incident has put, so a look may be run again at any time.
 */

import type { HealingAction, OverlayChange } from "../core/healing.ts";
import { actionOf } from "../core/healing_action.ts";
import { chosenOf } from "../core/incident.ts";
import { chanceAbove } from "./comparison.ts";
import { followLimit, isCrowdLimit } from "./crowd.ts";
import { slower } from "./detection.ts";
import type { HealerDeps } from "./healer_deps.ts";
import type { AppliedIncident, IncidentSteps, Later } from "./incident.ts";
import { worseSince } from "./judging.ts";
import {
  type Conflict,
  type OverlayDeed,
  putHolding,
  type Standing,
  standingOf,
  takeBack,
  takenText,
} from "./overlay_change.ts";
import { followRate, isStartRate, isTrickle, probesFail } from "./following.ts";
import { readCells, readWindow, usualSpan } from "./reading.ts";
import { offText, settingsIn } from "./settings.ts";
import type { Window } from "./window.ts";

/** How long a change holds at most before it is looked whether it is still needed. */
const HOLD_MS_MAX = 2 * 3_600_000;

/** After so many windows a change ends, whatever is still wrong: then people have to look. */
const HELD_WINDOWS_MAX = 720;

/**
 * Looks after which it ends as well, before the 1,000 attempts of the step are used up: then the change would
 * be taken back because its incident broke off. A look that fails is an attempt, too.
 */
const HELD_LOOKS_MAX = 960;

/** A trickle is looked at twice in each of its first windows, and then once: the looks last for all of them. */
const TRICKLE_WINDOWS = 120;

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
  readonly standing: Exclude<Standing, Conflict>;
  /** Until when it is to hold at first, Unix ms. */
  readonly untilMs: number;
  readonly look: number;
}

/** Looks at what holds: a conclusion ends it. */
export async function hold(deps: HealerDeps, of: Of): ReturnType<IncidentSteps["release"]> {
  const { taskId, incident, proposed, applied, conclusion, look } = of;
  const { change, untilMs, action } = chosenOf({ propose: proposed }) ?? {};
  const { inverse } = applied;
  if (conclusion.outcome !== "kept" || untilMs === undefined) return conclusion;
  if (change === undefined || inverse === undefined) return conclusion;
  const nowMs = deps.runtime.now();
  const deed = { incident: taskId, change, why: "", nowMs };
  const standing = await standingOf(deps.policies, deed);
  switch (standing.kind) {
    case "conflict":
      return { outcome: "overtaken", says: standing.says, atMs: nowMs };
    case "ends":
      return { outcome: "released", says: standing.says, atMs: standing.atMs };
    case "takes back":
      return { outcome: "reverted", says: takenText(standing), atMs: standing.atMs };
    default: {
      const held: Held = {
        ...{ taskId, incident, proposed, applied, deed, inverse, standing, untilMs, look },
        action: action && actionOf(action),
      };
      const settings = settingsIn(await deps.policies.newest());
      if (settings.mode !== "on") return await revert(deps, held, offText(settings));
      const heldMs = nowMs - applied.atMs;
      const isPast = heldMs >= HELD_WINDOWS_MAX * incident.degradation.windowMs;
      if (look >= HELD_LOOKS_MAX || (isPast && standing.kind !== "lets through")) {
        return await end(deps, held, "it has held as long as it may");
      }
      return standing.kind === "lets through"
        ? await lookAtProbe(deps, held)
        : await lookAtHeld(deps, held);
    }
  }
}

async function lookAtHeld(deps: HealerDeps, held: Held) {
  const { incident: { degradation: { windowMs } }, applied, standing, untilMs, deed } = held;
  const { nowMs } = deed;
  if (isTrickle(held.action)) return await lookAtTrickle(deps, held);
  if (isStartRate(held.action) || isCrowdLimit(held.action)) {
    return await lookAtFollowed(deps, held, held.action);
  }
  const { action } = held;
  if (action?.kind === "park_and_notify" && action.only?.code !== undefined) {
    return await failsStill(deps, held, action.only.code)
      ? later(windowMs)
      : await end(deps, held, `nothing fails with "${action.only.code}" any more`);
  }
  const worse = await worseSince(deps, held, standing.atMs);
  if (worse !== undefined) return await revert(deps, held, worse);
  const spanMs = Math.min((untilMs - applied.atMs) * 2 ** standing.renewals, HOLD_MS_MAX);
  // Nodes end it by themselves at its time, and would let all through.
  const leftMs = standing.atMs + spanMs - windowMs - nowMs;
  return leftMs > 0 ? later(Math.min(leftMs, windowMs)) : await probe(deps, held);
}

/** The few attempts that a trickle lets through are its probes: it stays while they fail. */
async function lookAtTrickle(deps: HealerDeps, held: Held) {
  const { incident: { degradation }, applied, deed } = held;
  const looks = deed.nowMs < applied.atMs + TRICKLE_WINDOWS * degradation.windowMs ? 2 : 1;
  if (await probesFail(deps, degradation)) return later(degradation.windowMs / looks);
  return await end(deps, held, "the few attempts complete");
}

/** Windows in which nothing must have failed in a way for it to be over. */
const OVER_WINDOWS = 3;

/** To try such failures again as a probe would only bring back what they cost: first attempts show it. */
async function failsStill(deps: HealerDeps, held: Held, code: string): Promise<boolean> {
  const { incident: { degradation }, deed: { nowMs } } = held;
  const fromMs = nowMs - OVER_WINDOWS * degradation.windowMs;
  const cells = await readCells(deps, degradation, { fromMs, untilMs: nowMs });
  return cells.some(({ counts }) => counts.errors.has(code));
}

/** What is held back is never let through all at once: it would come together. */
async function lookAtFollowed(
  deps: HealerDeps,
  held: Held,
  action: Parameters<typeof followRate>[1]["action"] | Parameters<typeof followLimit>[1]["action"],
) {
  const { incident: { degradation }, deed, applied } = held;
  const { change, nowMs } = deed;
  const untilMs = nowMs + held.untilMs - applied.atMs;
  const changes = "concurrencyMax" in action
    ? await followLimit(deps, { action, degradation, change, sinceMs: applied.atMs })
    : await followRate(deps, { action, degradation, change, untilMs });
  if (changes === undefined) return await end(deps, held, "nothing has to be held back");
  if (typeof changes === "string") return await revert(deps, held, changes);
  const again = later(degradation.windowMs);
  if (changes.length === 0 || held.standing.isBusy) return again;
  const why = "as many as are done";
  const put = await putHolding(deps.policies, { ...deed, why }, { kind: "holds on", changes });
  return put.kind === "conflict" ? overtaken(put, deed) : again;
}

/** Lets attempts through as if nothing had been changed. */
async function probe(deps: HealerDeps, { deed, standing, inverse, incident }: Held) {
  const { windowMs } = incident.degradation;
  // What a share of the tasks tries meanwhile is not ended for that.
  if (standing.isBusy) return later(windowMs);
  const why = "whether it is still needed";
  const { changes } = inverse;
  const put = await putHolding(deps.policies, { ...deed, why }, { kind: "lets through", changes });
  return put.kind === "conflict" ? overtaken(put, deed) : later(windowMs / PROBE_LOOKS);
}

async function lookAtProbe(deps: HealerDeps, held: Held) {
  const { incident: { degradation }, standing, deed } = held;
  const { windowMs } = degradation;
  const since = { fromMs: standing.atMs, untilMs: deed.nowMs };
  const state = stateOf(
    await readWindow(deps, degradation, since),
    await readWindow(deps, degradation, usualSpan(degradation)),
  );
  const isLate = deed.nowMs >= standing.atMs + PROBE_WINDOWS * windowMs;
  if (state === "fails") return await renew(deps, held);
  const isWhole = deed.nowMs >= standing.atMs + windowMs;
  if ((state === "works" && isWhole) || isLate) {
    return await end(deps, held, isLate ? "nothing says that it is needed" : "it is over");
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
  const { deed, untilMs, applied, standing, incident } = held;
  const spanMs = Math.min(
    (untilMs - applied.atMs) * 2 ** (standing.renewals + 1),
    HOLD_MS_MAX,
  );
  const changes = deed.change.changes.map(({ path, value }) => ({
    path,
    value: until(value, untilMs, deed.nowMs + spanMs),
  }));
  const why = "the trouble is still there";
  const put = await putHolding(deps.policies, { ...deed, why }, { kind: "holds on", changes });
  if (put.kind === "conflict") return overtaken(put, deed);
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

async function end(deps: HealerDeps, { deed, inverse, standing, incident }: Held, why: string) {
  if (standing.isBusy) return later(incident.degradation.windowMs);
  const { changes } = inverse;
  const put = await putHolding(deps.policies, { ...deed, why }, { kind: "ends", changes });
  if (put.kind === "conflict") return overtaken(put, deed);
  return { outcome: "released" as const, says: why, atMs: deed.nowMs };
}

async function revert(deps: HealerDeps, { deed }: Held, why: string) {
  const put = await takeBack(deps.policies, { ...deed, why });
  if (put.kind === "conflict") return overtaken(put, deed);
  return { outcome: "reverted" as const, says: why, atMs: deed.nowMs };
}

function overtaken({ says }: Conflict, { nowMs }: OverlayDeed) {
  return { outcome: "overtaken" as const, says, atMs: nowMs };
}

function later(ms: number): Later {
  return { laterMs: Math.max(1, Math.ceil(ms)) };
}
