import assert from "node:assert/strict";
import { loadAll } from "../../tests/support/loaded.ts";
import type postgres from "postgres";
import {
  JournalBench,
  type JournalNode,
  lockWaits,
  rowsOf,
  startRow,
  turnRow,
  valuesOf,
} from "../../tests/support/journal_node.ts";
import { mintTaskId, type TaskId } from "../core/ids.ts";
import { codeOf } from "./sqlstate.ts";

const DAY_MS = 24 * 3_600_000;

/** 2026-01-01T00:00:00Z. */
const TODAY_MS = 1_767_225_600_000;
const MADE = ["journal_20260101", "journal_20260102", "journal_20260103", "journal_20260104"];

Deno.test("maintain() makes today's partition and three ahead, once", async () => {
  await using bench = await JournalBench.open();
  const node = await bench.node();
  const when = { nowMs: TODAY_MS + 5, retentionMs: undefined };

  assert.deepEqual(await node.maintain(when), { made: MADE, dropped: [] });
  assert.deepEqual(await node.maintain(when), { made: [], dropped: [] });
  const tomorrow = await node.maintain({ ...when, nowMs: TODAY_MS + DAY_MS });

  assert.deepEqual(tomorrow.made, ["journal_20260105"]);
});

Deno.test("nodes that maintain at once make each partition once", async () => {
  await using bench = await JournalBench.open();
  const nodes = [await bench.node(), await bench.node(), await bench.node()];
  const when = { nowMs: TODAY_MS, retentionMs: undefined };

  const done = await Promise.all(nodes.map((node) => node.maintain(when)));

  assert.deepEqual(done.flatMap(({ made }) => made).sort(), MADE);
  assert.deepEqual(await partitionsOf(bench.watch()), [...MADE, "journal_default"].sort());
});

Deno.test("a row goes into the partition of its task's minting, or the default one", async () => {
  await using bench = await JournalBench.open();
  const node = await bench.node();
  await node.maintain({ nowMs: TODAY_MS, retentionMs: undefined });
  const [first, last, before] = [taskAt(TODAY_MS), taskAt(TODAY_MS + DAY_MS - 1), taskAt(1)];

  for (const taskId of [first, last, before]) await node.journal.append(startRow(taskId));
  await node.journal.append(turnRow(first, 2));

  const sql = bench.watch();
  assert.deepEqual(await partitionOf(sql, first), ["journal_20260101", "journal_20260101"]);
  assert.deepEqual(await partitionOf(sql, last), ["journal_20260101"]);
  assert.deepEqual(await partitionOf(sql, before), ["journal_default"]);
});

Deno.test("a partition is not made over rows that the default one has, and appends go on", async () => {
  await using bench = await JournalBench.open();
  const node = await bench.node();
  const taskId = taskAt(TODAY_MS);
  await node.journal.append(startRow(taskId));

  const { made } = await node.maintain({ nowMs: TODAY_MS, retentionMs: undefined });
  assert.deepEqual(made, MADE.slice(1));

  assert.deepEqual(await node.journal.append(turnRow(taskId, 2)), { kind: "inserted" });
});

Deno.test("a partition is dropped when all its tasks have ended long enough ago, keys too", async () => {
  await using bench = await JournalBench.open();
  const node = await bench.node();
  await node.maintain({ nowMs: TODAY_MS, retentionMs: undefined });
  const [first, second, other] = [
    taskAt(TODAY_MS),
    taskAt(TODAY_MS + 1),
    taskAt(TODAY_MS + DAY_MS),
  ];
  await end(node, first, TODAY_MS + 10);
  await end(node, second, TODAY_MS + 3 * DAY_MS);
  await end(node, other, TODAY_MS + 3 * DAY_MS);

  const early = { nowMs: TODAY_MS + 4 * DAY_MS, retentionMs: DAY_MS };
  assert.deepEqual((await node.maintain(early)).dropped, ["journal_20260103"], "it was empty");
  const late = { nowMs: TODAY_MS + 4 * DAY_MS + 1, retentionMs: DAY_MS };
  assert.deepEqual((await node.maintain(late)).dropped, MADE.slice(0, 2));

  const sql = bench.watch();
  assert.deepEqual(
    await valuesOf(
      sql,
      `select (select count(*)::int from tasker.task), (select count(*)::int from tasker.task_key),
        (select count(*)::int from tasker.journal), (select count(*)::int from tasker.task_by_tag)`,
    ),
    [[0, 0, 0, 0]],
  );
  const again = { ...startRow(taskAt(TODAY_MS + 5 * DAY_MS), { key: "k" }) };
  assert.deepEqual(await node.journal.append(again), { kind: "inserted" });
});

