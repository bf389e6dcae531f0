import { deepEqual, ok } from "node:assert/strict";
import type { FailureType } from "../core/healing.ts";
import { entriesOf, symptomsOf } from "./symptoms.ts";

/** The type of failure that an error alone speaks for most. */
function typeOf(code: string, message: string): FailureType | undefined {
  const { weights } = symptomsOf({ class: "failed", code, message });
  return entriesOf(weights).toSorted(([, one], [, other]) => other - one)[0]?.[0];
}

Deno.test("the name of a status says no more than its number, what stands beside it does", () => {
  const messages = [
    "403 Forbidden: hourly quota exceeded, it is reset at the full hour",
    "403 Forbidden: you have exceeded a secondary rate limit",
    "403 Forbidden: the token lacks the scope orders:write",
    "401 Unauthorized",
  ];

  deepEqual(messages.map((message) => typeOf("http_error", message)), [
    "rate_limit",
    "rate_limit",
    "auth",
    "auth",
  ]);
});

Deno.test("the text of the engine's own failures says no more than their class", () => {
  const { weights } = symptomsOf({ class: "timed_out", code: "timed_out", message: "disk full" });

  ok(weights.storage === undefined && (weights.timeout ?? 0) > 0);
});
