import assert from "node:assert/strict";
import type { Event } from "../core/event.ts";
import type { TaskId } from "../core/ids.ts";
import type { JsonText } from "../core/payload.ts";
import type { Database, LoadedTask } from "../core/ports.ts";
import {
  JournalBench,
  type JournalNode,
  newTask,
  startRow,
  turnRow,
} from "../../tests/support/journal_node.ts";
import { readJournals, readTasks, readTurns } from "./reading.ts";
import { unavailable } from "./sqlstate.ts";

const MIB = 1024 * 1024;

/** A database that counts the bytes of each answer, and may give statements up. */
class Watched implements Pick<Database, "query"> {
  readonly answers: number[] = [];
  /** Whether a statement is given up for its time, from what it would answer. */
  isSlow: (rows: readonly Record<string, unknown>[]) => boolean = () => false;

  constructor(readonly database: Database) {}

  async query(text: string, parameters: readonly unknown[] = []) {
    const rows = await this.database.query(text, parameters);
    this.answers.push(rows.reduce((sum, row) => sum + String(row.events ?? "").length, 0));
    if (this.isSlow(rows)) {
      throw unavailable("timeout", Object.assign(new Error("timeout"), { code: "57014" }));
    }
    return rows;
  }
}

function watched(node: JournalNode): Watched & Database {
  return new Watched(node.database) as Watched & Database;
}

function large(turn: number, size: number): Event {
  const result = JSON.stringify("x".repeat(size)) as JsonText;
  return { kind: "StepCompleted", atMs: 1_000_000 + turn, step: 0, attempt: 1, ranMs: 0, result };
}

/** Starts a task with `turns` turns of `size` characters beside its first. */
async function taskOf(node: JournalNode, turns: number, size: number): Promise<TaskId> {
  const taskId = newTask();
  await node.journal.append(startRow(taskId));
  for (let turn = 2; turn < 2 + turns; turn++) {
    await node.journal.append(turnRow(taskId, turn, [large(turn, size)]));
  }
  return taskId;
}

async function read(database: Database, taskIds: readonly TaskId[]): Promise<LoadedTask[]> {
  return await Array.fromAsync(readTasks(database, taskIds));
}

function turnsOf(loaded: LoadedTask | undefined): number[] {
  return loaded !== undefined && "turns" in loaded ? loaded.turns.map(({ turn }) => turn) : [];
}

Deno.test("tasks with large journals were all read by one statement", async () => {
  await using bench = await JournalBench.open();
  const node = await bench.node();
  const ids: TaskId[] = [];
  for (let count = 0; count < 8; count++) ids.push(await taskOf(node, 3, MIB / 2));
  const database = watched(node);

  const found = await read(database, ids);

  assert.deepEqual(found.map(({ taskId }) => taskId).sort(), ids.toSorted());
  assert.ok(found.every((loaded) => turnsOf(loaded).join() === "1,2,3,4"));
  assert.ok(Math.max(...database.answers) <= 4 * MIB, `answers of ${database.answers}`);
});

Deno.test("a task that fills many pages comes after those it was asked for with", async () => {
  await using bench = await JournalBench.open();
  const node = await bench.node();
  const huge = await taskOf(node, 12, MIB);
  const long = await taskOf(node, 600, 1);
  const small = [await taskOf(node, 1, 1), await taskOf(node, 1, 1)];
  const database = watched(node);

  const found = await read(database, [huge, long, newTask(), ...small]);

  assert.deepEqual(found.map(({ taskId }) => taskId).slice(0, 2), small);
  const byId = new Map(found.map((loaded) => [loaded.taskId, turnsOf(loaded)]));
  const counted = (length: number) => Array.from({ length }, (_, at) => at + 1);
  assert.deepEqual(byId.get(huge), counted(13));
  assert.deepEqual(byId.get(long), counted(601));
  assert.equal(byId.size, 4);
});

Deno.test("a row that takes too long to read fails its own task only", async () => {
  await using bench = await JournalBench.open();
  const node = await bench.node();
  const ids = [await taskOf(node, 1, 1), await taskOf(node, 1, 2 * MIB), await taskOf(node, 1, 1)];
  const database = watched(node);
  database.isSlow = (rows) => rows.some((row) => String(row.events ?? "").length > MIB);

  const found = await read(database, ids);

  const outcomes = new Map(
    found.map((loaded) => [loaded.taskId, "error" in loaded ? loaded.error.code : "read"]),
  );
  assert.deepEqual(ids.map((id) => outcomes.get(id)), ["read", "journal.too_slow", "read"]);
  const turns = readTurns(database, { taskId: ids[1] as TaskId, afterTurn: 1, limit: 9 });
  await assert.rejects(turns, { code: "journal.too_slow" });
});