Deno.test("one living task keeps its whole day, however old", async () => {
  await using bench = await JournalBench.open();
  const node = await bench.node();
  await node.maintain({ nowMs: TODAY_MS, retentionMs: undefined });
  const [ended, living] = [taskAt(TODAY_MS), taskAt(TODAY_MS + 1)];
  await end(node, ended, TODAY_MS + 10);
  await node.journal.append(startRow(living));

  const { dropped } = await node.maintain({ nowMs: TODAY_MS + 9 * DAY_MS, retentionMs: DAY_MS });

  assert.equal(dropped.includes("journal_20260101"), false);
  const journals = await loadAll(node.journal, [ended, living]);
  assert.deepEqual([...journals.keys()], [ended, living]);
});

Deno.test("a day of more tasks than one statement reads is looked through and dropped", async () => {
  await using bench = await JournalBench.open();
  const node = await bench.node();
  const sql = bench.watch();
  await node.maintain({ nowMs: TODAY_MS, retentionMs: undefined });
  const count = 10_500;
  await fillDay(sql, count, TODAY_MS + 10);
  const last = taskAt(TODAY_MS + count);
  await node.journal.append(startRow(last));
  const late = { nowMs: TODAY_MS + 9 * DAY_MS, retentionMs: DAY_MS };

  assert.equal((await node.maintain(late)).dropped.includes("journal_20260101"), false);
  assert.deepEqual(await valuesOf(sql, "select count(*)::int from tasker.task"), [[count + 1]]);
  const change = { state: "failed", blockedReason: null, resident: true, endedAtMs: 5 } as const;
  await node.journal.append({ ...turnRow(last, 2), change });

  assert.equal((await node.maintain(late)).dropped.includes("journal_20260101"), true);
  assert.deepEqual(await valuesOf(sql, "select count(*)::int from tasker.task"), [[0]]);
});

Deno.test("a day of which very much was deleted just now is dropped by the next maintenance", async () => {
  await using bench = await JournalBench.open();
  const node = await bench.node();
  const sql = bench.watch();
  await node.maintain({ nowMs: TODAY_MS, retentionMs: undefined });
  await fillDay(sql, 100_001, TODAY_MS);
  const late = { nowMs: TODAY_MS + 2 * DAY_MS, retentionMs: DAY_MS };

  assert.deepEqual((await node.maintain(late)).dropped, []);
  assert.deepEqual(await valuesOf(sql, "select 1 from tasker.task limit 1"), []);

  assert.deepEqual((await node.maintain(late)).dropped, ["journal_20260101"]);
});

Deno.test("retention rests after each statement, and stops between two when asked to", async () => {
  await using bench = await JournalBench.open();
  const node = await bench.node();
  const sql = bench.watch();
  await node.maintain({ nowMs: TODAY_MS, retentionMs: undefined });
  await fillDay(sql, 20_000, TODAY_MS);
  const rests: number[] = [];
  const after = node.runtime.after.bind(node.runtime);
  node.runtime.after = (ms, call) => {
    if (ms <= 2_000) rests.push(ms);
    return after(ms, call);
  };
  let asked = 0;
  const late = { nowMs: TODAY_MS + 2 * DAY_MS, retentionMs: DAY_MS };

  // The day is looked through in 48 portions of time, and more of rows.
  const ended = await node.maintain({ ...late, isOver: () => ++asked > 55 });

  assert.deepEqual(ended.dropped, []);
  const [[left]] = await valuesOf(sql, "select count(*)::int from tasker.task") as [[number]];
  assert.ok(left > 0 && left < 20_000, `${left} are left`);
  assert.ok(rests.length >= 48 && rests.length <= asked, `${rests.length} rests`);
});

