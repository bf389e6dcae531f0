/** A node's journal over a real Postgres, and a second look at what it holds. */

import postgres from "postgres";
import type { Event } from "../../src/core/event.ts";
import { type Incarnation, mintTaskId, type TaskId } from "../../src/core/ids.ts";
import type { JsonText } from "../../src/core/payload.ts";
import type { SlotRow, TaskBirth, TurnRow } from "../../src/core/ports.ts";
import { type OpenJournal, openJournal } from "../../src/journal/open.ts";
import { ManualRuntime } from "./manual_runtime.ts";
import { makeDatabase } from "./postgres.ts";
import { PostgresProxy } from "./postgres_proxy.ts";

/** One joined node. */
export interface JournalNode extends OpenJournal, AsyncDisposable {
  readonly incarnation: Incarnation;
  readonly runtime: ManualRuntime;
  readonly warnings: string[];
}

/** A database, a way to break the links to it, and a connection that looks on. */
export class JournalBench implements AsyncDisposable {
  readonly #nodes: JournalNode[] = [];
  readonly #watchers: postgres.Sql[] = [];

  private constructor(
    readonly url: string,
    readonly proxy: PostgresProxy,
    readonly parameters: string,
  ) {}

  /** On a new database, or behind what stands before one; nodes add parameters to the URL. */
  static async open(
    { url, parameters = "" }: { url?: string; parameters?: string } = {},
  ): Promise<JournalBench> {
    const base = url ?? (await makeDatabase()).url;
    return new JournalBench(base, PostgresProxy.open(base), parameters);
  }

  /** A connection past the proxy. */
  watch(): postgres.Sql {
    const sql = postgres(this.url, { max: 1, onnotice: () => {}, fetch_types: false });
    this.#watchers.push(sql);
    return sql;
  }

  /** Gives the database the settings that connections behind a pooler cannot set themselves. */
  async keepSettings(): Promise<void> {
    const name = new URL(this.url).pathname.slice(1);
    await this.watch().unsafe(`
      alter database ${name} set statement_timeout = '4s';
      alter database ${name} set lock_timeout = '2s';
      alter database ${name} set idle_in_transaction_session_timeout = '5s'`);
  }

  /** Opens a node's journal through the proxy, and joins. */
  async node(
    { prepare = true, join = true }: { prepare?: boolean; join?: boolean } = {},
  ): Promise<JournalNode> {
    const runtime = new ManualRuntime();
    const incarnation = runtime.uuid() as Incarnation;
    const warnings: string[] = [];
    const journal = await openJournal({
      url: `${this.proxy.url}${this.parameters === "" ? "" : `?${this.parameters}`}`,
      runtime,
      incarnation,
      prepare,
      onWarning: (text) => void warnings.push(text),
    });
    const close = () => journal.close();
    const node = { ...journal, incarnation, runtime, warnings, [Symbol.asyncDispose]: close };
    this.#nodes.push(node);
    if (join) await journal.nodes.join({ incarnation, name: "test", replaces: undefined });
    return node;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const node of this.#nodes) {
      const isClosed = node.close();
      node.runtime.fireDeadlines();
      await isClosed;
    }
    await this.proxy[Symbol.asyncDispose]();
    for (const sql of this.#watchers) await sql.end({ timeout: 0 });
  }
}

/** Claims slots for a node, whatever version they have. */
export async function claimSlots(
  node: JournalNode,
  slots: readonly number[],
): Promise<readonly SlotRow[]> {
  const { slots: seen } = await node.nodes.poll();
  const wanted = new Set(slots);
  return await node.nodes.claim(seen.filter((row) => wanted.has(row.slot)));
}

/** A new task's id, in a slot. */
export function newTask(slot = 7): TaskId {
  return mintTaskId(Date.now(), slot, crypto.randomUUID());
}

