import { deepEqual, equal } from "node:assert/strict";
import { ansiPaint, cutLine, noPaint, printable, Screen } from "./paint.ts";

Deno.test("printable() lets no text of others rewrite the terminal", () => {
  equal(printable("a\x1b[2Jb\x07\u009bc\u202ed\ne\tf"), "a�[2Jb��c�d e f");
  equal(ansiPaint("bad", "\x1b[0m"), "\x1b[31m�[0m\x1b[39m");
  equal(noPaint("bad", "é ✓"), "é ✓");
});

Deno.test("cutLine() cuts letters, not the codes between them", () => {
  const line = `${ansiPaint("good", "✓ done")} and more`;

  deepEqual([100, 15, 8, 3, 1].map((columns) => cutLine(line, columns)), [
    line,
    "\x1b[32m✓ done\x1b[39m and more",
    "\x1b[32m✓ done\x1b[39m …",
    "\x1b[32m✓ …\x1b[39m",
    "\x1b[32m…\x1b[39m",
  ]);
});

Deno.test("Screen draws over what it drew, and leaves the last picture", () => {
  const written: string[] = [];
  const size = { columns: 8, rows: 24 };
  const screen = new Screen({ write: (text) => written.push(text), size: () => size });

  screen.draw(["one", "two"]);
  screen.draw(["three is long"]);
  screen.draw(["four"]);
  screen.close();

  deepEqual(written, [
    "\x1b[?25l",
    "\rone\x1b[K\ntwo\x1b[K\n\x1b[J",
    "\x1b[2A\rthree i…\x1b[K\n\x1b[J",
    "\x1b[1A\rfour\x1b[K\n\x1b[J",
    "\x1b[?25h",
  ]);
});

Deno.test("Screen draws in a terminal that does not tell its size", () => {
  const written: string[] = [];
  const size = () => ({ columns: 0, rows: 0 });
  const screen = new Screen({ write: (text) => written.push(text), size });

  screen.draw(["a line"]);

  deepEqual(written.at(-1), "\ra line\x1b[K\n\x1b[J");
  equal(screen.rowsMax, 23);
});
