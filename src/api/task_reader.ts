/** Task reader: finds tasks a caller may see, in memory where this node has them, else in the journal. */

import { TaskerError } from "../core/errors.ts";
import type { Turn } from "../core/event.ts";
import { foldTurn } from "../core/evolve.ts";
import { parseTaskId, type TaskId } from "../core/ids.ts";
import type { Plan } from "../core/plan.ts";
import type { ResidentTask, Runtime, TaskSummary } from "../core/ports.ts";
import { SensitiveValues } from "../core/sensitive.ts";
import { type TaskState, valuesSize, withoutValues } from "../core/state.ts";
import {
  type DocumentSource,
  type Shown,
  type TaskDocument,
  taskDocument,
  taskHead,
  taskTexts,
} from "../operations/task_documents.ts";
import type { Caller } from "./access.ts";
import type { ApiDeps } from "./deps.ts";

/** Turns read at once. */
const TURNS_PAGE = 500;

/** Characters of results and errors that one task shows; its journal, in pages, has all. */
export const VALUES_SIZE_MAX = 4 * 1024 * 1024;

/** Steps, and characters of their values, of a document that is made at once: a few milliseconds. */
export const STEPS_AT_ONCE = 1_000;
const VALUES_SIZE_AT_ONCE = 256 * 1024;

type TaskReaderDeps = Pick<
  ApiDeps,
  "history" | "plans" | "policyOf" | "residents" | "runtime" | "traceUrl"
>;

/** Reads tasks for callers. */
export class TaskReader {
  constructor(private readonly deps: TaskReaderDeps) {}

  /**
   * Finds a task that the caller may see; another namespace's does not exist for it.
   *
   * Cost: no query for a task in the memory of this node, else one.
   *
   * @throws {TaskerError} task.id_invalid, task.not_found, journal.unavailable
   */
  async find(id: string, caller: Caller): Promise<TaskSummary> {
    const summary = await this.findAny(id);
    if (summary !== undefined && caller.covers(summary.namespace)) return summary;
    throw new TaskerError("task.not_found", `Cannot find task "${parseTaskId(id)}"`);
  }

  /**
   * Finds a task whoever asks: the caller has to be checked by what is in it.
   *
   * @throws {TaskerError} task.id_invalid, journal.unavailable
   */
  async findAny(id: string): Promise<TaskSummary | undefined> {
    const taskId = parseTaskId(id);
    const resident = this.deps.residents.peek(taskId);
    return resident ? summaryOf(resident) : await this.deps.history.task(taskId);
  }

  /** Returns the plan that a task was started with. */
  async planOf(summary: TaskSummary): Promise<Plan> {
    const { taskId, definitionHash } = summary;
    const plan = await this.deps.plans.byHash(definitionHash);
    if (plan !== undefined) return plan;
    throw new TaskerError(
      "definition.unknown",
      `Cannot read task "${taskId}": its definition ${definitionHash} is not stored`,
    );
  }

  /**
   * Shows a task: from memory, or else from its whole journal, read in pages. Its row has to be read
   * before, so that it is never newer than the journal. A large one is streamed, in pieces between
   * which others are served.
   *
   * Cost: O(steps) and no query for a task in memory that is not large; else O(events), and memory
   * for no more than is shown.
   *
   * @throws {TaskerError} task.not_found when the journal is empty
   */
  async show(summary: TaskSummary, how: Revealed = {}): Promise<ShownTask> {
    const resident = this.deps.residents.peek(summary.taskId);
    return resident ? await this.showResident(resident, how) : await this.#read(summary, how);
  }

  /** Shows a task that was in memory; the caller may have waited since if the task has ended. */
  async showResident(
    { plan, state, row }: ResidentTask,
    how: Revealed = {},
  ): Promise<ShownTask> {
    const summary = summaryOf({ plan, state, row });
    // Its actor goes on with the state: a document that takes long is made from one of its own.
    if (isLarge(state)) return await this.#read(summary, how);
    const { policyOf, traceUrl } = this.deps;
    const shown: Shown = how.isRevealed ? "all" : SensitiveValues.of(plan, state);
    // The journal has what the state has no more.
    if (shown !== "all" && shown.isTooMuch) return await this.#read(summary, how);
    const source = { plan, state, summary, isSameTurn: true, policyOf, traceUrl, shown };
    return { body: taskDocument(source) };
  }

  /**
   * Reads where a task stands, from memory or else its journal. Values that are too many to show are
   * missing.
   *
   * Cost: no query for a task in memory, whose state has to be read before the next await; else O(events).
   *
   * @throws {TaskerError} task.not_found
   */
  async stateOf(summary: TaskSummary): Promise<{ readonly plan: Plan; readonly state: TaskState }> {
    return this.deps.residents.peek(summary.taskId) ?? await this.#fold(summary);
  }

