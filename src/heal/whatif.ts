/**
 * Whatif: stored tasks are played again under a changed policy, through the real actors, policies and
 * admission. They are played without the change first: what does not repeat the past says nothing
 * about the future.
 */

import { TaskerError } from "../core/errors.ts";
import { pathText, referencesOf } from "../core/mapping.ts";
import { type Plan, planOf } from "../core/plan.ts";
import type { Playback, PlayedTask, PolicyOverlay, WhatifChange } from "../core/ports.ts";
import type { Policy } from "../core/policy.ts";
import type { Estimate, ReplayError, WhatifEffects, WhatifReport } from "../core/whatif.ts";
import { type Difference, meanDifference, quantileDifference, quantileOf } from "./bootstrap.ts";
import { AttemptPlayer, type Drawn } from "./player.ts";
import { Reactions } from "./reactions.ts";
import { type StoredTask, type TaskTrace, traceOf } from "./trace.ts";
import { doesWork } from "../core/workflow.ts";

/** What to play. */
export interface WhatifRequest {
  readonly plan: Plan;
  /** The overlay that the tasks ran under. */
  readonly steps: PolicyOverlay["steps"];
  /** Tasks of the plan under that overlay, in which nothing moves any more. */
  readonly tasks: readonly StoredTask[];
  readonly change: WhatifChange;
  readonly signal?: AbortSignal;
}

/** What is known after both plays. */
export type WhatifResult = Pick<WhatifReport, "replay" | "refusal" | "effects" | "drawn">;

/** Fewer tasks say nothing. */
const TASKS_MIN = 30;

/** Above these a replay is not believed. */
const SAME_ENDS_MIN = 0.97;
const MEAN_ERROR_MAX = 0.05;
const P95_ERROR_MAX = 0.1;

const SEED = 1;

/**
 * Says what would have changed. Cost: two playbacks; see `Playback`.
 *
 * @throws {TaskerError} as `Playback.play`
 */
export async function whatif(playback: Playback, request: WhatifRequest): Promise<WhatifResult> {
  const { plan, tasks, steps, change } = request;
  const player = new AttemptPlayer(plan, tasks, SEED);
  const before = await play(playback, player, request);
  const replay = replayError(traces(tasks), before.traces);
  const refusal = whyNot(tasks.length, replay);
  if (refusal !== undefined) return { replay, refusal };
  const after = await play(playback, player, {
    ...request,
    plan: withoutEdges(plan, change.dropEdges),
    steps: mergedSteps(steps, change.steps),
  });
  const attempts = sum(after.traces.map((trace) => measure(trace).attempts)) || 1;
  return {
    replay,
    effects: effectsOf(before.traces, after.traces),
    drawn: {
      attempts: after.drawn.attempts / attempts,
      ends: after.drawn.ends / attempts,
      assumed: after.drawn.assumed / attempts,
    },
  };
}

interface Played {
  readonly traces: readonly TaskTrace[];
  readonly drawn: Drawn;
}

async function play(
  playback: Playback,
  player: AttemptPlayer,
  { plan, steps, tasks, signal }: Pick<WhatifRequest, "plan" | "steps" | "tasks" | "signal">,
): Promise<Played> {
  player.drawn = { attempts: 0, ends: 0, assumed: 0 };
  const reactions = new Reactions(tasks);
  const turns = await playback.play({
    plan,
    steps,
    tasks: playedTasks(tasks),
    world: {
      answer: (taskId, step, attempt) => player.answer(taskId, step, attempt),
      sleepMs: (taskId, step) => player.sleepMs(taskId, step),
      reactTo: (taskId, event) => reactions.to(taskId, event),
    },
    ...(signal !== undefined && { signal }),
  });
  const stored = tasks.map(({ taskId }) => ({ taskId, plan, turns: turns.get(taskId) ?? [] }));
  return { traces: traces(stored), drawn: player.drawn };
}

function traces(tasks: readonly StoredTask[]): readonly TaskTrace[] {
  return tasks.flatMap((task) => traceOf(task) ?? []);
}

