import assert from "node:assert/strict";
import { VirtualRuntime } from "../server/virtual_runtime.ts";
import { firstIdAt } from "../core/ids.ts";
import { EnvelopeIds } from "./postgres.ts";

Deno.test("EnvelopeIds.next() rises with every call, however many fall into one millisecond", () => {
  const ids = new EnvelopeIds(new VirtualRuntime());

  const minted = Array.from({ length: 10_000 }, () => ids.next());

  assert.deepEqual(minted.toSorted(), minted);
  assert.equal(new Set(minted).size, 10_000);
});

Deno.test("EnvelopeIds.next() rises when the clock goes back", () => {
  const clock = { nowMs: 2_000 };
  const runtime = { now: () => clock.nowMs, uuid: () => new VirtualRuntime().uuid() };
  const ids = new EnvelopeIds(runtime);

  const before = ids.next();
  clock.nowMs = 1_000;
  const after = ids.next();

  assert.ok(after > before);
});

Deno.test("firstIdAt() is below every id of its millisecond and above those before", () => {
  const ids = new EnvelopeIds({ now: () => 5_000, uuid: () => new VirtualRuntime().uuid() });

  const id = ids.next();

  assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  assert.ok(firstIdAt(5_000) <= id);
  assert.ok(firstIdAt(5_001) > id);
});
