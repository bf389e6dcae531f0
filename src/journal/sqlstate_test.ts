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
  ["55P03", "unknown"], // lock_timeout
  ["57014", "unknown"], // statement_timeout
  ["57P01", "unknown"], // a killed backend
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

Deno.test("errors of postgres.js and of the platform end a connection, those of Postgres do not", () => {
  const isLost = (code: string) => isOfConnection(Object.assign(new Error(), { code }));

  assert.deepEqual(
    ["CONNECTION_CLOSED", "CONNECT_TIMEOUT", "ECONNRESET", "EPIPE"].map(isLost),
    [true, true, true, true],
  );
  assert.deepEqual(["22P05", "57P01", "40001", ""].map(isLost), [false, false, false, false]);
});
