import { deepEqual, equal } from "node:assert/strict";
import {
  ansiPaint,
  clockText,
  cutLine,
  dateText,
  durationText,
  failureText,
  headOf,
  namesText,
  noPaint,
  printable,
  Screen,
  tableLines,
  valueText,
} from "./format.ts";

Deno.test("durationText() uses two units at most", () => {
  const minute = 60_000;
  const times = [-5, 0, 999, 1_000, 59_999, minute, 200_000, 125 * minute, 4_560 * minute];

  deepEqual(times.map(durationText), [
    "0 ms",
    "0 ms",
    "999 ms",
    "1.0 s",
    "59.9 s",
    "1 m",
    "3 m 20 s",
    "2 h 5 m",
    "3 d 4 h",
  ]);
});

Deno.test("clockText() and dateText() take times apart", () => {
  equal(clockText("2026-01-01T10:00:00.123Z"), "10:00:00.123");
  equal(dateText("2026-01-01T10:00:00.123Z"), "2026-01-01 10:00:00");
});

Deno.test("valueText() cuts long values and says where", () => {
  equal(valueText({ a: [1, null] }), '{"a":[1,null]}');
  equal(valueText("x".repeat(200), 10), '"xxxxxxxx…');
  equal(valueText(undefined), "nothing");
});

Deno.test("failureText() says what the error says, each word once", () => {
  const error_message = "card gateway is down";

  equal(failureText("thrown", { error_code: "thrown", error_message }), `thrown: ${error_message}`);
  const thrown = { error_code: "thrown", error_message, error_class: "PayError" };
  const error_cause = { error_class: "TypeError", error_message: "no route" };
  const error_stack = ["charge (workflows/shop.ts:7:5)", "run (workflows/shop.ts:9:1)"];
  equal(
    failureText("thrown", { ...thrown, error_stack, error_cause }),
    `thrown: PayError: ${error_message} at charge (workflows/shop.ts:7:5); ` +
      "caused by TypeError: no route",
  );
  equal(failureText("failed", { error_code: "no", error_message }), `failed: no: ${error_message}`);
  equal(failureText("failed", { why: 1 }), 'failed: {"why":1}');
});

Deno.test("namesText() counts what would fill the screen", () => {
  equal(namesText(["a", "b", "c", "d"]), "a, b, c, d");
  equal(namesText(["a", "b", "c", "d", "e", "f"]), "a, b, c, d and 2 more");
});

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
    "1  \x1b[32m✓ completed\x1b[39m  a long reason that pushes nothing",
  ]);
});

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

Deno.test("Screen draws in a terminal that does not report its size", () => {
  const written: string[] = [];
  const size = () => ({ columns: 0, rows: 0 });
  const screen = new Screen({ write: (text) => written.push(text), size });

  screen.draw(["a line"]);

  deepEqual(written.at(-1), "\ra line\x1b[K\n\x1b[J");
  equal(screen.rowsMax, 23);
});
