import assert from "node:assert/strict";
import { loadAll } from "../../tests/support/loaded.ts";
import fc from "fast-check";
import { turns } from "../../tests/support/events.ts";
import {
  BEGIN_MS,
  completedAt,
  JournalBench,
  type JournalNode,
  newTask,
  startRow,
  turnRow,
  valuesOf,
} from "../../tests/support/journal_node.ts";
import { Bug } from "../core/errors.ts";
import type { Turn } from "../core/event.ts";
import { codeOf } from "./sqlstate.ts";

const SEED = Number(Deno.env.get("WRITER_SEED") ?? Date.now() % 2 ** 31);
console.log(`writer: WRITER_SEED=${SEED}`);

Deno.test("Postgres gives back turns of every kind of event as they were written", async () => {
  await using bench = await JournalBench.open();
  const node = await bench.node();
  const tasks = fc.sample(fc.array(turns, { minLength: 1, maxLength: 4 }), {
    numRuns: 50,
    seed: SEED,
  }).map((drawn) => ({
    taskId: newTask(),
    turns: drawn.map((turn, at): Turn => ({ ...turn, turn: at + 1 })),
  }));
  const rows = tasks.flatMap(({ taskId, turns }) =>
    turns.map((turn) => ({ ...turnRow(taskId, turn.turn), ...turn }))
  );

  await Promise.all(rows.map((row) => node.journal.append(row)));

  const journals = await loadAll(node.journal, tasks.map(({ taskId }) => taskId));
  assert.deepEqual(journals, new Map(sorted(tasks).map(({ taskId, turns }) => [taskId, turns])));
});

Deno.test("turns decided in one iteration of the event loop share one commit", async () => {
  await using bench = await JournalBench.open();
  const node = await bench.node();

  await Promise.all(Array.from({ length: 20 }, () => node.journal.append(startRow(newTask()))));

  const { commits, rows } = node.journal.figures();
  assert.deepEqual({ commits, rows }, { commits: 1, rows: 20 });
});

Deno.test("what comes while a flush is in flight goes into the next one, all of it", async () => {
  await using bench = await JournalBench.open();
  const node = await bench.node();
  await node.journal.append(startRow(newTask()));
  const { happened, release } = bench.proxy.break(/write/, "hold");

  const first = node.journal.append(startRow(newTask()));
  await happened;
  const more = Array.from({ length: 5 }, () => node.journal.append(startRow(newTask())));
  release();
  await Promise.all([first, ...more]);

  const { commits, rows } = node.journal.figures();
  assert.deepEqual({ commits, rows }, { commits: 3, rows: 7 });
});

Deno.test("what follows from a flush shares the next one with what waits already", async () => {
  await using bench = await JournalBench.open();
  const node = await bench.node();
  await node.journal.append(startRow(newTask()));
  const { happened, release } = bench.proxy.break(/write/, "hold");

  const following = node.journal.append(startRow(newTask())).then(async () => {
    await new Promise((resolve) => setImmediate(resolve));
    await node.journal.append(startRow(newTask()));
  });
  await happened;
  const waiting = node.journal.append(startRow(newTask()));
  release();
  await Promise.all([following, waiting]);

  const { commits, rows } = node.journal.figures();
  assert.deepEqual({ commits, rows }, { commits: 3, rows: 4 });
});

Deno.test("a flush takes 2,048 entries at most", async () => {
  await using bench = await JournalBench.open();
  const node = await bench.node();

  await Promise.all(Array.from({ length: 2_049 }, () => node.journal.append(startRow(newTask()))));

  assert.equal(node.journal.figures().commits, 2);
});

Deno.test("a flush takes four million characters at most, and one row whatever its size", async () => {
  await using bench = await JournalBench.open();
  const node = await bench.node();
  const result = JSON.stringify("x".repeat(3_000_000));
  const large = () => turnRow(newTask(), 1, [completedAt(BEGIN_MS, result)]);

  await Promise.all([large(), large(), large()].map((row) => node.journal.append(row)));
  assert.equal(node.journal.figures().commits, 3);

  const whole = JSON.stringify("x".repeat(5_000_000));
  const { kind } = await node.journal.append(turnRow(newTask(), 1, [completedAt(BEGIN_MS, whole)]));
  assert.equal(kind, "inserted");
});

Deno.test("the side effects of a turn come with it, and with it alone", async () => {
  await using bench = await JournalBench.open();
  const node = await bench.node();
  const sql = bench.watch();
  const taskId = newTask();
  await node.journal.append(startRow(taskId));
  const command = { kind: "Wake", taskId } as const;
  for (const commandId of ["c1", "c2"]) {
    await node.nodes.post([{ commandId, slot: 7, command, wantsAnswer: true }]);
  }

  const outcomes = await Promise.all([
    node.journal.append({
      ...turnRow(taskId, 2),
      inbox: ["c1"],
      answers: [{ commandId: "c1", body: "first" }],
      change: { state: "blocked", blockedReason: "parked", resident: true },
    }),
    node.journal.append({
      ...turnRow(taskId, 1),
      inbox: ["c2"],
      answers: [{ commandId: "c2", body: "second" }],
      change: { state: "failed", blockedReason: null, resident: true, endedAtMs: 1 },
    }),
  ]);

  assert.deepEqual(outcomes, [{ kind: "inserted" }, { kind: "ownership_lost" }]);
  assert.deepEqual(await valuesOf(sql, "select command_id from tasker.inbox"), [["c2"]]);
  assert.deepEqual(await valuesOf(sql, "select command_id, body from tasker.answer"), [
    ["c1", "first"],
  ]);
  assert.deepEqual(await valuesOf(sql, "select state, blocked_reason from tasker.task"), [
    ["blocked", "parked"],
  ]);
});

