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

Deno.test("a canary comes with what the others are under, on all nodes", async () => {
  await using bench = await JournalBench.open();
  const [one, other] = [await bench.node(), await bench.node()];
  const put = { by: "ada", reason: "slow", atMs: 1_767_225_600_000 };
  const [before, after] = [{ "*": { timeoutMs: 5 } }, { "*": { timeoutMs: 9 } }];
  const canary = { percent: 10, salt: "s" };
  await one.policies.put("test", "chain", { ...put, steps: before });

  const made = await one.policies.put("test", "chain", { ...put, steps: after, canary }, 1);

  assert.deepEqual(made, {
    ...put,
    version: 2,
    steps: after,
    canary: { ...canary, base: { version: 1, steps: before } },
  });
  assert.deepEqual((await other.policies.newest()).get("test/chain"), made);
  const others = { ...canary, salt: "t" };
  const again = other.policies.put("test", "chain", { ...put, steps: before, canary: others });
  await assert.rejects(again, { code: "policy.conflict" });
  const ended = await other.policies.put("test", "chain", { ...put, steps: before }, 2);
  assert.deepEqual(ended, { ...put, version: 3, steps: before });
});

Deno.test("a policy that holds starts back says so on all nodes, and the next one need not", async () => {
  await using bench = await JournalBench.open();
  const [one, other] = [await bench.node(), await bench.node()];
  const put = { by: "ada", reason: "test", atMs: 5, steps: {} };
  const starts = { pausedBelow: 2, ratePerS: 0.5, untilMs: 1_767_225_600_000 };

  await one.policies.put("test", "chain", { ...put, starts });
  const held = (await other.policies.newest()).get("test/chain")?.starts;
  await one.policies.put("test", "chain", put);
  const free = (await other.policies.newest()).get("test/chain");

  assert.deepEqual(held, starts);
  assert.ok(free !== undefined && !("starts" in free));
});

Deno.test("more tasks may try the same, and the others stay under what they were under", async () => {
  await using bench = await JournalBench.open();
  const { policies } = await bench.node();
  const put = { by: "ada", reason: "slow", atMs: 1_767_225_600_000 };
  const steps = { "*": { timeoutMs: 9 } };
  const tries = (percent: number) =>
    policies.put("test", "chain", { ...put, steps, canary: { percent, salt: "s" } });
  await policies.put("test", "chain", { ...put, steps: { "*": { timeoutMs: 1 } } });
  await tries(5);

  const wider = await tries(25);

  assert.deepEqual([wider.version, wider.steps, wider.canary], [3, steps, {
    percent: 25,
    salt: "s",
    base: { version: 1, steps: { "*": { timeoutMs: 1 } } },
  }]);
});

Deno.test("to a version that knows no canaries, a canary is what was there before", async () => {
  await using bench = await JournalBench.open();
  const { policies, database } = await bench.node();
  const put = { by: "ada", reason: "slow", atMs: 1_767_225_600_000 };
  await policies.put("test", "chain", { ...put, steps: { "*": { timeoutMs: 5 } } });
  const canary = { percent: 10, salt: "s" };
  await policies.put("test", "chain", { ...put, steps: { "*": { timeoutMs: 9 } }, canary });

  const [row] = await database.query("select steps from tasker.policy order by version desc");

  assert.deepEqual(row?.steps, { "*": { timeoutMs: 5 } });
});