/** Tasks start as far apart as they did. */
function playedTasks(tasks: readonly StoredTask[]): readonly PlayedTask[] {
  const started = tasks.flatMap(({ taskId, turns }) => {
    const first = turns[0]?.events[0];
    return first?.kind === "TaskStarted" ? [{ taskId, first }] : [];
  });
  const beginMs = started.reduce((ms, { first }) => Math.min(ms, first.atMs), Infinity);
  return started.map(({ taskId, first: { atMs, input, tags, deadlineAtMs } }) => ({
    taskId,
    startMs: atMs - beginMs,
    input,
    tags,
    ...(deadlineAtMs !== undefined && { deadlineMs: deadlineAtMs - atMs }),
  }));
}

/** Puts a change over an overlay, field by field. */
function mergedSteps(
  before: PolicyOverlay["steps"],
  change: PolicyOverlay["steps"],
): PolicyOverlay["steps"] {
  const changed = Object.entries(change).map(([name, policy]): [string, Policy] => {
    const old = before[name];
    const retry = { ...old?.retry, ...policy.retry };
    return [name, { ...old, ...policy, ...(Object.keys(retry).length > 0 && { retry }) }];
  });
  return { ...before, ...Object.fromEntries(changed) };
}

/**
 * Returns the plan without some edges. Attempts that are played need no input, but the mapping of a
 * transform is evaluated.
 *
 * @throws {TaskerError} api.bad_request
 */
function withoutEdges(plan: Plan, edges: WhatifChange["dropEdges"]): Plan {
  if (edges.length === 0) return plan;
  for (const edge of edges) demandDroppable(plan, edge);
  const isDropped = (from: string, to: string) =>
    edges.some((edge) => edge.from === from && edge.to === to);
  const steps = plan.definition.steps.map((step) => ({
    ...step,
    needs: Object.fromEntries(
      Object.entries(step.needs).filter(([, from]) => !isDropped(from, step.name)),
    ),
    after: step.after.filter((from) => !isDropped(from, step.name)),
  }));
  return planOf(`${plan.hash}-changed`, { ...plan.definition, steps });
}

function demandDroppable(plan: Plan, { from, to }: WhatifChange["dropEdges"][number]): void {
  const step = plan.steps[plan.indexOf.get(to) ?? -1];
  const parents = step?.parents.map((parent) => plan.steps[parent]?.name ?? "") ?? [];
  if (step === undefined || !parents.includes(from)) {
    const known = step === undefined
      ? `there is no step "${to}"`
      : `"${to}" depends on ${parents.map((name) => `"${name}"`).join(", ") || "nothing"}`;
    throw cannotDrop({ from, to }, known);
  }
  const aliases = step.needs.filter(([, parent]) => plan.steps[parent]?.name === from);
  const read = step.mapping === undefined
    ? undefined
    : referencesOf(step.mapping).find(({ reference }) =>
      aliases.some(([alias]) => alias === reference.root)
    );
  if (read !== undefined) {
    throw cannotDrop({ from, to }, `"${to}" reads ${pathText(read.reference)}`);
  }
}

function cannotDrop({ from, to }: WhatifChange["dropEdges"][number], why: string): TaskerError {
  const faults = [{ path: "dropEdges", code: "not_droppable", detail: why }];
  return new TaskerError("api.bad_request", `Cannot drop edge "${from}:${to}": ${why}`, { faults });
}

function replayError(recorded: readonly TaskTrace[], played: readonly TaskTrace[]): ReplayError {
  const pairs = pairsOf(recorded, played);
  const same = pairs.filter(([before, after]) => before.end === after.end).length;
  const ended = pairs.filter(([before, after]) => isByItself(before) && isByItself(after));
  const [was, is] = [0, 1].map((side) => ended.map((pair) => durationMs(pair[side] as TaskTrace)));
  const error = (of: (ms: readonly number[]) => number) => {
    const [a, b] = [of(was ?? []), of(is ?? [])];
    return a === 0 ? b === 0 ? 0 : 1 : b / a - 1;
  };
  return {
    sameEnds: recorded.length === 0 ? 0 : same / recorded.length,
    meanDuration: error(mean),
    p95Duration: error((ms) => quantileOf(ms, 0.95)),
  };
}

