import assert from "node:assert/strict";
import {
  claimSlots,
  JournalBench,
  newTask,
  startRow,
  turnRow,
} from "../../tests/support/journal_node.ts";
import { findPgbouncer, startPgbouncer } from "../../tests/support/pgbouncer.ts";
import { TaskerError } from "../core/errors.ts";

const found = await findPgbouncer();
const reason = "reason" in found ? found.reason : undefined;
if (reason !== undefined) console.log(`ignored: tests behind PgBouncer, because ${reason}`);

/** What a role has to set for itself, because a pooler in transaction mode keeps no settings. */
const ALL_SET = `
  alter database %s set statement_timeout = '4s';
  alter database %s set lock_timeout = '2s';
  alter database %s set idle_in_transaction_session_timeout = '5s';`;

function test(name: string, fn: (bench: JournalBench) => Promise<void>): void {
  Deno.test({
    name: `behind PgBouncer ${name}`,
    ignore: reason !== undefined,
    fn: async () => {
      if ("reason" in found) return;
      await using direct = await JournalBench.open();
      const database = new URL(direct.url).pathname.slice(1);
      await direct.watch().unsafe(ALL_SET.replaceAll("%s", database));
      await using pooler = await startPgbouncer(found.path, direct.url);
      await using bench = await JournalBench.open({ url: pooler.url });
      await fn(bench);
    },
  });
}

test("nodes share the work over fewer connections than they open", async (bench) => {
  const nodes = [await bench.node({ prepare: false }), await bench.node({ prepare: false })];
  const [first, second] = nodes;
  assert.ok(first !== undefined && second !== undefined);
  await claimSlots(first, [7]);
  const tasks = Array.from({ length: 200 }, () => newTask(7));

  const appended = await Promise.all(tasks.map((taskId) => first.journal.append(startRow(taskId))));
  const turned = await Promise.all(tasks.map((taskId) => first.journal.append(turnRow(taskId, 2))));

  assert.deepEqual(
    new Set([...appended, ...turned].map(({ kind }) => kind)),
    new Set(["inserted"]),
  );
  assert.equal((await Array.fromAsync(second.journal.load(tasks))).length, 200);
  assert.equal(
    (await second.history.tasks({ namespaces: ["test"], limit: 200 })).tasks.length,
    200,
  );
  assert.equal((await second.nodes.residents([7])).length, 200);
  assert.equal(await second.keys.find("nobody"), undefined);
});

test("a node that lost the outcome of a flush finds its rows", async (bench) => {
  const node = await bench.node({ prepare: false });
  const taskId = newTask(7);
  await node.journal.append(startRow(taskId));
  const { happened } = bench.proxy.break(/write/, "lose_answer");

  const appended = node.journal.append(turnRow(taskId, 2));
  await happened;

  assert.deepEqual(await appended, { kind: "inserted" });
});

test("a fenced node writes nothing", async (bench) => {
  const [dead, heir] = [await bench.node({ prepare: false }), await bench.node({ prepare: false })];
  const taskId = newTask(7);
  await dead.journal.append(startRow(taskId));
  await heir.nodes.join({
    incarnation: heir.incarnation,
    name: "test",
    replaces: dead.incarnation,
  });

  assert.deepEqual(await dead.journal.append(turnRow(taskId, 2)), { kind: "fenced" });
});

Deno.test({
  name: "behind PgBouncer a role without bounds is refused, with how to get them",
  ignore: reason !== undefined,
  fn: async () => {
    if ("reason" in found) return;
    await using direct = await JournalBench.open();
    await using pooler = await startPgbouncer(found.path, direct.url);
    await using bench = await JournalBench.open({ url: pooler.url });

    const opening = bench.node({ prepare: false });

    await assert.rejects(opening, (error) => {
      assert.ok(error instanceof TaskerError);
      assert.equal(error.code, "config.invalid");
      assert.match(error.message, /alter role \S+ set statement_timeout = '4s'/);
      return true;
    });
  },
});
