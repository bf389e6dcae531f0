import assert from "node:assert/strict";
import { loadAll } from "../../tests/support/loaded.ts";
import {
  JournalBench,
  type JournalNode,
  lockWaits,
  newTask,
  ROLL_BACK,
  rolledBack,
  startRow,
  turnRow,
  valuesOf,
} from "../../tests/support/journal_node.ts";
import { TaskerError } from "../core/errors.ts";
import type { TurnRow } from "../core/ports.ts";

Deno.test("a poison row is found by splitting, and the innocent ones of its flush go in", async () => {
  for (const guilty of [0, 3, 6]) {
    await using bench = await JournalBench.open();
    const node = await bench.node();
    const rows = Array.from(
      { length: 7 },
      (_, at) => startRow(newTask(), at === guilty ? { tags: ["a\u0000b"] } : {}),
    );

    const rowless = { taskId: newTask(), inbox: [], answers: [] };
    const [isAlive, ...appended] = await Promise.all([
      node.journal.confirm(rowless),
      ...rows.map((row) => node.journal.append(row)),
    ]);

    assert.equal(isAlive, true);
    appended.forEach((outcome, at) => {
      assert.equal(outcome.kind, at === guilty ? "poison" : "inserted");
      if (outcome.kind === "poison") assert.equal(outcome.error.code, "journal.poison");
    });
    const journals = await loadAll(node.journal, rows.map((row) => row.taskId));
    assert.equal(journals.size, 6);
  }
});

for (
  const [what, more] of [
    ["a character U+0000 in a key", { key: "a\u0000" }],
    ["half a pair of surrogates in a tag", { tags: ["\ud800"] }],
  ] as const
) {
  Deno.test(`append() refuses ${what} as poison`, async () => {
    await using bench = await JournalBench.open();
    const node = await bench.node();

    const appended = await node.journal.append(startRow(newTask(), more));

    assert.equal(appended.kind, "poison");
  });
}

Deno.test("an answer without a row that Postgres refuses rejects; its flush goes in", async () => {
  await using bench = await JournalBench.open();
  const node = await bench.node();
  const taskId = newTask();

  const appended = node.journal.append(startRow(taskId));
  const confirmed = node.journal.confirm({ taskId, inbox: ["\u0000"], answers: [] });

  await assert.rejects(confirmed, (error) => {
    return error instanceof TaskerError && error.code === "journal.poison";
  });
  assert.deepEqual(await appended, { kind: "inserted" });
});

Deno.test("keys go in sorted: who has a later key never waits for an earlier one", async () => {
  await using bench = await JournalBench.open();
  const [first, second] = [await bench.node(), await bench.node()];
  const sql = bench.watch();
  const keys = ["b", "a", "C", "e", "d", "ä", "Z"];
  const startAll = (node: JournalNode, order: readonly string[]) =>
    Promise.all(order.map((key) => node.journal.append(startRow(newTask(), { key }))));
  let both: Promise<unknown> | undefined;

  await bench.watch().begin(async (inside) => {
    await inside`
      insert into tasker.task_key (namespace, key, task_id, body_hash)
      values ('test', 'c', gen_random_uuid(), ''), ('test', 'd', gen_random_uuid(), '')`;
    const one = startAll(first, keys);
    await lockWaits(sql, 1);
    const two = startAll(second, keys.toReversed());
    await lockWaits(sql, 2);
    both = Promise.all([one, two]);

    // The first has Z, C, a and b, and waits for d; the second waits for the first's C.
    const waits = await sql`
      select split_part(application_name, '/', 2) as waiting,
        (select split_part(b.application_name, '/', 2) from pg_stat_activity b
         where b.pid = (pg_blocking_pids(a.pid))[1]) as holder
      from pg_stat_activity a
      where wait_event_type = 'Lock' and datname = current_database()`;
    assert.equal(
      waits.find((row) => row.waiting === second.incarnation)?.holder,
      first.incarnation,
    );
    throw ROLL_BACK;
  }).catch(rolledBack);

  const kinds = (await both as { kind: string }[][]).map((all) => all.map((one) => one.kind));
  assert.deepEqual(kinds, [keys.map(() => "inserted"), keys.map(() => "key_taken")]);
  assert.deepEqual([...first.warnings, ...second.warnings], []);
});

Deno.test("the turn after a passivation takes the wake-up time out of the task's row", async () => {
  await using bench = await JournalBench.open();
  const node = await bench.node();
  const taskId = newTask();
  const wakes = () => valuesOf(bench.watch(), "select resident, wake_at::text from tasker.task");
  await node.journal.append(startRow(taskId));
  const asleep = { state: "waiting", blockedReason: null, resident: false, wakeAtMs: 0 } as const;
  await node.journal.append({ ...turnRow(taskId, 2), change: asleep });
  const [[, wakeAt] = []] = await wakes();
  assert.match(String(wakeAt), /^1970-01-01/);

  const awake = { state: "running", blockedReason: null, resident: true } as const;
  await node.journal.append({ ...turnRow(taskId, 3), change: awake });

  assert.deepEqual(await wakes(), [[true, null]]);
});

Deno.test("of two starts with one key in one flush one goes in, and the other learns which", async () => {
  await using bench = await JournalBench.open();
  const node = await bench.node();
  const rows = ["body", "body", "other"].map((bodyHash) =>
    startRow(newTask(), { key: "k", bodyHash })
  );

  const appended = await Promise.all(rows.map((row) => node.journal.append(row)));

  const won = appended.findIndex(({ kind }) => kind === "inserted");
  const { taskId: holder, birth } = rows[won] as TurnRow;
  appended.forEach((outcome, at) => {
    const sameBody = rows[at]?.birth?.bodyHash === birth?.bodyHash;
    const taken = { kind: "key_taken", taskId: holder, sameBody };
    assert.deepEqual(outcome, at === won ? { kind: "inserted" } : taken);
  });
  assert.equal((await loadAll(node.journal, rows.map(({ taskId }) => taskId))).size, 1);
});

Deno.test("a start whose key came free before its holder was found is sent again", async () => {
  await using bench = await JournalBench.open();
  const node = await bench.node();
  await node.journal.append(startRow(newTask(), { key: "k" }));
  const { happened, release } = bench.proxy.break(/control/, "hold");

  const appended = node.journal.append(startRow(newTask(), { key: "k" }));
  await happened;
  await bench.watch()`delete from tasker.task_key`;
  release();

  assert.deepEqual(await appended, { kind: "inserted" });
});
