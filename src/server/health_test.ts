import assert from "node:assert/strict";
import { Cluster, type ClusterNode } from "../../tests/support/cluster.ts";
import { TaskerError } from "../core/errors.ts";
import type { Incarnation } from "../core/ids.ts";
import type { HealthCheck } from "../operations/node.ts";
import { healthOf } from "./health.ts";

Deno.test("a node that cannot claim a slot is not ready, and its slots are not ok", async () => {
  const cluster = new Cluster(1, [{ name: "a" }], () => Promise.resolve(null));
  const { store, runtime } = cluster;
  const claim = store.claim.bind(store);
  store.claim = () => {
    throw new TaskerError("journal.unavailable", "too slow");
  };
  const node = cluster.add();
  await runtime.advance(10_000);

  assert.deepEqual(await lookAt(node), {
    notReady: "the node has no slot yet, so it runs no task",
    slots: { ok: false, detail: "0 of 4096; 1 node live" },
  });
  store.claim = claim;
  await runtime.advance(2_000);

  assert.deepEqual(await lookAt(node), {
    notReady: undefined,
    slots: { ok: true, detail: "4096 of 4096; 1 node live" },
  });
});

Deno.test("a node whose polls fail is not ready, as its sleeping tasks do not wake", async () => {
  const cluster = new Cluster(1, [{ name: "a" }], () => Promise.resolve(null));
  const { store, runtime } = cluster;
  const node = cluster.add();
  await runtime.advance(10_000);
  assert.equal((await lookAt(node)).notReady, undefined);
  const poll = store.poll.bind(store);
  store.poll = () => {
    throw new TaskerError("journal.unavailable", "the server is read-only");
  };

  await runtime.advance(7_000);

  const { notReady } = await lookAt(node);
  assert.match(notReady ?? "", /^the database answers no poll/);
  store.poll = poll;
  await runtime.advance(2_000);
  assert.equal((await lookAt(node)).notReady, undefined);
});

Deno.test("a node that drains is not ready, and no fault of its slots is shown", async () => {
  const cluster = new Cluster(1, [{ name: "a" }], () => Promise.resolve(null));
  const node = cluster.add();
  node.engine.router.isDraining = true;

  const { notReady, slots } = await lookAt(node);

  assert.equal(notReady, "the node is draining");
  assert.equal(slots.ok, true);
});

const OTHER = "00000000-0000-4000-8000-00000000000b" as Incarnation;
const OLD = "00000000-0000-4000-8000-00000000000c" as Incarnation;

Deno.test("a node says that another one is on another bus, until that one has gone", async () => {
  const cluster = new Cluster(1, [{ name: "a" }], () => Promise.resolve(null));
  const node = cluster.add();
  cluster.store.join(OTHER, "b", 1, "two");
  cluster.store.join(OLD, "of a version before", 1);
  await cluster.runtime.advance(3_000);

  const { ok, detail, action } = await checkOf(node, "one bus");

  assert.equal(ok, false);
  assert.match(detail, /^this node is on one, and b on two:/);
  assert.match(action ?? "", /BUS_URL/);
  await cluster.runtime.advance(30_000); // it was killed: it does not renew
  assert.equal((await checkOf(node, "one bus")).ok, true);
});

Deno.test("the health of the bus says what it runs on, and what the node does in its place", async () => {
  const cluster = new Cluster(1, [{ name: "a" }], () => Promise.resolve(null));

  const bus = await checkOf(cluster.add(), "bus");

  assert.equal(bus.detail, "Kafka; the node lets retries wait and counts deliveries");
});

/** What a node says of its readiness and its slots. */
async function lookAt(node: ClusterNode) {
  const notReady = await healthOfNode(node).notReady();
  const { ok, detail } = await checkOf(node, "slots");
  return { notReady, slots: { ok, detail } };
}

async function checkOf(node: ClusterNode, wanted: string): Promise<HealthCheck> {
  const found = await healthOfNode(node).checks.find(({ name }) => name === wanted)?.look();
  assert.ok(found !== undefined);
  return found;
}

function healthOfNode({ engine }: ClusterNode) {
  return healthOf({
    name: "a",
    engine,
    journal: {
      history: { ping: () => Promise.resolve() },
      journal: { figures: () => ({ commits: 0, rows: 0, queries: 0, bytes: 0, flushMs: 0 }) },
    },
    bus: {
      ping: () =>
        Promise.resolve({ server: "Kafka", delays: false, counts: false, seesHeld: true }),
    },
    readiness: { kind: "typescript" },
    config: { libraryReason: undefined, model: undefined },
    model: undefined,
  });
}
