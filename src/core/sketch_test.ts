import assert from "node:assert/strict";
import fc from "fast-check";
import { BUCKETS_MAX, RELATIVE_ACCURACY, Sketch } from "./sketch.ts";

const RANKS = [0, 0.01, 0.25, 0.5, 0.9, 0.95, 0.99, 0.999, 1];

/** Durations as steps have them: many zeros, most small, a few very long. */
const durations = fc.array(
  fc.oneof(
    fc.constant(0),
    fc.integer({ min: 0, max: 100 }),
    fc.integer({ min: 0, max: 60_000 }),
    fc.integer({ min: 0, max: 30 * 86_400_000 }),
  ),
  { minLength: 1, maxLength: 400 },
);

function sketchOf(values: readonly number[]): Sketch {
  const sketch = new Sketch();
  for (const value of values) sketch.add(value);
  return sketch;
}

/** The value at a rank, as the definition says: the one with floor(rank × (n - 1)) below it. */
function exact(values: readonly number[], rank: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(rank * (values.length - 1))] as number;
}

function assertAccurate(sketch: Sketch, values: readonly number[]): void {
  for (const rank of RANKS) {
    const [found, wanted] = [sketch.quantile(rank) ?? NaN, exact(values, rank)];
    const off = Math.abs(found - wanted);
    assert.ok(off <= wanted * RELATIVE_ACCURACY * 1.0001, `rank ${rank}: ${found} for ${wanted}`);
  }
}

Deno.test("quantile() is within the relative accuracy of the exact quantile", () => {
  fc.assert(fc.property(durations, (values) => assertAccurate(sketchOf(values), values)));
});

Deno.test("merge() gives the sketch of all values together, in any order", () => {
  fc.assert(fc.property(fc.array(durations, { minLength: 1, maxLength: 5 }), (lists) => {
    const all = lists.flat();
    const merged = new Sketch();
    for (const list of lists.toReversed()) merged.merge(sketchOf(list));

    assertAccurate(merged, all);
    assert.deepEqual(merged.toNumbers(), sketchOf(all).toNumbers());
  }));
});

Deno.test("a sketch that is stored and read again is the same sketch", () => {
  fc.assert(fc.property(durations, (values) => {
    const sketch = sketchOf(values);

    const again = Sketch.from(JSON.parse(JSON.stringify(sketch.toNumbers())));

    assert.deepEqual(again.toNumbers(), sketch.toNumbers());
    assert.equal(again.count, values.length);
    assertAccurate(again, values);
  }));
});

Deno.test("an empty sketch has no quantile and no mean, and takes no space", () => {
  const sketch = new Sketch();

  assert.deepEqual([sketch.quantile(0.5), sketch.mean, sketch.toNumbers()], [
    undefined,
    undefined,
    [],
  ]);
  assert.equal(Sketch.from([]).count, 0);
});

Deno.test("what is negative or no number counts as 0, and what is huge as the most", () => {
  const sketch = sketchOf([-5, NaN, 0.5, Infinity]);

  assert.equal(sketch.quantile(0), 0);
  assert.equal(sketch.quantile(1), Number.MAX_SAFE_INTEGER);
  assert.equal(sketch.mean, Number.MAX_SAFE_INTEGER / 4);
});

Deno.test("a sketch that is full collapses its lowest buckets, and keeps high quantiles", () => {
  const values = Array.from({ length: 900 }, (_, at) => 1.042 ** at).filter((value) =>
    value < Number.MAX_SAFE_INTEGER
  );
  const sketch = sketchOf(values);

  const buckets = (sketch.toNumbers().length - 3) / 2;
  assert.ok(values.length > BUCKETS_MAX && buckets === BUCKETS_MAX, `${buckets} buckets`);
  for (const rank of [0.5, 0.95, 0.99, 1]) {
    const [found, wanted] = [sketch.quantile(rank) ?? NaN, exact(values, rank)];
    assert.ok(Math.abs(found - wanted) <= wanted * RELATIVE_ACCURACY * 1.0001, `rank ${rank}`);
  }
  assert.equal(sketch.count, values.length);
});

Deno.test("countUpTo() counts the values that are at most as high", () => {
  const sketch = sketchOf([0, 0, 10, 100, 1_000]);

  assert.deepEqual([-1, 0, 9, 10, 500, 5_000].map((value) => sketch.countUpTo(value)), [
    0,
    2,
    2,
    3,
    4,
    5,
  ]);
});