Deno.test("a day that cannot be dropped now keeps no other", async () => {
  await using bench = await JournalBench.open();
  const node = await bench.node();
  await node.maintain({ nowMs: TODAY_MS, retentionMs: undefined });
  const late = { nowMs: TODAY_MS + 9 * DAY_MS, retentionMs: DAY_MS };

  const sql = bench.watch();
  await sql`create view tasker.of_day as select task_id from tasker.journal_20260101`;
  await assert.rejects(node.maintain(late));

  const left = (await partitionsOf(sql)).filter((name) => MADE.includes(String(name)));
  assert.deepEqual(left, ["journal_20260101"]);
});

Deno.test("a living task of the default partition keeps itself, and no other", async () => {
  await using bench = await JournalBench.open();
  const node = await bench.node();
  const [ended, living] = [taskAt(1_000), taskAt(2_000)];
  await end(node, ended, TODAY_MS);
  await node.journal.append(startRow(living));

  await node.maintain({ nowMs: TODAY_MS + 9 * DAY_MS, retentionMs: DAY_MS });

  const loaded = await Array.fromAsync(node.journal.load([ended, living]));
  assert.deepEqual(loaded.map(({ taskId }) => taskId), [living]);
});

Deno.test("retention forgot a task that began while its day was being dropped", async () => {
  await using bench = await JournalBench.open();
  const node = await bench.node();
  const sql = bench.watch();
  await node.maintain({ nowMs: TODAY_MS, retentionMs: undefined });
  await end(node, taskAt(TODAY_MS), TODAY_MS + 10);
  const late = taskAt(TODAY_MS + 1);
  const held = bench.proxy.break(/maintain/, "hold", "delete from tasker.task");

  const maintained = node.maintain({ nowMs: TODAY_MS + 9 * DAY_MS, retentionMs: DAY_MS });
  await held.happened;
  await node.journal.append(startRow(late, { key: "late" }));
  held.release();

  assert.equal((await maintained).dropped.includes("journal_20260101"), false);
  assert.deepEqual(await valuesOf(sql, "select task_id, state from tasker.task"), [
    [late, "running"],
  ]);
  assert.deepEqual(await valuesOf(sql, "select task_id, key from tasker.task_key"), [
    [late, "late"],
  ]);
  assert.equal((await rowsOf(sql, late)).length, 1);
});

Deno.test("a drop waits for an append in flight, and sees the task that it began", async () => {
  await using bench = await JournalBench.open();
  const node = await bench.node();
  const sql = bench.watch();
  await node.maintain({ nowMs: TODAY_MS, retentionMs: undefined });
  await end(node, taskAt(TODAY_MS), TODAY_MS + 10);
  const late = taskAt(TODAY_MS + 1);
  let maintained: Promise<readonly string[]> | undefined;

  await bench.watch().begin(async (inside) => {
    await inside`
      insert into tasker.task (task_id, slot, namespace, workflow, version, definition_hash, state,
        resident, tags, created_at)
      values (${late}, 7, 'test', 'chain', '1.0.0', 'hash', 'running', true, '{}', now())`;
    await inside.unsafe(
      "insert into tasker.journal (task_id, turn, append_id, events) values ($1, 1, $1, '[1,0,[]]')",
      [late],
    );
    maintained = node.maintain({ nowMs: TODAY_MS + 9 * DAY_MS, retentionMs: DAY_MS })
      .then(({ dropped }) => dropped);
    await lockWaits(sql);
  });

  assert.equal((await maintained)?.includes("journal_20260101"), false);
  assert.equal((await rowsOf(sql, late)).length, 1);
});

Deno.test("an append that waited for a drop goes into the default partition", async () => {
  await using bench = await JournalBench.open();
  const node = await bench.node();
  const sql = bench.watch();
  await node.maintain({ nowMs: TODAY_MS, retentionMs: undefined });
  await node.journal.append(startRow(taskAt(TODAY_MS + DAY_MS)));
  const late = taskAt(TODAY_MS + 1);
  let appended: Promise<unknown> | undefined;

  await bench.watch().begin(async (inside) => {
    await inside`lock table tasker.journal in access exclusive mode`;
    await inside`drop table tasker.journal_20260101`;
    appended = node.journal.append(startRow(late));
    await lockWaits(sql);
  });

  assert.deepEqual(await appended, { kind: "inserted" });
  assert.deepEqual(await partitionOf(sql, late), ["journal_default"]);
});

