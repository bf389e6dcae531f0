/**
 * Rules: which candidate may be done, by whom, and why the others may not. Pure.
 *
 * They hold for whatever proposes: a candidate of statistics, of a person's history or of a model is
 * weighed in the same way.
 */

import type { HealerSettings, HealingAction, Proposal, Tier } from "../core/healing.ts";
import { chosenOf, type Incident, outcomeOf } from "../core/incident.ts";
import { ejectableOf, unendedOf } from "../core/ejection.ts";
import { WHOLE_SYSTEM } from "../core/policy.ts";
import type { PolicyOverlay } from "../core/ports.ts";
import type { Ejected } from "../core/shared_limit.ts";
import { changesOf, loadOf } from "./actions.ts";
import { type Candidate, LAST, newest, STEP_MAX } from "./candidate.ts";
import { instanceOf } from "./candidates.ts";
import { type Case, groupsOf } from "./case.ts";
import { inverseOf, valueAt } from "./changes.ts";
import { isOver } from "./detection.ts";
import { HEALER } from "./overlay_change.ts";
import { troubleSince } from "./reading.ts";
import { cutOf, isSlowAnyway, isSlowerWork } from "./saturated.ts";
import { isSilent, offText } from "./settings.ts";
import { hasNeededLonger, isInTasks } from "./timeout_candidates.ts";

/** Windows between two changes of one step, and after one that was seen to help a part of the tasks. */
export const COOLDOWN_WINDOWS = 3;
const COOLDOWN_WINDOWS_HELPED = 1;

/** So many reversals of changes of a step in a day, and people have to look first. */
const REVERSALS_MAX = 2;

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** What was weighed. */
export interface Weighed {
  readonly proposals: readonly Proposal[];
  readonly chosen: Proposal | undefined;
  readonly notes: readonly string[];
}

/** Weighs candidates, the best first: the first that nothing forbids is chosen. */
export function weigh(
  candidates: readonly Candidate[],
  of: Case,
  { settings, overlays }: {
    readonly settings: HealerSettings;
    /** What the overlay of an action holds now. */
    readonly overlays: (action: HealingAction) => object;
  },
): Weighed {
  const notes = [...refusals(of, settings)];
  const frozen = frozenText(of);
  const isRefused = notes.some((note) => note !== frozen);
  const ranked = candidates
    .map((candidate) => ({ candidate, confidence: learned(candidate, of) }))
    .toSorted((one, other) => other.confidence - one.confidence);
  const proposals: Proposal[] = [];
  let chosen: Proposal | undefined;
  ranked.forEach(({ candidate, confidence }, at) => {
    const content = overlays(candidate.action);
    const why = whyNot(candidate, of) ?? whyNotOut(candidate.action, of, content) ??
      whyNotMore(candidate.action, of, content);
    if (why !== undefined) {
      notes.push(`${candidate.action.kind}: ${why}`);
      return;
    }
    const usual = tierOf(candidate, of);
    // A person lifts the freeze by approving what is proposed.
    const tier = frozen !== undefined && usual !== "T3" ? "T2" : usual;
    const proposal = proposalOf(candidate, of, {
      id: `p${at + 1}`,
      confidence,
      tier,
      content,
    });
    proposals.push(proposal);
    if (!isRefused) chosen ??= proposal;
  });
  return { proposals, chosen, notes };
}

function proposalOf(
  { action, because, expected, repeats = false }: Candidate,
  { degradation, policy, finding }: Case,
  { id, confidence, tier, content }: {
    readonly id: string;
    readonly confidence: number;
    readonly tier: Tier;
    readonly content: object;
  },
): Proposal {
  const change = changesOf(action, content);
  return {
    id,
    action,
    ...(change !== undefined && {
      change,
      inverse: { ...change, changes: inverseOf(content, change.changes) },
    }),
    tier,
    evidence: finding.evidence.map((one) => one.id),
    confidence: Math.round(confidence * 100) / 100,
    blastRadius: {
      workflows: [degradation.workflow],
      tasksPerHour: Math.round(degradation.now.perMinute * 60),
    },
    expected: `${because}; so ${expected}`,
    load: loadOf(action, policy),
    repeats,
    ...("untilMs" in action && action.untilMs !== undefined && { untilMs: action.untilMs }),
  };
}

