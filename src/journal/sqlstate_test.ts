import assert from "node:assert/strict";
import { TaskerError } from "../core/errors.ts";
import { errorOf, type Failing, isOfConnection, meaningOf } from "./sqlstate.ts";

const MEANINGS: readonly [code: string, meaning: Failing][] = [
  ["22P05", "data"], // a character U+0000 in jsonb
  ["22021", "data"], // ... and in text
  ["23514", "data"], // a check
  ["54000", "data"], // a limit of the program
  ["21000", "data"],
  ["40001", "again"], // serialisation
  ["40P01", "again"], // deadlock
  ["40003", "unknown"], // statement completion unknown
  ["42P01", "unknown"], // no such table: nobody's row's fault
  ["55P03", "slow"], // lock_timeout
  ["57014", "slow"], // statement_timeout
  ["57P01", "unknown"], // a killed backend
  ["53200", "slow"], // out of memory
  ["53100", "unknown"], // disk full
  ["25006", "unknown"], // a standby
  ["CONNECTION_CLOSED", "unknown"],
  ["ECONNRESET", "unknown"],
  ["", "unknown"],
];

for (const [code, meaning] of MEANINGS) {
  Deno.test(`an error ${code || "without a code"} means ${meaning}`, () => {
    const error = Object.assign(new Error("said Postgres"), { code });

    assert.equal(meaningOf(error), meaning);
    assert.equal(
      errorOf(error).code,
      meaning === "data" ? "journal.poison" : "journal.unavailable",
    );
  });
}

Deno.test("an error of ours stays as it is, and is nobody's connection", () => {
  const ours = new TaskerError("journal.format_unknown", "Cannot read");

  assert.equal(errorOf(ours), ours);
  assert.equal(isOfConnection(ours), false);
});

Deno.test("an error ends a connection when it was lost, or can no longer serve; no other does", () => {
  const isLost = (code: string) => isOfConnection(Object.assign(new Error(), { code }));
  const lost = ["CONNECTION_CLOSED", "CONNECT_TIMEOUT", "ECONNRESET", "EPIPE", "08P01", "57P01"];
  const unfit = ["25006", "57P03", "26000", "42P05"];

  assert.deepEqual([...lost, ...unfit].filter((code) => !isLost(code)), []);
  assert.deepEqual(["22P05", "57014", "55P03", "40001", "EVENT-1", ""].filter(isLost), []);
});
