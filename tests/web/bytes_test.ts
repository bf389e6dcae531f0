import { ok } from "node:assert/strict";
import { buildOnce } from "../support/web_build.ts";

/** Gzipped bytes before the first page is shown: a second on a slow mobile network. */
const INITIAL_BYTES_MAX = 250_000;

/** Gzipped bytes that a page, or a part of one such as the editor, may add when it is opened first. */
const PART_BYTES_MAX = 180_000;

Deno.test("the app loads 250 kB gzipped before its first page, and no part adds more than 180 kB", async () => {
  const { initialBytes, laterBytes } = await buildOnce();

  const first = initialBytes + (laterBytes.get("overview") ?? Infinity);
  ok(first <= INITIAL_BYTES_MAX, `the first page takes ${first} bytes`);
  const large = [...laterBytes].filter(([, bytes]) => bytes > PART_BYTES_MAX);
  ok(large.length === 0, `too large: ${large.map((part) => part.join(" ")).join(", ")}`);
  ok(laterBytes.has("text_pane"), "the editor is not part of the builder");
});
