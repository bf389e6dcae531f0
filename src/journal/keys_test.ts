import assert from "node:assert/strict";
import { JournalBench } from "../../tests/support/journal_node.ts";
import type { KeyRow } from "../core/ports.ts";

const KEY: KeyRow = {
  id: "key_1",
  hash: "0a",
  name: "first",
  scopes: ["read", "admin"],
  namespaces: ["orders"],
  systems: ["payments"],
  createdAtMs: 1_767_225_600_123,
};

Deno.test("of several first keys at once one gets in", async () => {
  await using bench = await JournalBench.open();
  const nodes = [await bench.node(), await bench.node(), await bench.node()];

  const added = await Promise.all(
    nodes.map(({ keys }, at) => keys.addFirst({ ...KEY, id: `key_${at}`, hash: `0${at}` })),
  );

  assert.deepEqual(added.toSorted(), [false, false, true]);
  const won = added.indexOf(true);
  assert.deepEqual((await nodes[0]?.keys.list())?.map(({ id }) => id), [`key_${won}`]);
});

Deno.test("addFirst() adds nothing once any key is there", async () => {
  await using bench = await JournalBench.open();
  const { keys } = await bench.node();
  await keys.add(KEY);

  assert.equal(await keys.addFirst({ ...KEY, id: "key_2", hash: "0b" }), false);
});

Deno.test("find() gives back a key as it was added, by its hash alone", async () => {
  await using bench = await JournalBench.open();
  const { keys } = await bench.node();
  const expiring = { ...KEY, id: "key_2", hash: "0b", expiresAtMs: KEY.createdAtMs + 1 };
  await keys.add(KEY);
  await keys.add(expiring);

  assert.deepEqual(await keys.find("0a"), KEY);
  assert.deepEqual(await keys.find("0b"), expiring);
  assert.equal(await keys.find("key_1"), undefined);
  assert.deepEqual(await keys.list(), [KEY, expiring]);
});

Deno.test("a removed key is found no more, and is removed once", async () => {
  await using bench = await JournalBench.open();
  const { keys } = await bench.node();
  await keys.add(KEY);

  assert.deepEqual([await keys.remove("key_1"), await keys.remove("key_1")], [true, false]);
  assert.equal(await keys.find("0a"), undefined);
});

Deno.test("the last key that can make all others stays, also when two are removed at once", async () => {
  await using bench = await JournalBench.open();
  const nodes = [await bench.node(), await bench.node()];
  const root = { ...KEY, namespaces: ["*"] };
  const keys = nodes[0]!.keys;
  await keys.add({ ...root, id: "a", hash: "0a" });
  await keys.add({ ...root, id: "b", hash: "0b" });
  await keys.add({ ...root, id: "ends", hash: "0c", expiresAtMs: Date.now() + 60_000 });
  await keys.add({ ...KEY, id: "tenant", hash: "0d" });

  const removed = await Promise.allSettled(
    ["a", "b"].map((id, at) => nodes[at]?.keys.remove(id)),
  );

  assert.deepEqual(removed.map(({ status }) => status).toSorted(), ["fulfilled", "rejected"]);
  const left = (await keys.list()).map(({ id }) => id);
  const last = left.includes("a") ? "a" : "b";
  assert.deepEqual(left.toSorted(), [last, "ends", "tenant"]);
  await assert.rejects(keys.remove(last), { code: "key.last" });
  assert.deepEqual(await Promise.all(["ends", "tenant"].map((id) => keys.remove(id))), [
    true,
    true,
  ]);
});

Deno.test("all nodes sign with the reply key that the first one made", async () => {
  await using bench = await JournalBench.open();
  const nodes = [await bench.node(), await bench.node()];

  const made = await Promise.all(nodes.map(({ keys }, at) => keys.replyKeys(() => `secret ${at}`)));
  const again = await nodes[0]?.keys.replyKeys(() => assert.fail("it is there"));

  assert.equal(made[0]?.length, 1);
  assert.deepEqual(made[0], made[1]);
  assert.deepEqual(again, made[0]);
});

Deno.test("a key made before keys named systems keeps what it was given", async () => {
  await using bench = await JournalBench.open();
  const { keys } = await bench.node();
  const older = (id: string, scopes: string, namespaces: string) =>
    bench.watch().unsafe(`
      insert into tasker.api_key (id, hash, name, scopes, namespaces, created_at)
      values ('${id}', '${id}', 'old', '{${scopes}}', '{${namespaces}}', now())`);
  await older("first", "admin", "*");
  await older("worker", "bus", "payments");
  await older("tenant", "read,admin", "beta");

  const systemsOf = async (hash: string) => (await keys.find(hash))?.systems;

  assert.deepEqual(await systemsOf("first"), ["*"]);
  assert.deepEqual(await systemsOf("worker"), ["payments"]);
  assert.deepEqual(await systemsOf("tenant"), []);
});
