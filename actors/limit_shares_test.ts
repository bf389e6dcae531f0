import assert from "node:assert/strict";
import { FAILURES_MAX, OPEN_MS } from "../src/core/breaker.ts";
import type { Incarnation, TaskId } from "../src/core/ids.ts";
import { planOf } from "../src/core/plan.ts";
import type { SharedStates } from "../src/core/ports.ts";
import type { SystemLimit } from "../src/core/shared_limit.ts";
import { MemorySharedStates } from "../src/journal/memory_stores.ts";
import { VirtualRuntime } from "../src/server/virtual_runtime.ts";
import { SILENT_LOG } from "../src/telemetry/log.ts";
import { definitionOf } from "../tests/support/task_driver.ts";
import { NodeAdmission } from "./admission.ts";
import { LimitShares } from "./limit_shares.ts";

const PLAN = planOf(
  "hash",
  definitionOf([
    { name: "charge", kind: "remote", owner: "bank", event: "charge" },
    { name: "refund", kind: "remote", owner: "bank", event: "refund" },
  ]),
);
const [CHARGE, REFUND] = [0, 1];

/** Nodes that share the states of one database, which may be away. */
class Nodes {
  readonly runtime = new VirtualRuntime();
  readonly states = new MemorySharedStates();
  readonly nodes: Node[] = [];
  isAway = false;
  /** Called while a write is under way. */
  writing: () => void = () => {};
  reads = 0;

  constructor(count: number, limits: Readonly<Record<string, SystemLimit>> = {}) {
    for (let at = 0; at < count; at++) this.nodes.push(new Node(this, `node${at}` as Incarnation));
    for (const { admission } of this.nodes) admission.renewSystems(new Map(Object.entries(limits)));
  }

  /** Polls every node once a second. */
  async pass(seconds: number): Promise<void> {
    for (let second = 0; second < seconds; second++) {
      for (const { shares } of this.nodes) shares.polled();
      await this.runtime.advance(1_000);
    }
  }

  async #answer<T>(answer: Promise<T>): Promise<T> {
    if (this.isAway) throw new Error("the database is away");
    return await answer;
  }

  get database(): SharedStates {
    return {
      read: (keys) => {
        this.reads++;
        return this.#answer(this.states.read(keys));
      },
      write: async (states) => {
        const written = await this.#answer(this.states.write(states));
        this.writing();
        return written;
      },
    };
  }
}

class Node {
  readonly admission: NodeAdmission;
  readonly shares: LimitShares;
  readonly running = new Map<TaskId, number>();
  #tasks = 0;

  constructor(of: Nodes, incarnation: Incarnation) {
    const { runtime } = of;
    this.admission = new NodeAdmission({
      runtime,
      canStart: () => true,
      // A task that is granted asks again, as its turn does.
      granted: (taskId, step) => this.ask(taskId, step),
      reconcileSoon: () => this.shares.ask(),
    });
    this.shares = new LimitShares({
      runtime,
      log: SILENT_LOG,
      incarnation,
      states: of.database,
      admission: this.admission,
      live: () => of.nodes.map(({ shares }) => shares.deps.incarnation),
    });
  }

  ask(taskId: TaskId, step: number): void {
    const request = { taskId, plan: PLAN, step, isRetry: false, concurrencyMax: undefined };
    if (this.admission.admit(request) === undefined) this.running.set(taskId, step);
  }

  start(count: number, step = CHARGE): void {
    for (let at = 0; at < count; at++) this.ask(`t${this.#tasks++}` as TaskId, step);
  }

  /** Ends all that runs. */
  end(answered: boolean): void {
    const ended = [...this.running];
    this.running.clear();
    for (const [taskId, step] of ended) {
      this.admission.release(taskId, step, answered ? "answered" : "timed_out");
    }
  }

  waitsFor(): string | undefined {
    const taskId = `t${this.#tasks++}` as TaskId;
    this.ask(taskId, CHARGE);
    return this.admission.waitsFor({ taskId, plan: PLAN, step: CHARGE });
  }
}

Deno.test("a circuit that opens on one node opens on the others, and ramps up on them", async () => {
  const world = new Nodes(2);
  const [one, other] = world.nodes as [Node, Node];
  other.start(1);
  await world.pass(1);
  one.start(FAILURES_MAX);
  one.end(false);
  assert.equal(one.admission.circuit("bank"), "open");

  await world.pass(2);

  assert.equal(other.admission.circuit("bank"), "open");
  one.start(1);
  await world.pass(OPEN_MS / 1_000);
  one.end(true);
  await world.pass(2);
  assert.equal(other.admission.circuit("bank"), "half_open");
  await world.pass(OPEN_MS / 1_000);
  assert.equal(other.admission.circuit("bank"), "closed");
});

