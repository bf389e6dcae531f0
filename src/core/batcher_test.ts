import assert from "node:assert/strict";
import { VirtualRuntime } from "../server/virtual_runtime.ts";
import { Batcher } from "./batcher.ts";

/** A batcher whose calls a test sees, and lets end one by one. */
function opened(restMs = 0) {
  const runtime = new VirtualRuntime();
  const calls: (readonly number[])[] = [];
  const ends: PromiseWithResolvers<void>[] = [];
  const batcher = new Batcher<number>({
    runtime,
    restMs,
    send(items) {
      calls.push(items);
      const end = Promise.withResolvers<void>();
      ends.push(end);
      return end.promise;
    },
  });
  return { runtime, batcher, calls, ends };
}

Deno.test("Batcher.put() sends at once, and what comes meanwhile together in the next call", async () => {
  const { batcher, calls, ends } = opened();

  const first = batcher.put(1);
  const others = [batcher.put(2), batcher.put(3)];
  const sentAtOnce = [...calls];
  ends[0]?.resolve();
  await first;
  ends[1]?.resolve();
  await Promise.all(others);

  assert.deepEqual(sentAtOnce, [[1]]);
  assert.deepEqual(calls, [[1], [2, 3]]);
});

Deno.test("Batcher.put() rejects the items of a call that failed, and goes on with the next", async () => {
  const { batcher, calls, ends } = opened();

  const failed = batcher.put(1);
  const next = batcher.put(2);
  ends[0]?.reject(new Error("away"));
  await assert.rejects(failed, /away/);
  ends[1]?.resolve();
  await next;

  assert.deepEqual(calls, [[1], [2]]);
});

Deno.test("Batcher.put() lets its rest pass between the starts of two calls", async () => {
  const { runtime, batcher, calls, ends } = opened(20);
  void batcher.put(1);
  await runtime.advance(5);
  ends[0]?.resolve();
  await runtime.settle();

  void batcher.put(2);
  await runtime.advance(14);
  const early = calls.length;
  await runtime.advance(1);

  assert.equal(early, 1);
  assert.deepEqual(calls, [[1], [2]]);
  ends[1]?.resolve();
});

Deno.test("Batcher.idle() resolves when nothing waits or is under way", async () => {
  const { runtime, batcher, calls, ends } = opened();
  await batcher.idle();
  void batcher.put(1);
  void batcher.put(2);
  let isIdle = false;

  const idle = batcher.idle().then(() => isIdle = true);
  ends[0]?.resolve();
  await runtime.settle();
  const wasIdle = isIdle;
  ends[1]?.resolve();
  await idle;

  assert.equal(wasIdle, false);
  assert.deepEqual(calls, [[1], [2]]);
});
