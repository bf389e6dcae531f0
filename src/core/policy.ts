/** Policies: what may be tuned without a new version, and how long a failed step waits. */

import { exponentialMs } from "./backoff.ts";
import type { Context } from "./decision.ts";
import { hash32, type TaskId } from "./ids.ts";
import type { Plan } from "./plan.ts";
import { isInSlice } from "./canary.ts";
import type { PolicyOverlay } from "./ports.ts";
import { type FullRetryRule, policyOfRule, type RetryRule } from "./retry_rule.ts";
import type { SystemLimit } from "./shared_limit.ts";

/** How delays grow, see `backoffMs`: a named curve, or a table in milliseconds whose last entry repeats. */
export type Backoff = "none" | "linear" | "exponential" | "fibonacci" | readonly number[];

/** What a step may be tuned by. Absent fields take the default. */
export interface Policy {
  readonly retry?: {
    readonly attemptsMax?: number;
    readonly backoff?: Backoff;
    /** No delay is shorter. Default: 500; 0 for `none` and for a table. */
    readonly delayMsMin?: number;
    /** No delay is longer. Default: 60,000 or twice `delayMsMin`; a table's longest entry. */
    readonly delayMsMax?: number;
    /** How certain failures are retried: the first that matches counts. */
    readonly by?: readonly RetryRule[];
  };
  /** One attempt, from its start. */
  readonly timeoutMs?: number;
  /** From ready to started. */
  readonly queueTimeoutMs?: number;
  /** Longest silence of a running attempt. */
  readonly heartbeatMs?: number;
  /**
   * Attempts of this step that run at once on one node. The step is known by its name in this
   * workflow, in all versions; each step has its own limit. An attempt counts from its start to its
   * recorded end, so one that timed out does not count, even while its code ignores the signal. Sleeps
   * and signals do not count. Attempts that a node takes over count at once, so for a while it may run
   * more than this.
   */
  readonly concurrencyMax?: number;
  readonly onExhausted?: "park" | "fail";
  /**
   * The system that gets a remote step instead of the one it would go to, while it offers the step's
   * capability to the workflow's namespace. Of an overlay only.
   */
  readonly system?: string;
}

/** A policy with every default filled in. */
export interface FullPolicy {
  readonly attemptsMax: number;
  readonly backoff: Backoff;
  readonly delayMsMin: number;
  readonly delayMsMax: number;
  /** Absent: no rules. */
  readonly by?: readonly FullRetryRule[];
  readonly timeoutMs: number | undefined;
  readonly queueTimeoutMs: number | undefined;
  readonly heartbeatMs: number | undefined;
  readonly concurrencyMax: number | undefined;
  readonly onExhausted: "park" | "fail";
  readonly system?: string;
}

/** A step whose attempts ended this often with the death of their node is parked. */
export const INTERRUPTIONS_MAX = 10;

/** The longest `Retry-After` that is obeyed; a longer one parks the step. */
export const RETRY_AFTER_MS_MAX = 7 * 24 * 3_600_000;

/** How far ahead a lever may be set that ends by itself. */
export const LEVER_MS_MAX = 7 * 24 * 3_600_000;

/** Over how much of a `Retry-After` attempts come back. */
const RETRY_AFTER_SPREAD = 0.1;

/** The longest delay when the policy names none, unless twice `delayMsMin` is longer. */
const DELAY_MS_MAX = 60_000;

/** The shortest delay of a growing curve when the policy names none. */
const DELAY_MS_MIN = 500;

/** The policy fields that apply to a step that does no work; all apply to steps that do. */
export const TUNABLE_WAITS: Readonly<
  Record<"sleep" | "signal" | "transform", readonly (keyof Policy)[]>
> = {
  sleep: [],
  signal: ["timeoutMs"],
  transform: [],
};

/**
 * Returns a step's policy under an overlay, by step name; `*` is for every step that does work.
 *
 * Settings for work would break steps that wait: a heartbeat would end a sleep, a time-out would fail
 * an approval. So a sleep has no policy, and a signal has only its own time-out.
 */
export function policyUnder(
  { name, kind, policy }: {
    readonly name: string;
    readonly kind: "local" | "remote" | "http" | keyof typeof TUNABLE_WAITS;
    readonly policy: Policy;
  },
  overlay: Readonly<Record<string, Policy>> = {},
): FullPolicy {
  if (kind === "local" || kind === "remote") {
    return fillPolicy(false, policy, overlay["*"], overlay[name]);
  }
  if (kind === "http") {
    // Nobody reports that a request is alive.
    const filled = fillPolicy(false, policy, overlay["*"], overlay[name]);
    return { ...filled, heartbeatMs: undefined };
  }
  const meant = (of: Policy | undefined): Policy =>
    Object.fromEntries(
      TUNABLE_WAITS[kind].flatMap((field) => of?.[field] === undefined ? [] : [[field, of[field]]]),
    );
  return fillPolicy(true, meant(policy), meant(overlay[name]));
}

