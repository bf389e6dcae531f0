import assert from "node:assert/strict";
import { Budget } from "./budget.ts";

Deno.test("Budget lets one answer of each host go on when no byte is free", () => {
  const budget = new Budget(10);
  using full = budget.open("a.test");
  using other = budget.open("a.test");
  using apart = budget.open("b.test");

  assert.equal(full.take(10), undefined);
  assert.equal(full.take(1), undefined); // on loan, to its end
  assert.equal(full.take(1), undefined);
  assert.ok(other.take(1) instanceof Promise);
  assert.equal(apart.take(5), undefined);
});

Deno.test("Budget grants in the order of asking, and passes on what an end gives back", async () => {
  const budget = new Budget(10);
  const granted: string[] = [];
  const opened = ["first", "second", "third", "fourth"].map((name) => ({
    name,
    hold: budget.open("a.test"),
  }));
  const waits = opened.map(async ({ name, hold }) => {
    await hold.take(6);
    granted.push(name);
    return hold;
  });
  await Promise.all(waits.slice(0, 2)); // the second on loan
  assert.deepEqual(granted, ["first", "second"]);

  (await waits[1])?.[Symbol.dispose]();
  await waits[2]; // the loan passes on
  assert.deepEqual(granted, ["first", "second", "third"]);
  (await waits[0])?.[Symbol.dispose]();
  (await waits[2])?.[Symbol.dispose]();
  await waits[3];
  for (const { hold } of opened) hold[Symbol.dispose]();

  using all = budget.open("b.test");
  using none = budget.open("b.test");
  using last = budget.open("b.test");
  assert.equal(all.take(10), undefined); // every byte came back
  assert.equal(none.take(1), undefined);
  assert.ok(last.take(1) instanceof Promise);
});

Deno.test("Budget forgets who ended while it waited", async () => {
  const budget = new Budget(10);
  const [full, loan, gone, next] = [1, 2, 3, 4].map(() => budget.open("a.test"));
  full?.take(10);
  loan?.take(1);
  gone?.take(10);
  const waited = next?.take(10);
  gone?.[Symbol.dispose]();
  loan?.[Symbol.dispose]();

  await waited;
  assert.equal(gone?.bytes, 0);
});
