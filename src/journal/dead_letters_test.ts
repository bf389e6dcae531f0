import assert from "node:assert/strict";
import { JournalBench, valuesOf } from "../../tests/support/journal_node.ts";

Deno.test("dead letters are listed oldest first, in pages, whatever they hold", async () => {
  await using bench = await JournalBench.open();
  const { deadLetters } = await bench.node();
  const letter = {
    channel: "c",
    reason: "no\u0000t JSON",
    body: "\u0000",
    atMs: 1_767_225_600_000,
  };
  const first = await deadLetters.add(letter);
  const second = await deadLetters.add({ ...letter, atMs: letter.atMs + 1 });

  assert.deepEqual((await deadLetters.list(9)).map(({ id }) => id), [first, second]);
  assert.deepEqual(await deadLetters.get(first), {
    id: first,
    channel: "c",
    reason: "no\ufffdt JSON",
    body: "\ufffd",
    atMs: letter.atMs,
  });
  assert.equal(await deadLetters.remove(first), true);
  assert.deepEqual((await deadLetters.list(9, first)).map(({ id }) => id), [second]);
  assert.equal(await deadLetters.get("no id"), undefined);
  assert.deepEqual(await valuesOf(bench.watch(), "select count(*)::int from tasker.dead_letter"), [
    [1],
  ]);
});
