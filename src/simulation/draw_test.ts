import assert from "node:assert/strict";
import { Draw } from "./draw.ts";

/** The value below which a share of many draws is. */
function quantile(of: (draw: Draw) => number, share: number): number {
  const draw = new Draw("quantile");
  const all = Array.from({ length: 20_000 }, () => of(draw)).sort((a, b) => a - b);
  return all[Math.floor(share * all.length)] as number;
}

function assertNear(actual: number, expected: number): void {
  assert.ok(Math.abs(actual / expected - 1) < 0.06, `${actual} is not about ${expected}`);
}

Deno.test("lognormal() has the median and the 99th percentile that it was given", () => {
  assertNear(quantile((draw) => draw.lognormal(200, 900), 0.5), 200);
  assertNear(quantile((draw) => draw.lognormal(200, 900), 0.99), 900);
});

Deno.test("exponential() has its mean at the 63rd percentile", () => {
  assertNear(quantile((draw) => draw.exponential(50), 1 - Math.exp(-1)), 50);
});

Deno.test("share() gives each key as often as its share says", () => {
  const draw = new Draw("share");
  const drawn = Array.from({ length: 10_000 }, () => draw.share({ a: 3, b: 1 }));
  assertNear(drawn.filter((key) => key === "a").length, 7_500);
});

Deno.test("draws are the same under the same key, and differ under another", () => {
  const numbers = (key: string) => {
    const draw = new Draw(key);
    return [draw.uniform(), draw.normal(), draw.whole(1, 1_000), draw.chance(0.5)];
  };

  assert.deepEqual(numbers("1/a"), numbers("1/a"));
  assert.notDeepEqual(numbers("1/a"), numbers("2/a"));
});