/**
 * Fills in the defaults; each field is taken from the last policy that has it.
 *
 * Units: milliseconds. By default a remote or local attempt times out after 30 s, and a waiting step
 * (sleep, signal) does not.
 */
export function fillPolicy(
  waits: boolean,
  ...overlays: readonly (Policy | undefined)[]
): FullPolicy {
  const merged: Policy = Object.assign({}, ...overlays);
  const retry: NonNullable<Policy["retry"]> = Object.assign(
    {},
    ...overlays.map((one) => one?.retry),
  );
  const backoff = retry.backoff ?? "exponential";
  const delayMsMin = retry.delayMsMin ?? (isCurve(backoff) ? DELAY_MS_MIN : 0);
  return {
    attemptsMax: retry.attemptsMax ?? 3,
    backoff,
    delayMsMin,
    // A table of delays is used as it is written.
    delayMsMax: retry.delayMsMax ??
      (typeof backoff === "string" ? Math.max(DELAY_MS_MAX, 2 * delayMsMin) : Math.max(...backoff)),
    timeoutMs: merged.timeoutMs ?? (waits ? undefined : 30_000),
    queueTimeoutMs: merged.queueTimeoutMs,
    heartbeatMs: merged.heartbeatMs,
    concurrencyMax: merged.concurrencyMax,
    onExhausted: merged.onExhausted ?? "park",
    ...(merged.system !== undefined && { system: merged.system }),
    ...(retry.by !== undefined &&
      { by: retry.by.map((rule) => fillRule({ ...merged, retry }, rule)) }),
  };
}

function fillRule(policy: Policy, rule: RetryRule): FullRetryRule {
  const { attemptsMax, backoff, delayMsMin, delayMsMax, onExhausted } = fillPolicy(
    false,
    policyOfRule(policy, rule),
  );
  const parksAll = rule.onExhausted === "park";
  return { ...rule, attemptsMax, backoff, delayMsMin, delayMsMax, onExhausted, parksAll };
}

/** What retry delays say. */
interface Delays {
  readonly backoff?: Backoff | undefined;
  readonly delayMsMin?: number | undefined;
  readonly delayMsMax?: number | undefined;
}

/** A contradiction, and in which field of `retry`: `by.0.delayMsMax`. */
interface Contradiction {
  readonly field: string;
  readonly detail: string;
}

/** What is contradictory in a policy's retry delays, and those of its rules; undefined: nothing. */
export function contradictionOf(
  { by = [], ...delays }: Delays & { readonly by?: readonly Delays[] | undefined },
): Contradiction | undefined {
  const own = contradictionIn(delays);
  if (own !== undefined) return own;
  for (const [at, rule] of by.entries()) {
    const found = contradictionIn(rule);
    if (found !== undefined) return { ...found, field: `by.${at}.${found.field}` };
  }
  return undefined;
}

function contradictionIn(
  { backoff, delayMsMin = -Infinity, delayMsMax = Infinity }: Delays,
): Contradiction | undefined {
  const table = typeof backoff === "object" ? backoff : [];
  const short = table.find((delay) => delay < delayMsMin);
  if (short !== undefined) {
    return {
      field: "backoff",
      detail: `Too small: the delay ${short} is below delayMsMin ${delayMsMin}`,
    };
  }
  if (delayMsMax >= delayMsMin) return undefined;
  return {
    field: "delayMsMax",
    detail: `Too small: delayMsMax ${delayMsMax} is below delayMsMin ${delayMsMin}`,
  };
}

/**
 * Returns how long to wait after an attempt failed, in milliseconds.
 *
 * A delay is drawn between `delayMsMin` and what the backoff allows after this many attempts, at
 * most `delayMsMax`:
 * - exponential: 2, 4, 8, 16 … times `delayMsMin`; linear: 2, 3, 4, 5 … times; fibonacci: 2, 3, 5, 8
 *   … times. The default of `delayMsMin` is 500 ms, of `delayMsMax` 60 s or twice `delayMsMin`.
 * - a table: its entry, the last one for ever. By default from 0 and to its longest entry.
 * - none: always `delayMsMin`, by default 0.
 *
 * Where `retryAfterMs` is longer than `delayMsMin`, the delay is drawn from there on, over a tenth of it
 * (at most a minute) where the backoff allows less: attempts with the same time would else come back at
 * the same moment. It is drawn from a hash of the key and the attempt, so the same attempt always waits
 * the same time and `decide` stays pure. If the first delay were `delayMsMin` for all, attempts that
 * failed together would be tried again together. Source: AWS architecture blog, "Exponential backoff and
 * jitter".
 */
