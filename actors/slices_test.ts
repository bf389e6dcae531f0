import assert from "node:assert/strict";
import { VirtualRuntime } from "../src/server/virtual_runtime.ts";
import { inSlices } from "./slices.ts";

Deno.test("work on a hundred thousand things is done in order, and lets others run in between", async () => {
  const runtime = new VirtualRuntime();
  const items = Array.from({ length: 100_000 }, (_, at) => at);
  const done: number[] = [];
  const seenByOthers: number[] = [];

  inSlices(runtime, items, (item) => done.push(item));
  const look = () => {
    seenByOthers.push(done.length);
    if (done.length < items.length) runtime.soon(look);
  };
  look();
  await runtime.settle();

  assert.deepEqual(done, items);
  const steps = seenByOthers.slice(1).map((count, at) => count - (seenByOthers[at] as number));
  assert.ok(seenByOthers[0] === 256 && Math.max(...steps) === 256);
});
