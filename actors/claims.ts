/** Claims: the steps of this node that wait to start or run, by task and step. */

import { type AdaptiveLimit, isAlone, isUnhurried } from "../src/core/adaptive_limit.ts";
import { neededMs, noteDuration } from "../src/core/durations.ts";
import type { TaskId } from "../src/core/ids.ts";
import type { Plan } from "../src/core/plan.ts";
import { PRIORITY } from "../src/core/starts.ts";
import type { AdmissionRequest, StepOfTask } from "../src/core/turn.ts";
import { doesWork } from "../src/core/workflow.ts";
import { type Claim, type Limit, Route } from "./limits.ts";
import type { SystemAdmission } from "./system_admission.ts";

/** What a claim is made of beside its request. */
type ClaimParts = Pick<
  Claim,
  "taskId" | "step" | "owner" | "system" | "places" | "capability" | "limits"
>;

/** Makes a claim that has been granted nothing yet. */
export function newClaim(
  { taskId, step, owner, system, places, capability, limits }: ClaimParts,
  request: Omit<AdmissionRequest, keyof StepOfTask>,
  nowMs: number,
): Claim {
  return {
    taskId,
    step,
    owner,
    system,
    isChosen: false,
    lastSystem: request.lastSystem,
    switchTo: request.switchTo,
    places,
    isRetry: request.isRetry,
    capability,
    limits,
    concurrencyMax: request.concurrencyMax ?? Infinity,
    granted: 0,
    before: undefined,
    after: undefined,
    place: 0,
    waitsSinceMs: 0,
    waitsUntilMs: nowMs + (request.waitLeftMs ?? Infinity),
    timeoutMs: request.timeoutMs ?? Infinity,
    priority: request.priority ?? PRIORITY.default,
    isTry: false,
    period: 0,
    isStarted: false,
    startedAtMs: undefined,
    isTooLate: false,
  };
}

/** All claims of a node. Cost: O(1). */
export class Claims {
  readonly #byTask = new Map<TaskId, Map<number, Claim>>();

  get(taskId: TaskId, step: number): Claim | undefined {
    return this.#byTask.get(taskId)?.get(step);
  }

  of(taskId: TaskId): Iterable<Claim> {
    return this.#byTask.get(taskId)?.values() ?? [];
  }

  *[Symbol.iterator](): Iterator<Claim> {
    for (const claims of this.#byTask.values()) yield* claims.values();
  }

  put(claim: Claim): void {
    let claims = this.#byTask.get(claim.taskId);
    // Not `new Map([...])`: that goes through an iterator, for each step.
    if (claims === undefined) this.#byTask.set(claim.taskId, claims = new Map());
    claims.set(claim.step, claim);
  }

  delete({ taskId, step }: Claim): void {
    const claims = this.#byTask.get(taskId);
    claims?.delete(step);
    if (claims?.size === 0) this.#byTask.delete(taskId);
  }
}

/** Whether a step that has not started was given a system which cannot get it any more. */
export function isMisled({ isStarted, granted, limits: [route], system }: Claim): boolean {
  if (isStarted || granted === 0 || system === undefined) return false;
  return route instanceof Route && !route.stillLeadsTo(system);
}

/** Whether a claim is of no use any more: it was given up, misled, or its policy switches it. */
export function mustBeginAgain(claim: Claim, switchTo: string | undefined): boolean {
  if (claim.isStarted) return false;
  return claim.isTooLate || claim.switchTo !== switchTo || isMisled(claim);
}

/** Whether its attempt would be cut off by the task's deadline, judging by earlier ones. */
export function isTooLate({ places }: Claim, leftMs: number, nowMs: number): boolean {
  return leftMs < Infinity && leftMs < neededMs(places.durations, nowMs);
}

/** Notes how long an attempt took that was answered in time. */
export function learnDuration(
  { places, startedAtMs, timeoutMs }: Claim,
  nowMs: number,
  limit: AdaptiveLimit | undefined,
): void {
  if (startedAtMs === undefined) return;
  noteDuration(places.durations, nowMs - startedAtMs, {
    nowMs,
    isUsual: limit === undefined || isUnhurried(limit),
    isSure: limit !== undefined && isAlone(limit, { startedAtMs, timeoutMs }),
  });
}

/** What an attempt needs, in the order in which it is granted: of a system, or of its step alone. */
export function limitsInOrder(
  system: SystemAdmission | undefined,
  { places, isRetry, capability }: Pick<Claim, "places" | "isRetry" | "capability">,
): readonly Limit[] {
  const { retries } = system ?? places;
  const own = isRetry ? [retries, places] : [places];
  if (system === undefined) return own;
  return [
    system.hold,
    ...own,
    // The capability first: who waits for it keeps nothing of the system from other capabilities.
    ...(capability === undefined ? [] : [system.quotaOf(capability)]),
    system.quotaOf(),
    system.circuit,
  ];
}

/** How long the slowest of the limits takes to serve who waits before one of a priority, in ms. */
export function drainMs(limits: readonly Limit[], before: number, nowMs: number): number {
  return limits.reduce((longest, { line }) => Math.max(longest, line.drainMs(nowMs, before)), 0);
}

/** Whether a step needs limits. Sleeps and signals do not. */
export function isLimited(plan: Plan, step: number): boolean {
  const kind = plan.steps[step]?.definition.kind;
  return doesWork(kind);
}
