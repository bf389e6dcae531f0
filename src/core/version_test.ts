import { deepEqual, equal } from "node:assert/strict";
import { compareVersions, parseVersionRange } from "./version.ts";

Deno.test("compareVersions() orders as semver does", () => {
  const ordered = [
    "0.9.10",
    "1.0.0-alpha",
    "1.0.0-alpha.2",
    "1.0.0-alpha.10",
    "1.0.0",
    "1.0.1",
    "1.10.0",
    "2.0.0",
  ];
  const shuffled = [...ordered].reverse();

  deepEqual(shuffled.sort(compareVersions), ordered);
});

Deno.test("compareVersions() orders versions that are no semver", () => {
  deepEqual(["v10", "v9", "2024.2", "2024.11"].sort(compareVersions), [
    "v9",
    "v10",
    "2024.2",
    "2024.11",
  ]);
  equal(compareVersions("1.0", "1.0+build"), 0);
});

Deno.test("compareVersions() orders numbers that are equal as doubles", () => {
  const ordered = ["9007199254740992.0.0", "9007199254740993.0.0", "99999999999999999999.0.0"];

  deepEqual([...ordered].reverse().sort(compareVersions), ordered);
  equal(compareVersions("01.0.0", "1.0.0"), 0);
});

/** Whether the range takes the version. */
function takes(range: string, version: string): boolean | undefined {
  return parseVersionRange(range)?.(version);
}

Deno.test("parseVersionRange() takes the versions that npm's ranges take, and no other", () => {
  const cases: readonly (readonly [string, readonly string[], readonly string[]])[] = [
    ["1.2.3", ["1.2.3", "1.2.3+build"], ["1.2.4", "1.2.2"]],
    ["1.2", ["1.2.0", "1.2.9"], ["1.3.0", "1.1.9"]],
    ["1.x", ["1.0.0", "1.9.9"], ["2.0.0", "0.9.9"]],
    ["*", ["0.0.1", "9.9.9"], ["1.0.0-beta"]],
    ["^1.2", ["1.2.0", "1.9.0"], ["2.0.0", "1.1.9", "2.0.0-alpha", "1.3.0-alpha"]],
    ["^0.2.3", ["0.2.3", "0.2.9"], ["0.3.0", "0.2.2"]],
    ["^0.0.3", ["0.0.3"], ["0.0.4"]],
    ["^0.0", ["0.0.0", "0.0.9"], ["0.1.0"]],
    ["^0", ["0.0.1", "0.9.9"], ["1.0.0"]],
    ["~1.2.3", ["1.2.3", "1.2.9"], ["1.3.0"]],
    ["~1", ["1.0.0", "1.9.9"], ["2.0.0"]],
    [">=1.2 <2", ["1.2.0", "1.9.9"], ["2.0.0", "1.1.0"]],
    [">1.2", ["1.3.0"], ["1.2.9"]],
    ["<=1.2", ["1.2.9"], ["1.3.0"]],
    ["1.2.3 || ^2", ["1.2.3", "2.5.0"], ["1.2.4", "3.0.0"]],
    [">= 1.2.0", ["1.2.0"], ["1.1.0"]],
    ["^1.2.3-beta.2", ["1.2.3-beta.2", "1.2.3", "1.9.0"], ["1.2.3-beta.1", "1.9.0-beta"]],
  ];

  for (const [range, inside, outside] of cases) {
    for (const version of inside) equal(takes(range, version), true, `${range} takes ${version}`);
    for (const version of outside) equal(takes(range, version), false, `${range} not ${version}`);
  }
});

Deno.test("parseVersionRange() refuses what is not a range", () => {
  for (const text of ["", "latest", "^", ">=*", "1.2.3.4", "1.2-beta", "^1 ||", "=> 1", "1..2"]) {
    equal(parseVersionRange(text), undefined, text);
  }
});
