import assert from "node:assert/strict";
import {
  BEGIN_MS,
  claimSlots,
  countRows,
  JournalBench,
  type JournalNode,
  newTask,
  startRow,
  turnRow,
  valuesOf,
} from "../../tests/support/journal_node.ts";
import { slotOf, type TaskId } from "../core/ids.ts";
import type { JsonText } from "../core/payload.ts";
import { DUE_PER_SLOT, type DueTask } from "../core/ports.ts";

Deno.test("residents() are the living tasks of a slot that did not passivate", async () => {
  await using bench = await JournalBench.open();
  const node = await bench.node();
  const [living, ended, passive, elsewhere] = [newTask(7), newTask(7), newTask(7), newTask(8)];
  await startAll(node, [living, ended, passive, elsewhere]);

  await end(node, ended);
  await passivate(node, passive, { turn: 2 });

  assert.deepEqual(await node.nodes.residents([7, 9]), [living]);
});

Deno.test("residents of all slots were read by one statement", async () => {
  await using bench = await JournalBench.open();
  const node = await bench.node();
  const tasks = Array.from({ length: 256 }, (_, slot) => newTask(slot));
  await startAll(node, tasks);
  const counts = countRows(node);

  const residents = await node.nodes.residents(tasks.map(slotOf));

  assert.deepEqual(residents.toSorted(), tasks.toSorted());
  assert.deepEqual(counts, [64, 64, 64, 64]);
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

Deno.test("poll() names own slots with passivated tasks that are due, until they are resident", async () => {
  await using bench = await JournalBench.open();
  const node = await bench.node();
  await claimSlots(node, [7]);
  const [due, later, never, ended] = [newTask(7), newTask(7), newTask(7), newTask(7)];
  const [foreign, resident] = [newTask(8), newTask(7)];
  await startAll(node, [due, later, never, ended, foreign, resident]);
  for (const taskId of [due, foreign]) {
    await passivate(node, taskId, { turn: 2, wakeAtMs: BEGIN_MS });
  }
  await passivate(node, later, { turn: 2, wakeAtMs: 4_000_000_000_000 });
  await passivate(node, never, { turn: 2 });
  await passivate(node, ended, { turn: 2, wakeAtMs: BEGIN_MS });
  await bench.watch()`
    update tasker.task set state = 'failed', ended_at = now() where task_id = ${ended}`;
  await bench.watch()`
    update tasker.task set wake_at = to_timestamp(0) where task_id = ${resident}`;

  assert.deepEqual((await node.nodes.poll()).dueSlots, [7]);
  assert.deepEqual((await node.nodes.poll()).dueSlots, [7], "a poll takes nothing away");
  assert.deepEqual(idsOf(await node.nodes.due([{ slot: 7 }])), [due]);
  const change = { state: "running", blockedReason: null, resident: true } as const;
  await node.journal.append({ ...turnRow(due, 3), change });

  assert.deepEqual((await node.nodes.poll()).dueSlots, []);
  assert.deepEqual(await node.nodes.due([{ slot: 7 }]), []);
});

Deno.test("due() takes a few tasks of each slot, the earliest first, and goes on after them", async () => {
  await using bench = await JournalBench.open();
  const node = await bench.node();
  await claimSlots(node, [7, 8]);
  const crowd = Array.from({ length: 20 }, () => newTask(7));
  const lone = newTask(8);
  await startAll(node, [...crowd, lone]);
  // Half of them at one moment: their ids say who comes first.
  for (const [at, taskId] of crowd.entries()) {
    await passivate(node, taskId, { turn: 2, wakeAtMs: BEGIN_MS + Math.max(10, at) });
  }
  await passivate(node, lone, { turn: 2, wakeAtMs: BEGIN_MS });
  const inOrder = [...crowd.slice(0, 11).sort(), ...crowd.slice(11)];

  const first = await node.nodes.due([{ slot: 7 }, { slot: 8 }]);
  const ofCrowd = first.filter(({ taskId }) => taskId !== lone);
  const second = await node.nodes.due([{ slot: 7, after: ofCrowd.at(-1) as DueTask }]);
  const last = await node.nodes.due([{ slot: 7, after: second.at(-1) as DueTask }]);

  assert.equal(first.length, DUE_PER_SLOT + 1);
  assert.deepEqual(idsOf([...ofCrowd, ...second, ...last]), inOrder);
});

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

Deno.test("10,000 commands that stay do not hold up a new one, and are all read again", async () => {
  await using bench = await JournalBench.open();
  const node = await bench.node();
  await claimSlots(node, [7]);
  const taskId = newTask(7);
  await bench.watch()`
    insert into tasker.inbox (slot, command_id, command, wants_answer, created_at)
    select 7, 'c' || n, json_build_object('kind', 'Wake', 'taskId', ${taskId}::text), false,
      now() - interval '1 day' + n * interval '1 second'
    from generate_series(1, 10000) n`;
  const polled = async () => (await node.nodes.poll()).inbox.map(({ commandId }) => commandId);
  const roundPolls = 10_000 / 500 + 1;

  for (let round = 1; round <= 2; round++) {
    const found: string[] = [];
    for (let poll = 1; poll <= roundPolls; poll++) {
      const isNew = poll % 3 === 0;
      if (isNew) await post(node, taskId, `new${poll}`);
      const first = await polled();
      found.push(...first);
      if (!isNew) continue;
      assert.ok(first.includes(`new${poll}`), `poll ${poll} of round ${round}`);
      await bench.watch()`delete from tasker.inbox where command_id = ${`new${poll}`}`;
    }
    const stuck = new Set(found.filter((commandId) => commandId.startsWith("c")));
    assert.equal(stuck.size, 10_000);
  }
});

Deno.test("large commands in the inbox were all read by one poll, which renews the lease", async () => {
  await using bench = await JournalBench.open();
  const node = await bench.node();
  await claimSlots(node, [7]);
  const taskId = newTask(7);
  const payload = JSON.stringify("x".repeat(1024 * 1024)) as JsonText;
  for (let count = 1; count <= 6; count++) {
    const commandId = `c${count}`;
    const command = { kind: "SendSignal", taskId, commandId, name: "s", payload } as const;
    await node.nodes.post([{ commandId, slot: 7, command, wantsAnswer: false }]);
  }

  const { inbox } = await node.nodes.poll();

  assert.deepEqual(inbox.map(({ commandId }) => commandId), ["c1", "c2", "c3"]);
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
  await bench.keepSettings();
  const owner = await bench.node({ prepare: false });
  await claimSlots(owner, [7]);
  await owner.nodes.onWake(() => assert.fail("a pooler has no LISTEN"));

  await post(owner, newTask(7), "c1");

  assert.deepEqual((await owner.nodes.poll()).inbox.map(({ commandId }) => commandId), ["c1"]);
});

function idsOf(due: readonly DueTask[]): readonly TaskId[] {
  return due.map(({ taskId }) => taskId);
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
  await node.nodes.post([{ commandId, slot, command, wantsAnswer: false }]);
}
