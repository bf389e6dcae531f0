/** The case of an incident: all that proposals are made of, read once. */

import type { AttemptFact } from "../core/attempt_fact.ts";
import type { HealBounds } from "../core/healing.ts";
import type { Degradation, Finding, Incident } from "../core/incident.ts";
import type { FullPolicy } from "../core/policy.ts";
import type { StatisticsCell } from "../core/statistics.ts";
import { ANY_SYSTEM } from "../core/system.ts";
import type { StepDefinition } from "../core/workflow.ts";
import type { KnownSystem } from "./healer_deps.ts";
import { sumOf, type Window } from "./window.ts";

/** What tasks of one workflow ask of a system. */
export interface Demand {
  /** `namespace/name`. */
  readonly workflow: string;
  /** Tasks that start, now and before the trouble. */
  readonly perMinute: number;
  readonly perMinuteBefore: number;
  /** First attempts of their steps at the system, before the trouble: of each task there may be several. */
  readonly callsPerMinuteBefore: number;
  /** Their attempts that are under way at the system, on average, now and before. */
  readonly atOnce: number;
  readonly atOnceBefore: number;
  /** Of some of those that start now, sorted: 1 high … 5 low; empty where no other workflow is there. */
  readonly priorities: readonly number[];
  /** What may be done to it without a person. */
  readonly tier: NonNullable<HealBounds["tier"]>;
}

/** How many attempts there are, of which some were read. */
export interface Seen {
  /** Which part of all attempts was read, 0..1: of many tasks a sample is. */
  readonly recent: number;
  readonly before: number;
  /** What was counted of all attempts lately, by interval of the statistics. */
  readonly intervals: readonly Window[];
  readonly windowMs: number;
}

/** What is known when something is to be proposed. */
export interface Case {
  readonly degradation: Degradation;
  readonly finding: Finding;
  /** The step, in the newest version that ran. */
  readonly definition: StepDefinition;
  /** What its attempts are under now. */
  readonly policy: FullPolicy;
  readonly bounds: HealBounds;
  /** The system that has the attempts. */
  readonly system: string;
  /** Its healthy instances; empty: none has registered. */
  readonly instances: readonly string[];
  /** Other systems that offer the step's capability, are healthy, and that its namespace may use. */
  readonly alternatives: readonly string[];
  /** Its system and all of those say that to do the step twice is as to do it once. */
  readonly isIdempotent: boolean;
  /** Attempts of the step that ended lately, and in the time it is measured by. */
  readonly recent: readonly AttemptFact[];
  readonly before: readonly AttemptFact[];
  /** Of how many those are. */
  readonly seen: Seen;
  /** Of each workflow that has steps for the system, and of this one. */
  readonly demand: readonly Demand[];
  /** Earlier incidents, the newest first. */
  readonly past: readonly Incident[];
  readonly nowMs: number;
}

/** Attempts by which it is known where a step goes. */
const NEWEST = 20;

/**
 * The system that has most of the newest attempts of a step: a person may have sent a few tasks elsewhere.
 * Shape: `attempts` in the order of time; without any it is the step's owner.
 */
export function systemOf(attempts: readonly AttemptFact[], owner: string): string {
  const counts = Map.groupBy(attempts.slice(-NEWEST), ({ system = owner }) => system);
  const [most] = [...counts].sort(([, a], [, b]) => b.length - a.length);
  return most?.[0] ?? owner;
}

/** What is known of the systems that can do a step, and `mayGet` it; `system` has done it lately. */
export function systemsFor(
  { owner, capability }: Pick<StepDefinition, "owner" | "capability">,
  { system, systems, mayGet }: {
    readonly system: string;
    readonly systems: readonly KnownSystem[];
    readonly mayGet: (system: string) => boolean;
  },
): Pick<Case, "instances" | "alternatives" | "isIdempotent"> {
  const own = systems.find(({ name }) => name === system);
  const offering = capability === undefined || owner === ANY_SYSTEM ? [] : systems
    .filter(({ name, capabilities }) =>
      name !== system && capabilities.includes(capability.name) && mayGet(name)
    );
  return {
    instances: own?.instances ?? [],
    alternatives: offering.map(({ name }) => name),
    isIdempotent: capability !== undefined &&
      [own, ...offering].every((one) => one?.idempotent.includes(capability.name) === true),
  };
}

/** Whether an attempt ended badly. */
export function isBad({ outcome }: AttemptFact): boolean {
  return outcome !== "completed" && outcome !== "cancelled";
}

/** Attempts by what a function says of them; those of which it says nothing are left out. */
export function groupsOf(
  facts: readonly AttemptFact[],
  nameOf: (fact: AttemptFact) => string | undefined,
): ReadonlyMap<string, readonly AttemptFact[]> {
  const groups = Map.groupBy(facts, nameOf);
  groups.delete(undefined);
  return groups as ReadonlyMap<string, readonly AttemptFact[]>;
}

/**
 * Adds of how many attempts those are that were read: by how many ended in the window in which the trouble was seen,
 * and a minute before.
 */
export function seenIn(
  { recent, before, cells }: Pick<Case, "recent" | "before"> & {
    /** What was counted of the step lately. */
    readonly cells: readonly StatisticsCell[];
  },
  { sinceMs, windowMs, now, before: usual }: Pick<
    Degradation,
    "sinceMs" | "windowMs" | "now" | "before"
  >,
): Pick<Case, "recent" | "before" | "seen"> {
  const untilMs = sinceMs + now.attempts / Math.max(1e-3, now.perMinute) * MINUTE_MS;
  const inWindow = recent.filter(({ endedAtMs }) => endedAtMs >= sinceMs && endedAtMs < untilMs);
  const ends = before.map(({ endedAtMs }) => endedAtMs);
  const spanMs = Math.max(...ends) - Math.min(...ends);
  const part = (count: number, of: number) => of > count ? Math.max(1, count) / of : 1;
  return {
    recent,
    before,
    seen: {
      recent: part(inWindow.length, now.attempts),
      before: part(before.length, usual.perMinute * spanMs / MINUTE_MS),
      intervals: [...Map.groupBy(cells, ({ fromMs }) => fromMs).values()].map(sumOf),
      windowMs,
    },
  };
}

const MINUTE_MS = 60_000;
