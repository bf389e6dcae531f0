/** Planted workflows: tasks of workflows whose steps behave as a test says, played in a simulation. */

import { hash32, mintTaskId, SLOTS, type TaskId } from "../../src/core/ids.ts";
import type { JsonText } from "../../src/core/payload.ts";
import { type Plan, planOf } from "../../src/core/plan.ts";
import type { HealBounds } from "../../src/core/healing.ts";
import type { Policy } from "../../src/core/policy.ts";
import type { PlayedAnswer, PolicyOverlay } from "../../src/core/ports.ts";
import type { StepDefinition, WorkflowCode } from "../../src/core/workflow.ts";
import { mulberry32 } from "../../src/heal/bootstrap.ts";
import type { Effect } from "../../src/heal/effect.ts";
import type { StoredTask } from "../../src/heal/trace.ts";
import { openPlayback } from "../../src/server/playback.ts";

/** What an attempt knows before it says what it does. */
export interface PlantedAttempt {
  readonly random: () => number;
  /** From 1. */
  readonly attempt: number;
  /** The place of its task among those that were started, from 0. */
  readonly task: number;
  /** Attempts of the same step that are under way, without it. */
  readonly underWay: number;
}

/** What an attempt does; Infinity: it hangs. A failure is tried again unless it is "failed". */
export interface PlantedEnd {
  readonly ms: number;
  readonly error?: string;
  readonly kind?: "failed" | "thrown";
}

/** One step of a planted workflow. */
export interface PlantedStep {
  readonly name: string;
  readonly needs?: readonly string[];
  readonly after?: readonly string[];
  /** Of `needs`, those whose result is read; absent: all. */
  readonly reads?: readonly string[];
  /** It reads them in one of so many tasks. */
  readonly readsOneIn?: number;
  readonly policy?: Policy;
  readonly definition?: Partial<StepDefinition>;
  /** As a system declares it. */
  readonly effect?: Effect;
  behaves(of: PlantedAttempt): PlantedEnd;
}

/** A workflow with tasks that have ended. */
export interface Planted {
  readonly plan: Plan;
  readonly code: WorkflowCode;
  readonly tasks: readonly StoredTask[];
}

/** How a workflow is planted. */
export interface Planting {
  readonly name: string;
  readonly steps: readonly PlantedStep[];
  readonly tasks: number;
  readonly seed: number;
  readonly overlay?: PolicyOverlay["steps"];
  /** Mean time between two starts, ms. */
  readonly apartMs?: number;
  /** When a task starts, ms; absent: evenly. */
  startMs?(task: number, random: () => number): number;
  readonly heal?: HealBounds;
}

/** Makes a workflow of steps, and runs tasks of it. */
export async function plant(planting: Planting): Promise<Planted> {
  const { name, steps, tasks, seed, overlay = {}, apartMs = 20_000 } = planting;
  const plan = planOf(`planted/${name}/${seed}`, {
    namespace: "planted",
    name,
    version: "1.0.0",
    failurePolicy: "continue_independent",
    ...(planting.heal !== undefined && { heal: planting.heal }),
    steps: steps.map(definitionOf),
  });
  const random = mulberry32(seed);
  const ids = Array.from({ length: tasks }, () => idOf(random));
  const places = new Map(ids.map((id, place) => [id, place]));
  const underWay = steps.map(() => new Set<TaskId>());
  const turns = await openPlayback().play({
    plan,
    steps: overlay,
    tasks: ids.map((taskId, place) => ({
      taskId,
      startMs: Math.floor(
        planting.startMs?.(place, random) ?? (place + random()) * apartMs,
      ),
      input: `{"order":${place}}` as JsonText,
      tags: [],
    })),
    world: {
      answer: (taskId, step, attempt) =>
        answerOf(steps[step] as PlantedStep, {
          random: mulberry32(hash32(`${seed}/${taskId}/${step}/${attempt}`)),
          attempt,
          task: places.get(taskId) ?? 0,
          underWay: Math.max(0, (underWay[step]?.size ?? 0) - 1),
        }),
      sleepMs: () => 0,
      reactTo(taskId, event) {
        if (!("step" in event)) return [];
        if (event.kind === "StepStarted") underWay[event.step]?.add(taskId);
        else underWay[event.step]?.delete(taskId);
        return [];
      },
    },
  });
  return {
    plan,
    code: { steps: new Map(steps.map((step) => [step.name, { with: readerOf(step) }])) },
    tasks: ids.map((taskId) => ({ taskId, plan, turns: turns.get(taskId) ?? [] })),
  };
}

/** Durations around a median that vary as those of real calls do (log-normal). */
export function around(
  medianMs: number,
  spread = 0.4,
): (of: Pick<PlantedAttempt, "random">) => PlantedEnd {
  return ({ random }) => {
    const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
    return { ms: medianMs * Math.exp(spread * normal) };
  };
}

function definitionOf(step: PlantedStep): StepDefinition {
  return {
    name: step.name,
    kind: "local",
    owner: "planted",
    needs: Object.fromEntries((step.needs ?? []).map((name) => [name, name])),
    after: step.after ?? [],
    when: "succeeded",
    contract: {},
    atMostOnce: false,
    policy: step.policy ?? {},
    ...step.definition,
  };
}

/** `with` of a step: it puts a field of each result that it reads into the input. */
function readerOf({ needs = [], reads = needs, readsOneIn = 1 }: PlantedStep) {
  return (given: Readonly<Record<string, unknown>>) => {
    const { order } = given.input as { order: number };
    if (order % readsOneIn !== 0) return {};
    return Object.fromEntries(
      reads.map((name) => [name, (given[name] as { task: number }).task]),
    );
  };
}

function answerOf(step: PlantedStep, of: PlantedAttempt): PlayedAnswer | undefined {
  const { ms, error, kind = "thrown" } = step.behaves(of);
  if (ms === Infinity) return undefined;
  const afterMs = Math.max(1, Math.round(ms));
  const isStoppable = step.definition?.kind !== "remote";
  if (error === undefined) {
    const result = `{"task":${of.task}}` as JsonText;
    return { afterMs, outcome: { kind: "completed", result }, isStoppable };
  }
  const text = JSON.stringify({ error_code: error, error_message: error }) as JsonText;
  const failure = { class: kind, error: text };
  const outcome = { kind: "failed", failure, retryable: kind === "thrown" } as const;
  return { afterMs, outcome, isStoppable };
}

function idOf(random: () => number): TaskId {
  const hex = Array.from({ length: 32 }, () => Math.floor(random() * 16).toString(16)).join("");
  const uuid = [[0, 8], [8, 12], [12, 16], [16, 20], [20, 32]]
    .map(([from, to]) => hex.slice(from, to)).join("-");
  return mintTaskId(1_700_000_000_000, Math.floor(random() * SLOTS), uuid);
}
