import assert from "node:assert/strict";
import { JournalBench } from "../../tests/support/journal_node.ts";

Deno.test("of policies put at once each becomes a version of its own", async () => {
  await using bench = await JournalBench.open();
  const nodes = [await bench.node(), await bench.node()];
  const overlay = {
    by: "ada",
    reason: "slow",
    atMs: 1_767_225_600_000,
    steps: { "*": { timeoutMs: 5 } },
  };

  const put = await Promise.all(
    [0, 1, 0, 1].map((at) =>
      nodes[at]?.policies.put("test", "chain", { ...overlay, by: `p${at}` })
    ),
  );

  assert.deepEqual(put.map((one) => one?.version).toSorted(), [1, 2, 3, 4]);
  const versions = await nodes[0]?.policies.versions("test", "chain");
  assert.deepEqual(versions?.map(({ version }) => version), [1, 2, 3, 4]);
  const newest = await nodes[1]?.policies.newest();
  assert.deepEqual(newest?.get("test/chain"), versions?.[3]);
});

Deno.test("a policy made for a version that is no longer the newest is refused", async () => {
  await using bench = await JournalBench.open();
  const { policies } = await bench.node();
  const overlay = { by: "ada", reason: "slow", atMs: 1_767_225_600_000, steps: {} };
  const put = (expected?: number) => policies.put("test", "chain", overlay, expected);

  const raced = await Promise.allSettled([put(0), put(0)]);

  assert.deepEqual(raced.map(({ status }) => status).toSorted(), ["fulfilled", "rejected"]);
  await assert.rejects(put(0), { code: "policy.conflict" });
  assert.equal((await put(1)).version, 2);
  assert.equal((await put()).version, 3);
  await assert.rejects(put(4), { code: "policy.conflict" });
});
