import assert from "node:assert/strict";
import { Cluster, type ClusterNode } from "../../tests/support/cluster.ts";
import { TaskerError } from "../core/errors.ts";
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

/** What a node says of its readiness and its slots. */
async function lookAt({ engine }: ClusterNode) {
  const health = healthOf({
    name: "a",
    engine,
    journal: {
      history: { ping: () => Promise.resolve() },
      journal: { figures: () => ({ commits: 0, rows: 0, queries: 0, bytes: 0, flushMs: 0 }) },
    },
    bus: { name: "memory", ping: () => Promise.resolve() },
    readiness: { kind: "typescript" },
    config: { libraryReason: undefined },
  });
  const found = await health.checks.find(({ name }) => name === "slots")?.look();
  assert.ok(found !== undefined);
  return { notReady: await health.notReady(), slots: { ok: found.ok, detail: found.detail } };
}