/** The row that starts a task. */
export function startRow(taskId: TaskId, more: Partial<TurnRow & TaskBirth> = {}): TurnRow {
  const { key = `cmd:${taskId}`, bodyHash = "body", tags = [], ...row } = more;
  return {
    ...turnRow(taskId, 1, [startedAt(BEGIN_MS)]),
    birth: {
      namespace: more.namespace ?? "test",
      workflow: more.workflow ?? "chain",
      version: more.version ?? "1.0.0",
      definitionHash: "hash",
      createdAtMs: BEGIN_MS,
      key,
      bodyHash,
      tags,
    },
    change: { state: "running", blockedReason: null, resident: true },
    ...row,
  };
}

/** Any later row of a task. */
export function turnRow(
  taskId: TaskId,
  turn: number,
  events: readonly Event[] = [completedAt(BEGIN_MS + turn)],
): TurnRow {
  return {
    taskId,
    turn,
    appendId: crypto.randomUUID(),
    commandIds: [],
    events,
    inbox: [],
    answers: [],
  };
}

/** When the tasks of tests begin, Unix ms. */
export const BEGIN_MS = 1_767_225_600_000;

export function startedAt(atMs: number): Event {
  return {
    kind: "TaskStarted",
    atMs,
    definitionHash: "hash",
    input: '{"orderId":"o1"}' as JsonText,
    tags: [],
  };
}

export function completedAt(atMs: number, result = '"done"'): Event {
  const ran = { step: 0, attempt: 1, ranMs: 5 };
  return { kind: "StepCompleted", atMs, ...ran, result: result as JsonText };
}

/** All rows of the journal, as `turn:append_id` by task. */
export async function rowsOf(sql: postgres.Sql, taskId: TaskId): Promise<string[]> {
  const rows = await sql`
    select turn, append_id from tasker.journal where task_id = ${taskId} order by turn`;
  return rows.map((row) => `${row.turn}:${row.append_id}`);
}

/** Names of the backends of a node that are there now. */
export async function backendsOf(sql: postgres.Sql, node: JournalNode): Promise<string[]> {
  const rows = await sql`
    select application_name from pg_stat_activity
    where starts_with(application_name, ${`tasker/${node.incarnation}/`})
    order by application_name`;
  return rows.map((row) => String(row.application_name).split("/").slice(2).join("/"));
}

/** What has not come about by then never will. */
const WAIT_MS_MAX = 10_000;

/**
 * Resolves when `count` backends of this database wait for a lock.
 *
 * @throws when fewer wait within WAIT_MS_MAX: what should hold the lock does not
 */
export async function lockWaits(sql: postgres.Sql, count = 1): Promise<void> {
  await comesAbout(`${count} backends wait for a lock`, async () => {
    const rows = await sql`
      select 1 from pg_stat_activity
      where datname = current_database() and wait_event_type = 'Lock'`;
    return rows.length >= count;
  });
}

/** Asks until something is so; throws when it does not come about. */
export async function comesAbout(what: string, look: () => Promise<boolean>): Promise<void> {
  const until = Date.now() + WAIT_MS_MAX;
  while (!await look()) {
    if (Date.now() > until) throw new Error(`It did not come about that ${what}`);
  }
}

/** Thrown to roll a transaction back. */
export const ROLL_BACK = new Error("roll back");

/** Takes the end of a transaction that was to be rolled back, and no other failure in it. */
export function rolledBack(error: unknown): void {
  if (error !== ROLL_BACK) throw error;
}

/** What a query finds, as plain arrays. */
export async function valuesOf(
  sql: postgres.Sql,
  text: string,
  ...parameters: string[]
): Promise<unknown[][]> {
  const rows = await sql.unsafe(text, parameters).values();
  return [...rows].map((row) => [...row]);
}

/** Counts the rows of each answer that a node's database gives from now on. */
export function countRows({ database }: JournalNode): number[] {
  const counts: number[] = [];
  const query = database.query.bind(database);
  database.query = async (text, parameters) => {
    const rows = await query(text, parameters);
    counts.push(rows.length);
    return rows;
  };
  return counts;
}
