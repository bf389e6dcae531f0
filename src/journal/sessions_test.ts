import assert from "node:assert/strict";
import { JournalBench } from "../../tests/support/journal_node.ts";
import type { KeyRow } from "../core/ports.ts";

const KEY: KeyRow = {
  id: "key_1",
  hash: "0a",
  name: "first",
  scopes: ["read"],
  namespaces: ["orders"],
  systems: [],
  createdAtMs: 1_767_225_600_123,
};

const LATER_MS = Date.now() + 60_000;
const SESSION = { hash: "5e", isLink: false, of: { keyId: KEY.id }, expiresAtMs: LATER_MS };

Deno.test("a session is its key until the earlier end of both, on every node", async () => {
  await using bench = await JournalBench.open();
  const [one, other] = [await bench.node(), await bench.node()];
  await one.keys.add(KEY);
  await one.keys.add({ ...KEY, id: "key_2", hash: "0b", expiresAtMs: LATER_MS - 1 });
  await one.sessions.add(SESSION);
  await one.sessions.add({ ...SESSION, hash: "5f", of: { keyId: "key_2" } });

  assert.deepEqual(await other.sessions.find("5e"), { ...KEY, hash: "5e", expiresAtMs: LATER_MS });
  assert.equal((await other.sessions.find("5f"))?.expiresAtMs, LATER_MS - 1);
});

Deno.test("a session goes with its key, and is gone after its removal", async () => {
  await using bench = await JournalBench.open();
  const { keys, sessions } = await bench.node();
  await keys.add(KEY);
  for (const hash of ["5e", "5f"]) await sessions.add({ ...SESSION, hash });

  assert.deepEqual(await sessions.living(["0a", "5e", "5f", "00"]), new Set(["0a", "5e", "5f"]));
  await sessions.remove("5f");
  assert.deepEqual(await sessions.living(["5e", "5f"]), new Set(["5e"]));
  await keys.remove(KEY.id);

  assert.equal(await sessions.find("5e"), undefined);
  assert.deepEqual(await sessions.living(["0a", "5e"]), new Set());
});

Deno.test("of several who follow one link at the same time one gets in", async () => {
  await using bench = await JournalBench.open();
  const nodes = [await bench.node(), await bench.node(), await bench.node()];
  await nodes[0]?.keys.add(KEY);
  await nodes[0]?.sessions.add({ ...SESSION, isLink: true });

  const rows = await Promise.all(nodes.map(({ sessions }) => sessions.takeLink("5e")));

  assert.deepEqual(rows.flatMap((row) => row?.id ?? []), [KEY.id]);
  assert.equal(await nodes[0]?.sessions.find("5e"), undefined, "a link is not a session");
});

Deno.test("a sign-in forgets what has expired", async () => {
  await using bench = await JournalBench.open();
  const { keys, sessions } = await bench.node();
  await keys.add(KEY);
  await sessions.add({ ...SESSION, expiresAtMs: Date.now() - 1 });

  await sessions.add({ ...SESSION, hash: "5f" });

  assert.deepEqual(await sessions.living(["5e", "5f"]), new Set(["5f"]));
});

Deno.test("a person without a key is found as the identity provider described them", async () => {
  await using bench = await JournalBench.open();
  const { sessions } = await bench.node();
  const { hash: _, ...person } = { ...KEY, id: "person:ada" };

  await sessions.add({ ...SESSION, of: { person } });

  const found = { ...person, hash: "5e", expiresAtMs: LATER_MS };
  assert.deepEqual(await sessions.find("5e"), found);
});
