import { deepEqual } from "node:assert/strict";
import { FILES, read } from "../tests/support/sources.ts";

/** A name in full: not `TASKER_…`, and not a part of a longer word. */
const NAME = /\bTASKER_[A-Z][A-Z_]*[A-Z]\b/g;

/** What runs in a server, in the command line and in the client; and nothing else of the project. */
const CODE = FILES.filter((path) =>
  /^(src|actors|ffi|npm)\/.*\.(ts|js|mjs)$/.test(path) && !/_test\.ts$/.test(path)
);

/** The table of the README, and the one that it refers to. */
const DOCUMENTED = ["README.md", "docs/web.md"].flatMap((path) =>
  read(path).split("\n").filter((line) => line.startsWith("|"))
);

Deno.test("each variable that the code reads is in a table of the documentation, and no other", () => {
  const namesIn = (texts: readonly string[]) =>
    new Set(texts.flatMap((text) => text.match(NAME) ?? []));

  deepEqual([...namesIn(DOCUMENTED)].sort(), [...namesIn(CODE.map(read))].sort());
});
