import assert from "node:assert/strict";
import {
  backendsOf,
  JournalBench,
  type JournalNode,
  lockWaits,
  newTask,
  rowsOf,
  startRow,
  turnRow,
  valuesOf,
} from "../../tests/support/journal_node.ts";
import type { Fault } from "../../tests/support/postgres_proxy.ts";
import { TaskerError } from "../core/errors.ts";
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
  Deno.test(`an append on a connection ${what} is told as inserted, and done once`, async () => {
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

Deno.test("a resend over an uncommitted ghost of itself finds that it is in", async () => {
  const { appended } = await appendOverGhost("commit", (row) => row.appendId);

  assert.deepEqual(appended, { kind: "inserted" });
});

Deno.test("a resend over a ghost that goes back is inserted itself", async () => {
  const { appended, rows, row } = await appendOverGhost("rollback", (row) => row.appendId);

  assert.deepEqual(appended, { kind: "inserted" });
  assert.deepEqual(rows, [`2:${row.appendId}`]);
});

Deno.test("a turn that another append has taken is ownership lost, whatever it holds", async () => {
  const ghost = crypto.randomUUID();
  const { appended, rows } = await appendOverGhost("commit", () => ghost);

  assert.deepEqual(appended, { kind: "ownership_lost" });
  assert.deepEqual(rows, [`2:${ghost}`]);
});

Deno.test("a fenced node looks too: what it had committed before is told as inserted", async () => {
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
    await insertGhost(inside, { ...row, appendId: crypto.randomUUID() });
    appended = node.journal.append(row).then(() => order.push("appended"));
    await lockWaits(sql, 1);
    ended = other`delete from tasker.node`.then(() => order.push("ended"));
    await lockWaits(sql, 2);
    throw new Error("roll back");
  }).catch(() => {});
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
    await insertGhost(inside, { ...row, appendId: crypto.randomUUID() });
    appended = node.journal.append(row);
    await lockWaits(sql);
    // Postgres ends the append: it has waited longer.
    await inside`delete from tasker.node`;
    throw new Error("roll back");
  }).catch(() => {});

  assert.deepEqual(await appended, { kind: "inserted" });
  assert.deepEqual(node.warnings, [], "nothing was unknown");
  assert.equal(node.journal.figures().queries, 3);
});

Deno.test("a poison row is found by halving, and the innocent ones of its flush go in", async () => {
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
    const journals = await node.journal.load(rows.map((row) => row.taskId));
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
    throw new Error("roll back");
  }).catch((error) => assert.equal(error.message, "roll back"));

  const kinds = (await both as { kind: string }[][]).map((all) => all.map((one) => one.kind));
  assert.deepEqual(kinds, [keys.map(() => "inserted"), keys.map(() => "key_taken")]);
  assert.deepEqual([...first.warnings, ...second.warnings], []);
});

Deno.test("of two starts with one key in one flush one goes in, and the other is told which", async () => {
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
  assert.equal((await node.journal.load(rows.map(({ taskId }) => taskId))).size, 1);
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
async function appendOverGhost(end: "commit" | "rollback", appendIdOf: (row: TurnRow) => string) {
  await using bench = await JournalBench.open();
  const node = await bench.node();
  const sql = bench.watch();
  const taskId = newTask();
  await node.journal.append(startRow(taskId));
  const row = turnRow(taskId, 2);
  let appending: ReturnType<typeof node.journal.append> | undefined;
  await bench.watch().begin(async (inside) => {
    await insertGhost(inside, { ...row, appendId: appendIdOf(row) });
    appending = node.journal.append(row);
    await lockWaits(sql);
    if (end === "rollback") throw new Error("roll back");
  }).catch(() => {});
  return { row, appended: await appending, rows: (await rowsOf(sql, taskId)).slice(1) };
}

async function insertGhost(
  sql: Pick<ReturnType<JournalBench["watch"]>, "unsafe">,
  { taskId, turn, appendId }: TurnRow,
): Promise<void> {
  await sql.unsafe(
    "insert into tasker.journal (task_id, turn, append_id, events) values ($1, $2, $3, '[1,0,[]]')",
    [taskId, turn, appendId],
  );
}

async function postTo(node: JournalNode, { taskId }: TurnRow, commandId: string): Promise<void> {
  await node.nodes.post({
    commandId: `${taskId}/${commandId}`,
    slot: 7,
    command: { kind: "Wake", taskId },
    wantsAnswer: true,
  });
}

function inboxAndAnswer({ taskId }: TurnRow, commandId: string) {
  const id = `${taskId}/${commandId}`;
  return { inbox: [id], answers: [{ commandId: id, body: "{}" }] };
}

function isWrite(name: string): boolean {
  return name.startsWith("write/");
}
