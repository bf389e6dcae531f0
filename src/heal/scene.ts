/** The scene of a failure: which attempts are of its kind, which ran beside it, and when it began. */

import type { AttemptFact } from "../core/attempt_fact.ts";
import { calledBy } from "../core/http_call.ts";
import type { TaskId } from "../core/ids.ts";
import type { StepDefinition } from "../core/workflow.ts";
import { riseIn } from "./comparison.ts";
import { groupTemplates, type Template, templateOf } from "./templates.ts";

/** What is known of a step beside its attempts. */
export interface StepInfo {
  readonly kind: string;
  /** The system that owns it. */
  readonly system: string;
  /** What is asked of the system: an envelope type, a capability, a path. */
  readonly capability?: string;
  readonly atMostOnce: boolean;
  /** What the policy says now, ms. */
  readonly timeoutMs?: number;
}

/** What is known of a step by its definition. */
export function stepInfo(
  { kind, owner, http, event, atMostOnce }: StepDefinition,
  timeoutMs: number | undefined,
): StepInfo {
  return {
    kind,
    system: calledBy(http) ?? owner,
    ...(event !== undefined && { capability: event }),
    atMostOnce,
    ...(timeoutMs !== undefined && { timeoutMs }),
  };
}

/** How many tasks of a workflow started in an interval, Unix ms. */
export interface Starts {
  readonly fromMs: number;
  readonly untilMs: number;
  readonly starts: number;
}

/** What a diagnosis looks at. */
export interface SceneInput {
  /** The attempt to be explained; it is one of `facts`. */
  readonly failure: AttemptFact;
  /** Attempts of a window of time, in any order: of this task, of others, of other workflows. */
  readonly facts: readonly AttemptFact[];
  /** Tasks that started in intervals before the failure, by workflow: those at its system. */
  readonly starts?: ReadonlyMap<string, readonly Starts[]>;
  /** Characters of tasks' inputs. */
  readonly inputSizes?: ReadonlyMap<TaskId, number>;
  stepOf(workflow: string, step: string): StepInfo | undefined;
}

/** The scene, sorted by the time at which attempts ended. */
export interface Scene {
  readonly input: SceneInput;
  readonly failure: AttemptFact;
  readonly system: string;
  /** All attempts. */
  readonly all: readonly AttemptFact[];
  /** Attempts of the same step of the same workflow. */
  readonly ofStep: readonly AttemptFact[];
  /** Attempts of the same step that failed in the same way, the failure included. */
  readonly alike: readonly AttemptFact[];
  /** What the messages that are alike have in common. */
  readonly template: Template;
  /** When failures of this kind began, Unix ms. */
  readonly beganAtMs: number;
  /** The first of them. */
  readonly first: AttemptFact;
  /** Attempts of the step that ended since then, and before. */
  readonly since: readonly AttemptFact[];
  readonly before: readonly AttemptFact[];
  isAlike(fact: Pick<AttemptFact, "outcome" | "error">): boolean;
  systemOf(fact: AttemptFact): string;
}

/** Whether an attempt ended badly. Cancelled ones say nothing. */
export function hasFailed({ outcome }: AttemptFact): boolean {
  return outcome !== "completed" && outcome !== "cancelled";
}

/** Whether an attempt completed. */
export function hasCompleted({ outcome }: AttemptFact): boolean {
  return outcome === "completed";
}

/**
 * Names the kind of a failure: step, class, code and template of the message. The same on every node.
 * Shape: `charge/timed_out/timed_out/1b843a72`.
 */
export function clusterOf(
  { step, outcome, error }: Pick<AttemptFact, "step" | "outcome" | "error">,
  template: Template = templateOf(error?.message ?? ""),
): string {
  const code = (error?.code ?? "").replaceAll(/[^\w.-]+/g, "_").slice(0, 40);
  return [step, error?.class ?? outcome, code, template.id].join("/");
}

/**
 * Sets the scene. `decided` are failures of the step that need not be among the facts, and are compared with it
 * all the same. Cost: O(facts), and the templates of the step's distinct messages.
 */
export function sceneOf(
  input: SceneInput,
  decided: readonly Pick<AttemptFact, "outcome" | "error">[] = [],
): Scene {
  const { failure, stepOf } = input;
  const systemOf = (fact: AttemptFact) =>
    fact.system ?? stepOf(fact.workflow, fact.step)?.system ?? "";
  const all = [...input.facts].sort((a, b) => a.endedAtMs - b.endedAtMs);
  const ofStep = all.filter((fact) =>
    fact.workflow === failure.workflow && fact.step === failure.step
  );
  const templates = templatesOf([...ofStep, ...decided]);
  const template = templates.get(failure.error?.message ?? "") ?? templateOf("");
  const isAlike: Scene["isAlike"] = (fact) =>
    fact.outcome === failure.outcome && fact.error?.code === failure.error?.code &&
    templates.get(fact.error?.message ?? "")?.id === template.id;
  const alike = ofStep.filter(isAlike);
  const first = firstOf(ofStep, { isAlike, failure });
  const beganAtMs = first.endedAtMs;
  return {
    input,
    failure,
    system: systemOf(failure),
    all,
    ofStep,
    alike,
    template,
    beganAtMs,
    first,
    since: ofStep.filter(({ endedAtMs }) => endedAtMs >= beganAtMs),
    before: ofStep.filter(({ endedAtMs }) => endedAtMs < beganAtMs),
    isAlike,
    systemOf,
  };
}

/** The template of each message's group. */
function templatesOf(
  facts: readonly Pick<AttemptFact, "outcome" | "error">[],
): ReadonlyMap<string, Template> {
  const own = new Map<string, Template>();
  for (const { error, outcome } of facts) {
    const message = error?.message ?? "";
    if (outcome !== "completed" && !own.has(message)) own.set(message, templateOf(message));
  }
  const groups = groupTemplates(own.values());
  return new Map([...own].map(([message, { id }]) => [message, groups.get(id) as Template]));
}

/** The first failure of this kind: after the moment at which their share rose most, if it did. */
function firstOf(
  ofStep: readonly AttemptFact[],
  { isAlike, failure }: { isAlike: (fact: AttemptFact) => boolean; failure: AttemptFact },
): AttemptFact {
  const until = ofStep.filter((fact) => fact.endedAtMs <= failure.endedAtMs);
  const start = riseIn(until.map(isAlike));
  return until.find((fact, index) => index >= start && isAlike(fact)) ?? failure;
}
