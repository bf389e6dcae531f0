/** Fold: a journal's entries back to events, and to the task they make, by the core's own hands. */

import { taskDocument } from "../api/task_document.ts";
import type { JournalEntry, Task, WorkflowVersion } from "../client.ts";
import { assert } from "../core/errors.ts";
import type { Event, Turn } from "../core/event.ts";
import { foldTask } from "../core/evolve.ts";
import { parseTaskId } from "../core/ids.ts";
import { encodePayload } from "../core/payload.ts";
import { type Plan, planOf } from "../core/plan.ts";
import { fillPolicy } from "../core/policy.ts";
import { rollup } from "../core/rollup.ts";

/** What a fold is made of. */
export interface FoldParts {
  /** The task as the server shows it; only what its first event does not say is taken of it. */
  readonly task: Task;
  /** The definition it was started with. */
  readonly version: WorkflowVersion;
  /** Its journal, from the first event on, up to whatever turn. */
  readonly entries: readonly JournalEntry[];
}

/**
 * Folds a journal into the task it makes, with `evolve` of the core as the server does.
 *
 * The policy overlay is no part of a journal: `attemptsMax` is the definition's.
 */
export function foldJournal({ task, version, entries }: FoldParts): Task {
  const plan = planOf(version.hash, version.definition);
  const taskId = parseTaskId(task.id);
  const turns = turnsOf(plan, entries);
  const state = foldTask(taskId, plan, turns);
  assert(state !== undefined, `The journal of task "${task.id}" is empty`);
  const { state: name, blockedReason } = rollup(plan, state);
  // Steps that are ready but not started are in no event: then the task is not blocked, but runs.
  const isTold = name !== "blocked" || state.steps.some((step) => step.state === "parked");
  const { namespace, workflow, version: shown, definitionHash } = task;
  return taskDocument({
    plan,
    state,
    summary: {
      taskId,
      namespace,
      workflow,
      version: shown,
      definitionHash,
      tags: state.tags,
      createdAtMs: state.createdAtMs,
      endedAtMs: state.endedAtMs,
      state: isTold ? name : "running",
      blockedReason: isTold ? blockedReason : undefined,
    },
    startedAtMs: turns.flatMap(({ events }) => events).find(isStart)?.atMs,
    policyOf: (plan, step) => fillPolicy(false, plan.steps[step]?.definition.policy),
  });
}

function isStart({ kind }: Event): boolean {
  return kind === "StepStarted";
}

function turnsOf(plan: Plan, entries: readonly JournalEntry[]): Turn[] {
  const byTurn = Map.groupBy(entries, ({ turn }) => turn);
  return [...byTurn].map(([turn, of]) => ({
    turn,
    commandIds: [],
    events: of.map((entry) => eventOf(plan, entry)),
  }));
}

/** Undoes what `src/api/journal_entry.ts` does; a test goes both ways with every kind of event. */
export function eventOf(plan: Plan, entry: JournalEntry): Event {
  const { turn: _, number: __, at, ...rest } = entry;
  const fields = Object.entries(rest).map(([name, value]) => fieldOf(plan, name, value));
  // The entry was an event before the server wrote it, and fields were undone one by one.
  return { ...Object.fromEntries(fields), atMs: Date.parse(at) } as unknown as Event;
}

function fieldOf(plan: Plan, name: string, value: unknown): readonly [string, unknown] {
  if (name === "step" || name === "cause") return [name, plan.indexOf.get(String(value))];
  if (name === "input" || name === "result" || name === "payload") {
    return [name, encodePayload(value, name)];
  }
  if (name.endsWith("At")) return [`${name}Ms`, Date.parse(String(value))];
  if (name !== "failure" || typeof value !== "object" || value === null) return [name, value];
  return [name, { ...value, error: encodePayload("error" in value ? value.error : null, name) }];
}
