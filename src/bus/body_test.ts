import assert from "node:assert/strict";
import { batchesOf } from "./body.ts";

Deno.test("batchesOf() keeps the order and puts small bodies together", () => {
  assert.deepEqual(batchesOf(["a", "b", "c"]), [["a", "b", "c"]]);
  assert.deepEqual(batchesOf([]), []);
});

Deno.test("batchesOf() begins a new batch before one grows beyond a million characters", () => {
  const large = "x".repeat(400_000);

  const batches = batchesOf([large, large, large, "small"]);

  assert.deepEqual(batches.map((batch) => batch.length), [2, 2]);
});
