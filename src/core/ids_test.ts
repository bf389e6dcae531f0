import assert from "node:assert/strict";
import fc from "fast-check";
import { mintedAtMs, mintTaskId, parseTaskId, slotOf, SLOTS } from "./ids.ts";

const SEED = Date.now() % 1_000_000;
console.log(`ids_test seed ${SEED}`);

Deno.test("a task id carries its slot and the time of its minting, and is a UUIDv7", () => {
  const anyId = fc.property(
    fc.integer({ min: 0, max: 2 ** 48 - 1 }),
    fc.integer({ min: 0, max: SLOTS - 1 }),
    fc.uuid({ version: 4 }),
    (ms, slot, uuid) => {
      const taskId = mintTaskId(ms, slot, uuid);

      assert.equal(parseTaskId(taskId), taskId);
      assert.equal(slotOf(taskId), slot);
      assert.equal(mintedAtMs(taskId), ms);
    },
  );
  fc.assert(anyId, { seed: SEED });
});

Deno.test("task ids are in the order of their minting", () => {
  const uuid = crypto.randomUUID();

  assert.ok(mintTaskId(1_000, SLOTS - 1, uuid) < mintTaskId(1_001, 0, uuid));
});

Deno.test("parseTaskId() takes capitals, and refuses what is no UUIDv7", () => {
  const taskId = mintTaskId(1_000, 7, crypto.randomUUID());

  assert.equal(parseTaskId(taskId.toUpperCase()), taskId);
  for (const text of ["", "7", crypto.randomUUID(), `${taskId}0`, taskId.replaceAll("-", "")]) {
    assert.throws(() => parseTaskId(text), { code: "task.id_invalid" });
  }
});
