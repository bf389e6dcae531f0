import { deepEqual, equal } from "node:assert/strict";
import { checkByStored } from "./stored_schema.ts";

const LIST = { type: "array", uniqueItems: true };

Deno.test("items are unique when no two are the same JSON, whatever the order of their fields", () => {
  const lists = [
    [[{ a: 1, b: [2] }, { b: [2], a: 1 }], false],
    [[{ a: 1 }, { a: "1" }, 1, "1", null, [1], true], true],
    [[0, -0], false],
    [["a", "b", "a"], false],
  ] as const;

  for (const [list, isUnique] of lists) equal(checkByStored(LIST, list).ok, isUnique);
  deepEqual(checkByStored(LIST, [{}, {}]), {
    ok: false,
    faults: [{ path: "", code: "uniqueItems", detail: "must NOT have duplicate items" }],
  });
});

Deno.test("unique items are each read once or twice, however many there are", () => {
  let reads = 0;
  const list = Array.from({ length: 2_000 }, (_, k) => ({
    get k() {
      reads++;
      return k;
    },
  }));

  equal(checkByStored(LIST, list).ok, true);
  equal(reads <= 4_000, true);
});
