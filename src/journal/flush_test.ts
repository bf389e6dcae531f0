import assert from "node:assert/strict";
import {
  backendsOf,
  JournalBench,
  type JournalNode,
  lockWaits,
  newTask,
  ROLL_BACK,
  rolledBack,
  rowsOf,
  startRow,
  turnRow,
  valuesOf,
} from "../../tests/support/journal_node.ts";
import type { Fault } from "../../tests/support/postgres_proxy.ts";
import type { TurnRow } from "../core/ports.ts";
import { codeOf } from "./sqlstate.ts";

const FAULTS: readonly [what: string, fault: Fault][] = [
  ["cut before Postgres saw it", "lose_request"],
  ["cut after Postgres committed it", "lose_answer"],
  ["half-open before Postgres saw it", "stall_request"],
  ["half-open after Postgres committed it", "stall_answer"],
  ["half-open between execute and sync", "stall_sync"],
];

for (const [what, fault] of FAULTS) {
  Deno.test(`an append on a connection ${what} is reported as inserted, and done once`, async () => {
    await using bench = await JournalBench.open();
    const node = await bench.node();
    const sql = bench.watch();
    const first = startRow(newTask());
    await node.journal.append(first);
    await postTo(node, first, "c1");
    const row = { ...turnRow(first.taskId, 2), ...inboxAndAnswer(first, "c1") };
    const { happened } = bench.proxy.break(/write/, fault);

    const appended = node.journal.append(row);
    await happened;
    node.runtime.fireDeadlines();

    assert.deepEqual(await appended, { kind: "inserted" });
    assert.deepEqual(await rowsOf(sql, first.taskId), [`1:${first.appendId}`, `2:${row.appendId}`]);
    assert.deepEqual(await valuesOf(sql, "select command_id from tasker.inbox"), []);
    assert.deepEqual(await valuesOf(sql, "select command_id, body from tasker.answer"), [
      [`${first.taskId}/c1`, "{}"],
    ]);
  });
}

for (const [what, fault] of FAULTS) {
  Deno.test(`a start on a connection ${what} has its key, and not another's`, async () => {
    await using bench = await JournalBench.open();
    const node = await bench.node();
    const sql = bench.watch();
    await node.journal.append(startRow(newTask()));
    const row = startRow(newTask(), { key: "order-1" });
    const { happened } = bench.proxy.break(/write/, fault);

    const appended = node.journal.append(row);
    await happened;
    node.runtime.fireDeadlines();

    assert.deepEqual(await appended, { kind: "inserted" });
    assert.deepEqual(
      await valuesOf(sql, "select task_id from tasker.task_key where key = 'order-1'"),
      [[row.taskId]],
    );
    assert.deepEqual(
      await valuesOf(sql, "select state from tasker.task where task_id = $1", row.taskId),
      [
        ["running"],
      ],
    );
  });
}

Deno.test("an execute that came without its sync is ended before its rows are sent again", async () => {
  await using bench = await JournalBench.open();
  const node = await bench.node();
  const sql = bench.watch();
  const taskId = newTask();
  await node.journal.append(startRow(taskId));
  const { happened } = bench.proxy.break(/write/, "stall_sync");

  const appended = node.journal.append(turnRow(taskId, 2));
  await happened;
  const before = await backendsOf(sql, node);
  node.runtime.fireDeadlines();
  await appended;

  assert.deepEqual(before.filter(isWrite), ["write/0"]);
  assert.deepEqual((await backendsOf(sql, node)).filter(isWrite), ["write/1"]);
});

Deno.test("a backend killed in mid-append: its row is sent again, and goes in once", async () => {
  await using bench = await JournalBench.open();
  const node = await bench.node();
  const [sql, other] = [bench.watch(), bench.watch()];
  const taskId = newTask();
  await node.journal.append(startRow(taskId));
  const row = turnRow(taskId, 2);
  let appended: ReturnType<typeof node.journal.append> | undefined;

  await other.begin(async (inside) => {
    await inside`lock table tasker.journal in share mode`;
    appended = node.journal.append(row);
    await lockWaits(sql);
    await sql`
      select pg_terminate_backend(pid) from pg_stat_activity
      where application_name = ${`tasker/${node.incarnation}/write/0`}`;
  });

  assert.deepEqual(await appended, { kind: "inserted" });
  assert.deepEqual((await rowsOf(sql, taskId)).slice(1), [`2:${row.appendId}`]);
});

Deno.test("a resend while its first sending is uncommitted finds that it is in", async () => {
  const { appended } = await appendOverUncommitted("commit", (row) => row.appendId);

  assert.deepEqual(appended, { kind: "inserted" });
});

Deno.test("a resend whose first sending is rolled back is inserted itself", async () => {
  const { appended, rows, row } = await appendOverUncommitted("rollback", (row) => row.appendId);

  assert.deepEqual(appended, { kind: "inserted" });
  assert.deepEqual(rows, [`2:${row.appendId}`]);
});

Deno.test("a turn that another append has taken is ownership lost, whatever it holds", async () => {
  const other = crypto.randomUUID();
  const { appended, rows } = await appendOverUncommitted("commit", () => other);

  assert.deepEqual(appended, { kind: "ownership_lost" });
  assert.deepEqual(rows, [`2:${other}`]);
});

Deno.test("a fenced node looks too: what it had committed before is reported as inserted", async () => {
  await using bench = await JournalBench.open();
  const node = await bench.node();
  const sql = bench.watch();
  const taskId = newTask();
  await node.journal.append(startRow(taskId));
  const row = turnRow(taskId, 2);
  const control = bench.proxy.break(/control/, "hold");
  bench.proxy.break(/write/, "lose_answer");

  const appended = node.journal.append(row);
  await control.happened;
  await sql`delete from tasker.node`;
  control.release();

  assert.deepEqual(await appended, { kind: "inserted" });
});

