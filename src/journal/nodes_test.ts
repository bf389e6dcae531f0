import assert from "node:assert/strict";
import {
  BEGIN_MS,
  claimSlots,
  JournalBench,
  type JournalNode,
  lockWaits,
  newTask,
  startRow,
  turnRow,
  valuesOf,
} from "../../tests/support/journal_node.ts";
import { slotOf, type TaskId } from "../core/ids.ts";
import type { PollResult, SlotRow, TurnRow } from "../core/ports.ts";

const EXPIRE = "update tasker.node set expires_at = now() - interval '1 second'";

// Nodes

Deno.test("join() repeated renews the row; it removes the incarnation before it, alive or not", async () => {
  await using bench = await JournalBench.open();
  const first = await bench.node();
  const second = await bench.node({ join: false });
  const { incarnation } = second;
  await claimSlots(first, [1]);

  const joining = { incarnation, name: "b", replaces: first.incarnation };
  await second.nodes.join(joining);
  await second.nodes.join(joining);

  const { alive, nodes, slots } = inOrder(await second.nodes.poll());
  assert.equal(alive, true);
  assert.deepEqual(
    nodes.map(({ incarnation, name, renewals }) => ({ incarnation, name, renewals })),
    [
      { incarnation, name: "b", renewals: 1 },
    ],
  );
  assert.deepEqual(slots[1], { slot: 1, owner: null, version: 2 });
  assert.equal((await first.nodes.poll()).alive, false);
});

Deno.test("takeOver() does nothing to a node that has renewed since it was watched", async () => {
  await using bench = await JournalBench.open();
  const [dead, watcher] = [await bench.node(), await bench.node()];
  const sql = bench.watch();
  await sql.unsafe(EXPIRE);
  await dead.nodes.poll();

  assert.equal(await watcher.nodes.takeOver(dead.incarnation), false);

  assert.equal((await dead.nodes.poll()).alive, true);
  assert.deepEqual(await dead.journal.append(startRow(newTask())), { kind: "inserted" });
  assert.deepEqual(dead.warnings, [], "its backends live");
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
  assert.equal((await watcher.journal.load([taskId])).get(taskId)?.length, 1);
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
      .then(() => watcher.journal.load([taskId]))
      .then((journals) => journals.get(taskId)?.length);
    await lockWaits(sql, 2);
    throw new Error("roll back");
  }).catch(() => {});

  assert.deepEqual(await appended, { kind: "inserted" });
  assert.equal(await read, 2);
  assert.deepEqual(await dead.journal.append(turnRow(taskId, 3)), { kind: "fenced" });
});

