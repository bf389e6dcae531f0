import { deepEqual } from "node:assert/strict";
import { ansiPaint, noPaint } from "./paint.ts";
import { headOf, tableLines } from "./table.ts";

Deno.test("tableLines() makes columns as wide as their widest cell, whatever the colours", () => {
  const rows = [
    headOf("ID", "STATE", "WHY"),
    ["1", { text: "✓ completed", tone: "good" as const }, "a long reason that pushes nothing"],
    ["22", "failed", ""],
  ];

  deepEqual(tableLines(rows, noPaint), [
    "ID  STATE        WHY",
    "1   ✓ completed  a long reason that pushes nothing",
    "22  failed",
  ]);
  deepEqual(tableLines(rows.slice(1, 2), ansiPaint), [
    "1  \x1b[32m✓ completed\x1b[0m  a long reason that pushes nothing",
  ]);
});
