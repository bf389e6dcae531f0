import assert from "node:assert/strict";
import { PartitionWindow } from "./window.ts";

function record(offset: number, id = `0:${offset}`) {
  return { id, offset: BigInt(offset), key: undefined, body: "{}", takenAtMs: 0 };
}

function windowOf(...offsets: readonly number[]): PartitionWindow {
  const window = new PartitionWindow(BigInt(offsets[0] ?? 0));
  for (const offset of offsets) assert.equal(window.take(record(offset)), true);
  return window;
}

Deno.test("a window makes committable what lies before its oldest open record", () => {
  const window = windowOf(5, 6, 8);

  const found = ["0:6", "0:5", "0:8"].map((id) => {
    window.settle(id);
    return window.committable;
  });

  assert.deepEqual(found, [5n, 8n, 9n]);
});

Deno.test("a window without open records makes all committable that was read", () => {
  const window = new PartitionWindow(3n);

  window.next = 7n;

  assert.deepEqual([window.committable, window.span], [7n, 0n]);
});

Deno.test("a moved record frees its offset, and its copy is not handed over", () => {
  const window = windowOf(1, 2);
  window.settle("0:2");

  window.move("0:1");
  window.moved("0:1");
  const before = window.committable;
  const isNew = window.take(record(3, "0:1"));

  assert.deepEqual([before, isNew, window.committable], [3n, false, 3n]);
  window.settle("0:1");
  assert.equal(window.committable, 4n);
});

Deno.test("a copy that arrives before its publishing is confirmed takes the place at once", () => {
  const window = windowOf(1);

  window.move("0:1");
  const isNew = window.take(record(2, "0:1"));
  window.moved("0:1");

  assert.deepEqual([isNew, window.committable], [false, 2n]);
});

Deno.test("a record that settles while its copy is on its way settles the copy", () => {
  const window = windowOf(1);
  window.move("0:1");
  window.moved("0:1");

  window.settle("0:1");
  const isNew = window.take(record(2, "0:1"));

  assert.deepEqual([isNew, window.committable], [false, 3n]);
});

Deno.test("a move that failed keeps the original, and drops a copy that comes nevertheless", () => {
  const window = windowOf(1);
  window.move("0:1");
  window.moveFailed("0:1");

  const isNew = window.take(record(2, "0:1"));

  assert.deepEqual([isNew, window.committable], [false, 1n]);
  window.settle("0:1");
  assert.equal(window.committable, 3n);
});

Deno.test("a copy of a record that this window never had is handed over", () => {
  const window = windowOf(7);

  assert.equal(window.take(record(8, "0:1")), true);
});
