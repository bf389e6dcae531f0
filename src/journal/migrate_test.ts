import assert from "node:assert/strict";
import { ManualRuntime } from "../../tests/support/manual_runtime.ts";
import { JournalBench, newTask, startRow, valuesOf } from "../../tests/support/journal_node.ts";
import { PostgresDatabase } from "./database.ts";
import { migrate } from "./migrate.ts";
import { type Migration, MIGRATIONS } from "./migrate.ts";
import { codeOf } from "./sqlstate.ts";

const isUnknownFormat = (error: unknown) => codeOf(error) === "journal.format_unknown";

/** A newer version's schema: one migration more. */
const NEWER: Migration = {
  name: "9000_more",
  text: "alter table tasker.node add column more text",
};

Deno.test("nodes that start at once apply each migration once", async () => {
  await using bench = await JournalBench.open();

  await Promise.all(Array.from({ length: 4 }, () => migrateOnce(bench.url)));

  assert.deepEqual(
    await valuesOf(bench.watch(), "select name from tasker.migration order by name"),
    MIGRATIONS.map(({ name }) => [name]),
  );
});

Deno.test("migrations have the names of their files, in order, each once", () => {
  const names = MIGRATIONS.map(({ name }) => name);

  assert.deepEqual(names, [...new Set(names)].sort());
  for (const [at, name] of names.entries()) {
    assert.match(name, new RegExp(`^${String(at + 1).padStart(4, "0")}_[a-z_]+$`));
  }
});

Deno.test("the version before goes on while a newer one migrates", async () => {
  await using bench = await JournalBench.open();
  const older = await bench.node();
  const sql = bench.watch();

  await migrateOnce(bench.url, [...MIGRATIONS, NEWER]);

  assert.deepEqual(await older.journal.append(startRow(newTask())), { kind: "inserted" });
  assert.equal((await older.nodes.poll()).alive, true);
  const started = await bench.node();
  assert.deepEqual(await started.journal.append(startRow(newTask())), { kind: "inserted" });
  assert.deepEqual(await valuesOf(sql, "select count(*)::int from tasker.journal"), [[2]]);
});

Deno.test("a version that does not know a breaking migration is refused", async () => {
  await using bench = await JournalBench.open();
  await migrateOnce(bench.url, [...MIGRATIONS, { ...NEWER, isBreaking: true }]);

  await assert.rejects(migrateOnce(bench.url), isUnknownFormat);
  await migrateOnce(bench.url, [...MIGRATIONS, { ...NEWER, isBreaking: true }]);
});

Deno.test("a breaking migration waits until no node of an older version runs", async () => {
  await using bench = await JournalBench.open();
  const older = await bench.node();
  const sql = bench.watch();
  const breaking = [...MIGRATIONS, { ...NEWER, isBreaking: true }];

  const refused = migrateOnce(bench.url, breaking);

  await assert.rejects(refused, (error) => codeOf(error) === "journal.unavailable");
  assert.equal((await older.nodes.poll()).alive, true);
  await sql`update tasker.node set expires_at = now()`;
  await migrateOnce(bench.url, breaking);
});

Deno.test("a migration that was applied and has changed since is refused, and nothing is done", async () => {
  await using bench = await JournalBench.open();
  await migrateOnce(bench.url, [...MIGRATIONS, NEWER]);
  const changed = { ...NEWER, text: `${NEWER.text}; create table tasker.other (n int)` };
  const after = { name: "9001_after", text: "create table tasker.after (n int)" };

  await assert.rejects(migrateOnce(bench.url, [...MIGRATIONS, changed, after]), isUnknownFormat);

  assert.deepEqual(
    await valuesOf(
      bench.watch(),
      "select to_regclass('tasker.other'), to_regclass('tasker.after')",
    ),
    [[null, null]],
  );
});

Deno.test("a migration that fails undoes all that came with it", async () => {
  await using bench = await JournalBench.open();
  const broken = { name: "9000_broken", text: "create table tasker.half (n int); select 1 / 0" };

  await assert.rejects(migrateOnce(bench.url, [...MIGRATIONS, broken]));

  assert.deepEqual(await valuesOf(bench.watch(), "select to_regnamespace('tasker')"), [[null]]);
  await migrateOnce(bench.url);
});

Deno.test("a migration that a connection loses in the middle is applied by the next try", async () => {
  await using bench = await JournalBench.open();
  const { happened } = bench.proxy.break(/migrate/, "lose_request", "create table tasker.task_key");

  await migrateOnce(bench.proxy.url);

  await happened;
  assert.deepEqual(
    await valuesOf(bench.watch(), "select count(*)::int from tasker.migration"),
    [[MIGRATIONS.length]],
  );
});

Deno.test("a migration waits for a table in use, and does not hold up the version before", async () => {
  await using bench = await JournalBench.open();
  const older = await bench.node();
  const held = bench.watch();
  let migrated: Promise<void> | undefined;

  await held.begin(async (inside) => {
    await inside`select 1 from tasker.node`;
    const refused = bench.proxy.break(/migrate/, "hold", "rollback");
    migrated = migrateOnce(bench.proxy.url, [...MIGRATIONS, NEWER]);
    await refused.happened;
    refused.release();
  });
  await migrated;

  assert.equal((await older.nodes.poll()).alive, true);
});

Deno.test("who is not let in hears so at once", async () => {
  await using bench = await JournalBench.open();
  const wrong = new URL(bench.url);
  wrong.pathname = "/no_such_database";

  await assert.rejects(migrateOnce(wrong.href), (error) => codeOf(error) === "journal.unavailable");
});

async function migrateOnce(url: string, migrations = MIGRATIONS): Promise<void> {
  const runtime = new ManualRuntime();
  const database = new PostgresDatabase({ url, runtime, name: "tasker/test" });
  try {
    await migrate(database, runtime, migrations);
  } finally {
    await database.close();
  }
}
