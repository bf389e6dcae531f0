import assert from "node:assert/strict";
import {
  JournalBench,
  newTask,
  rowsOf,
  startRow,
  turnRow,
  valuesOf,
} from "../../tests/support/journal_node.ts";
import type postgres from "postgres";

/** Lets Postgres give up, as at a timeout, every statement that inserts a turn of one task. */
async function slowDown(sql: postgres.Sql, taskId: string): Promise<void> {
  await sql.unsafe(`
    create function public.slow() returns trigger language plpgsql as $$
    begin
      if new.task_id = '${taskId}' then
        raise exception 'canceling statement due to statement timeout' using errcode = '57014';
      end if;
      return new;
    end $$;
    create trigger slow before insert on tasker.journal for each row execute function public.slow()`);
}

/** Lets Postgres give up the next statements that append, whatever they hold. */
async function slowDownAll(sql: postgres.Sql, statements: number): Promise<void> {
  // A sequence counts on where a statement is undone.
  await sql.unsafe(`
    create sequence public.tries;
    create function public.slow() returns trigger language plpgsql as $$
    begin
      if nextval('public.tries') <= ${statements} then
        raise exception 'canceling statement due to statement timeout' using errcode = '57014';
      end if;
      return null;
    end $$;
    create trigger slow before insert on tasker.journal
    for each statement execute function public.slow()`);
}

Deno.test("a row that took too long was sent again for ever, and held up all others", async () => {
  await using bench = await JournalBench.open();
  const node = await bench.node();
  const sql = bench.watch();
  const slow = startRow(newTask());
  await slowDown(sql, slow.taskId);
  const others = Array.from({ length: 40 }, () => startRow(newTask()));

  const [outcome, ...rest] = await Promise.all(
    [slow, ...others].map((row) => node.journal.append(row)),
  );

  assert.equal(outcome?.kind, "too_slow");
  assert.deepEqual(rest, others.map(() => ({ kind: "inserted" })));
  assert.deepEqual(await valuesOf(sql, "select count(*)::int from tasker.journal"), [[40]]);
  assert.deepEqual(await rowsOf(sql, slow.taskId), []);
  // All at once; 14 parts, three rows each; the first part's rows: the slow one twice.
  assert.equal(node.journal.figures().commits, 13 + 2 + 1);
  assert.deepEqual(await node.journal.append(startRow(newTask())), { kind: "inserted" });
});

Deno.test("a row that takes too long while Postgres serves nobody is to blame for nothing", async () => {
  await using bench = await JournalBench.open();
  const node = await bench.node();
  const sql = bench.watch();
  await slowDownAll(sql, 7);
  const row = startRow(newTask());

  const outcome = await node.journal.append(row);

  assert.deepEqual(outcome, { kind: "inserted" });
});

Deno.test("a row that is suspected goes in a flush of its own", async () => {
  await using bench = await JournalBench.open();
  const node = await bench.node();
  const rows = Array.from({ length: 5 }, () => startRow(newTask()));
  const suspected = rows[2];

  await Promise.all(rows.map((row) => node.journal.append({ ...row, isAlone: row === suspected })));

  assert.equal(node.journal.figures().commits, 3);
});

Deno.test("an answer without a row that takes too long is refused, and holds up no row", async () => {
  await using bench = await JournalBench.open();
  const node = await bench.node();
  const sql = bench.watch();
  const { taskId } = startRow(newTask());
  await sql.unsafe(`
    create function public.slow() returns trigger language plpgsql as $$
    begin
      raise exception 'canceling statement due to lock timeout' using errcode = '55P03';
    end $$;
    create trigger slow before insert on tasker.answer for each row execute function public.slow()`);

  const [confirmed, appended] = await Promise.allSettled([
    node.journal.confirm({ taskId, inbox: [], answers: [{ commandId: "c", body: "{}" }] }),
    node.journal.append(startRow(newTask())),
  ]);

  assert.equal(confirmed.status === "rejected" && confirmed.reason.code, "journal.too_slow");
  assert.deepEqual(appended, { status: "fulfilled", value: { kind: "inserted" } });
});

Deno.test("a flush without an answer in time is sent again in parts, each row once", async () => {
  await using bench = await JournalBench.open();
  const node = await bench.node();
  const sql = bench.watch();
  const first = startRow(newTask());
  const second = startRow(newTask());
  await Promise.all([first, second].map((row) => node.journal.append(row)));
  const before = node.journal.figures().commits;
  const { happened } = bench.proxy.break(/write/, "stall_request");

  const appended = Promise.all(
    [first, second].map(({ taskId }) => node.journal.append(turnRow(taskId, 2))),
  );
  await happened;
  node.runtime.fireDeadlines();

  assert.deepEqual(await appended, [{ kind: "inserted" }, { kind: "inserted" }]);
  assert.equal(node.journal.figures().commits - before, 2, "one flush a row");
  assert.deepEqual(await valuesOf(sql, "select count(*)::int from tasker.journal"), [[4]]);
});
