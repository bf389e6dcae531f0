import { deepEqual, equal } from "node:assert/strict";
import { compareVersions } from "./version.ts";

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
