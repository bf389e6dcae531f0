import assert from "node:assert/strict";
import {
  backendsOf,
  comesAbout,
  JournalBench,
  newTask,
  startRow,
  valuesOf,
} from "../../tests/support/journal_node.ts";
import { codeOf } from "./sqlstate.ts";

const SETTINGS = `
  select
    current_setting('transaction_isolation') as isolation,
    current_setting('statement_timeout') as statement,
    current_setting('lock_timeout') as lock,
    current_setting('idle_in_transaction_session_timeout') as idle`;

Deno.test("every connection is READ COMMITTED and bounded, whatever the role's defaults", async () => {
  await using bench = await JournalBench.open();
  const database = new URL(bench.url).pathname.slice(1);
  const sql = bench.watch();
  await sql.unsafe(`
    alter database ${database} set default_transaction_isolation = 'serializable';
    alter database ${database} set statement_timeout = 0;
    alter database ${database} set lock_timeout = 0`);
  const node = await bench.node();
  const connection = node.database.connect("other");

  const settings = { isolation: "read committed", statement: "4s", lock: "2s", idle: "5s" };
  for (let reader = 0; reader < 4; reader++) {
    assert.deepEqual([...await node.database.query(SETTINGS)], [settings]);
  }
  assert.deepEqual([...await connection.query(SETTINGS)], [settings]);
  await connection.close();
});

Deno.test("query() distinguishes data from outages", async () => {
  await using bench = await JournalBench.open();
  const { database } = await bench.node();

  const codes = await Promise.all(
    ["select 1 / 0", "select '\\u0000'::jsonb", "select no_such()"].map((text) =>
      database.query(text).catch((error) => error.code)
    ),
  );

  assert.deepEqual(codes, ["journal.poison", "journal.poison", "journal.unavailable"]);
});

Deno.test("lists that get no answer kept the keys of every request waiting", async () => {
  await using bench = await JournalBench.open();
  const { history, keys, database } = await bench.node();
  const held = [0, 1].map(() => bench.proxy.break(/list/, "hold"));
  const filter = { namespaces: undefined, limit: 50 };
  const lists = Promise.all(Array.from({ length: 60 }, () => history.tasks(filter)));
  await Promise.all(held.map(({ happened }) => happened));

  assert.equal(await keys.find("nobody"), undefined);
  assert.deepEqual([...await database.query("select 1 as one")], [{ one: 1 }]);
  assert.deepEqual([...await database.of("bus").query("select 2 as two")], [{ two: 2 }]);

  for (const order of held) order.release();
  await lists;
});

Deno.test("a query on a half-open connection ends at its deadline, and the next one is answered", async () => {
  await using bench = await JournalBench.open();
  const { database, runtime } = await bench.node();
  const { happened } = bench.proxy.break(/read/, "stall_request", "select 17");

  const asked = database.query("select 17");
  await happened;
  runtime.fireDeadlines();

  await assert.rejects(asked, (error) => codeOf(error) === "journal.unavailable");
  assert.deepEqual([...await database.query("select 18 as answer")], [{ answer: 18 }]);
  assert.equal(runtime.deadlines, 0);
});

Deno.test("a connection that was lost at its first query ended the process", async () => {
  await using bench = await JournalBench.open();
  const { database, runtime } = await bench.node();
  const connection = database.connect("fresh");
  const { happened } = bench.proxy.break(/fresh/, "stall_request");

  const asked = connection.query("select 1");
  const isRejected = assert.rejects(asked, (error) => codeOf(error) === "journal.unavailable");
  await happened;
  runtime.fireDeadlines();

  await isRejected;
  await connection.close();
});

Deno.test("queries that are late together replace their connection once", async () => {
  await using bench = await JournalBench.open();
  const { database, runtime } = await bench.node();
  const connection = database.connect("late");
  await connection.query("select 1");
  const { happened } = bench.proxy.break(/late/, "stall_request");

  const late = Promise.allSettled(Array.from({ length: 20 }, () => connection.query("select 2")));
  await happened;
  runtime.fireDeadlines();
  await late;

  assert.equal(connection.name, `${connection.options.name}/1`);
  await connection.query("select 3");
  await connection.close();
});

Deno.test("a killed backend's end was blamed on the query after it", async () => {
  await using bench = await JournalBench.open();
  const node = await bench.node();
  const sql = bench.watch();
  const connection = node.database.connect("killed");
  await connection.query("select 1");

  const lost = connection.query("select pg_terminate_backend(pg_backend_pid())");
  await assert.rejects(lost);

  assert.deepEqual([...await connection.query("select 2 as answer")], [{ answer: 2 }]);
  await connection.close();
  assert.deepEqual((await backendsOf(sql, node)).filter((name) => name.startsWith("killed")), []);
});

