import assert from "node:assert/strict";
import { Budget } from "./budget.ts";

Deno.test("Budget grants in the order of asking, and a large share is not overtaken", async () => {
  const budget = new Budget(10);
  const granted: string[] = [];
  const take = async (name: string, bytes: number) => {
    const share = await budget.take(bytes);
    granted.push(name);
    return share;
  };
  const first = await take("first", 6);
  const large = take("large", 8);
  const small = take("small", 1);
  await Promise.resolve();
  assert.deepEqual(granted, ["first"]);

  first[Symbol.dispose]();
  const shares = [await large, await small];

  assert.deepEqual(granted, ["first", "large", "small"]);
  for (const share of shares) share[Symbol.dispose]();
});

Deno.test("Budget grants more than there is to one that is alone, and has all of it back after", async () => {
  const budget = new Budget(10);
  {
    using _ = await budget.take(1_000);
  }
  using all = await budget.take(10);
  assert.ok(all);
});
