import assert from "node:assert/strict";
import { JournalBench } from "../../tests/support/journal_node.ts";
import type { VersionedState } from "../core/ports.ts";
import { PostgresSharedStates } from "./shared_states.ts";

const opened = (atMs: number, version: number): VersionedState => ({
  version,
  state: { circuit: { isOpen: true, atMs } },
});

Deno.test("of two nodes that write what they read, one wins, and the other learns it", async () => {
  await using bench = await JournalBench.open();
  const states = new PostgresSharedStates((await bench.node()).database);
  const first = await states.write(new Map([["bank", opened(1, 0)], ["post", opened(2, 0)]]));
  const known = await states.read(["bank", "post", "unknown"]);

  const written = await Promise.all([
    states.write(new Map([["bank", opened(3, 1)]])),
    states.write(new Map([["bank", opened(4, 1)], ["other", opened(5, 0)]])),
  ]);
  const stale = await states.write(new Map([["bank", opened(6, 1)], ["post", opened(7, 0)]]));

  assert.deepEqual([...first].sort(), ["bank", "post"]);
  assert.deepEqual([...known.keys()].sort(), ["bank", "post"]);
  assert.deepEqual(known.get("post"), opened(2, 1));
  assert.equal(written.filter((keys) => keys.has("bank")).length, 1);
  assert.ok(written[1]?.has("other"));
  assert.deepEqual([...stale], []);
  assert.equal((await states.read(["bank"])).get("bank")?.version, 2);
});

Deno.test("nodes that write many states in other orders do not wait for each other for ever", async () => {
  await using bench = await JournalBench.open();
  const node = await bench.node();
  const states = new PostgresSharedStates(node.database);
  const keys = Array.from({ length: 200 }, (_, at) => `system${at}`);
  await states.write(new Map(keys.map((key) => [key, opened(0, 0)])));

  let written = 0;
  for (let round = 0; round < 10; round++) {
    const known = await states.read(keys);
    const asked = [keys, keys.toReversed(), keys.toSorted()].map((order) =>
      states.write(new Map(order.map((key) => [key, known.get(key) as VersionedState])))
    );
    for (const one of await Promise.all(asked)) written += one.size;
  }

  assert.equal(written, 10 * keys.length);
});
