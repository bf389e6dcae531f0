import assert from "node:assert/strict";
import fc from "fast-check";
import { JournalBench } from "../../tests/support/journal_node.ts";

const SEED = Number(Deno.env.get("ARRAYS_SEED") ?? Date.now() % 2 ** 31);
console.log(`arrays: ARRAYS_SEED=${SEED}`);

const text = fc.string({ unit: "binary", maxLength: 12 }).map((drawn) =>
  drawn.replaceAll("\u0000", "")
);
const ARRAYS: readonly [type: string, element: fc.Arbitrary<unknown>][] = [
  ["text[]", fc.oneof(text, fc.constantFrom("", "NULL", "{", "}", ",", '"', "\\", "\n", null))],
  ["int[]", fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })],
  ["float8[]", fc.double({ noNaN: true, noDefaultInfinity: true }).map((drawn) => drawn + 0)],
  ["uuid[]", fc.uuid()],
];

for (const [type, element] of ARRAYS) {
  Deno.test(`arrays of ${type} come back from Postgres as they were sent`, async () => {
    await using bench = await JournalBench.open();
    const { database } = await bench.node();
    const arrays = fc.sample(fc.array(element, { maxLength: 6 }), { numRuns: 100, seed: SEED });

    for (const sent of arrays) {
      const [row] = await database.query(`select $1::${type} as sent`, [sent]);
      assert.deepEqual(row?.sent, sent);
    }
  });
}
