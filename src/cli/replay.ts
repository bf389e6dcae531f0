/** The verb `replay`: rebuilds a task from its journal, as it was after any turn. */

import { SensitiveValues } from "../core/sensitive.ts";
import { taskDocument } from "../operations/task_documents.ts";
import type { JournalEntry, Task, WorkflowVersion } from "../client.ts";
import { assert } from "../core/errors.ts";
import type { Event, Turn } from "../core/event.ts";
import { foldTask } from "../core/evolve.ts";
import { parseTaskId } from "../core/ids.ts";
import { encodePayload } from "../core/payload.ts";
import { type Plan, planOf } from "../core/plan.ts";
import { fillPolicy } from "../core/policy.ts";
import { rollup } from "../core/rollup.ts";
import { CommandError } from "./failure.ts";
import { journalLines } from "./result_lines.ts";
import { taskLines } from "./task_lines.ts";
import {
  EXIT_DONE,
  operand,
  show,
  TASKER,
  UsageError,
  type Verb,
  type VerbContext,
} from "./verb.ts";

/** Rebuilds a task. */
export const replay: Verb = {
  name: "replay",
  operands: ["ID"],
  options: { at: { value: "N", summary: "The turn; the last one by default" } },
  summary: "Rebuilds a task from its journal, as it was after any turn",
  isWrite: false,
  async run(context) {
    const { client, signal, paint } = context;
    const atTurn = turnOf(context);
    const task = await client.get(operand(context, 0), { signal });
    const version = await versionOf(context, task);
    const journal = await Array.fromAsync(client.journal(task.id, { signal }));
    const lastTurn = journal.at(-1)?.turn ?? 0;
    if (atTurn > lastTurn && atTurn !== Infinity) {
      throw new UsageError(`Cannot replay to turn ${atTurn}: the journal ends at ${lastTurn}`);
    }
    const entries = journal.filter(({ turn }) => turn <= atTurn);
    const folded = foldJournal({ task, version, entries });
    const turn = Math.min(atTurn, lastTurn);
    show(context, folded, () => [
      ...taskLines(folded, { paint, nowMs: Date.parse(entries.at(-1)?.at ?? task.createdAt) }),
      "",
      paint(
        "dim",
        `rebuilt from ${entries.length} events, turns 1 to ${turn} of ${lastTurn}; turn ${turn}:`,
      ),
      ...journalLines(entries.filter((entry) => entry.turn === turn), paint),
    ]);
    return EXIT_DONE;
  },
};

function turnOf({ options }: VerbContext): number {
  const typed = options.get("at");
  if (typed === undefined) return Infinity;
  if (/^[1-9]\d{0,8}$/.test(typed)) return Number(typed);
  throw new UsageError(`Cannot read --at "${typed}": expected a number from 1`);
}

async function versionOf({ client, signal }: VerbContext, task: Task): Promise<WorkflowVersion> {
  const { versions } = await client.workflows.get(`${task.namespace}/${task.workflow}`, { signal });
  const version = versions.find(({ hash }) => hash === task.definitionHash);
  if (version !== undefined) return version;
  throw new CommandError(
    `Cannot replay task "${task.id}": the server no longer has its definition ${task.definitionHash}`,
    "nothing was changed",
    `run ${TASKER} show ${task.id} to read its journal`,
  );
}

/** A task and the journal it is rebuilt from. */
export interface TaskJournal {
  /** The task as the server shows it: what no event says is taken from here. */
  readonly task: Task;
  /** The definition it was started with. */
  readonly version: WorkflowVersion;
  /** Its journal from the first event to any turn. */
  readonly entries: readonly JournalEntry[];
}

/**
 * Rebuilds a task from its journal, with the same `evolve` as the server.
 *
 * A journal does not hold the policy overlay: `attemptsMax` is that of the definition.
 */
export function foldJournal({ task, version, entries }: TaskJournal): Task {
  const plan = planOf(version.hash, version.definition);
  const taskId = parseTaskId(task.id);
  const turns = turnsOf(plan, entries);
  const state = foldTask(taskId, plan, turns);
  assert(state !== undefined, `The journal of task "${task.id}" is empty`);
  const { state: name, blockedReason } = rollup(plan, state);
  // No event says that a step is ready but has not started: such a task runs, and is not blocked.
  const isKnown = name !== "blocked" || state.steps.some((step) => step.state === "parked");
  const shown = new SensitiveValues(plan);
  for (const { events } of turns) for (const event of events) shown.note(event);
  const { namespace, workflow, version: number, definitionHash } = task;
  return taskDocument({
    plan,
    state,
    summary: {
      taskId,
      namespace,
      workflow,
      version: number,
      definitionHash,
      tags: state.tags,
      labels: [],
      createdAtMs: state.createdAtMs,
      endedAtMs: state.endedAtMs,
      state: isKnown ? name : "running",
      blockedReason: isKnown ? blockedReason : undefined,
    },
    isSameTurn: true,
    shown,
    policyOf: ({ plan }, step) => fillPolicy(false, plan.steps[step]?.definition.policy),
  });
}

function turnsOf(plan: Plan, entries: readonly JournalEntry[]): Turn[] {
  const byTurn = Map.groupBy(entries, ({ turn }) => turn);
  return [...byTurn].map(([turn, of]) => ({
    turn,
    commandIds: [],
    events: of.map((entry) => eventOf(plan, entry)),
  }));
}

/** The inverse of `src/operations/task_documents.ts`; a test converts every kind of event both ways. */
export function eventOf(plan: Plan, entry: JournalEntry): Event {
  const { turn: _, number: __, at, ...rest } = entry;
  const fields = Object.entries(rest).map(([name, value]) => fieldOf(plan, name, value));
  // The entry was an event before the server wrote it, and each field was converted back.
  return { ...Object.fromEntries(fields), atMs: Date.parse(at) } as Event;
}

function fieldOf(plan: Plan, name: string, value: unknown): readonly [string, unknown] {
  if (name === "step" || name === "cause") return [name, plan.indexOf.get(String(value))];
  if (["input", "output", "result", "payload"].includes(name)) {
    return [name, encodePayload(value, name)];
  }
  if (name.endsWith("At")) return [`${name}Ms`, Date.parse(String(value))];
  if (name !== "failure" || typeof value !== "object" || value === null) return [name, value];
  return [name, { ...value, error: encodePayload("error" in value ? value.error : null, name) }];
}
