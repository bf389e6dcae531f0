import assert from "node:assert/strict";
import {
  BEGIN_MS,
  countRows,
  JournalBench,
  newTask,
  startRow,
  turnRow,
} from "../../tests/support/journal_node.ts";
import { codeOf } from "./sqlstate.ts";

Deno.test("a version stands for one definition, whose policies may change", async () => {
  await using bench = await JournalBench.open();
  const { definitions } = await bench.node();
  const definition = {
    namespace: "test",
    name: "chain",
    version: "1.0.0",
    failurePolicy: "continue_independent",
    steps: [],
  } as const;
  await definitions.put("h1", definition);

  const changed = definitions.put("h2", definition);
  await assert.rejects(changed, (error) => codeOf(error) === "definition.changed");
  await definitions.put("h1", { ...definition, failurePolicy: "fail_fast" });

  assert.equal((await definitions.get("h1"))?.failurePolicy, "fail_fast");
  assert.equal(await definitions.get("h9"), undefined);
  assert.deepEqual((await definitions.list()).map(({ hash }) => hash), ["h1"]);
});

Deno.test("all definitions were read by one statement, however large", async () => {
  await using bench = await JournalBench.open();
  const node = await bench.node();
  const versions = ["1.0.0", "1.0.1", "1.1.0", "2.0.0"];
  for (const version of versions) {
    // Text that Postgres can hardly compress: a page holds one.
    const bytes = new Uint8Array(65_536 * 11);
    for (let from = 0; from < bytes.length; from += 65_536) {
      crypto.getRandomValues(bytes.subarray(from, from + 65_536));
    }
    await node.definitions.put(`h${version}`, {
      namespace: "test",
      name: "large",
      version,
      failurePolicy: "continue_independent",
      steps: [],
      input: { description: bytes.toBase64() },
    });
  }
  const counts = countRows(node);

  const listed = await node.definitions.list();

  assert.deepEqual(listed.map(({ definition }) => definition.version), versions);
  assert.deepEqual(counts, [1, 1, 1, 1, 0]);
});

Deno.test("a version is free for another definition once the tasks of the old one have ended", async () => {
  await using bench = await JournalBench.open();
  const { definitions, journal } = await bench.node();
  const definition = {
    namespace: "test",
    name: "chain",
    version: "1.0.0",
    failurePolicy: "continue_independent",
    steps: [],
  } as const;
  await definitions.put("hash", definition);
  const taskId = newTask();
  await journal.append(startRow(taskId));

  const open = await definitions.forgetVersion("hash", definition);
  await assert.rejects(
    definitions.put("other", definition),
    (error) => codeOf(error) === "definition.changed",
  );
  await journal.append({
    ...turnRow(taskId, 2, [{ kind: "TaskEnded", atMs: BEGIN_MS, end: "completed" }]),
    change: { state: "completed", blockedReason: null, resident: true, endedAtMs: BEGIN_MS },
  });
  const left = await definitions.forgetVersion("hash", definition);
  await definitions.put("other", definition);

  assert.deepEqual(open, [taskId]);
  assert.deepEqual(left, []);
  assert.deepEqual((await definitions.list()).map(({ hash }) => hash), ["other"]);
  assert.ok(await definitions.get("hash"), "tasks that have ended are still shown by it");
});

Deno.test("tasks in flight of a definition are counted until they have ended", async () => {
  await using bench = await JournalBench.open();
  const { definitions, journal } = await bench.node();
  const definition = {
    namespace: "test",
    name: "chain",
    version: "1.0.0",
    failurePolicy: "continue_independent",
    steps: [],
  } as const;
  const taskId = newTask();
  await journal.append(startRow(taskId));
  const before = await definitions.openTasks("hash", definition);
  await journal.append({
    ...turnRow(taskId, 2, [{ kind: "TaskEnded", atMs: BEGIN_MS, end: "completed" }]),
    change: { state: "completed", blockedReason: null, resident: true, endedAtMs: BEGIN_MS },
  });

  assert.equal(before, 1);
  assert.equal(await definitions.openTasks("hash", definition), 0);
  assert.equal(await definitions.openTasks("other", definition), 0);
});

Deno.test("who forced a version is kept as it was recorded first", async () => {
  await using bench = await JournalBench.open();
  const node = await bench.node();
  const definition = {
    namespace: "test",
    name: "chain",
    version: "1.0.0",
    failurePolicy: "continue_independent",
    steps: [],
  } as const;

  await node.definitions.recordForced(definition, { by: "ada", reason: "r", breaks: ['a "b"'] });
  await node.definitions.recordForced(definition, { by: "bo", reason: "s", breaks: [] });

  const rows = await bench.watch()`
    select forced_by, reason, array_to_json(breaks) as breaks from tasker.forced_version`;
  assert.deepEqual(rows.map((row) => ({ ...row })), [
    { forced_by: "ada", reason: "r", breaks: ['a "b"'] },
  ]);
});
