import assert from "node:assert/strict";
import { benjaminiHochberg, contrasts, fisherExact, type Trial } from "./contrast.ts";

Deno.test("Fisher's exact test gives the values that exact fractions give", () => {
  // Sums of hypergeometric probabilities, computed with whole numbers.
  const known: readonly (readonly [number, number, number, number, number])[] = [
    [3, 1, 1, 3, 0.4857142857142857],
    [8, 2, 1, 5, 0.03496503496503496],
    [10, 2, 3, 15, 0.0005367241191434358],
    [0, 10, 12, 2, 6.730380939561179e-05],
    [40, 60, 10, 190, 1.0727258797612164e-13],
    [5, 0, 0, 5, 0.007936507936507936],
    [0, 0, 3, 4, 1],
  ];

  for (const [a, b, c, d, p] of known) {
    assert.ok(Math.abs(fisherExact(a, b, c, d) - p) <= 1e-9 * p, `${a} ${b} ${c} ${d}`);
  }
});

Deno.test("a table of 100,000 attempts neither overflows nor gives more than 1", () => {
  assert.equal(fisherExact(50_000, 0, 0, 50_000), 0);
  assert.equal(fisherExact(25_000, 25_000, 25_000, 25_000), 1);
});

Deno.test("Benjamini and Hochberg's correction never reorders, and holds their example", () => {
  assert.deepEqual(benjaminiHochberg([0.01, 0.04, 0.03, 0.005]), [0.02, 0.04, 0.04, 0.02]);
  assert.deepEqual(benjaminiHochberg([]), []);
});

Deno.test("the attribute that sets failures apart comes first", () => {
  const trials = Array.from({ length: 60 }, (_, number): Trial => ({
    failed: number % 4 === 0,
    attributes: [["instance", `i${number % 4}`], ["hour", `h${number % 7}`]],
  }));

  const [first] = contrasts([trials]);

  assert.deepEqual([first?.attribute, first?.value, first?.failedWith, first?.succeededWith], [
    "instance",
    "i0",
    15,
    0,
  ]);
  assert.ok(first !== undefined && first.q < 1e-9 && first.logOdds > 5);
});