Deno.test("an answer without a row takes its inbox row along and leaves its answer", async () => {
  await using bench = await JournalBench.open();
  const node = await bench.node();
  const sql = bench.watch();
  const taskId = newTask();
  const command = { kind: "Wake", taskId } as const;
  await node.nodes.post([{ commandId: "c1", slot: 7, command, wantsAnswer: true }]);

  const answers = [{ commandId: "c1", body: "no such task" }];
  assert.equal(await node.journal.confirm({ taskId, inbox: ["c1"], answers }), true);

  assert.deepEqual(await valuesOf(sql, "select command_id from tasker.inbox"), []);
  assert.equal((await node.nodes.takeAnswers(["c1"])).get("c1"), "no such task");
  assert.equal((await node.nodes.takeAnswers(["c1"])).get("c1"), undefined);
});

Deno.test("an answer without a row waits for a flush that starts after it was decided", async () => {
  await using bench = await JournalBench.open();
  const node = await bench.node();
  const sql = bench.watch();
  await node.journal.append(startRow(newTask()));
  const inFlight = bench.proxy.break(/write/, "hold");
  const following = bench.proxy.break(/write/, "hold");

  const appended = node.journal.append(startRow(newTask()));
  await inFlight.happened;
  const confirmed = node.journal.confirm({ taskId: newTask(), inbox: [], answers: [] });
  inFlight.release();
  assert.deepEqual(await appended, { kind: "inserted" });
  await following.happened;
  await sql`delete from tasker.node`;
  following.release();

  assert.equal(await confirmed, false, "the node lost its row after the flush in flight");
});

Deno.test("idle() waited for what came after it, and for ever under load", async () => {
  await using bench = await JournalBench.open();
  const node = await bench.node();
  await node.journal.append(startRow(newTask()));
  const first = bench.proxy.break(/write/, "hold");
  const second = bench.proxy.break(/write/, "hold");
  const settled: string[] = [];

  const appended = node.journal.append(startRow(newTask()));
  void appended.then(() => settled.push("appended"));
  await first.happened;
  const idle = node.journal.idle().then(() => settled.push("idle"));
  const later = node.journal.append(startRow(newTask()));
  first.release();
  await second.happened;
  await idle;
  second.release();
  await later;

  assert.deepEqual(settled, ["appended", "idle"]);
});

Deno.test("idle() waits for what waits, not only for what is in flight", async () => {
  await using bench = await JournalBench.open();
  const node = await bench.node();
  await node.journal.append(startRow(newTask()));
  const first = bench.proxy.break(/write/, "hold");
  const settled: string[] = [];

  const inFlight = node.journal.append(startRow(newTask()));
  await first.happened;
  const waiting = node.journal.append(startRow(newTask())).then(() => settled.push("waiting"));
  const idle = node.journal.idle().then(() => settled.push("idle"));
  first.release();
  await Promise.all([inFlight, waiting, idle]);
  await node.journal.idle();

  assert.deepEqual(settled, ["waiting", "idle"]);
});

Deno.test("append() rejects a turn that cannot be encoded, and goes on", async () => {
  await using bench = await JournalBench.open();
  const node = await bench.node();

  const broken = node.journal.append(turnRow(newTask(), 1, [completedAt(NaN)]));

  await assert.rejects(broken, Bug);
  assert.deepEqual(await node.journal.append(startRow(newTask())), { kind: "inserted" });
});

Deno.test("close() rejects what waits and what comes after as not sent, and opens nothing again", async () => {
  await using bench = await JournalBench.open();
  const node = await bench.node();
  await node.journal.append(startRow(newTask()));
  const { happened, release } = bench.proxy.break(/write/, "hold");
  const inFlight = node.journal.append(startRow(newTask()));
  await happened;
  const isUnsent = (error: unknown) => codeOf(error) === "journal.unavailable";
  const waiting = assert.rejects(node.journal.append(startRow(newTask())), isUnsent);

  const closed = node.close();
  const after = assert.rejects(node.journal.append(startRow(newTask())), isUnsent);
  release();

  assert.deepEqual(await inFlight, { kind: "inserted" });
  await Promise.all([waiting, after]);
  await closed;
  await node.journal.idle();
});

Deno.test("a node behind a pooler left prepared statements on its connections", async () => {
  await using bench = await JournalBench.open();
  await bench.keepSettings();
  const node = await bench.node({ prepare: false });
  const sql = bench.watch();
  const row = startRow(newTask());

  assert.deepEqual(await node.journal.append(row), { kind: "inserted" });
  await bareStatements(node);

  assert.deepEqual([...(await loadAll(node.journal, [row.taskId])).keys()], [row.taskId]);
  assert.deepEqual(await valuesOf(sql, "select count(*)::int from tasker.journal"), [[1]]);
});

/** No connection holds a prepared statement with a name. */
async function bareStatements(node: JournalNode): Promise<void> {
  const rows = await node.database.query("select name from pg_prepared_statements");
  assert.deepEqual([...rows], []);
}

/** In the order of their ids, as `load` reads them. */
function sorted<T extends { readonly taskId: string }>(tasks: readonly T[]): readonly T[] {
  return tasks.toSorted((a, b) => a.taskId < b.taskId ? -1 : 1);
}
