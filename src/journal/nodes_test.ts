import assert from "node:assert/strict";
import { loadAll } from "../../tests/support/loaded.ts";
import {
  claimSlots,
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
import type { PollResult, SlotRow, TurnRow } from "../core/ports.ts";
import { FORMAT_READ } from "./codec.ts";

const EXPIRE = "update tasker.node set expires_at = now() - interval '1 second'";

Deno.test("join() repeated renews the row; it removes the incarnation before it, alive or not", async () => {
  await using bench = await JournalBench.open();
  const first = await bench.node();
  const second = await bench.node({ join: false });
  const { incarnation } = second;
  await claimSlots(first, [1]);

  const bus = 'redis "a"';
  const joining = { incarnation, name: "b", replaces: first.incarnation, bus, version: "1.2.3" };
  await second.nodes.join(joining);
  await second.nodes.join(joining);

  const { alive, nodes, slots } = inOrder(await second.nodes.poll());
  assert.equal(alive, true);
  assert.deepEqual(
    nodes.map(({ incarnation, name, renewals, bus }) => ({ incarnation, name, renewals, bus })),
    [
      { incarnation, name: "b", renewals: 1, bus: 'redis "a"' },
    ],
  );
  assert.deepEqual(slots[1], { slot: 1, owner: null, version: 2 });
  assert.equal((await first.nodes.poll()).alive, false);
});

Deno.test("list() says of each node its version, since when, its slots and whether it is silent", async () => {
  await using bench = await JournalBench.open();
  const [own, silent] = [await bench.node(), await bench.node({ join: false })];
  const { incarnation } = silent;
  await silent.nodes.join({ incarnation, name: "z", replaces: undefined, version: "1.2.3" });
  await claimSlots(own, [1, 2]);
  const sql = bench.watch();
  await sql.unsafe(`${EXPIRE} where name = 'z'`);
  await sql.unsafe("update tasker.node set joined_at = null where name <> 'z'");

  const listed = await own.nodes.list();

  const facts = listed.map(({ renewedAgoMs: _, incarnation: __, sinceMs, ...rest }) => ({
    ...rest,
    isSinceKnown: sinceMs !== undefined,
  }));
  assert.deepEqual(facts, [
    { name: "test", isThis: true, isExpired: false, slots: 2, isSinceKnown: false },
    {
      ...{ name: "z", isThis: false, isExpired: true, slots: 0, isSinceKnown: true },
      version: "1.2.3",
    },
  ]);
  assert.ok((listed[1]?.renewedAgoMs ?? 0) >= 10_000, "by the clock of the database");
});

Deno.test("takeOver() does nothing to a node that has renewed since it was watched", async () => {
  await using bench = await JournalBench.open();
  const [dead, watcher] = [await bench.node(), await bench.node()];
  const sql = bench.watch();
  await dead.journal.append(startRow(newTask()));
  await sql.unsafe(EXPIRE);
  await dead.nodes.poll();
  const backends = await pidsOf(sql, dead);

  assert.equal(await watcher.nodes.takeOver(dead.incarnation), false);

  assert.equal((await dead.nodes.poll()).alive, true);
  assert.deepEqual(await pidsOf(sql, dead), backends, "its backends live");
});

Deno.test("takeOver() ends a node that holds its own row's lock and does not answer", async () => {
  await using bench = await JournalBench.open();
  const [dead, watcher] = [await bench.node(), await bench.node()];
  const sql = bench.watch();
  await claimSlots(dead, [7]);
  const taskId = newTask(7);
  await dead.journal.append(startRow(taskId));
  const { happened } = bench.proxy.break(/write/, "stall_sync");
  const appended = dead.journal.append(turnRow(taskId, 2));
  await happened;
  await sql.unsafe(EXPIRE);

  assert.equal(await watcher.nodes.takeOver(dead.incarnation), true);

  dead.runtime.fireDeadlines();
  assert.deepEqual(await appended, { kind: "fenced" });
  assert.equal((await loadAll(watcher.journal, [taskId])).get(taskId)?.length, 1);
  assert.deepEqual((await claimSlots(watcher, [7])).map(({ slot, version }) => [slot, version]), [
    [7, 3],
  ]);
});

Deno.test("a takeover in the middle of a flush waits for it, and reads what it had acknowledged", async () => {
  await using bench = await JournalBench.open();
  const [dead, watcher] = [await bench.node(), await bench.node()];
  const [sql, other] = [bench.watch(), bench.watch()];
  const taskId = newTask(7);
  await dead.journal.append(startRow(taskId));
  const row = turnRow(taskId, 2);
  let appended: Promise<unknown> | undefined;
  let read: Promise<number | undefined> | undefined;

  await bench.watch().begin(async (inside) => {
    await insertTurn(inside, { ...row, appendId: crypto.randomUUID() });
    appended = dead.journal.append(row);
    await lockWaits(sql, 1);
    // As endNode does, without its search for backends to end.
    read = other`delete from tasker.node where incarnation = ${dead.incarnation}`
      .then(() => loadAll(watcher.journal, [taskId]))
      .then((journals) => journals.get(taskId)?.length);
    await lockWaits(sql, 2);
    throw ROLL_BACK;
  }).catch(rolledBack);

  assert.deepEqual(await appended, { kind: "inserted" });
  assert.equal(await read, 2);
  assert.deepEqual(await dead.journal.append(turnRow(taskId, 3)), { kind: "fenced" });
});

Deno.test("poll() shows a node whose row is gone that it is not alive", async () => {
  await using bench = await JournalBench.open();
  const node = await bench.node({ join: false });

  const { alive, nodes } = await node.nodes.poll();

  assert.deepEqual({ alive, nodes }, { alive: false, nodes: [] });
});

Deno.test("leave() deletes the row and frees the slots", async () => {
  await using bench = await JournalBench.open();
  const [leaving, staying] = [await bench.node(), await bench.node()];
  await claimSlots(leaving, [1, 2]);

  await leaving.nodes.leave();

  const { nodes, slots } = inOrder(await staying.nodes.poll());
  assert.deepEqual(nodes.map(({ incarnation }) => incarnation), [staying.incarnation]);
  assert.deepEqual(slots.slice(1, 3), [free(1, 2), free(2, 2)]);
  assert.equal((await leaving.nodes.poll()).alive, false);
});

Deno.test("poll() sees all slots at first, none when nothing moved, and every move", async () => {
  await using bench = await JournalBench.open();
  const [first, second] = [await bench.node(), await bench.node()];

  assert.equal((await first.nodes.poll()).slots.length, 4096);
  assert.deepEqual((await first.nodes.poll()).slots, []);
  const [claimed] = await claimSlots(second, [9]);

  assert.deepEqual(inOrder(await first.nodes.poll()).slots[9], claimed);
  assert.deepEqual((await first.nodes.poll()).slots, []);
});

Deno.test("of two nodes that claim the same slots at once each slot goes to one", async () => {
  await using bench = await JournalBench.open();
  const [first, second] = [await bench.node(), await bench.node()];
  const { slots } = await first.nodes.poll();
  const wanted = slots.slice(0, 64);

  const claims = await Promise.all([
    first.nodes.claim(wanted),
    second.nodes.claim(wanted.toReversed()),
  ]);

  const taken = claims.flat().map(({ slot }) => slot).sort((a, b) => a - b);
  assert.deepEqual(taken, wanted.map(({ slot }) => slot));
  const after = inOrder(await first.nodes.poll()).slots.slice(0, 64);
  assert.deepEqual(after, claims.flat().toSorted((a, b) => a.slot - b.slot));
});

Deno.test("claim() by a version that is over takes nothing, free as the slot may be", async () => {
  await using bench = await JournalBench.open();
  const [first, second] = [await bench.node(), await bench.node()];
  const claimed = await claimSlots(first, [3]);
  await first.nodes.release(claimed);

  assert.deepEqual(await second.nodes.claim([free(3, 0), free(3, 1)]), []);
  assert.equal((await second.nodes.claim([free(3, 2)])).length, 1);
});

Deno.test("claim() takes no slot that has an owner, dead or alive", async () => {
  await using bench = await JournalBench.open();
  const [first, second] = [await bench.node(), await bench.node()];
  const [claimed] = await claimSlots(first, [3]);
  await bench.watch()`delete from tasker.node where incarnation = ${first.incarnation}`;

  assert.deepEqual(await second.nodes.claim([claimed as SlotRow]), []);
});

Deno.test("a fenced node claims nothing", async () => {
  await using bench = await JournalBench.open();
  const node = await bench.node({ join: false });

  assert.deepEqual(await node.nodes.claim([free(3, 0)]), []);
});

Deno.test("a late release does not take a slot from its new owner", async () => {
  await using bench = await JournalBench.open();
  const [first, second] = [await bench.node(), await bench.node()];
  const claimed = await claimSlots(first, [3]);
  await first.nodes.release(claimed);
  const [taken] = await claimSlots(second, [3]);

  await first.nodes.release(claimed);
  await first.nodes.release([taken as SlotRow]);

  assert.deepEqual(inOrder(await second.nodes.poll()).slots[3], taken);
});

Deno.test("a late release does not give away a slot that the same node has claimed again", async () => {
  await using bench = await JournalBench.open();
  const node = await bench.node();
  const claimed = await claimSlots(node, [3]);
  await node.nodes.release(claimed);
  const [again] = await claimSlots(node, [3]);

  await node.nodes.release(claimed);

  assert.deepEqual(inOrder(await node.nodes.poll()).slots[3], again);
});

Deno.test("a slot that needs a newer event format keeps its owner, and the need in every move", async () => {
  await using bench = await JournalBench.open();
  const [first, second] = [await bench.node(), await bench.node()];
  const { incarnation: owner } = first;
  const claimed = await claimSlots(first, [3]);

  const required = await first.nodes.requireNewerFormat(claimed);
  assert.deepEqual(required, [{ slot: 3, owner, version: 2, formatMin: FORMAT_READ + 1 }]);
  assert.deepEqual(await first.nodes.requireNewerFormat(claimed), [], "the version is over");
  assert.deepEqual(await second.nodes.requireNewerFormat(required), [], "it is another's");
  const { slots, nodes } = inOrder(await second.nodes.poll());
  assert.deepEqual(slots[3], required[0]);
  assert.deepEqual(nodes.map(({ format }) => format), [FORMAT_READ, FORMAT_READ]);

  await first.nodes.release(required);
  const [taken] = await claimSlots(second, [3]);

  assert.deepEqual(inOrder(await first.nodes.poll()).slots[3], {
    ...taken,
    formatMin: FORMAT_READ + 1,
  });
});

Deno.test("freeOrphans() frees the slots of nodes without a row, and no others", async () => {
  await using bench = await JournalBench.open();
  const [dead, living] = [await bench.node(), await bench.node()];
  await claimSlots(dead, [1]);
  await claimSlots(living, [2]);
  await bench.watch()`delete from tasker.node where incarnation = ${dead.incarnation}`;

  assert.equal(await living.nodes.freeOrphans(), 1);
  assert.equal(await living.nodes.freeOrphans(), 0);

  const { slots } = inOrder(await living.nodes.poll());
  assert.deepEqual(slots.slice(1, 3), [
    free(1, 2),
    { slot: 2, owner: living.incarnation, version: 1 },
  ]);
});

/** With its slots in the order of their numbers. */
function inOrder(polled: PollResult): PollResult {
  return { ...polled, slots: polled.slots.toSorted((a, b) => a.slot - b.slot) };
}

function free(slot: number, version: number): SlotRow {
  return { slot, owner: null, version };
}

/** The backends of a node that are there now. */
async function pidsOf(sql: ReturnType<JournalBench["watch"]>, node: JournalNode) {
  return await valuesOf(
    sql,
    `select pid from pg_stat_activity
     where starts_with(application_name, 'tasker/' || $1 || '/') order by pid`,
    node.incarnation,
  );
}

async function insertTurn(
  sql: Pick<ReturnType<JournalBench["watch"]>, "unsafe">,
  { taskId, turn, appendId }: TurnRow,
): Promise<void> {
  await sql.unsafe(
    "insert into tasker.journal (task_id, turn, append_id, events) values ($1, $2, $3, '[1,0,[]]')",
    [taskId, turn, appendId],
  );
}