Deno.test("a node that is alone, without limits, asks the database nothing", async () => {
  const world = new Nodes(1);
  const [node] = world.nodes as [Node];
  node.start(50);

  await world.pass(30);

  assert.equal(node.running.size, 50);
  assert.equal(world.reads, 0);
});

Deno.test("steps that wait for a limit cost the same few queries, however many they are", async () => {
  const reads = async (waiting: number) => {
    const world = new Nodes(2, { bank: { concurrencyMax: 2, ratePerS: 3 } });
    for (const node of world.nodes) node.start(waiting);
    await world.pass(20);
    return world.reads;
  };

  const [few, many] = [await reads(10), await reads(10_000)];

  assert.equal(many, few);
  assert.ok(few <= 2 * 25, `${few} reads in 20 s`);
});

Deno.test("a rate that keeps one start at most loses none of those that come while steps wait", async () => {
  const world = new Nodes(1, { bank: { ratePerS: 1.3, burst: 1 } });
  const [node] = world.nodes as [Node];
  node.start(200);

  await world.pass(100);

  const { size } = node.running;
  assert.ok(size >= 127 && size <= 131, `${size} started in 100 s`);
});

Deno.test("a limit of a capability leaves the others of its system alone", async () => {
  const world = new Nodes(1, { "bank/charge": { concurrencyMax: 1 } });
  const [node] = world.nodes as [Node];
  node.start(5, CHARGE);
  node.start(5, REFUND);

  await world.pass(2);

  assert.deepEqual([...node.running.values()].sort(), [CHARGE, ...Array(5).fill(REFUND)]);
  assert.equal(node.waitsFor(), "system_concurrency");
});

Deno.test("a capability that is full, or has used its rate up, does not hold up another", async () => {
  for (const limit of [{ concurrencyMax: 1 }, { ratePerS: 0.1, burst: 1 }]) {
    const world = new Nodes(1, { bank: { concurrencyMax: 3 }, "bank/charge": limit });
    const [node] = world.nodes as [Node];
    node.start(20, CHARGE);
    await world.pass(2);

    node.start(2, REFUND);
    await world.pass(2);

    assert.deepEqual([...node.running.values()].sort(), [CHARGE, REFUND, REFUND]);
    const [bank] = node.admission.figures();
    assert.deepEqual([bank?.name, bank?.running, bank?.waiting], ["bank", 3, 19]);
  }
});

Deno.test("while the database is away a node starts what it was granted, and no more", async () => {
  const world = new Nodes(2, { bank: { concurrencyMax: 4 } });
  for (const node of world.nodes) node.start(20);
  await world.pass(3);
  const before = world.nodes.map(({ running }) => running.size);
  assert.equal(before.reduce((sum, count) => sum + count), 4);

  world.isAway = true;
  for (let round = 0; round < 5; round++) {
    await world.pass(1);
    for (const node of world.nodes) node.end(true);
    const running = world.nodes.reduce((sum, node) => sum + node.running.size, 0);
    assert.ok(running <= 4, `${running} run`);
  }

  world.isAway = false;
  await world.pass(3);
  assert.equal(world.nodes.reduce((sum, node) => sum + node.running.size, 0), 4);
});

Deno.test("starts over a second are as many as the rate, whichever nodes they come from", async () => {
  const world = new Nodes(3, { bank: { ratePerS: 10 } });
  for (const [at, node] of world.nodes.entries()) node.start(at === 0 ? 1_000 : 5);
  const started = () => world.nodes.reduce((sum, node) => sum + node.running.size, 0);

  await world.pass(1);
  const afterOne = started();
  await world.pass(30);

  assert.ok(afterOne <= 20, `${afterOne} in the first second`);
  assert.ok(started() > 270 && started() <= 10 + 31 * 10, `${started()} in 31 s`);
});

Deno.test("a limit that is taken away lets all go", async () => {
  const world = new Nodes(1, { bank: { concurrencyMax: 1 } });
  const [node] = world.nodes as [Node];
  node.start(9);
  await world.pass(2);
  assert.equal(node.running.size, 1);

  node.admission.renewSystems(new Map());

  assert.equal(node.running.size, 9);
});

Deno.test("a limit that is taken away while it is divided lets all go", async () => {
  const world = new Nodes(1, { bank: { concurrencyMax: 1 } });
  const [node] = world.nodes as [Node];
  node.start(9);
  world.writing = () => node.admission.renewSystems(new Map());

  await world.pass(3);
  node.start(3);

  assert.equal(node.running.size, 12);
});
