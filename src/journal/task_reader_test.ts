import assert from "node:assert/strict";
import { BEGIN_MS, JournalBench, startRow } from "../../tests/support/journal_node.ts";
import { mintTaskId } from "../core/ids.ts";
import { PostgresTaskReader } from "./task_reader.ts";

const RANGE = { workflow: "test/chain", sinceMs: BEGIN_MS, untilMs: BEGIN_MS + 1_000, limit: 200 };

Deno.test("what does not fit into the bytes of a call is left out evenly over the range", async () => {
  await using bench = await JournalBench.open();
  const node = await bench.node();
  const ids = Array.from(
    { length: 200 },
    (_, at) => mintTaskId(BEGIN_MS + at, 7, crypto.randomUUID()),
  );
  await Promise.all(ids.map((taskId) => node.journal.append(startRow(taskId))));
  const reader = new PostgresTaskReader(node.database, 8_000); // about 100 small tasks

  const found = await Array.fromAsync(reader.tasks(RANGE));

  const places = found.map(({ summary }) => ids.indexOf(summary.taskId));
  assert.ok(found.length > 80 && found.length < 120, `${found.length} tasks`);
  for (const from of [0, 50, 100, 150]) {
    const count = places.filter((place) => place >= from && place < from + 50).length;
    assert.ok(count > 0, `none of the tasks from ${from} on`);
  }
});

Deno.test("a task that cannot be read is left out, and holds up no other", async () => {
  await using bench = await JournalBench.open();
  const node = await bench.node();
  const [newer, known] = [2, 1].map((at) => mintTaskId(BEGIN_MS + at, 7, crypto.randomUUID()));
  for (const taskId of [newer, known]) await node.journal.append(startRow(taskId!));
  await bench.watch()`update tasker.journal set events = '[9,{}]' where task_id = ${newer!}`;

  const found = await Array.fromAsync(node.tasks.tasks(RANGE));

  assert.deepEqual(found.map(({ summary }) => summary.taskId), [known]);
});