export function backoffMs(
  policy: FullPolicy,
  of: { key: string; attempt: number; retryAfterMs: number },
): number {
  const { delayMsMin, delayMsMax } = policy;
  const isAsked = of.retryAfterMs > delayMsMin;
  const span = Math.max(
    isAsked ? Math.min(of.retryAfterMs * RETRY_AFTER_SPREAD, DELAY_MS_MAX) : 0,
    Math.min(longestMs(policy, of.attempt), delayMsMax) - delayMsMin,
  );
  const drawn = Math.floor((hash32(`${of.key}#${of.attempt}`) / 0x1_0000_0000) * (span + 1));
  return Math.max(delayMsMin, of.retryAfterMs) + drawn;
}

/** Whether delays grow from `delayMsMin`. */
function isCurve(backoff: Backoff): boolean {
  return typeof backoff === "string" && backoff !== "none";
}

/** The longest delay after an attempt, before `delayMsMax`. */
function longestMs({ backoff, delayMsMin }: FullPolicy, attempt: number): number {
  switch (backoff) {
    case "none":
      return delayMsMin;
    case "linear":
      return delayMsMin * (attempt + 1);
    case "exponential":
      return exponentialMs(attempt + 1, { minMs: delayMsMin, maxMs: Infinity });
    case "fibonacci":
      return delayMsMin * fibonacci(Math.min(attempt + 2, 60));
    default:
      return backoff[Math.min(attempt, backoff.length) - 1] ?? 0;
  }
}

function fibonacci(n: number): number {
  let [last, next] = [0, 1];
  for (let step = 0; step < n; step++) [last, next] = [next, last + next];
  return last;
}

/** The namespace that policies of systems are kept under; no workflow has it. */
export const SYSTEMS_NAMESPACE = "";

/** In an overlay of a system: the system as a whole. */
export const WHOLE_SYSTEM = "*";

/** The key under which nodes share a limit. */
export function systemLimitKey(system: string, capability: string): string {
  return capability === WHOLE_SYSTEM ? system : `${system}/${capability}`;
}

/** The limits of systems by `system` and `system/capability`, out of the newest overlays. */
export function systemLimitsOf(
  newest: ReadonlyMap<string, PolicyOverlay>,
): ReadonlyMap<string, SystemLimit> {
  const limits = [...newest].flatMap(([name, { steps }]) => {
    const [namespace, system] = name.split("/") as [string, string];
    if (namespace !== SYSTEMS_NAMESPACE) return [];
    return Object.entries(steps).map(([capability, limit]) =>
      [systemLimitKey(system, capability), limit] as const
    );
  });
  return new Map(limits);
}

/** What the steps of one plan are under now. */
interface StepPolicies {
  readonly version: number;
  readonly policies: readonly FullPolicy[];
}

/** What the tasks of one plan are under now. */
interface PlanPolicies {
  readonly overlay: PolicyOverlay | undefined;
  readonly own: StepPolicies;
  /** What tasks outside the canary are under. */
  readonly base: StepPolicies;
}

/** The policies in effect: those of definitions, under the newest overlay of each workflow. */
export class EffectivePolicies {
  #overlays: ReadonlyMap<string, PolicyOverlay> = new Map();
  /** By definition hash. */
  readonly #byPlan = new Map<string, PlanPolicies>();

  /**
   * Takes the newest overlays, keyed `namespace/name`; returns whether anything changed. Running
   * attempts keep the time-out that they were started with.
   */
  renew(overlays: ReadonlyMap<string, PolicyOverlay>): boolean {
    const isSame = overlays.size === this.#overlays.size &&
      [...overlays].every(([name, { version }]) => this.#overlays.get(name)?.version === version);
    if (isSame) return false;
    this.#overlays = overlays;
    this.#byPlan.clear();
    return true;
  }

  /**
   * Returns the context of a task's decisions at `nowMs`. During a canary, a task is always in the same
   * group, whichever node decides it. Cost: O(1), O(steps) after a change.
   */
  contextOf({ plan, taskId }: { plan: Plan; taskId: TaskId }, nowMs: number): Context {
    const { overlay, own, base } = this.#byPlan.get(plan.hash) ?? this.#fill(plan);
    const { version, policies } = isInSlice(overlay?.canary, taskId) ? own : base;
    return {
      plan,
      nowMs,
      policyVersion: version,
      policyOf: (step) => policies[step] as FullPolicy,
    };
  }

  #fill(plan: Plan): PlanPolicies {
    const overlay = this.#overlays.get(plan.workflow);
    const under = (of: Pick<PolicyOverlay, "version" | "steps"> | undefined): StepPolicies => ({
      version: of?.version ?? 0,
      policies: plan.steps.map(({ definition }) => policyUnder(definition, of?.steps)),
    });
    const own = under(overlay);
    const base = overlay?.canary === undefined ? own : under(overlay.canary.base);
    const filled = { overlay, own, base };
    this.#byPlan.set(plan.hash, filled);
    return filled;
  }
}
