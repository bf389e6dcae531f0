import assert from "node:assert/strict";
import { JournalBench, valuesOf } from "../../tests/support/journal_node.ts";

const LETTER = {
  system: "shop",
  kind: "reply",
  channel: "c",
  reason: "no\u0000t JSON",
  body: "\u0000",
  deliveries: 2,
  atMs: 1_767_225_600_000,
} as const;

const ALL = { systems: undefined };

Deno.test("dead letters are listed oldest first, in pages, whatever they hold", async () => {
  await using bench = await JournalBench.open();
  const { deadLetters } = await bench.node();
  const first = await deadLetters.add(LETTER);
  const second = await deadLetters.add({ ...LETTER, envelopeId: "e\u0000", atMs: LETTER.atMs + 1 });

  const listed = await deadLetters.list(ALL, 9);

  const summary = {
    id: first,
    system: "shop",
    kind: "reply",
    channel: "c",
    reason: "no\ufffdt JSON",
    deliveries: 2,
    bytes: 3,
    atMs: LETTER.atMs,
  };
  assert.deepEqual(listed, [summary, {
    ...summary,
    id: second,
    envelopeId: "e\ufffd",
    atMs: LETTER.atMs + 1,
  }]);
  assert.deepEqual(await deadLetters.get(first), { ...summary, body: "\ufffd" });
  assert.equal(await deadLetters.remove(first), true);
  const after = await deadLetters.list({ ...ALL, after: first }, 9);
  assert.deepEqual(after.map(({ id }) => id), [second]);
  assert.equal(await deadLetters.get("no id"), undefined);
  assert.deepEqual(await valuesOf(bench.watch(), "select count(*)::int from tasker.dead_letter"), [
    [1],
  ]);
});

Deno.test("dead letters are listed, counted and removed by system, kind and time", async () => {
  await using bench = await JournalBench.open();
  const { deadLetters } = await bench.node();
  const ids: string[] = [];
  for (const [number, system] of ["a", "b", "a", "a"].entries()) {
    const kind = number === 3 ? "command" : "reply";
    ids.push(await deadLetters.add({ ...LETTER, system, kind, atMs: LETTER.atMs + number }));
  }
  const idsOf = async (filter: object) =>
    (await deadLetters.list({ ...ALL, ...filter }, 9)).map(({ id }) => ids.indexOf(id));

  assert.deepEqual(await idsOf({ systems: ["a"] }), [0, 2, 3]);
  assert.deepEqual(await idsOf({ systems: [] }), []);
  assert.deepEqual(await idsOf({ kind: "command" }), [3]);
  assert.deepEqual(await idsOf({ sinceMs: LETTER.atMs + 1, untilMs: LETTER.atMs + 3 }), [1, 2]);
  assert.deepEqual([...await deadLetters.counts()].toSorted(), [["a", 3], ["b", 1]]);
  assert.equal(await deadLetters.removeAll({ systems: ["a"] }, 2), 2);
  assert.deepEqual(await idsOf({}), [1, 3]);
});
