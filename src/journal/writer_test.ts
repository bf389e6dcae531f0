import assert from "node:assert/strict";
import { JournalBench, newTask, startRow } from "../../tests/support/journal_node.ts";

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
