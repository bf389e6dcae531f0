import { deepEqual, equal } from "node:assert/strict";
import { ansiPaint, cutLine, noPaint, printable } from "./paint.ts";

Deno.test("printable() lets no text of others rewrite the terminal", () => {
  equal(printable("a\x1b[2Jb\x07\u009bc\u202ed\ne\tf"), "a�[2Jb��c�d e f");
  equal(ansiPaint("bad", "\x1b[0m"), "\x1b[31m�[0m\x1b[0m");
  equal(noPaint("bad", "é ✓"), "é ✓");
});

Deno.test("cutLine() cuts letters, not the codes between them", () => {
  const line = `${ansiPaint("good", "✓ done")} and more`;

  deepEqual([100, 15, 8, 3, 1].map((columns) => cutLine(line, columns)), [
    line,
    "\x1b[32m✓ done\x1b[0m and more",
    "\x1b[32m✓ done\x1b[0m …",
    "\x1b[32m✓ …\x1b[0m",
    "\x1b[32m…\x1b[0m",
  ]);
});
