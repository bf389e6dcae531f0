/** A database of several nodes in memory: each call is one atomic statement of one node. */

import { TaskerError } from "../../src/core/errors.ts";
import type { Turn } from "../../src/core/event.ts";
import { appendedBy, type Incarnation, slotOf, SLOTS, type TaskId } from "../../src/core/ids.ts";
import {
  type Appended,
  DUE_PER_SLOT,
  type DuePlace,
  type DueTask,
  type InboxRow,
  type LoadedTask,
  type NodeRow,
  type PollResult,
  type RowlessEntry,
  type Runtime,
  type SlotRow,
  type TaskChange,
  type TurnRow,
} from "../../src/core/ports.ts";

/** As the real poll renews. */
const LEASE_MS = 10_000;

/** As the real poll reads. */
const POLL_ROWS_MAX = 500;

interface KeptTask {
  readonly turns: Turn[];
  readonly appendIds: string[];
  readonly writers: Incarnation[];
  change: TaskChange;
}

interface KeptNode {
  readonly name: string;
  readonly format: number;
  renewals: number;
  readonly bus?: string;
  expiresAtMs: number;
}

/** The tables, and the laws of the statements in `src/journal/sql`. */
export class ClusterStore {
  readonly tasks = new Map<TaskId, KeptTask>();
  readonly nodes = new Map<Incarnation, KeptNode>();
  readonly slots: SlotRow[] = Array.from(
    { length: SLOTS },
    (_, slot) => ({ slot, owner: null, version: 0 }),
  );
  readonly inbox = new Map<string, InboxRow>();
  readonly answers = new Map<string, string>();
  readonly #keys = new Map<string, { taskId: TaskId; bodyHash: string }>();

  constructor(readonly runtime: Runtime) {}

  append(incarnation: Incarnation, row: TurnRow): Appended {
    const task = this.tasks.get(row.taskId);
    const known = task?.appendIds[row.turn - 1];
    if (known !== undefined) {
      return { kind: known === row.appendId ? "inserted" : "ownership_lost" };
    }
    if (!this.nodes.has(incarnation)) return { kind: "fenced" };
    const taken = this.#takeKey(row);
    if (taken !== undefined) return taken;
    const change: TaskChange = { state: "running", blockedReason: null, resident: true };
    const kept = task ?? { turns: [], appendIds: [], writers: [], change };
    if (row.turn !== kept.turns.length + 1) throw new Error(`turn ${row.turn} leaves a gap`);
    this.tasks.set(row.taskId, kept);
    const node = appendedBy(row.appendId);
    kept.turns.push({
      turn: row.turn,
      ...(node !== undefined && { node }),
      commandIds: [...row.commandIds],
      ...(row.idleIds !== undefined && { idleIds: [...row.idleIds] }),
      events: structuredClone([...row.events]),
    });
    kept.appendIds.push(row.appendId);
    kept.writers.push(incarnation);
    kept.change = row.change ?? kept.change;
    this.#sideEffects(row);
    return { kind: "inserted" };
  }

  confirm(incarnation: Incarnation, entry?: RowlessEntry): boolean {
    if (!this.nodes.has(incarnation)) return false;
    if (entry !== undefined) this.#sideEffects(entry);
    return true;
  }

  /** Tasks with turns in another event format than the first. */
  readonly formats = new Map<TaskId, number>();

  load(taskIds: readonly TaskId[], format: number): readonly LoadedTask[] {
    return taskIds.flatMap((taskId): LoadedTask[] => {
      if ((this.formats.get(taskId) ?? 1) > format) {
        return [{
          taskId,
          error: new TaskerError("journal.format_unknown", "Cannot read: newer"),
        }];
      }
      const task = this.tasks.get(taskId);
      return task === undefined ? [] : [{ taskId, turns: [...task.turns] }];
    });
  }

  join(incarnation: Incarnation, name: string, format: number, bus?: string): void {
    const expiresAtMs = this.runtime.now() + LEASE_MS;
    this.nodes.set(incarnation, {
      name,
      format,
      renewals: 0,
      expiresAtMs,
      ...(bus !== undefined && { bus }),
    });
  }

  /** `seen`: the sum of slot versions at the caller's last poll. */
  poll(incarnation: Incarnation, seen: number): PollResult & { readonly moves: number } {
    const now = this.runtime.now();
    const me = this.nodes.get(incarnation);
    if (me !== undefined) {
      me.renewals++;
      me.expiresAtMs = now + LEASE_MS;
    }
    const moves = this.slots.reduce((sum, row) => sum + row.version, 0);
    const isMine = (slot: number) => this.slots[slot]?.owner === incarnation;
    const due = [...this.tasks].filter(([, { change }]) => isDue(change, now))
      .map(([taskId]) => slotOf(taskId)).filter(isMine);
    return {
      alive: me !== undefined,
      databaseNowMs: now,
      nodes: [...this.nodes].map(([id, node]): NodeRow => ({
        incarnation: id,
        name: node.name,
        renewals: node.renewals,
        expired: node.expiresAtMs < now,
        format: node.format,
        ...(node.bus !== undefined && { bus: node.bus }),
      })),
      moves,
      slots: moves === seen ? [] : [...this.slots],
      inbox: [...this.inbox.values()].filter((row) => isMine(row.slot)).slice(0, POLL_ROWS_MAX),
      dueSlots: [...new Set(due)],
    };
  }

