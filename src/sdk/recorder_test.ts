import { deepEqual, equal } from "node:assert/strict";
import { locateCaller } from "./recorder.ts";

function here() {
  return locateCaller(here);
}

Deno.test("locateCaller() finds the place of the call, and leaves the limit of stacks alone", () => {
  const limit = Error.stackTraceLimit;

  const at = here();

  deepEqual(at(), { file: import.meta.url, line: 11, column: 14 });
  equal(Error.stackTraceLimit, limit);
});