for (const fault of ["stall_request", "lose_request", "lose_answer"] as const) {
  Deno.test(`a transaction in which a connection breaks (${fault}) is undone; the next one goes in`, async () => {
    await using bench = await JournalBench.open();
    const node = await bench.node();
    const sql = bench.watch();
    await sql`create table public.mark (word text)`;
    const connection = node.database.connect("both");
    await connection.query("select 1");
    const { happened } = bench.proxy.break(/both/, fault, "insert into public.mark");

    const lost = connection.transaction(async (query) => {
      await query("insert into public.mark values ('lost')");
    });
    const isRejected = assert.rejects(lost);
    await happened;
    node.runtime.fireDeadlines();
    await isRejected;
    await connection.transaction(async (query) => {
      await query("insert into public.mark values ('kept')");
    });

    assert.deepEqual(await valuesOf(sql, "select word from public.mark"), [["kept"]]);
    await connection.close();
  });
}

Deno.test("an outage of many queries is over when Postgres is back", async () => {
  await using bench = await JournalBench.open();
  const { database, runtime } = await bench.node();

  bench.proxy.refuse();
  const asked = Promise.allSettled(
    Array.from({ length: 20 }, () => database.query("select 1")),
  );
  runtime.fireDeadlines();
  const outage = await asked;
  bench.proxy.accept();

  assert.deepEqual(new Set(outage.map(({ status }) => status)), new Set(["rejected"]));
  const answers = await Promise.all(
    Array.from({ length: 20 }, () => database.query("select 1 as answer")),
  );
  assert.deepEqual(new Set(answers.map(([row]) => row?.answer)), new Set([1]));
});

Deno.test("a connection that was opened while Postgres was read-only was kept for ever", async () => {
  await using bench = await JournalBench.open();
  const { database, incarnation } = await bench.node();
  const name = new URL(bench.url).pathname.slice(1);
  const sql = bench.watch();
  const connection = database.connect("late");

  await sql.unsafe(`alter database ${name} set default_transaction_read_only = on`);
  const asked = connection.query("update tasker.node set name = name");
  await assert.rejects(asked, { code: "25006", message: /read-only/ });
  await sql.unsafe("set default_transaction_read_only = off");
  await sql.unsafe(`alter database ${name} reset default_transaction_read_only`);

  const renamed = await connection.query(
    "update tasker.node set name = 'new' returning incarnation",
  );
  assert.deepEqual([...renamed], [{ incarnation }]);
  await connection.close();
});

Deno.test("a listener hears on after its connection was replaced", async () => {
  await using bench = await JournalBench.open();
  const { database } = await bench.node();
  const connection = database.connect("ears");
  const heard: string[] = [];
  let notify = () => {};
  const call = (payload: string) => {
    heard.push(payload);
    notify();
  };
  await connection.listen("gossip", call);

  const again = new Promise<void>((resolve) => notify = resolve);
  connection.replace();
  await again;
  const seen = new Promise<void>((resolve) => notify = resolve);
  await database.query("select pg_notify('gossip', 'news')");
  await seen;

  assert.deepEqual(heard, ["", "", "news"]);
  await connection.close();
});

Deno.test("a node opens 16 connections at most, however much it is asked", async () => {
  await using bench = await JournalBench.open();
  const node = await bench.node();
  const { database, journal, nodes, history, keys } = node;
  const ask = async () => {
    await Promise.all([
      database.query("select 1"),
      database.of("bus").query("select 1"),
      database.of("learn").query("select 1"),
      database.of("export").query("select 1"),
      history.tasks({ namespaces: undefined, limit: 1 }),
      keys.find("nobody"),
      nodes.poll(),
      nodes.freeOrphans(),
      journal.append(startRow(newTask())),
    ]);
  };
  await nodes.onWake(() => {});
  await database.listen("other", () => {});

  await Promise.all(Array.from({ length: 100 }, ask));

  // The one that looks for lost flushes is opened when it is needed.
  assert.equal((await backendsOf(bench.watch(), node)).length, 15);
});

Deno.test("close() leaves no connection and no deadline behind", async () => {
  await using bench = await JournalBench.open();
  const node = await bench.node();
  const sql = bench.watch();
  await node.nodes.onWake(() => {});
  await node.nodes.poll();

  await node.close();

  await comesAbout("no connection is left", async () => (await backendsOf(sql, node)).length === 0);
  assert.equal(node.runtime.deadlines, 0);
});