  due(places: readonly DuePlace[]): readonly DueTask[] {
    const now = this.runtime.now();
    return places.flatMap(({ slot, after }) =>
      [...this.tasks].filter(([taskId, { change }]) =>
        slotOf(taskId) === slot && isDue(change, now)
      ).map(([taskId, { change }]) => ({
        taskId,
        wakeAt: String(change.wakeAtMs).padStart(16, "0"),
      })).filter((task) => after === undefined || placeOf(task) > placeOf(after))
        .sort((a, b) => placeOf(a) < placeOf(b) ? -1 : 1)
        .slice(0, DUE_PER_SLOT)
    );
  }

  claim(incarnation: Incarnation, wanted: readonly SlotRow[]): readonly SlotRow[] {
    if (!this.nodes.has(incarnation)) return [];
    return wanted.filter(({ slot, version }) => {
      const row = this.slots[slot];
      return row?.owner === null && row.version === version;
    }).map(({ slot, version }) =>
      this.slots[slot] = { ...this.slots[slot], slot, owner: incarnation, version: version + 1 }
    );
  }

  requireFormat(
    incarnation: Incarnation,
    slots: readonly SlotRow[],
    formatMin: number,
  ): readonly SlotRow[] {
    return slots.filter(({ slot, version }) => {
      const row = this.slots[slot];
      return row?.owner === incarnation && row.version === version;
    }).map(({ slot, version }) =>
      this.slots[slot] = { slot, owner: incarnation, version: version + 1, formatMin }
    );
  }

  release(incarnation: Incarnation, leaving: readonly SlotRow[]): void {
    for (const { slot, version } of leaving) {
      const row = this.slots[slot];
      if (row?.owner !== incarnation || row.version !== version) continue;
      this.slots[slot] = { ...row, owner: null, version: version + 1 };
    }
  }

  /** Ends a node whose lease is over, or whose place the caller has taken. */
  end(incarnation: Incarnation, evenIfAlive: boolean): boolean {
    const node = this.nodes.get(incarnation);
    if (node === undefined || (!evenIfAlive && node.expiresAtMs >= this.runtime.now())) {
      return false;
    }
    this.nodes.delete(incarnation);
    this.freeOrphans();
    return true;
  }

  freeOrphans(): number {
    let freed = 0;
    for (const row of this.slots) {
      if (row.owner === null || this.nodes.has(row.owner)) continue;
      this.slots[row.slot] = { ...row, owner: null, version: row.version + 1 };
      freed++;
    }
    return freed;
  }

  residents(slots: readonly number[]): readonly TaskId[] {
    const wanted = new Set(slots);
    return [...this.tasks].filter(([taskId, { change }]) =>
      wanted.has(slotOf(taskId)) && change.resident && change.endedAtMs === undefined
    ).map(([taskId]) => taskId);
  }

  post(row: InboxRow): void {
    // As JSON, as the real inbox holds it.
    if (!this.inbox.has(row.commandId)) this.inbox.set(row.commandId, structuredClone(row));
  }

  takeAnswers(commandIds: readonly string[]): ReadonlyMap<string, string> {
    const wanted = new Set(commandIds);
    const taken = [...this.answers].filter(([id]) => wanted.has(id));
    for (const [id] of taken) this.answers.delete(id);
    return new Map(taken);
  }

  #takeKey({ taskId, birth }: TurnRow): Appended | undefined {
    if (birth === undefined) return undefined;
    const key = `${birth.namespace}/${birth.key}`;
    const holder = this.#keys.get(key);
    if (holder === undefined) {
      this.#keys.set(key, { taskId, bodyHash: birth.bodyHash });
      return undefined;
    }
    const sameBody = holder.bodyHash === birth.bodyHash;
    return { kind: "key_taken", taskId: holder.taskId, sameBody };
  }

  #sideEffects({ inbox, answers }: RowlessEntry): void {
    for (const commandId of inbox) this.inbox.delete(commandId);
    for (const { commandId, body } of answers) {
      if (!this.answers.has(commandId)) this.answers.set(commandId, body);
    }
  }
}

function isDue({ resident, endedAtMs, wakeAtMs = Infinity }: TaskChange, now: number): boolean {
  return !resident && endedAtMs === undefined && wakeAtMs <= now;
}

function placeOf({ wakeAt, taskId }: DueTask): string {
  return `${wakeAt}/${taskId}`;
}