/** Why nothing at all may be changed now, except by a person. */
export function refusals(
  { degradation, past, nowMs }: Pick<Case, "degradation" | "past" | "nowMs">,
  settings: HealerSettings,
): string[] {
  const { workflow, step, windowMs } = degradation;
  const applied = past.flatMap((incident) => incident.apply?.isApplied ? [incident] : []);
  // Those that are about to change something count too: else several at once would be too many.
  const hour = past.filter((one) => (changedAtMs(one) ?? -Infinity) > nowMs - HOUR_MS).length;
  const own = applied.filter((one) => isOf(one, workflow, step));
  const last = own.toSorted((one, other) => lastChangeMs(other) - lastChangeMs(one))[0];
  const restMs = cooldownOf(last) * windowMs;
  const lastMs = last === undefined ? 0 : lastChangeMs(last);
  const frozen = frozenText({ degradation, past, nowMs });
  return [
    ...settings.mode === "on" ? [] : [offText(settings)],
    ...isSilent(settings, { workflow, nowMs }) ? ["it is a time of silence"] : [],
    ...hour < settings.actionsPerHour
      ? []
      : [`${hour} changes were made in the last hour, at most ${settings.actionsPerHour} may be`],
    ...lastMs + restMs <= nowMs ? [] : [
      `the step was changed ${Math.round((nowMs - lastMs) / 1_000)} s ago, and rests for ` +
      `${Math.round(restMs / 1_000)} s`,
    ],
    ...frozen === undefined ? [] : [frozen],
  ];
}

/**
 * Why people are not asked for what only they can change; undefined: they are. They are asked once for a
 * trouble, however many incidents it makes, and again when it fails in another way.
 */
export function whyNotAsked(
  of: Pick<Case, "degradation" | "past">,
  { look, chosen }: { readonly look: number; readonly chosen: Proposal | undefined },
): string | undefined {
  const { degradation, past } = of;
  if (look > 1 && isOver(degradation)) {
    return "it was over before anything was known that would help";
  }
  if (chosen === undefined) return undefined;
  const { workflow, step, signal, error } = degradation;
  const troubleMs = troubleSince(degradation);
  const asked = past.find((one) =>
    isOf(one, workflow, step) && one.startedAtMs >= troubleMs && chosenOf(one)?.tier === "T3" &&
    (signal !== "failures" || one.degradation.error === error)
  );
  return asked && `people know of it since incident ${asked.id}`;
}

/** Windows for which a step rests after an incident about it. */
export function cooldownOf(incident: Incident | undefined): number {
  const { apply, judge, conclude } = incident ?? {};
  const isSeen = apply?.percent !== undefined && judge?.verdict === "better";
  return isSeen && conclude?.outcome === "kept" ? COOLDOWN_WINDOWS_HELPED : COOLDOWN_WINDOWS;
}

/**
 * Why a person has to decide about a step: what was changed there by itself was taken back again and
 * again. It is over after a day, and once a person has approved a change since. A canary that only had
 * no answer is no reversal.
 */
function frozenText(
  { degradation: { workflow, step }, past, nowMs }: Pick<Case, "degradation" | "past" | "nowMs">,
): string | undefined {
  const own = past.filter((one) => isOf(one, workflow, step) && one.apply?.isApplied === true);
  const byPeople = own.filter(({ approval }) => (approval?.by ?? HEALER) !== HEALER);
  const sinceMs = Math.max(nowMs - DAY_MS, ...byPeople.map(({ apply }) => apply?.atMs ?? 0));
  const reversals = own.filter((one) => {
    const { outcome, atMs } = outcomeOf(one) ?? { outcome: undefined, atMs: 0 };
    const isNoAnswer = one.judge?.verdict === "unclear" && one.conclude?.outcome === "reverted";
    return outcome === "reverted" && !isNoAnswer && atMs > sinceMs;
  }).length;
  return reversals < REVERSALS_MAX
    ? undefined
    : `${reversals} changes of the step were taken back within a day: a person has to decide`;
}

/** When it changed something; Infinity: it is about to, without a person; undefined: it does not. */
function changedAtMs(incident: Incident): number | undefined {
  const { apply, endedAtMs } = incident;
  if (apply !== undefined) return apply.isApplied ? apply.atMs : undefined;
  const { tier = "T3" } = chosenOf(incident) ?? {};
  return endedAtMs === undefined && (tier === "T0" || tier === "T1") ? Infinity : undefined;
}

function isOf({ degradation }: Incident, workflow: string, step: string): boolean {
  return degradation.workflow === workflow && degradation.step === step;
}

function lastChangeMs({ apply, conclude, release }: Incident): number {
  return Math.max(apply?.atMs ?? 0, conclude?.atMs ?? 0, release?.atMs ?? 0);
}

