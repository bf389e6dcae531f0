/** Task reader: finds tasks a caller may see and folds their journals. */

import { TaskerError } from "../core/errors.ts";
import { foldTurn } from "../core/evolve.ts";
import { parseTaskId, type TaskId } from "../core/ids.ts";
import type { Plan } from "../core/plan.ts";
import type { History, TaskSummary } from "../core/ports.ts";
import type { TaskState } from "../core/state.ts";
import type { Caller } from "./access.ts";
import type { ApiParts } from "./parts.ts";
import { type TaskDocument, taskDocument } from "./task_document.ts";

/** Turns read at once. */
export const TURNS_PAGE = 500;

type Sources = Pick<ApiParts, "history" | "plans" | "policyOf">;

/** Reads tasks for callers. */
export class TaskReader {
  constructor(private readonly sources: Sources) {}

  /**
   * Finds a task that the caller may see; another namespace's does not exist for it.
   *
   * @throws {TaskerError} task.id_invalid, task.not_found, journal.unavailable
   */
  async find(id: string, caller: Caller): Promise<TaskSummary> {
    const taskId = parseTaskId(id);
    const summary = await this.sources.history.task(taskId);
    if (summary !== undefined && caller.covers(summary.namespace)) return summary;
    throw new TaskerError("task.not_found", `Cannot find task "${taskId}"`);
  }

  /** Returns the plan that a task was started with. */
  async planOf(summary: TaskSummary): Promise<Plan> {
    const { taskId, definitionHash } = summary;
    const plan = await this.sources.plans.byHash(definitionHash);
    if (plan !== undefined) return plan;
    throw new TaskerError(
      "definition.unknown",
      `Cannot read task "${taskId}": its definition ${definitionHash} is not stored`,
    );
  }

  /** Reads a task's whole journal. Cost: O(events). */
  async view(summary: TaskSummary): Promise<TaskView> {
    const plan = await this.planOf(summary);
    const view = new TaskView(this.sources, summary, plan);
    await view.refresh();
    return view;
  }
}

/** One task as far as its journal has been read. */
export class TaskView {
  #state: TaskState | undefined;
  #startedAtMs: number | undefined;

  constructor(
    private readonly sources: Sources,
    private summary: TaskSummary,
    private readonly plan: Plan,
  ) {}

  get hasEnded(): boolean {
    return this.#state?.end !== undefined;
  }

  /** Reads what the journal has gained. Cost: one statement, and O(new events). */
  async refresh(): Promise<void> {
    const { history } = this.sources;
    for (let isMore = true; isMore;) {
      isMore = await this.#readPage(history, this.summary.taskId);
    }
  }

  /** Reads row and journal once more, the row first, and shows the task. */
  async newestDocument(): Promise<TaskDocument> {
    this.summary = await this.sources.history.task(this.summary.taskId) ?? this.summary;
    await this.refresh();
    return this.document();
  }

  /** @throws {TaskerError} task.not_found when the journal was empty */
  document(): TaskDocument {
    const { summary, plan } = this;
    if (this.#state === undefined) {
      throw new TaskerError(
        "task.not_found",
        `Cannot find the journal of task "${summary.taskId}"`,
      );
    }
    return taskDocument({
      plan,
      summary,
      state: this.#state,
      startedAtMs: this.#startedAtMs,
      policyOf: (plan, step) => this.sources.policyOf(plan, step),
    });
  }

  async #readPage(history: History, taskId: TaskId): Promise<boolean> {
    const turns = await history.turns(taskId, this.#state?.turn ?? 0, TURNS_PAGE);
    for (const turn of turns) {
      this.#state = foldTurn(taskId, this.plan, this.#state, turn);
      this.#startedAtMs ??= turn.events.find((event) => event.kind === "StepStarted")?.atMs;
    }
    return turns.length === TURNS_PAGE;
  }
}
