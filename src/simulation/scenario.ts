/**
 * Scenarios of load: how systems and steps behave over virtual time, and which outcome is wanted.
 * A scenario is one TypeScript file that default-exports `scenario(…)`.
 */

import type { FailureClass } from "../core/event.ts";
import type { HealBounds } from "../core/healing.ts";
import type { Policy } from "../core/policy.ts";
import type { Draw } from "./draw.ts";

/** A value, or how it changes: as a function of the minutes since the run began. */
export type Timed<T> = T | ((minute: number) => T);

/** What a task starts with. */
export interface TaskGiven {
  readonly input?: Readonly<Record<string, unknown>>;
  readonly tags?: readonly string[];
  /** 1 (first) to 5 (last to be started, first to be shed); 3 by default. */
  readonly priority?: number;
}

/** A task, as systems and wanted outcomes see it. */
export interface ScenarioTask extends Required<TaskGiven> {
  readonly workflow: string;
  readonly version: string;
  /** Counts from 0 in its workflow. */
  readonly number: number;
  /** When it arrived. */
  readonly minute: number;
}

/** One attempt, as it reaches a system. */
export interface Call {
  /** Since the run began. */
  readonly minute: number;
  readonly task: ScenarioTask;
  readonly step: string;
  readonly attempt: number;
  readonly system: string;
  /** The worker that has it. */
  readonly instance: string;
  /** Of this attempt: the same in runs of one seed, with and without healing. */
  readonly draw: Draw;
}

/** How a step fails. */
export interface ScenarioFailure {
  /** `failed` (by its contract, an answer) by default; `thrown` is a system that broke. */
  readonly class?: Exclude<FailureClass, "timed_out" | "interrupted">;
  readonly code: string;
  readonly message: string;
  /** By default a broken system may be tried again, and a failure by contract not. */
  readonly retryable?: boolean;
  readonly retryAfterMs?: number;
}

/** What a system makes of an attempt, and how long that takes it; undefined: it never answers. */
export type Reaction =
  | { readonly ms: number; readonly result?: unknown }
  | { readonly ms: number; readonly failure: ScenarioFailure }
  | undefined;

/** When a worker is there. */
export interface ScenarioInstance {
  readonly fromMinute?: number;
  readonly untilMinute?: number;
}

/** A system that steps run on. */
export interface ScenarioSystem {
  /** Decides each attempt, when a worker begins it. */
  react(call: Call): Reaction;
  /** Workers by name, or how many; they share what comes. By default one. */
  readonly instances?: number | Readonly<Record<string, ScenarioInstance>>;
  /** Attempts that one worker does at once; those above wait. By default there is no limit. */
  readonly capacity?: {
    readonly workers: Timed<number>;
    /** Attempts that may wait, for the whole system; more are refused at once as `queue_full`. */
    readonly queueMax?: number;
    /** Whether attempts that timed out are taken out of the queue. By default they are worked off. */
    readonly dropsAbandoned?: boolean;
  };
  /** Answers after a time-out are lost, as where a connection was closed. By default they count. */
  readonly losesLate?: boolean;
  /** A provider that counts: beyond the rate it refuses with code `rate_limited`. */
  readonly rateLimit?: { readonly perS: Timed<number>; readonly retryAfterMs?: number };
  /** Events that it offers to every step, see `ScenarioStep.event`. */
  readonly offers?: readonly string[];
}

/** A step; a system runs it. */
export interface ScenarioStep {
  readonly system: string;
  /** What it asks the system for; by default `<system>.<step>`. */
  readonly event?: string;
  /** Steps that come before it. */
  readonly after?: readonly string[];
  readonly policy?: Policy;
}

/** A workflow and its load. */
export interface ScenarioWorkflow {
  readonly steps: Readonly<Record<string, ScenarioStep>>;
  /** Tasks that arrive, as a Poisson process. */
  readonly perMinute: Timed<number>;
  /** What a task starts with. */
  task?(of: { readonly draw: Draw; readonly number: number; readonly minute: number }): TaskGiven;
  /** The version that new tasks have: a deploy is a minute from which it is another. */
  readonly version?: Timed<string>;
  /** What healing may do by itself, as in a module. */
  readonly heal?: HealBounds;
}

/** When a task is as it should be. */
export interface Objective {
  /** Share of the tasks that arrive in a minute which are to complete in time. */
  readonly success: number;
  /** From arrival to completion. */
  readonly withinMs: number;
  /** The tasks that it is about; by default all. */
  of?(task: ScenarioTask): boolean;
}

/** Which outcome is wanted. */
export interface Wanted {
  readonly slo: Objective;
  /** Nothing is wrong: healing must do nothing. */
  readonly isControl?: boolean;
  /** The kinds of action that would be wrong. */
  readonly forbidden?: readonly string[];
  /** What a diagnosis of a task that failed is to say. */
  readonly diagnosis?: {
    /** Any of these is right. */
    readonly failureType: readonly string[];
    /** The step, or the steps, where it begins. */
    readonly steps?: readonly string[];
  };
}

/** What happens in a run. */
export interface Scenario {
  /** One sentence. */
  readonly about: string;
  /** Minutes in which tasks arrive; what is under way then may end. */
  readonly minutes: number;
  /** By `namespace/name`. */
  readonly workflows: Readonly<Record<string, ScenarioWorkflow>>;
  readonly systems: Readonly<Record<string, ScenarioSystem>>;
  /** Corrections of the time of day. */
  readonly clockJumps?: readonly { readonly minute: number; readonly ms: number }[];
  readonly wanted: Wanted;
}

/** Makes a run out of draws: so magnitudes differ between seeds. */
export type ScenarioOf = (draw: Draw) => Scenario;

/**
 * Describes a scenario; `draw` is seeded by the run, for magnitudes that differ between seeds.
 *
 * @example
 * ```ts
 * import { scenario } from "tasker/simulation";
 *
 * export default scenario((draw) => {
 *   const factor = draw.between(4, 8);
 *   const isSlow = (minute: number) => minute >= 10 && minute < 60;
 *   return {
 *     about: "payments take several times as long for fifty minutes",
 *     minutes: 80,
 *     workflows: {
 *       "shop/order": {
 *         perMinute: 60,
 *         steps: {
 *           reserve: { system: "stock" },
 *           charge: { system: "payments", after: ["reserve"], policy: { timeoutMs: 2_000 } },
 *         },
 *       },
 *     },
 *     systems: {
 *       stock: { react: ({ draw }) => ({ ms: draw.lognormal(50, 200) }) },
 *       payments: {
 *         react: ({ draw, minute }) => ({
 *           ms: draw.lognormal(300, 900) * (isSlow(minute) ? factor : 1),
 *         }),
 *       },
 *     },
 *     wanted: { slo: { success: 0.95, withinMs: 30_000 } },
 *   };
 * });
 * ```
 */
export function scenario(of: ScenarioOf | Scenario): ScenarioOf {
  return typeof of === "function" ? of : () => of;
}

/** The value at a minute. */
export function valueAt<T>(timed: Timed<T>, minute: number): T {
  return typeof timed === "function" ? (timed as (minute: number) => T)(minute) : timed;
}
