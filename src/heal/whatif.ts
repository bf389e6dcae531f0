/**
 * Whatif: stored tasks are played again under a changed policy, through the real actors, policies and
 * admission. They are played without the change first: what does not repeat the past says nothing
 * about the future.
 */

import { TaskerError } from "../core/errors.ts";
import type { TaskId } from "../core/ids.ts";
import { pathText, referencesOf } from "../core/mapping.ts";
import { type Plan, planOf } from "../core/plan.ts";
import type { Playback, PlayedTask, PolicyOverlay, WhatifChange } from "../core/ports.ts";
import type { Policy } from "../core/policy.ts";
import type { ReplayError, WhatifReport } from "../core/whatif.ts";
import { attemptsIn, effectsOf, replayError } from "./effects.ts";
import { AttemptPlayer, type Drawn, recordedOf } from "./player.ts";
import { type Follow, followsOf, Reactions } from "./reactions.ts";
import { eachInTurn, type StoredTask, type TaskTrace, traceOf } from "./trace.ts";

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

/** Waiting that is worth to be named. */
const WAITED_MS_MIN = 100;

const SEED = 1;

/** Tasks that were played as they were, to be played under changes. */
export interface Replay {
  readonly error: ReplayError;
  /** Why it says nothing. */
  readonly refusal: string | undefined;
  /**
   * Plays the tasks under a change.
   *
   * @throws {TaskerError} api.bad_request: no such edge, or it carries data
   */
  under(change: WhatifChange): Promise<Required<Pick<WhatifResult, "effects" | "drawn">>>;
}

/**
 * Says what would have changed. Cost: two playbacks; see `Playback`.
 *
 * @throws {TaskerError} as `Playback.play` and `Replay.under`
 */
export async function whatif(playback: Playback, request: WhatifRequest): Promise<WhatifResult> {
  withoutEdges(request.plan, request.change.dropEdges);
  const { error, refusal, under } = await openReplay(playback, request);
  if (refusal !== undefined) return { replay: error, refusal };
  return { replay: error, ...await under(request.change) };
}

/** Plays tasks as they were. Cost: one playback, and one more for each change. */
export async function openReplay(
  playback: Playback,
  request: Omit<WhatifRequest, "change">,
): Promise<Replay> {
  const { plan, tasks, steps } = request;
  const { rest } = playback;
  const each = <R>(work: (task: StoredTask) => R) => eachInTurn(tasks, { rest, work });
  const recorded = await each((task) => [task.taskId, recordedOf(task)] as const);
  const follows = await each((task) => [task.taskId, followsOf(task)] as const);
  const world = {
    player: new AttemptPlayer(plan, new Map(recorded), SEED),
    follows: new Map(follows),
  };
  const before = await play(playback, world, request);
  const real = await tracesOf(playback, tasks);
  const error = replayError(real, before.traces);
  return {
    error,
    refusal: whyNot(real, error),
    async under(change) {
      const after = await play(playback, world, {
        ...request,
        plan: withoutEdges(plan, change.dropEdges),
        steps: mergedSteps(steps, change.steps),
      });
      const attempts = attemptsIn(after.traces) || 1;
      const { drawn } = after;
      return {
        effects: await effectsOf(before.traces, after.traces, rest),
        drawn: {
          attempts: drawn.attempts / attempts,
          ends: drawn.ends / attempts,
          assumed: drawn.assumed / attempts,
        },
      };
    },
  };
}

/** What surrounds the tasks that are played. */
interface World {
  readonly player: AttemptPlayer;
  readonly follows: ReadonlyMap<TaskId, readonly Follow[]>;
}

interface Played {
  readonly traces: readonly TaskTrace[];
  readonly drawn: Drawn;
}

async function play(
  playback: Playback,
  { player, follows }: World,
  { plan, steps, tasks, signal }: Pick<WhatifRequest, "plan" | "steps" | "tasks" | "signal">,
): Promise<Played> {
  player.drawn = { attempts: 0, ends: 0, assumed: 0 };
  const reactions = new Reactions(follows);
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
  return { traces: await tracesOf(playback, stored), drawn: player.drawn };
}

async function tracesOf(
  { rest }: Playback,
  tasks: readonly StoredTask[],
): Promise<readonly TaskTrace[]> {
  const found = await eachInTurn(tasks, { rest, work: traceOf });
  return found.flatMap((trace) => trace ?? []);
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

/** Makes the error of an edge that has to stay. */
export function cannotDrop(
  { from, to }: WhatifChange["dropEdges"][number],
  why: string,
): TaskerError {
  const faults = [{ path: "dropEdges", code: "not_droppable", detail: why }];
  return new TaskerError("api.bad_request", `Cannot drop edge "${from}:${to}": ${why}`, { faults });
}

function whyNot(real: readonly TaskTrace[], replay: ReplayError): string | undefined {
  const tasks = real.length;
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
    `${percent(meanDuration)} (mean) and ${percent(p95Duration)} (p95)${waitingText(real)}`;
}

/** Names the step that waited most: limits of systems, circuits and holds are not played. */
function waitingText(real: readonly TaskTrace[]): string {
  const waited = new Map<string, number>();
  for (const { step, waitedMs } of real.flatMap(({ steps }) => attemptsOf(steps))) {
    waited.set(step, (waited.get(step) ?? 0) + waitedMs / real.length);
  }
  const [step, ms = 0] = [...waited].sort(([, a], [, b]) => b - a)[0] ?? [];
  return ms < WAITED_MS_MIN ? "" : `; "${step}" waited ${Math.round(ms)} ms a task to be started ` +
    `(a limit, a circuit or a hold of its system), and that is not played`;
}

function attemptsOf(steps: TaskTrace["steps"]) {
  return [...steps.values()].flatMap(({ attempts }) => attempts);
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}