Deno.test("a maintenance that gets no lock gives up soon, so that appends do not wait", async () => {
  await using bench = await JournalBench.open();
  const node = await bench.node();
  const when = { nowMs: TODAY_MS, retentionMs: undefined };

  await bench.watch().begin(async (inside) => {
    await inside`lock table tasker.journal_default in access share mode`;
    const tried = node.maintain(when);
    await assert.rejects(tried, (error) => codeOf(error) === "journal.unavailable");
  });

  assert.deepEqual((await node.maintain(when)).made, MADE);
});

Deno.test("the default partition is emptied when all in it is over, and not before", async () => {
  await using bench = await JournalBench.open();
  const node = await bench.node();
  const sql = bench.watch();
  const [ended, living] = [taskAt(1_000), taskAt(2_000)];
  await end(node, ended, TODAY_MS);
  await node.journal.append(startRow(living));

  const late = { nowMs: TODAY_MS + 9 * DAY_MS, retentionMs: DAY_MS };
  assert.deepEqual((await node.maintain(late)).dropped, []);
  const change = { state: "failed", blockedReason: null, resident: true, endedAtMs: 5 } as const;
  await node.journal.append({ ...turnRow(living, 2), change });

  assert.deepEqual((await node.maintain(late)).dropped, ["journal_default"]);
  assert.deepEqual((await node.maintain(late)).dropped, []);
  assert.deepEqual(
    await valuesOf(
      sql,
      `select (select count(*)::int from tasker.task), (select count(*)::int from tasker.task_key),
        (select count(*)::int from tasker.journal), (select count(*)::int from tasker.task_by_tag)`,
    ),
    [[0, 0, 0, 0]],
  );
});

Deno.test("a default partition whose tasks were forgotten half-way was never emptied", async () => {
  await using bench = await JournalBench.open();
  const node = await bench.node();
  await end(node, taskAt(1_000), TODAY_MS);
  await bench.watch()`delete from tasker.task`;

  const late = { nowMs: TODAY_MS + 9 * DAY_MS, retentionMs: DAY_MS };

  assert.deepEqual((await node.maintain(late)).dropped, ["journal_default"]);
});

Deno.test("answers that nobody took in an hour are forgotten", async () => {
  await using bench = await JournalBench.open();
  const node = await bench.node();
  const sql = bench.watch();
  await sql`
    insert into tasker.answer (command_id, body, created_at)
    values ('old', '', now() - interval '61 minutes'), ('new', '', now())`;

  await node.maintain({ nowMs: TODAY_MS, retentionMs: undefined });

  assert.deepEqual(await valuesOf(sql, "select command_id from tasker.answer"), [["new"]]);
});

function taskAt(ms: number): TaskId {
  return mintTaskId(ms, 7, crypto.randomUUID());
}

async function end(node: JournalNode, taskId: TaskId, endedAtMs: number): Promise<void> {
  await node.journal.append(startRow(taskId, { key: taskId, tags: ["x", "y"] }));
  const change = { state: "completed", blockedReason: null, resident: true, endedAtMs } as const;
  await node.journal.append({ ...turnRow(taskId, 2), change });
}

/** Ended tasks, minted one a millisecond. */
async function fillDay(sql: postgres.Sql, count: number, endedAtMs: number): Promise<void> {
  await sql.unsafe(
    `insert into tasker.task (task_id, slot, namespace, workflow, version, definition_hash, state,
      resident, tags, created_at, ended_at)
     select (lpad(to_hex($1::bigint + n), 12, '0') || '70078000000000000000')::uuid, 7, 'test',
      'chain', '1', 'h', 'completed', true, '{}', now(), to_timestamp($2::float8 / 1000.0)
     from generate_series(0, $3::int - 1) n`,
    [TODAY_MS, endedAtMs, count],
  );
}

async function partitionsOf(sql: postgres.Sql): Promise<unknown[]> {
  const rows = await valuesOf(
    sql,
    `select c.relname from pg_inherits i join pg_class c on c.oid = i.inhrelid
     where i.inhparent = 'tasker.journal'::regclass order by 1`,
  );
  return rows.flat();
}

/** Where each turn of a task lies. */
async function partitionOf(sql: postgres.Sql, taskId: TaskId): Promise<unknown[]> {
  const rows = await valuesOf(
    sql,
    `select replace(tableoid::regclass::text, 'tasker.', '')
     from tasker.journal where task_id = $1 order by turn`,
    taskId,
  );
  return rows.flat();
}
