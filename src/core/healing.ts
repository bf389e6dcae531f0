/**
 * Healing: what may be done about a degradation, and within which bounds. Healing changes policies and
 * nothing else: an action is the next version of an overlay, its inverse puts the earlier values again.
 */

import type { Backoff } from "./policy.ts";
import type { FailureMatch } from "./retry_rule.ts";

/** What can be wrong. `novel`: none of the others fits, which is said instead of guessed. */
export const FAILURE_TYPES = [
  "timeout",
  "latency_shift",
  "overload",
  "dependency_down",
  "flapping",
  "partial_endpoint",
  "worker_local",
  "rate_limit",
  "auth",
  "validation",
  "contract_drift",
  "poison",
  "data_quality",
  "ambiguous_side_effect",
  "interrupted",
  "deploy_regression",
  "config",
  "resource",
  "storage",
  "bus",
  "clock",
  "novel",
] as const;

/** One of them. */
export type FailureType = (typeof FAILURE_TYPES)[number];

/**
 * Who decides on an action.
 * - T0: nobody; it reduces load or damage, and ends by itself.
 * - T1: nobody, within bounds, and a share of the tasks tries it first.
 * - T2: a person approves it.
 * - T3: nothing is done, it is reported.
 */
export type Tier = "T0" | "T1" | "T2" | "T3";

/** Names a piece of evidence within its diagnosis: whatever cites one that does not exist is refused. */
export type EvidenceId = string;

/** A step of a workflow, in all versions. */
interface OfStep {
  /** `namespace/name`. */
  readonly workflow: string;
  readonly step: string;
}

/** Something that ends by itself, Unix ms. */
interface Until {
  readonly untilMs: number;
}

/** What healing may do. Each is something that a person may do as well, by `policies put` or `limits put`. */
export type HealingAction =
  | OfStep & { readonly kind: "set_timeout"; readonly timeoutMs: number }
  | OfStep & {
    readonly kind: "set_retry";
    readonly attemptsMax?: number;
    readonly backoff?: Backoff;
    readonly delayMsMin?: number;
    readonly delayMsMax?: number;
    /** Only failures of this class, code, HTTP status or host are tried so; absent: all. */
    readonly only?: FailureMatch;
  }
  | OfStep & Until & { readonly kind: "set_concurrency"; readonly concurrencyMax: number }
  /** Attempts at a system at once, of all nodes; `capability` "*" is the whole system. */
  | Until & {
    readonly kind: "limit_system";
    readonly system: string;
    readonly capability: string;
    readonly concurrencyMax?: number;
    readonly ratePerS?: number;
    /** Starts that may come at once. */
    readonly burst?: number;
  }
  | Until & {
    readonly kind: "set_circuit";
    readonly system: string;
    readonly failureShare?: number;
    readonly slowShare?: number;
    readonly slowMs?: number;
    readonly volumeMin?: number;
  }
  | Until & { readonly kind: "open_circuit"; readonly system: string }
  /** Tasks below a priority (1 high … 5 low) do not start; or only so many a second do. */
  | Until & {
    readonly kind: "pause_starts";
    readonly workflow: string;
    readonly pausedBelow?: number;
    readonly ratePerS?: number;
  }
  | Until & { readonly kind: "eject_instance"; readonly system: string; readonly instance: string }
  | OfStep & { readonly kind: "switch_system"; readonly system: string }
  | { readonly kind: "quarantine_task"; readonly taskId: string; readonly workflow: string }
  | Until & { readonly kind: "hold_system"; readonly system: string }
  /**
   * The step parks after its first failure, so that a person decides before anything is repeated;
   * `only`: after one of these, also where such a failure is not to be retried.
   */
  | OfStep & Partial<Until> & { readonly kind: "park_and_notify"; readonly only?: FailureMatch }
  /** Something that only people can change: code, a schema, a credential. */
  | { readonly kind: "suggest_change"; readonly workflow: string; readonly text: string };

/** One value of an overlay. Shape: `path` leads into the overlay; an absent value takes the field out. */
export interface Change {
  readonly path: readonly string[];
  readonly value?: unknown;
}

/** What an action changes in one overlay; `namespace` is SYSTEMS_NAMESPACE for a system. */
export interface OverlayChange {
  readonly namespace: string;
  readonly name: string;
  readonly changes: readonly Change[];
}

/** What is proposed against a degradation, and why. */
export interface Proposal {
  /** Unique in its incident. */
  readonly id: string;
  readonly action: HealingAction;
  /** What it puts; absent where no overlay is changed. */
  readonly change?: OverlayChange;
  /** What takes it back, as of now. */
  readonly inverse?: OverlayChange;
  readonly tier: Tier;
  readonly evidence: readonly EvidenceId[];
  /** That it helps, 0..1: a lower bound. */
  readonly confidence: number;
  /** What it touches. */
  readonly blastRadius: BlastRadius;
  /** What the value may be at most, of the workflow's `heal` and the rules; absent: it has no value. */
  readonly bounds?: readonly [min: number, max: number];
  /** What should be seen afterwards, in words. */
  readonly expected: string;
  /** Whether it makes more or less work for what is asked; what adds load is locked out by saturation. */
  readonly load: "adds" | "reduces" | "same";
  /** Whether it may make a step's effect happen again. */
  readonly repeats: boolean;
  /** When it ends by itself, Unix ms. */
  readonly untilMs?: number;
}

/** What an action touches. */
export interface BlastRadius {
  readonly workflows: readonly string[];
  /** Tasks an hour that come under it. */
  readonly tasksPerHour: number;
}

/** The tiers that a workflow may allow without a person. */
export const HEAL_TIERS = ["none", "T0", "T1"] as const;

/** What may be tuned without a person; part of a workflow, and not of its hash. */
export interface HealBounds {
  /** The highest tier that is applied without a person; "none": each change needs one. Default: T0. */
  readonly tier?: (typeof HEAL_TIERS)[number];
  /** Between which values a time-out may be changed; absent: a person decides. */
  readonly timeoutMs?: readonly [min: number, max: number];
  /** Between which values `attemptsMax` may be changed; absent: a person decides. */
  readonly attemptsMax?: readonly [min: number, max: number];
}

/** What the healer may do at all; versioned like policies, with author and reason. */
export interface HealerSettings {
  /** `off`: it looks at nothing and changes nothing; `observe`: it proposes and changes nothing. */
  readonly mode: (typeof HEALER_MODES)[number];
  /** Changes in an hour, of all workflows together. */
  readonly actionsPerHour: number;
  /** Spans in which nothing is changed, such as maintenance. */
  readonly silences: readonly Silence[];
}

/** How far the healer may go. */
export const HEALER_MODES = ["off", "observe", "on"] as const;

/** A span in which nothing is changed; Unix ms. */
export interface Silence {
  readonly fromMs: number;
  readonly untilMs: number;
  /** `namespace/name`; absent: all workflows. */
  readonly workflow?: string;
}

/** What holds until somebody sets something else. */
export const HEALER_DEFAULTS: HealerSettings = { mode: "on", actionsPerHour: 12, silences: [] };
