import assert from "node:assert/strict";
import { Cluster, type ClusterNode } from "../tests/support/cluster.ts";
import { TaskerError } from "../src/core/errors.ts";
import { SLOTS } from "../src/core/ids.ts";

const away = () => {
  throw new TaskerError("journal.unavailable", "the answer was lost");
};

/** Nodes that have shared the slots out. */
async function nodesOf(count: number): Promise<{ cluster: Cluster; nodes: ClusterNode[] }> {
  const cluster = new Cluster(1, [{ name: "a" }], () => Promise.resolve(null));
  const nodes = Array.from({ length: count }, () => cluster.add());
  await cluster.runtime.advance(10_000);
  return { cluster, nodes };
}

Deno.test("three nodes share the slots: each is owned and served once", async () => {
  const { cluster, nodes } = await nodesOf(3);

  assert.equal(cluster.served(), SLOTS);
  assert.ok(nodes.every((node) => node.engine.ownership.owned > SLOTS / 6));
});

Deno.test("a claim whose answer was lost leaves no slot unserved", async () => {
  const cluster = new Cluster(1, [{ name: "a" }], () => Promise.resolve(null));
  const { store, runtime } = cluster;
  const claim = store.claim.bind(store);
  store.claim = (...of) => {
    claim(...of);
    store.claim = claim;
    return away();
  };

  cluster.add();
  await runtime.advance(10_000);

  assert.equal(cluster.served(), SLOTS);
});

Deno.test("claimed slots whose tasks could not be read at once are served later", async () => {
  const cluster = new Cluster(1, [{ name: "a" }], () => Promise.resolve(null));
  const { store, runtime } = cluster;
  const residents = store.residents.bind(store);
  store.residents = () => {
    store.residents = residents;
    return away();
  };

  cluster.add();
  await runtime.advance(10_000);

  assert.equal(cluster.served(), SLOTS);
});

Deno.test("a release whose answer was lost, of slots that then come back, leaves none unserved", async () => {
  const { cluster } = await nodesOf(1);
  const { store, runtime } = cluster;
  const release = store.release.bind(store);
  store.release = away;
  const other = cluster.add();
  await runtime.advance(5_000);
  other.kill();
  await runtime.advance(15_000);
  store.release = release;

  await runtime.advance(5_000);

  assert.equal(cluster.served(), SLOTS);
});

Deno.test("a renewal does not wait for a row in flight of slots that leave", async () => {
  const { cluster, nodes: [node] } = await nodesOf(1);
  assert.ok(node !== undefined);
  const { taskId } = await startOn(cluster, node);
  node.isStuck = true;
  const pause = { kind: "PauseTask", taskId, commandId: "c", by: "ada", reason: "" } as const;
  node.engine.router.send(pause).catch(() => {});

  cluster.add();
  cluster.add();
  await cluster.runtime.advance(30_000);

  assert.equal(node.isDead, false);
  assert.ok(cluster.store.nodes.has(node.incarnation));
});

Deno.test("after an outage longer than the lease no node ends another that lives", async () => {
  const { cluster, nodes: [first, second] } = await nodesOf(2);
  assert.ok(first !== undefined && second !== undefined);
  first.isCut = second.isCut = true;
  await cluster.runtime.advance(20_000);
  first.isCut = false;

  // Notifications make it look again and again, before the other has found its way back.
  for (let looks = 0; looks < 5; looks++) {
    void first.engine.ownership.poll();
    await cluster.runtime.advance(100);
  }
  second.isCut = false;
  await cluster.runtime.advance(10_000);

  assert.ok(cluster.store.nodes.has(second.incarnation));
  assert.equal(cluster.served(), SLOTS);
});

Deno.test("the slots of a killed node are served by others within 15 s", async () => {
  const { cluster, nodes: [, second] } = await nodesOf(3);
  assert.ok(second !== undefined);

  second.kill();
  await cluster.runtime.advance(15_000);

  assert.equal(cluster.store.nodes.has(second.incarnation), false);
  assert.equal(cluster.served(), SLOTS);
});

Deno.test("a node that thaws after its lease is fenced and joins again", async () => {
  const { cluster, nodes: [, second] } = await nodesOf(2);
  assert.ok(second !== undefined);
  second.freeze();
  await cluster.runtime.advance(20_000);

  second.thaw();
  await cluster.runtime.advance(10_000);

  assert.equal(second.isDead, true);
  assert.equal(cluster.store.nodes.size, 2);
  assert.equal(cluster.served(), SLOTS);
});

Deno.test("a slot with a task of a newer version goes to a node that reads it, and stays there", async () => {
  const code = (_: unknown, node: ClusterNode) =>
    node === first ? new Promise(() => {}) : Promise.resolve(null);
  const cluster = new Cluster(1, [{ name: "a" }], code);
  const { store, runtime } = cluster;
  const first = cluster.add(2);
  await runtime.advance(5_000);
  const { taskId } = await startOn(cluster, first);
  store.formats.set(taskId, 2);
  first.kill();

  const old = cluster.add();
  await runtime.advance(20_000);
  assert.match(old.engine.supervisor.quarantined.get(taskId) ?? "", /newer/);
  assert.equal(cluster.served(), SLOTS, "while no other node lives, the slot stays");

  const newer = cluster.add(2);
  await runtime.advance(10_000);
  assert.equal(store.tasks.get(taskId)?.change.state, "completed");
  assert.equal(old.engine.supervisor.quarantined.size, 0);

  for (let more = 0; more < 5; more++) cluster.add();
  await runtime.advance(20_000);
  assert.equal(newer.engine.router.owns(taskId), true, "six older nodes may draw it higher");
  assert.equal(cluster.served(), SLOTS);
});

Deno.test("a slot that no task of a newer version is in may go to any node", async () => {
  const cluster = new Cluster(1, [{ name: "a" }], () => Promise.resolve(null));
  const nodes = [cluster.add(1), cluster.add(2), cluster.add(1)];
  await cluster.runtime.advance(10_000);

  assert.ok(nodes.every((node) => node.engine.ownership.owned > SLOTS / 6));
});

/** Starts a task on a node whose slots are to leave it. */
async function startOn(cluster: Cluster, { engine }: ClusterNode) {
  const answer = engine.router.send({
    kind: "StartTask",
    taskId: engine.router.mintTaskId(),
    commandId: "start",
    namespace: "test",
    workflow: cluster.plan.workflow,
    version: "1.0.0",
    definitionHash: cluster.plan.hash,
    input: "{}" as never,
    tags: [],
  });
  await cluster.runtime.advance(50);
  return await answer;
}

Deno.test("a node that could not be taken over yet kept the slots of another one unserved", async () => {
  const { cluster, nodes: [survivor, stuck, other] } = await nodesOf(3);
  assert.ok(survivor !== undefined && stuck !== undefined && other !== undefined);
  const held = stuck.engine.ownership.owned;
  const { store, runtime } = cluster;
  const end = store.end.bind(store);
  store.end = (incarnation, evenIfAlive) =>
    incarnation === stuck.incarnation ? away() : end(incarnation, evenIfAlive);

  stuck.kill();
  other.kill();
  await runtime.advance(30_000);

  assert.equal(survivor.engine.ownership.owned, SLOTS - held);
});
