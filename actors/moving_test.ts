import assert from "node:assert/strict";
import { Cluster, type ClusterNode } from "../tests/support/cluster.ts";
import { type TaskId } from "../src/core/ids.ts";
import type { RunContext } from "../src/core/workflow.ts";
import type { DriverStep } from "../tests/support/task_driver.ts";
import { CUT_OFF_MS, MOVE_MS_MAX } from "./ownership.ts";

const TASKS = 20;

/** Code that ends when it is asked to, or when the test says so. */
class Code {
  /** Attempts whose code runs now, by task. */
  readonly running = new Map<string, Set<string>>();
  readonly finish = Promise.withResolvers<void>();
  starts = 0;
  aborts = 0;
  /** Most attempts of one task that ran at once. */
  atOnce = 0;

  constructor(readonly heedsAbort: boolean) {}

  async run({ taskId, attempt, signal }: RunContext, node: ClusterNode): Promise<null> {
    const mine = `${attempt} on ${node.name}`;
    const running = this.running.get(taskId) ?? new Set();
    this.running.set(taskId, running.add(mine));
    this.starts++;
    this.atOnce = Math.max(this.atOnce, running.size);
    const aborted = Promise.withResolvers<never>();
    signal.addEventListener("abort", () => {
      this.aborts++;
      if (this.heedsAbort) aborted.reject(signal.reason);
    });
    try {
      await Promise.race([this.finish.promise, aborted.promise]);
      return null;
    } finally {
      running.delete(mine);
    }
  }
}

/** One node that runs a step of each of many tasks. */
async function opened(step: Partial<DriverStep>, { heedsAbort }: { heedsAbort: boolean }) {
  const code = new Code(heedsAbort);
  const policy = { timeoutMs: 3_600_000 };
  const cluster = new Cluster(
    1,
    [{ name: "a", policy, ...step }],
    (context, node) => code.run(context, node),
  );
  const first = cluster.add();
  await cluster.runtime.advance(10_000);
  const tasks: TaskId[] = [];
  for (let count = 0; count < TASKS; count++) {
    const answer = cluster.start(`task-${count}`);
    await cluster.runtime.advance(100);
    tasks.push((await answer).taskId);
  }
  return { cluster, code, first, tasks };
}

function kinds(cluster: Cluster, tasks: readonly TaskId[]): Set<string> {
  const turns = tasks.flatMap((taskId) => cluster.store.tasks.get(taskId)?.turns ?? []);
  return new Set(turns.flatMap(({ events }) => events).map(({ kind }) => kind));
}

/** Tasks whose slots a node serves. */
function ownedBy(node: ClusterNode, tasks: readonly TaskId[]): number {
  return tasks.filter((taskId) => node.engine.router.owns(taskId)).length;
}

Deno.test("at-most-once steps parked because a node joined", async () => {
  const { cluster, code, first, tasks } = await opened({ atMostOnce: true }, { heedsAbort: true });

  const second = cluster.add();
  await cluster.runtime.advance(10 * MOVE_MS_MAX);

  assert.equal(ownedBy(first, tasks), TASKS);
  assert.ok(second.engine.ownership.owned > 1_000, "slots in which nothing runs move");
  assert.deepEqual({ starts: code.starts, aborts: code.aborts }, { starts: TASKS, aborts: 0 });
  code.finish.resolve();
  await cluster.runtime.advance(10_000);
  const expected = new Set(["TaskStarted", "StepStarted", "StepCompleted", "TaskEnded"]);
  assert.deepEqual(kinds(cluster, tasks), expected);
  assert.ok(ownedBy(second, tasks) > 0, "the others move when their code has ended");
});

Deno.test("a join started a second attempt beside code that ran for more than 30 s", async () => {
  const { cluster, code, tasks } = await opened({}, { heedsAbort: true });

  const second = cluster.add();
  await cluster.runtime.advance(MOVE_MS_MAX - 5_000);
  assert.equal(code.aborts, 0);
  await cluster.runtime.advance(30_000);

  const moved = ownedBy(second, tasks);
  assert.ok(moved > 0 && moved < TASKS);
  assert.equal(code.aborts, moved);
  assert.equal(code.starts, TASKS + moved);
  assert.equal(code.atOnce, 1);
  const expected = new Set(["TaskStarted", "StepStarted", "StepInterrupted"]);
  assert.deepEqual(kinds(cluster, tasks), expected);
  assert.ok(tasks.every((taskId) => cluster.state(taskId).steps[0]?.forgiven === 0));
});

