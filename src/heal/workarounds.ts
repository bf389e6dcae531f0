/** Workarounds: what was decided about parked steps, and what it led to. Read from journals; pure. */

import { attemptError, type AttemptFact } from "../core/attempt_fact.ts";
import type { Event } from "../core/event.ts";
import type { TaskId } from "../core/ids.ts";
import type { Plan } from "../core/plan.ts";
import { wilson } from "../core/intervals.ts";

/** A decision about a parked step. */
export interface Resolution {
  readonly taskId: TaskId;
  /** `namespace/name`. */
  readonly workflow: string;
  readonly atMs: number;
  /** What had failed. */
  readonly failed: Pick<AttemptFact, "step" | "outcome" | "error">;
  /** What was chosen: one of CHOICES, or the name of an alternative. */
  readonly choice: string;
  /** Whether the step ended with a result because of it; undefined: not yet. */
  readonly isResolved: boolean | undefined;
  /** What the diagnosis said then, and what the person says it was. */
  readonly diagnosed?: string;
  readonly confidence?: number;
  readonly cause?: string;
}

/** What is known of one step while its events are read. */
interface Parked {
  failed: Resolution["failed"];
  chosen?: Extract<Event, { kind: "StepChosen" }>;
  /** A retry whose end is awaited. */
  retried?: Resolution;
}

/**
 * Finds what was decided about the parked steps of a task.
 *
 * A retry, here or elsewhere, has resolved the step when an attempt completes before the step parks or
 * fails again. A result by hand has, and a skip; a cancel of the task has not.
 *
 * Shape: `events` are all events of the task, or the newest, in order. Cost: O(events).
 */
export function resolutionsOf(
  plan: Plan,
  taskId: TaskId,
  events: Iterable<Event>,
): readonly Resolution[] {
  const reading = new Reading(plan, taskId);
  for (const event of events) reading.read(event);
  return [...reading.found, ...reading.open()];
}

/** A task's decisions, as far as its events have been read. */
class Reading {
  readonly found: Resolution[] = [];
  readonly #parked = new Map<number, Parked>();

  constructor(private readonly plan: Plan, private readonly taskId: TaskId) {}

  read(event: Event): void {
    if (event.kind === "TaskCancelRequested") this.#cancel(event);
    else if (event.kind === "StepParked") this.#park(event);
    else if ("step" in event) this.#follow(event, this.#parked.get(event.step));
  }

  /** Retries whose end is awaited. */
  open(): readonly Resolution[] {
    return [...this.#parked.values()].flatMap(({ retried }) => retried ?? []);
  }

  #cancel(event: Event): void {
    for (const of of this.#parked.values()) {
      if (of.retried !== undefined) continue;
      this.found.push(this.#decided(of, event, { choice: "cancel", isResolved: false }));
    }
    this.#parked.clear();
  }

  #park({ step: index, failure }: Extract<Event, { kind: "StepParked" }>): void {
    const retried = this.#parked.get(index)?.retried;
    if (retried !== undefined) this.found.push({ ...retried, isResolved: false });
    this.#parked.delete(index);
    if (failure === undefined) return;
    const step = this.plan.steps[index]?.name ?? "";
    const error = attemptError(failure);
    this.#parked.set(index, { failed: { step, outcome: error.class, error } });
  }

  #follow(event: Extract<Event, { step: number }>, of: Parked | undefined): void {
    if (of === undefined) return;
    switch (event.kind) {
      case "StepChosen":
        of.chosen = event;
        return;
      case "StepRetried":
        of.retried ??= this.#decided(of, event, { choice: "retry", isResolved: undefined });
        return;
      case "StepCompleted":
      case "StepFailed": {
        const isResolved = event.kind === "StepCompleted";
        if (of.retried !== undefined) this.found.push({ ...of.retried, isResolved });
        break;
      }
      case "StepResolved":
        this.found.push(this.#decided(of, event, { choice: "resolve", isResolved: true }));
        break;
      case "StepSkipped":
        this.found.push(this.#decided(of, event, { choice: "skip", isResolved: true }));
        break;
      default:
        return;
    }
    this.#parked.delete(event.step);
  }

  #decided(
    { failed, chosen }: Parked,
    { atMs }: Event,
    how: Pick<Resolution, "choice" | "isResolved">,
  ): Resolution {
    const { diagnosed, confidence, cause } = chosen ?? {};
    return {
      taskId: this.taskId,
      workflow: this.plan.workflow,
      atMs,
      failed,
      ...how,
      ...(chosen !== undefined && { choice: chosen.choice }),
      ...(diagnosed !== undefined && { diagnosed }),
      ...(confidence !== undefined && { confidence }),
      ...(cause !== undefined && { cause }),
    };
  }
}

/** How often a choice resolved what was parked in the same way. */
export interface Record {
  readonly choice: string;
  readonly resolved: number;
  readonly tried: number;
  /** Of the share that it resolves, 95 % (Wilson). */
  readonly low: number;
  readonly high: number;
}

/** Decisions that a choice needs before its share says something. */
export const TRIED_MIN = 5;

/** Counts what became of each choice. Decisions whose outcome is open do not count. */
export function recordsOf(resolutions: readonly Resolution[]): ReadonlyMap<string, Record> {
  const ended = resolutions.filter(({ isResolved }) => isResolved !== undefined);
  const byChoice = Map.groupBy(ended, ({ choice }) => choice);
  return new Map([...byChoice].map(([choice, of]) => {
    const resolved = of.filter(({ isResolved }) => isResolved).length;
    return [choice, { choice, resolved, tried: of.length, ...wilson(resolved, of.length) }];
  }));
}