Deno.test("poll() tells a node whose row is gone that it is not alive", async () => {
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

// Slots

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

// Tasks of slots

Deno.test("residents() are the living tasks of a slot that did not passivate", async () => {
  await using bench = await JournalBench.open();
  const node = await bench.node();
  const [living, ended, passive, elsewhere] = [newTask(7), newTask(7), newTask(7), newTask(8)];
  await startAll(node, [living, ended, passive, elsewhere]);

  await end(node, ended);
  await passivate(node, passive, { turn: 2 });

  assert.deepEqual(await node.nodes.residents([7, 9]), [living]);
});

Deno.test("a late passivation does not hide a running task from a takeover", async () => {
  await using bench = await JournalBench.open();
  const node = await bench.node();
  const taskId = newTask(7);
  await startAll(node, [taskId]);
  await node.journal.append(turnRow(taskId, 2));

  assert.deepEqual(await passivate(node, taskId, { turn: 2 }), { kind: "ownership_lost" });

  assert.deepEqual(await node.nodes.residents([7]), [taskId]);
});

Deno.test("poll() finds passivated tasks of own slots that are due, until they are resident", async () => {
  await using bench = await JournalBench.open();
  const node = await bench.node();
  await claimSlots(node, [7]);
  const [due, later, never, ended] = [newTask(7), newTask(7), newTask(7), newTask(7)];
  const foreign = newTask(8);
  await startAll(node, [due, later, never, ended, foreign]);
  for (const taskId of [due, foreign]) {
    await passivate(node, taskId, { turn: 2, wakeAtMs: BEGIN_MS });
  }
  await passivate(node, later, { turn: 2, wakeAtMs: 4_000_000_000_000 });
  await passivate(node, never, { turn: 2 });
  await end(node, ended);

  assert.deepEqual((await node.nodes.poll()).due, [due]);
  assert.deepEqual((await node.nodes.poll()).due, [due], "a poll takes nothing away");
  const change = { state: "running", blockedReason: null, resident: true } as const;
  await node.journal.append({ ...turnRow(due, 3), change });

  assert.deepEqual((await node.nodes.poll()).due, []);
});

Deno.test("poll() takes a few due tasks of each slot, so that none starves", async () => {
  await using bench = await JournalBench.open();
  const node = await bench.node();
  await claimSlots(node, [7, 8]);
  const crowd = Array.from({ length: 20 }, () => newTask(7));
  const lone = newTask(8);
  await startAll(node, [...crowd, lone]);
  for (const taskId of crowd) await passivate(node, taskId, { turn: 2, wakeAtMs: BEGIN_MS });
  await passivate(node, lone, { turn: 2, wakeAtMs: BEGIN_MS + 1 });

  const { due } = await node.nodes.poll();

  assert.equal(due.length, 9);
  assert.equal(due.at(-1), lone);
});

// Inbox

Deno.test("poll() reads the inbox of own slots, oldest first, 500 at most", async () => {
  await using bench = await JournalBench.open();
  const node = await bench.node();
  await claimSlots(node, [7]);
  const sql = bench.watch();
  const taskId = newTask(7);
  await sql`
    insert into tasker.inbox (slot, command_id, command, wants_answer, created_at)
    select 7, 'c' || n, json_build_object('kind', 'Wake', 'taskId', ${taskId}::text), false,
      now() + n * interval '1 second'
    from generate_series(1, 600) n`;
  await post(node, newTask(8), "foreign");

  const { inbox } = await node.nodes.poll();

  assert.deepEqual(
    inbox.map(({ commandId }) => commandId),
    Array.from({ length: 500 }, (_, at) => `c${at + 1}`),
  );
  assert.deepEqual(inbox[0], {
    commandId: "c1",
    slot: 7,
    command: { kind: "Wake", taskId },
    wantsAnswer: false,
  });
});

Deno.test("post() repeated leaves one command, the first", async () => {
  await using bench = await JournalBench.open();
  const node = await bench.node();
  const [first, second] = [newTask(7), newTask(7)];

  await post(node, first, "c1");
  await post(node, second, "c1");

  assert.deepEqual(
    await valuesOf(bench.watch(), "select command_id, command ->> 'taskId' from tasker.inbox"),
    [["c1", first]],
  );
});

Deno.test("post() wakes the owner of the slot, and a lost wake-up loses nothing", async () => {
  await using bench = await JournalBench.open();
  const [owner, sender] = [await bench.node(), await bench.node()];
  await claimSlots(owner, [7]);
  let onWake = Promise.withResolvers<void>();
  await owner.nodes.onWake(() => onWake.resolve());
  await onWake.promise; // listening begins
  onWake = Promise.withResolvers<void>();

  await post(sender, newTask(7), "heard");
  await onWake.promise;
  bench.proxy.break(/read/, "lose_request", "pg_notify");
  await post(sender, newTask(7), "unheard");

  const { inbox } = await owner.nodes.poll();
  assert.deepEqual(inbox.map(({ commandId }) => commandId), ["heard", "unheard"]);
});

Deno.test("a wake-up comes after each reconnect, since what was said meanwhile was not heard", async () => {
  await using bench = await JournalBench.open();
  const owner = await bench.node();
  let onWake = Promise.withResolvers<void>();
  await owner.nodes.onWake(() => onWake.resolve());
  await onWake.promise;
  onWake = Promise.withResolvers<void>();

  bench.proxy.cut();

  await onWake.promise;
});

Deno.test("behind a pooler without sessions nothing is heard, and polls find the inbox", async () => {
  await using bench = await JournalBench.open();
  const owner = await bench.node({ prepare: false });
  await claimSlots(owner, [7]);
  await owner.nodes.onWake(() => assert.fail("a pooler has no LISTEN"));

  await post(owner, newTask(7), "c1");

  assert.deepEqual((await owner.nodes.poll()).inbox.map(({ commandId }) => commandId), ["c1"]);
});

/** With its slots in the order of their numbers. */
function inOrder(polled: PollResult): PollResult {
  return { ...polled, slots: polled.slots.toSorted((a, b) => a.slot - b.slot) };
}

function free(slot: number, version: number): SlotRow {
  return { slot, owner: null, version };
}

async function startAll(node: JournalNode, taskIds: readonly TaskId[]) {
  await Promise.all(taskIds.map((taskId) => node.journal.append(startRow(taskId))));
}

function end(node: JournalNode, taskId: TaskId) {
  const change = { state: "completed", blockedReason: null, resident: true, endedAtMs: 1 } as const;
  return node.journal.append({ ...turnRow(taskId, 2), change });
}

function passivate(
  node: JournalNode,
  taskId: TaskId,
  { turn, ...wake }: { turn: number; wakeAtMs?: number },
) {
  const change = { state: "waiting", blockedReason: null, resident: false, ...wake } as const;
  return node.journal.append({ ...turnRow(taskId, turn), change });
}

async function post(node: JournalNode, taskId: TaskId, commandId: string) {
  const slot = slotOf(taskId);
  const command = { kind: "Wake", taskId } as const;
  await node.nodes.post({ commandId, slot, command, wantsAnswer: false });
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
