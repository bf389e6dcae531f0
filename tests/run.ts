/**
 * Root of `deno task test`: the whole suite, with one line of counts at its end.
 *
 * Builds the Rust core where cargo is there, runs all Deno tests (unit, doc, conformance, crash,
 * end-to-end) and the Rust crates' own, and says what was skipped and why. With words after it, only
 * the Deno tests that they name.
 */

import { buildLibrary } from "../ffi/build.ts";
import { Suite } from "./support/suite.ts";

const built = await buildLibrary({ onLine: (line) => console.error(line) });
if ("reason" in built) console.log(`skipped: tests of the Rust core, because ${built.reason}`);

const suite = new Suite();
if (Deno.args.length > 0) {
  await suite.denoTests(Deno.args);
} else {
  await suite.allDenoTests();
  await suite.docTests();
  await suite.cargoTests();
}
Deno.exit(suite.end());
