import assert from "node:assert/strict";
import {
  backendsOf,
  JournalBench,
  newTask,
  rowsOf,
  startRow,
  turnRow,
} from "../../tests/support/journal_node.ts";

Deno.test("append() commits a turn whole, and load() gives it back", async () => {
  await using bench = await JournalBench.open();
  const node = await bench.node();
  const taskId = newTask();
  const row = startRow(taskId);

  assert.deepEqual(await node.journal.append(row), { kind: "inserted" });

  const { turn, commandIds, events } = row;
  assert.deepEqual(
    await node.journal.load([taskId, newTask()]),
    new Map([[taskId, [{ turn, commandIds, events }]]]),
  );
});

Deno.test("an execute that came without its sync is ended before its rows are sent again", async () => {
  await using bench = await JournalBench.open();
  const node = await bench.node();
  const sql = bench.watch();
  const taskId = newTask();
  await node.journal.append(startRow(taskId));
  const row = turnRow(taskId, 2);
  const { happened } = bench.proxy.break(/write/, "stall_sync");

  const appended = node.journal.append(row);
  await happened;
  assert.deepEqual(await backendsOf(sql, node).then((all) => all.filter(isWrite)), ["write/0"]);
  node.runtime.fireDeadlines();

  assert.deepEqual(await appended, { kind: "inserted" });
  assert.deepEqual(await backendsOf(sql, node).then((all) => all.filter(isWrite)), ["write/1"]);
  assert.equal((await rowsOf(sql, taskId))[1], `2:${row.appendId}`);
});

function isWrite(name: string): boolean {
  return name.startsWith("write/");
}
