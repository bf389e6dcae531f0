import assert from "node:assert/strict";
import { rankInterval, wilson } from "./intervals.ts";

function close(actual: number | undefined, expected: number): void {
  assert.ok(Math.abs((actual ?? NaN) - expected) < 0.0005, `${actual}, not ${expected}`);
}

Deno.test("wilson() gives the published intervals of shares", () => {
  // Newcombe, Statistics in Medicine 17 (1998), table I, method 3.
  for (
    const [hits, n, low, high] of [
      [81, 263, 0.2553, 0.3662],
      [15, 148, 0.0624, 0.1605],
      [0, 20, 0, 0.1611],
      [1, 29, 0.0061, 0.1718],
    ] as const
  ) {
    const found = wilson(hits, n);
    close(found.low, low);
    close(found.high, high);
  }
});

Deno.test("of nothing a share may be anything, and a quantile has no bounds", () => {
  assert.deepEqual(wilson(0, 0), { low: 0, high: 1 });
  assert.deepEqual(rankInterval(0.5, 1), {});
});

Deno.test("rankInterval() gives the ranks of the published bounds of a median", () => {
  // Of 25 values the 8th and the 18th bound the median: Conover, table A3.
  const { low, high } = rankInterval(0.5, 25);

  close(low, 7 / 24);
  close(high, 17 / 24);
});

Deno.test("too few values leave a high quantile without an upper bound", () => {
  assert.equal(rankInterval(0.95, 59).high, undefined);
  assert.notEqual(rankInterval(0.95, 80).high, undefined);
});

Deno.test("rankInterval() holds the quantile in at least 95 of 100 samples", () => {
  for (const [rank, n] of [[0.5, 30], [0.9, 200]] as const) {
    let [held, runs] = [0, 0];
    let seed = 7;
    const random = () => (seed = seed * 48_271 % 2_147_483_647) / 2_147_483_647;
    for (; runs < 4_000; runs++) {
      const values = Array.from({ length: n }, random).sort((a, b) => a - b);
      const { low = 0, high = 1 } = rankInterval(rank, n);
      const at = (share: number) => values[Math.round(share * (n - 1))] as number;
      if (at(low) <= rank && rank <= at(high)) held++;
    }
    assert.ok(held / runs > 0.945, `${held} of ${runs}`);
  }
});

Deno.test("the exact bounds and the normal ones meet where one takes over from the other", () => {
  for (const rank of [0.5, 0.95, 0.99]) {
    const [exact, normal] = [rankInterval(rank, 10_000), rankInterval(rank, 10_001)];
    close(exact.low, normal.low ?? NaN);
    close(exact.high, normal.high ?? NaN);
  }
});
