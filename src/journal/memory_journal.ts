/** A journal in memory: the same ports without Postgres, for tests and simulation. */

import {
  appendedBy,
  type Incarnation,
  mintedAtMs,
  slotOf,
  SLOTS,
  type TaskId,
} from "../core/ids.ts";
import type { Turn } from "../core/event.ts";
import {
  type Appended,
  DUE_PER_SLOT,
  type DuePlace,
  type DueTask,
  type InboxRow,
  type Journal,
  type JournalFigures,
  type LoadedTask,
  type NodeRow,
  type Nodes,
  type PollResult,
  type RowlessEntry,
  type Runtime,
  type SlotRow,
  type TaskBirth,
  type TaskChange,
  type TaskRange,
  type TaskReader,
  type TaskSummary,
  type TurnRow,
  type WholeTask,
} from "../core/ports.ts";
import { spread } from "./sampling.ts";

interface KeptTask {
  readonly turns: Turn[];
  readonly appendIds: string[];
  readonly birth: TaskBirth | undefined;
  change: TaskChange;
}

/** How much a journal in memory keeps. */
export interface Kept {
  /** Tasks that have ended, the newest; an earlier one is gone, with its key. Absent: all. */
  readonly endedMax?: number;
}

/** Journal, nodes and inbox of one process. A flush takes one iteration of the event loop. */
export class MemoryJournal implements Journal, Nodes, TaskReader {
  readonly #tasks = new Map<TaskId, KeptTask>();
  /** Tasks out of the actors' memory: a poll looks at these alone. */
  readonly #away = new Set<TaskId>();
  /** Tasks that have ended, in that order; kept only where their number is limited. */
  readonly #ended = new Set<TaskId>();
  readonly #endedMax: number;
  readonly #keys = new Map<string, { taskId: TaskId; bodyHash: string }>();
  readonly #inbox = new Map<string, InboxRow>();
  readonly #answers = new Map<string, string>();
  readonly #slots: SlotRow[] = Array.from(
    { length: SLOTS },
    (_, slot) => ({ slot, owner: null, version: 0 }),
  );
  readonly #figures = { commits: 0, rows: 0, queries: 0, bytes: 0, flushMs: 0 };
  #node: NodeRow | undefined;
  /** Slots whose row has changed since the last poll. */
  readonly #changedSlots = new Map<number, SlotRow>();
  #waiting: (() => void)[] = [];

  constructor(readonly runtime: Runtime, { endedMax = Infinity }: Kept = {}) {
    this.#endedMax = endedMax;
  }

  append(row: TurnRow): Promise<Appended> {
    const sent = { ...row, commandIds: [...row.commandIds], events: [...row.events] };
    return this.#flushed(() => this.#insert(sent));
  }

  confirm(entry?: RowlessEntry): Promise<boolean> {
    return this.#flushed(() => {
      if (this.#node === undefined) return false;
      if (entry !== undefined) this.#sideEffects(entry);
      return true;
    });
  }

  async *load(taskIds: readonly TaskId[]): AsyncIterable<LoadedTask> {
    await Promise.resolve(); // as a database, it does not answer at once
    for (const taskId of taskIds) {
      const task = this.#tasks.get(taskId);
      if (task !== undefined) yield { taskId, turns: [...task.turns] };
    }
  }

  figures(): JournalFigures {
    return { ...this.#figures };
  }

  async idle(): Promise<void> {
    if (this.#waiting.length > 0) await this.#flushed(() => undefined);
  }

  /** All turns of a task, oldest first. */
  turns(taskId: TaskId): readonly Turn[] {
    return this.#tasks.get(taskId)?.turns ?? [];
  }

  async *tasks(range: TaskRange): AsyncIterable<WholeTask> {
    await Promise.resolve(); // as a database, it does not answer at once
    const found = [...this.#tasks].flatMap(([taskId, task]) =>
      isIn(range, taskId, task) ? [taskId] : []
    ).sort().reverse();
    const wanted = range.label === undefined
      ? spread(found, range.limit)
      : found.slice(0, range.limit);
    for (const taskId of wanted) {
      const task = this.#tasks.get(taskId);
      if (task?.birth === undefined || range.except?.has(taskId)) continue;
      yield { summary: summaryOf(taskId, task.birth, task.change), turns: [...task.turns] };
    }
  }

  // Nodes: one, which owns every slot.

  join(of: { incarnation: Incarnation; name: string }): Promise<void> {
    this.#node = {
      incarnation: of.incarnation,
      name: of.name,
      renewals: 0,
      expired: false,
      format: 1,
    };
    for (const row of this.#slots) this.#changedSlots.set(row.slot, row);
    return Promise.resolve();
  }

  poll(): Promise<PollResult> {
    const databaseNowMs = this.runtime.now();
    const due = this.#due(databaseNowMs).map(({ taskId }) => slotOf(taskId));
    const slots = [...this.#changedSlots.values()];
    this.#changedSlots.clear();
    const nodes = this.#node === undefined ? [] : [this.#node];
    return Promise.resolve({
      alive: this.#node !== undefined,
      databaseNowMs,
      nodes,
      slots,
      inbox: [...this.#inbox.values()],
      dueSlots: [...new Set(due)],
    });
  }

  claim(slots: readonly SlotRow[]): Promise<readonly SlotRow[]> {
    const owner = this.#node?.incarnation ?? null;
    return Promise.resolve(slots.map((row) => this.#own(row, owner)));
  }

  requireNewerFormat(slots: readonly SlotRow[]): Promise<readonly SlotRow[]> {
    return Promise.resolve(slots);
  }

  release(slots: readonly SlotRow[]): Promise<void> {
    for (const row of slots) this.#own(row, null);
    return Promise.resolve();
  }

  takeOver(): Promise<boolean> {
    return Promise.resolve(false);
  }

  freeOrphans(): Promise<number> {
    return Promise.resolve(0);
  }

  residents(slots: readonly number[]): Promise<readonly TaskId[]> {
    const wanted = new Set(slots);
    return Promise.resolve(
      [...this.#tasks].flatMap(([taskId, { change }]) =>
        change.resident && change.endedAtMs === undefined && wanted.has(slotOf(taskId))
          ? [taskId]
          : []
      ),
    );
  }

  due(places: readonly DuePlace[]): Promise<readonly DueTask[]> {
    const due = this.#due(this.runtime.now()).sort(byWakeAt);
    return Promise.resolve(
      places.flatMap(({ slot, after }) =>
        due.filter((task) =>
          slotOf(task.taskId) === slot && (after === undefined || byWakeAt(task, after) > 0)
        ).slice(0, DUE_PER_SLOT)
      ),
    );
  }

  post(rows: readonly InboxRow[]): Promise<void> {
    for (const row of rows) {
      if (!this.#inbox.has(row.commandId)) this.#inbox.set(row.commandId, row);
    }
    return Promise.resolve();
  }

  takeAnswers(commandIds: readonly string[]): Promise<ReadonlyMap<string, string>> {
    const taken = commandIds.flatMap((id): [string, string][] => {
      const body = this.#answers.get(id);
      return body === undefined ? [] : [[id, body]];
    });
    for (const [id] of taken) this.#answers.delete(id);
    return Promise.resolve(new Map(taken));
  }

  onWake(): Promise<() => void> {
    return Promise.resolve(() => {});
  }

  leave(): Promise<void> {
    this.#node = undefined;
    return this.release(this.#slots);
  }

  #own({ slot, version }: SlotRow, owner: Incarnation | null): SlotRow {
    const row = { slot, owner, version: version + 1 };
    this.#slots[slot] = row;
    this.#changedSlots.set(slot, row);
    return row;
  }

  #due(nowMs: number): DueTask[] {
    return [...this.#away].flatMap((taskId) => {
      const { wakeAtMs = Infinity } = this.#tasks.get(taskId)?.change ?? {};
      return wakeAtMs <= nowMs ? [{ taskId, wakeAt: String(wakeAtMs).padStart(16, "0") }] : [];
    });
  }

  #flushed<T>(act: () => T): Promise<T> {
    return new Promise((resolve) => {
      if (this.#waiting.length === 0) this.runtime.soon(() => this.#flush());
      this.#waiting.push(() => resolve(act()));
    });
  }

  #flush(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    this.#figures.commits++;
    for (const act of waiting) act();
  }

  #insert(row: TurnRow): Appended {
    const task = this.#tasks.get(row.taskId);
    if (row.turn !== (task?.turns.length ?? 0) + 1) {
      const isOwn = task?.appendIds[row.turn - 1] === row.appendId;
      return isOwn ? { kind: "inserted" } : { kind: "ownership_lost" };
    }
    const taken = this.#keyTaken(row);
    if (taken !== undefined) return taken;
    // As in Postgres, a fenced node learns what is there, and adds nothing.
    if (this.#node === undefined) return { kind: "fenced" };
    const { turn, commandIds, idleIds = [], events, appendId } = row;
    const kept = task ?? this.#newTask(row);
    const node = appendedBy(appendId);
    kept.turns.push({
      ...{ turn, commandIds, events },
      ...(idleIds.length > 0 && { idleIds }),
      ...(node !== undefined && { node }),
    });
    kept.appendIds.push(appendId);
    if (row.change !== undefined) this.#change(row.taskId, kept, row.change);
    this.#sideEffects(row);
    this.#figures.rows++;
    return { kind: "inserted" };
  }

  #change(taskId: TaskId, kept: KeptTask, change: TaskChange): void {
    kept.change = change;
    if (change.resident) this.#away.delete(taskId);
    else this.#away.add(taskId);
    if (change.endedAtMs === undefined || this.#endedMax === Infinity) return;
    this.#ended.add(taskId);
    if (this.#ended.size > this.#endedMax) this.#drop(this.#ended.values().next().value as TaskId);
  }

  #drop(taskId: TaskId): void {
    const { birth } = this.#tasks.get(taskId) ?? {};
    if (birth !== undefined) this.#keys.delete(keyOf(birth));
    this.#tasks.delete(taskId);
    this.#away.delete(taskId);
    this.#ended.delete(taskId);
  }

  #keyTaken({ birth }: TurnRow): Appended | undefined {
    const holder = birth && this.#keys.get(keyOf(birth));
    if (holder === undefined) return undefined;
    const sameBody = holder.bodyHash === birth?.bodyHash;
    return { kind: "key_taken", taskId: holder.taskId, sameBody };
  }

  #newTask({ taskId, birth }: TurnRow): KeptTask {
    const task: KeptTask = {
      turns: [],
      appendIds: [],
      birth,
      change: { state: "running", blockedReason: null, resident: true },
    };
    this.#tasks.set(taskId, task);
    if (birth !== undefined) this.#keys.set(keyOf(birth), { taskId, bodyHash: birth.bodyHash });
    return task;
  }

  #sideEffects({ inbox, answers, sends = [] }: RowlessEntry & Pick<TurnRow, "sends">): void {
    void this.post(sends);
    for (const commandId of inbox) this.#inbox.delete(commandId);
    for (const { commandId, body } of answers) this.#answers.set(commandId, body);
  }
}