  /**
   * Reads a task with all its values. Cost: O(events), and memory for the values.
   *
   * @throws {TaskerError} task.not_found, payload.too_large when it has more than a document shows
   */
  async whole(summary: TaskSummary): Promise<{ readonly plan: Plan; readonly state: TaskState }> {
    const { plan, state, leftOut } = await this.#fold(summary);
    if (leftOut === undefined || leftOut.size === 0) return { plan, state };
    throw new TaskerError(
      "payload.too_large",
      `Cannot take the results of task "${summary.taskId}": together they have more than ` +
        `${VALUES_SIZE_MAX} characters`,
    );
  }

  async #fold(summary: TaskSummary) {
    const plan = await this.planOf(summary);
    const fold = new TaskFold(summary.taskId, plan);
    for (let isLast = false; !isLast;) {
      const page = await this.deps.history.turns(summary.taskId, fold.turn, TURNS_PAGE);
      for (const turn of page.turns) fold.add(turn);
      isLast = page.isLast;
    }
    return { plan, ...fold.shown() };
  }

  async #read(summary: TaskSummary, how: Revealed): Promise<ShownTask> {
    const { policyOf, runtime, traceUrl } = this.deps;
    const read = await this.#fold(summary);
    const shown: Shown = how.isRevealed ? "all" : read.sensitive;
    const source = { ...read, summary, isSameTurn: false, policyOf, traceUrl, shown };
    if (!isLarge(source.state)) return { body: taskDocument(source) };
    return { body: taskHead(source), stream: streamOf(taskTexts(source), runtime) };
  }
}

/** Whether sensitive values are shown. */
interface Revealed {
  readonly isRevealed?: boolean;
}

/** A task as an answer: of a large one, the body is only its beginning. */
export interface ShownTask {
  readonly body: TaskDocument;
  readonly stream?: ReadableStream<Uint8Array>;
}

/** Streams texts; between two of them the event loop goes round. */
function streamOf(
  texts: Iterator<string>,
  runtime: Pick<Runtime, "soon">,
): ReadableStream<Uint8Array> {
  const encoder = new TextEncoder();
  return new ReadableStream({
    async pull(controller) {
      await new Promise<void>((wake) => runtime.soon(wake));
      const next = texts.next();
      if (next.done) controller.close();
      else controller.enqueue(encoder.encode(next.value));
    },
  }, { highWaterMark: 1 });
}

/** What the row of a task in memory says. */
function summaryOf({ plan, state, row }: ResidentTask): TaskSummary {
  const { namespace, name, version } = plan.definition;
  return {
    taskId: state.taskId,
    namespace,
    workflow: name,
    version,
    definitionHash: plan.hash,
    state: row.state,
    blockedReason: row.blockedReason ?? undefined,
    tags: state.tags,
    createdAtMs: state.createdAtMs,
    endedAtMs: state.endedAtMs,
    labels: row.labels ?? [],
  };
}

/** Whether a document takes long to make. Cost: O(steps) of a task that is not. */
function isLarge({ steps }: TaskState): boolean {
  if (steps.length > STEPS_AT_ONCE) return true;
  let size = 0;
  for (const step of steps) size += valuesSize(step);
  return size > VALUES_SIZE_AT_ONCE;
}

/** One task as far as its journal has been read, without the values that are too many to show. */
class TaskFold {
  #state: TaskState | undefined;
  /** Characters of what each step shows, and of all together. */
  readonly #sizes = new Map<number, number>();
  #size = 0;
  readonly #leftOut = new Map<number, number>();
  readonly #sensitive: SensitiveValues;

  constructor(private readonly taskId: TaskId, private readonly plan: Plan) {
    this.#sensitive = new SensitiveValues(plan);
  }

  get turn(): number {
    return this.#state?.turn ?? 0;
  }

  add(turn: Turn): void {
    this.#state = foldTurn(this.taskId, this.plan, this.#state, turn);
    this.#state?.signals.clear(); // not shown, and a copy of results
    for (const event of turn.events) {
      this.#sensitive.note(event);
      if ("step" in event && ("result" in event || "failure" in event)) this.#weigh(event.step);
    }
  }

  /** @throws {TaskerError} task.not_found */
  shown(): Pick<DocumentSource, "state" | "leftOut"> & { readonly sensitive: SensitiveValues } {
    if (this.#state === undefined) {
      throw new TaskerError("task.not_found", `Cannot find the journal of task "${this.taskId}"`);
    }
    return { state: this.#state, leftOut: this.#leftOut, sensitive: this.#sensitive };
  }

  /** Leaves a step's values out if they are too many together with those before. */
  #weigh(index: number): void {
    const state = this.#state;
    const step = state?.steps[index];
    if (state === undefined || step === undefined) return;
    const size = valuesSize(step);
    const others = this.#size - (this.#sizes.get(index) ?? 0);
    const isLeftOut = size > 0 && others + size > VALUES_SIZE_MAX;
    this.#leftOut.delete(index);
    if (isLeftOut) {
      this.#leftOut.set(index, size);
      state.steps[index] = withoutValues(step);
    }
    this.#sizes.set(index, isLeftOut ? 0 : size);
    this.#size = others + (isLeftOut ? 0 : size);
  }
}