Deno.test("a statement given up for its time was repeated unchanged", async () => {
  await using bench = await JournalBench.open();
  const node = await bench.node();
  const ids = [await taskOf(node, 2, MIB), await taskOf(node, 2, MIB)];
  const database = watched(node);
  const size = (rows: readonly Record<string, unknown>[]) =>
    rows.reduce((sum, row) => sum + String(row.events ?? "").length, 0);
  database.isSlow = (rows) => size(rows) > 1.5 * MIB;

  const found = await read(database, ids);

  assert.deepEqual(found.map((loaded) => turnsOf(loaded)), [[1, 2, 3], [1, 2, 3]]);
  const page = await readTurns(database, { taskId: ids[0] as TaskId, afterTurn: 0, limit: 9 });
  assert.deepEqual(page.turns.map(({ turn }) => turn), [1]);
  assert.equal(page.isLast, false);
});

Deno.test("while Postgres answers nothing in time, no task is blamed", async () => {
  await using bench = await JournalBench.open();
  const node = await bench.node();
  const ids = [await taskOf(node, 1, 1)];
  const database = watched(node);
  database.isSlow = () => true;

  await assert.rejects(read(database, ids), { code: "journal.unavailable" });
});

Deno.test("turns() gives large turns in pages, and says which is the last", async () => {
  await using bench = await JournalBench.open();
  const node = await bench.node();
  const taskId = await taskOf(node, 5, MIB);
  const pages: number[][] = [];

  for (let after = 0, isLast = false; !isLast;) {
    const page = await node.history.turns(taskId, after, 100);
    pages.push(page.turns.map(({ turn }) => turn));
    after = page.turns.at(-1)?.turn ?? after;
    isLast = page.isLast;
  }

  assert.deepEqual(pages, [[1, 2, 3, 4], [5, 6]]);
  assert.deepEqual(await node.history.turns(taskId, 6, 100), { turns: [], isLast: true });
});

/** The turns that an export reads, in its order: `task.turn`, tasks by their place in `ids`. */
async function exported(database: Database, ids: readonly TaskId[], afterTurn = 0) {
  const places = ids.map((taskId) => ({ taskId, afterTurn }));
  const parts = await Array.fromAsync(readJournals(database, places));
  return parts.flatMap((part) => {
    const at = ids.indexOf(part.taskId);
    if ("error" in part) return [`${at} ${part.error.code}`];
    return part.turns.map(({ turn }) => `${at}.${turn}`);
  });
}

Deno.test("journals are exported in order, many of them by one statement", async () => {
  await using bench = await JournalBench.open();
  const node = await bench.node();
  const ids: TaskId[] = [];
  for (let count = 0; count < 40; count++) ids.push(await taskOf(node, 2, 1));
  const database = watched(node);

  const turns = await exported(database, ids);
  const later = await exported(database, ids.slice(0, 1), 2);

  assert.deepEqual(turns, ids.flatMap((_, at) => [1, 2, 3].map((turn) => `${at}.${turn}`)));
  assert.deepEqual(later, ["0.3"]);
  assert.equal(database.answers.length, 2);
});

Deno.test("journals of any size are exported in order, and each statement reads a bounded part", async () => {
  await using bench = await JournalBench.open();
  const node = await bench.node();
  const ids = [
    await taskOf(node, 1, 1),
    await taskOf(node, 5, MIB / 2),
    await taskOf(node, 150, 1),
    await taskOf(node, 1, 2 * MIB),
    await taskOf(node, 1, 1),
  ];
  const database = watched(node);

  const turns = await exported(database, ids);

  const lengths = [2, 6, 151, 2, 2];
  assert.deepEqual(
    turns,
    lengths.flatMap((length, at) => Array.from({ length }, (_, turn) => `${at}.${turn + 1}`)),
  );
  assert.ok(Math.max(...database.answers) <= 2.1 * MIB, "one row, or a MiB");
  assert.ok(database.answers.filter((bytes) => bytes > 1.1 * MIB).length <= 1);
});

Deno.test("an export leaves out what it cannot read of one journal, and goes on", async () => {
  await using bench = await JournalBench.open();
  const node = await bench.node();
  const ids = [await taskOf(node, 1, 1), await taskOf(node, 2, 2 * MIB), await taskOf(node, 1, 1)];
  const database = watched(node);
  database.isSlow = (rows) => rows.some((row) => String(row.events ?? "").length > MIB);

  const turns = await exported(database, ids);

  assert.deepEqual(turns, ["0.1", "0.2", "1.1", "1 journal.too_slow", "2.1", "2.2"]);
});
