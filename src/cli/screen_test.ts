import { deepEqual } from "node:assert/strict";
import { Screen } from "./screen.ts";

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
