import assert from "node:assert/strict";
import fc from "fast-check";
import type { Incarnation } from "./ids.ts";
import {
  divide,
  type Granted,
  newSharedLimit,
  type Report,
  type SharedLimit,
  type SystemLimit,
} from "./shared_limit.ts";

const NODES = ["a", "b", "c", "d"] as Incarnation[];

/** A node as it uses what it was granted. */
class Node {
  granted: Granted = { places: 0, starts: 0 };
  running = 0;
  waiting = 0;
  waitsSinceMs: number | null = null;
  started = 0;

  constructor(readonly name: Incarnation) {}

  /** Starts what it may. */
  start(): void {
    while (this.waiting > 0 && this.running < this.granted.places && this.granted.starts >= 1) {
      this.granted = { ...this.granted, starts: this.granted.starts - 1 };
      this.waiting--;
      this.running++;
      this.started++;
    }
    if (this.waiting === 0) this.waitsSinceMs = null;
  }

  get report(): Report {
    return {
      placesTaken: this.running,
      placesWanted: this.running + this.waiting,
      startsWanted: this.waiting,
      startsUnused: Number.isFinite(this.granted.starts) ? this.granted.starts : 0,
      waitsSinceMs: this.waitsSinceMs,
    };
  }
}

class World {
  readonly nodes = NODES.map((name) => new Node(name));
  shared: SharedLimit;
  nowMs = 1_000;

  constructor(readonly limit: SystemLimit) {
    this.shared = newSharedLimit(limit, this.nowMs);
  }

  settle(node: Node): void {
    const { limit, shared, nowMs } = this;
    const divided = divide({
      limit,
      shared,
      live: NODES,
      me: node.name,
      report: node.report,
      nowMs,
    });
    this.shared = divided.shared;
    node.granted = divided.granted;
    node.start();
  }

  get running(): number {
    return this.nodes.reduce((sum, { running }) => sum + running, 0);
  }

  get started(): number {
    return this.nodes.reduce((sum, { started }) => sum + started, 0);
  }
}

const moves = fc.array(
  fc.record({
    node: fc.nat(NODES.length - 1),
    kind: fc.constantFrom("come", "end", "settle", "settle"),
    count: fc.nat(20),
    passedMs: fc.nat(700),
  }),
  { maxLength: 300 },
);

Deno.test("whatever happens, no more attempts run or start than the limit allows", () => {
  fc.assert(fc.property(
    moves,
    fc.integer({ min: 1, max: 15 }),
    fc.integer({ min: 1, max: 40 }),
    (steps, concurrencyMax, ratePerS) => {
      const world = new World({ concurrencyMax, ratePerS });
      for (const { node: at, kind, count, passedMs } of steps) {
        const node = world.nodes[at] as Node;
        world.nowMs += passedMs;
        if (kind === "settle") world.settle(node);
        if (kind === "end") node.running = Math.max(0, node.running - count);
        if (kind === "come") {
          node.waiting += count;
          node.waitsSinceMs ??= world.nowMs;
        }
        node.start();
        assert.ok(world.running <= concurrencyMax, `${world.running} run`);
        const credited = ratePerS + (world.nowMs - 1_000) / 1_000 * ratePerS;
        assert.ok(world.started <= credited + 1e-6, `${world.started} started`);
      }
    },
  ));
});

Deno.test("a single place goes round: each node's first step runs before any node's second", () => {
  const world = new World({ concurrencyMax: 1 });
  for (const [at, node] of world.nodes.entries()) {
    Object.assign(node, { waiting: 9, waitsSinceMs: at });
  }
  const order: string[] = [];

  for (let round = 0; round < 8; round++) {
    for (let asked = 0; asked < 2; asked++) for (const node of world.nodes) world.settle(node);
    const running = world.nodes.find((node) => node.running > 0) as Node;
    order.push(running.name);
    world.nowMs += 1_000;
    Object.assign(running, {
      running: 0,
      waitsSinceMs: world.nowMs,
      granted: { places: 0, starts: 0 },
    });
  }

  assert.deepEqual(order, [...NODES, ...NODES]);
});

Deno.test("who needs little gets it, and the others share the rest", () => {
  const world = new World({ concurrencyMax: 10 });
  const needs = [1, 2, 50, 50];
  for (const [at, node] of world.nodes.entries()) Object.assign(node, { waiting: needs[at] });

  // What all need is known after the first round; running attempts are not taken back.
  for (const node of world.nodes) {
    const { limit, shared, nowMs } = world;
    const report = { ...node.report, placesTaken: 0 };
    world.shared = divide({ limit, shared, live: NODES, me: node.name, report, nowMs }).shared;
  }
  for (let round = 0; round < 3; round++) for (const node of world.nodes) world.settle(node);

  const running = world.nodes.map((node) => node.running);
  assert.equal(running.reduce((sum, count) => sum + count), 10);
  assert.ok(running[0] === 1 && (running[1] as number) >= 1, String(running));
  assert.ok((running[2] as number) >= 3 && (running[3] as number) >= 3, String(running));
});

Deno.test("what a dead node held is free for the others", () => {
  const world = new World({ concurrencyMax: 4 });
  const [dead, living] = world.nodes as [Node, Node];
  dead.waiting = 4;
  world.settle(dead);
  living.waiting = 4;
  world.settle(living);
  assert.equal(living.running, 0);

  const { limit, shared, nowMs } = world;
  const live = NODES.slice(1);
  const { granted } = divide({
    limit,
    shared,
    live,
    me: living.name,
    report: living.report,
    nowMs,
  });

  assert.equal(granted.places, 4);
});

Deno.test("a limit that was lowered lets what runs end, and starts nothing", () => {
  const world = new World({ concurrencyMax: 5 });
  const [node] = world.nodes as [Node];
  node.waiting = 9;
  world.settle(node);
  assert.equal(node.running, 5);

  const lowered = new World({ concurrencyMax: 2 });
  lowered.shared = world.shared;
  const { granted, shared } = divide({
    ...lowered,
    shared: lowered.shared,
    live: NODES,
    me: node.name,
    report: node.report,
  });

  assert.equal(granted.places, 2);
  assert.equal(shared.shares[node.name]?.places, 5);
});
