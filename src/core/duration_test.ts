import { deepEqual, equal } from "node:assert/strict";
import { DURATION_MS_MAX, parseDuration } from "./duration.ts";

Deno.test("parseDuration() reads each unit to milliseconds", () => {
  const read = ["500ms", "30s", "5m", "2h", "7d"].map(parseDuration);

  deepEqual(read, [500, 30_000, 300_000, 7_200_000, 604_800_000]);
});

Deno.test("parseDuration() takes a number as milliseconds", () => {
  equal(parseDuration(0), 0);
  equal(parseDuration(1_500), 1_500);
});

Deno.test("parseDuration() refuses what is no duration", () => {
  const refused = ["", "s", "30", "1.5h", "-1s", "30 s", "30S", "1h30m", "5 weeks", -1, 0.5, NaN];

  deepEqual(refused.filter((value) => parseDuration(value) !== undefined), []);
});

Deno.test("parseDuration() refuses more than DURATION_MS_MAX", () => {
  equal(parseDuration("36500d"), DURATION_MS_MAX);
  equal(parseDuration("36501d"), undefined);
  equal(parseDuration(Infinity), undefined);
});