function isIn(range: TaskRange, taskId: TaskId, { birth, change }: KeptTask): boolean {
  const mintedMs = mintedAtMs(taskId);
  return birth !== undefined && mintedMs >= range.sinceMs && mintedMs < range.untilMs &&
    `${birth.namespace}/${birth.workflow}` === range.workflow &&
    (range.version ?? birth.version) === birth.version &&
    (range.states?.includes(change.state) ?? true) &&
    (range.label === undefined || change.labels?.includes(range.label) === true);
}

function summaryOf(taskId: TaskId, birth: TaskBirth, change: TaskChange): TaskSummary {
  const { namespace, workflow, version, definitionHash, tags, createdAtMs } = birth;
  const { state, blockedReason, endedAtMs, labels = [] } = change;
  return {
    ...{ taskId, namespace, workflow, version, definitionHash, state },
    blockedReason: blockedReason ?? undefined,
    ...{ tags, createdAtMs, endedAtMs, labels },
  };
}

function byWakeAt(a: DueTask, b: DueTask): number {
  return `${a.wakeAt}/${a.taskId}` < `${b.wakeAt}/${b.taskId}` ? -1 : a.taskId === b.taskId ? 0 : 1;
}

function keyOf({ namespace, key }: TaskBirth): string {
  return `${namespace}/${key}`;
}