/** How likely it helps, by what is known and by what became of the same in earlier incidents. */
function learned({ action, confidence }: Candidate, { past, degradation }: Case): number {
  const tried = past.filter((one) =>
    isOf(one, degradation.workflow, degradation.step) && one.apply?.isApplied === true &&
    chosenOf(one)?.action.kind === action.kind && one.judge !== undefined
  );
  const helped = tried.filter(({ judge }) => judge?.verdict === "better").length;
  // A prior of four: what was found holds until experience outweighs it.
  return (confidence * 4 + helped) / (4 + tried.length);
}

/** Why a change is not made while a system has too much to do. */
export const ADDS_LOAD = "adds load, and more comes in than is done";

/** Why a candidate may not be done, whoever approves it; undefined: it may. */
function whyNot({ action, repeats }: Candidate, of: Case): string | undefined {
  const { degradation, definition, policy } = of;
  if (loadOf(action, policy) === "adds") {
    if (degradation.saturated) return ADDS_LOAD;
    const isExcused = action.kind !== "set_timeout" || isInTasks(of, degradation.windowMs) ||
      isSlowerWork(of);
    if (!isExcused) {
      if (isLinedUp(of)) return ADDS_LOAD;
      if (!isSlowAnyway(of, degradation.windowMs)) {
        return "adds load, and attempts may take longer because there are more";
      }
    }
  }
  if (repeats && definition.atMostOnce) return "may repeat what is to happen at most once";
  if (action.kind === "set_timeout") {
    const ratio = action.timeoutMs / (policy.timeoutMs ?? action.timeoutMs);
    if (ratio > STEP_MAX || ratio < 1 / STEP_MAX) return "changes the time-out by more than twice";
  }
  if (action.kind === "set_retry" && action.attemptsMax !== undefined) {
    if (action.attemptsMax > STEP_MAX * policy.attemptsMax) {
      return "changes the number of attempts by more than twice";
    }
  }
  return undefined;
}

/** Where so many of the newest attempts are cut off, hardly anything is done that a longer time-out could delay. */
const NEARLY_ALL = 0.75;

/** Attempts that wait longer than this part of a window stand in a line. */
const LINED_UP_PART = 1 / 4;

/**
 * Whether attempts wait in a line, a part of them gets through, and a longer time-out
 * has not been seen to help the step: a system that takes longer and one that does less look alike then.
 */
function isLinedUp({ degradation, recent, past }: Case): boolean {
  const { windowMs, now } = degradation;
  const last = newest(recent, LAST);
  if (
    (now.waitedP95Ms ?? 0) < LINED_UP_PART * windowMs ||
    cutOf(last).count >= NEARLY_ALL * last.length
  ) {
    return false;
  }
  return !hasNeededLonger({ degradation, past });
}

/** Why an instance may not be ejected: whoever approves it, most of a system's instances stay. */
function whyNotOut(
  action: HealingAction,
  { instances, recent, nowMs }: Case,
  content: object,
): string | undefined {
  if (action.kind !== "eject_instance") return undefined;
  const ejected = valueAt(content, ["steps", WHOLE_SYSTEM, "ejected"]) ?? {};
  const out = new Set([...unendedOf(ejected as Ejected, nowMs), action.instance]);
  const all = Math.max(instances.length, groupsOf(recent, instanceOf).size);
  if (out.size <= ejectableOf(all)) return undefined;
  return `${out.size} of ${all} instances would be ejected, at most a quarter may be`;
}

/** Why starts are not held back at a rate: they are at a lower one, for those who need the place. */
function whyNotMore(action: HealingAction, { nowMs }: Case, content: object): string | undefined {
  if (action.kind !== "pause_starts" || action.ratePerS === undefined) return undefined;
  const { starts } = content as Pick<PolicyOverlay, "starts">;
  const isHeld = starts !== undefined && starts.untilMs > nowMs &&
    (starts.ratePerS ?? Infinity) <= action.ratePerS;
  return isHeld ? `${starts.ratePerS} tasks of it begin in a second already` : undefined;
}

/** Who has to decide: what is out of the workflow's bounds needs a person. */
function tierOf({ action, tier }: Candidate, { bounds }: Case): Tier {
  if (tier === "T2" || tier === "T3") return tier;
  const allowed = bounds.tier ?? "T0";
  if (allowed === "none" || (tier === "T1" && allowed === "T0")) return "T2";
  const isWithin = (value: number, range: readonly [number, number] | undefined) =>
    range !== undefined && value >= range[0] && value <= range[1];
  switch (action.kind) {
    case "set_timeout":
      return isWithin(action.timeoutMs, bounds.timeoutMs) ? tier : "T2";
    case "set_retry":
      return isWithin(action.attemptsMax ?? 0, bounds.attemptsMax) ? tier : "T2";
    default:
      return tier;
  }
}