Deno.test("code that does not end when it is asked to keeps its slot until it has ended", async () => {
  const { cluster, code, first, tasks } = await opened({}, { heedsAbort: false });

  const second = cluster.add();
  await cluster.runtime.advance(10 * MOVE_MS_MAX);
  assert.deepEqual({ owned: ownedBy(first, tasks), starts: code.starts }, {
    owned: TASKS,
    starts: TASKS,
  });
  assert.ok(code.aborts > 0);
  code.finish.resolve();
  await cluster.runtime.advance(10_000);

  assert.ok(ownedBy(second, tasks) > 0);
  assert.equal(code.starts, TASKS);
  assert.ok(tasks.every((taskId) => cluster.state(taskId).end === "completed"));
});

Deno.test("a slot that is asked to move starts no other code, and starts it elsewhere", async () => {
  const nodes: string[] = [];
  const released = Promise.withResolvers<null>();
  const held = Promise.withResolvers<null>();
  const policy = { timeoutMs: 3_600_000 };
  const steps: DriverStep[] = [
    { name: "long", policy },
    { name: "gate", policy },
    { name: "next", after: ["gate"] },
  ];
  const cluster = new Cluster(1, steps, ({ key }, node) => {
    if (key.endsWith("/long")) return held.promise;
    if (key.endsWith("/gate")) return released.promise;
    nodes.push(node.name);
    return Promise.resolve(null);
  });
  const first = cluster.add();
  await cluster.runtime.advance(10_000);
  for (let count = 0; count < TASKS; count++) void cluster.start(`task-${count}`);
  await cluster.runtime.advance(1_000);
  cluster.add();
  await cluster.runtime.advance(2 * MOVE_MS_MAX);

  released.resolve(null);
  await cluster.runtime.advance(1_000);
  const before = nodes.length;
  held.resolve(null);
  await cluster.runtime.advance(10_000);

  assert.ok(before < TASKS, "tasks whose slots stay go on");
  assert.equal(nodes.length, TASKS);
  assert.equal(nodes.filter((name) => name !== first.name).length, TASKS - before);
});

Deno.test("a slot that stays after all starts what it held back", async () => {
  const policy = { timeoutMs: 3_600_000 };
  const gate = Promise.withResolvers<null>();
  let started = 0;
  const steps: DriverStep[] = [
    { name: "long", policy },
    { name: "gate", policy },
    { name: "next", after: ["gate"] },
  ];
  const cluster = new Cluster(1, steps, ({ key }) => {
    if (key.endsWith("/long")) return new Promise(() => {});
    if (key.endsWith("/gate")) return gate.promise;
    started++;
    return Promise.resolve(null);
  });
  cluster.add();
  await cluster.runtime.advance(10_000);
  for (let count = 0; count < TASKS; count++) void cluster.start(`task-${count}`);
  await cluster.runtime.advance(1_000);
  const second = cluster.add();
  await cluster.runtime.advance(2 * MOVE_MS_MAX);
  gate.resolve(null);
  await cluster.runtime.advance(1_000);
  assert.ok(started < TASKS);

  second.kill();
  await cluster.runtime.advance(20_000);

  assert.equal(started, TASKS);
});

Deno.test("a node that cannot renew ends its code before another one makes it again", async () => {
  const { cluster, code, first } = await opened({}, { heedsAbort: true });
  cluster.add();
  await cluster.runtime.advance(3 * MOVE_MS_MAX);
  const kept =
    [...code.running.values()].filter((on) =>
      [...on].some((one) => one.endsWith(` on ${first.name}`))
    ).length;
  const { starts, aborts } = code;
  assert.ok(kept > 0);

  first.isCut = true;
  await cluster.runtime.advance(CUT_OFF_MS + 100);

  assert.deepEqual({ starts: code.starts, aborts: code.aborts }, { starts, aborts: aborts + kept });
  await cluster.runtime.advance(30_000);
  assert.equal(code.starts, starts + kept);
  assert.equal(code.atOnce, 1);
});
