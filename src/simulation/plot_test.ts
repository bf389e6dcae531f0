import assert from "node:assert/strict";
import { chart } from "./plot.ts";

Deno.test("chart() draws each value to its height, and nothing where there is none", () => {
  const label = (value: number) => `${value}`;

  assert.deepEqual(chart([0, 1, 2, 3, 4, undefined, 9], { max: 4, rows: 2, label }), [
    "4 ┤   ▄█ █",
    "0 ┤▁▄██▀".replace("▀", "█") + " █",
  ]);
});