function whyNot(tasks: number, replay: ReplayError): string | undefined {
  if (tasks < TASKS_MIN) return `there are ${tasks} tasks, and it takes ${TASKS_MIN}`;
  const { sameEnds, meanDuration, p95Duration } = replay;
  if (sameEnds < SAME_ENDS_MIN) {
    return `played without the change, ${
      percent(1 - sameEnds)
    } of the tasks end otherwise than they did`;
  }
  const isFar = Math.abs(meanDuration) > MEAN_ERROR_MAX || Math.abs(p95Duration) > P95_ERROR_MAX;
  if (!isFar) return undefined;
  return `played without the change, durations differ from those recorded by ` +
    `${percent(meanDuration)} (mean) and ${percent(p95Duration)} (p95)`;
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}

/** What counts of one task. */
interface Measures {
  readonly attempts: number;
  readonly busyMs: number;
  readonly duplicates: number;
}

/** Ends of attempts that certainly had no effect. */
const NO_EFFECT: ReadonlySet<string> = new Set(["failed", "undeliverable", "contract_violation"]);

function measure({ plan, steps }: TaskTrace): Measures {
  const work = [...steps.values()].filter(({ step }) =>
    doesWork(plan.steps[step]?.definition.kind)
  );
  return {
    attempts: sum(work.map(({ attempts }) => attempts.length)),
    busyMs: sum(work.flatMap(({ attempts }) => attempts.map(({ ranMs }) => ranMs))),
    duplicates: sum(work.map(({ attempts }) => {
      const effects = attempts.filter(({ outcome }) => !NO_EFFECT.has(outcome)).length;
      return Math.max(0, effects - 1);
    })),
  };
}

function effectsOf(before: readonly TaskTrace[], after: readonly TaskTrace[]): WhatifEffects {
  const pairs = pairsOf(before, after);
  const paired = (of: (trace: TaskTrace) => number) => estimate(pairs, of);
  const ended = pairs.filter(([was, is]) => isByItself(was) && isByItself(is));
  const quantile = (share: number): Estimate => {
    const durations = ended.map(([was, is]) => [durationMs(was), durationMs(is)] as const);
    return {
      before: quantileOf(durations.map(([was]) => was), share),
      after: quantileOf(durations.map(([, is]) => is), share),
      ...quantileDifference(durations, share, SEED),
    };
  };
  return {
    completed: paired(({ end }) => Number(end === "completed")),
    parked: paired(({ end }) => Number(end === "parked")),
    meanMs: estimate(ended, durationMs),
    p50Ms: quantile(0.5),
    p95Ms: quantile(0.95),
    attempts: paired((trace) => measure(trace).attempts),
    busyMs: paired((trace) => measure(trace).busyMs),
    duplicates: paired((trace) => measure(trace).duplicates),
  };
}

type Pair = readonly [before: TaskTrace, after: TaskTrace];

function pairsOf(before: readonly TaskTrace[], after: readonly TaskTrace[]): readonly Pair[] {
  const played = new Map(after.map((trace) => [trace.taskId, trace]));
  return before.flatMap((was) => {
    const is = played.get(was.taskId);
    return is === undefined ? [] : [[was, is] as const];
  });
}

function estimate(pairs: readonly Pair[], of: (trace: TaskTrace) => number): Estimate {
  const values = pairs.map(([was, is]) => [of(was), of(is)] as const);
  const found: Difference = meanDifference(values.map(([was, is]) => is - was), SEED);
  return {
    before: mean(values.map(([was]) => was)),
    after: mean(values.map(([, is]) => is)),
    ...found,
  };
}

/** Whether its duration is that of the workflow, not that of a person. */
function isByItself({ end, isTouched }: TaskTrace): boolean {
  return end === "completed" && !isTouched;
}

function durationMs({ startedAtMs, endedAtMs }: TaskTrace): number {
  return endedAtMs - startedAtMs;
}

function mean(values: readonly number[]): number {
  return values.length === 0 ? 0 : sum(values) / values.length;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