Deno.test("a fenced node inserts nothing, takes nothing out of the inbox and leaves no answer", async () => {
  await using bench = await JournalBench.open();
  const node = await bench.node();
  const sql = bench.watch();
  const row = startRow(newTask());
  await postTo(node, row, "c1");
  await sql`delete from tasker.node`;

  const { inbox, answers } = inboxAndAnswer(row, "c1");
  const outcomes = await Promise.all([
    node.journal.append({ ...row, inbox, answers }),
    node.journal.confirm({ taskId: row.taskId, inbox, answers }),
  ]);

  assert.deepEqual(outcomes, [{ kind: "fenced" }, false]);
  assert.deepEqual(
    await valuesOf(
      sql,
      `select
        (select count(*)::int from tasker.journal), (select count(*)::int from tasker.task),
        (select count(*)::int from tasker.task_key), (select count(*)::int from tasker.answer),
        (select count(*)::int from tasker.inbox)`,
    ),
    [[0, 0, 0, 0, 1]],
  );
});

Deno.test("the end of a node waits for its flush in flight", async () => {
  await using bench = await JournalBench.open();
  const node = await bench.node();
  const [sql, other] = [bench.watch(), bench.watch()];
  const taskId = newTask();
  await node.journal.append(startRow(taskId));
  const row = turnRow(taskId, 2);
  const order: string[] = [];
  let ended: Promise<unknown> | undefined;
  let appended: Promise<unknown> | undefined;

  await bench.watch().begin(async (inside) => {
    await insertUncommitted(inside, { ...row, appendId: crypto.randomUUID() });
    appended = node.journal.append(row).then(() => order.push("appended"));
    await lockWaits(sql, 1);
    ended = other`delete from tasker.node`.then(() => order.push("ended"));
    await lockWaits(sql, 2);
    throw ROLL_BACK;
  }).catch(rolledBack);
  await Promise.all([appended, ended]);

  assert.deepEqual((await rowsOf(sql, taskId)).slice(1), [`2:${row.appendId}`]);
  assert.equal(order.length, 2);
});

Deno.test("a deadlock sends the same rows again", async () => {
  await using bench = await JournalBench.open();
  const sql = bench.watch();
  await sql.unsafe(`alter database ${new URL(bench.url).pathname.slice(1)}
    set deadlock_timeout = '200ms'`);
  const node = await bench.node();
  const taskId = newTask();
  await node.journal.append(startRow(taskId));
  const row = turnRow(taskId, 2);
  let appended: Promise<unknown> | undefined;

  await bench.watch().begin(async (inside) => {
    await inside`set local deadlock_timeout = '1min'`;
    await insertUncommitted(inside, { ...row, appendId: crypto.randomUUID() });
    appended = node.journal.append(row);
    await lockWaits(sql);
    // Postgres ends the append: it has waited longer.
    await inside`delete from tasker.node`;
    throw ROLL_BACK;
  }).catch(rolledBack);

  assert.deepEqual(await appended, { kind: "inserted" });
  assert.deepEqual(node.warnings, [], "nothing was unknown");
  assert.equal(node.journal.figures().queries, 3);
});

Deno.test("close() ends the search for an outcome, which stays unknown", async () => {
  await using bench = await JournalBench.open();
  const node = await bench.node();
  const taskId = newTask();
  await node.journal.append(startRow(taskId));
  const { happened } = bench.proxy.break(/write/, "stall_request");

  const appended = node.journal.append(turnRow(taskId, 2));
  await happened;
  bench.proxy.refuse();
  const closed = node.close();
  node.runtime.fireDeadlines();

  await assert.rejects(appended, (error) => codeOf(error) === "journal.outcome_unknown");
  await closed;
});

/** Appends turn 2 of a task while somebody else has it in hand, and ends that. */
async function appendOverUncommitted(
  end: "commit" | "rollback",
  appendIdOf: (row: TurnRow) => string,
) {
  await using bench = await JournalBench.open();
  const node = await bench.node();
  const sql = bench.watch();
  const taskId = newTask();
  await node.journal.append(startRow(taskId));
  const row = turnRow(taskId, 2);
  let appending: ReturnType<typeof node.journal.append> | undefined;
  await bench.watch().begin(async (inside) => {
    await insertUncommitted(inside, { ...row, appendId: appendIdOf(row) });
    appending = node.journal.append(row);
    await lockWaits(sql);
    if (end === "rollback") throw ROLL_BACK;
  }).catch(rolledBack);
  return { row, appended: await appending, rows: (await rowsOf(sql, taskId)).slice(1) };
}

async function insertUncommitted(
  sql: Pick<ReturnType<JournalBench["watch"]>, "unsafe">,
  { taskId, turn, appendId }: TurnRow,
): Promise<void> {
  await sql.unsafe(
    "insert into tasker.journal (task_id, turn, append_id, events) values ($1, $2, $3, '[1,0,[]]')",
    [taskId, turn, appendId],
  );
}

async function postTo(node: JournalNode, { taskId }: TurnRow, commandId: string): Promise<void> {
  await node.nodes.post([{
    commandId: `${taskId}/${commandId}`,
    slot: 7,
    command: { kind: "Wake", taskId },
    wantsAnswer: true,
  }]);
}

function inboxAndAnswer({ taskId }: TurnRow, commandId: string) {
  const id = `${taskId}/${commandId}`;
  return { inbox: [id], answers: [{ commandId: id, body: "{}" }] };
}

function isWrite(name: string): boolean {
  return name.startsWith("write/");
}
