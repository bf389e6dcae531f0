import assert from "node:assert/strict";
import { VirtualRuntime } from "../server/virtual_runtime.ts";
import { exponentialMs, wait } from "./backoff.ts";

const GROWTH = { minMs: 100, maxMs: 1_000 };

Deno.test("exponentialMs() doubles from its least delay up to its greatest", () => {
  const delays = [1, 2, 3, 4, 5, 6].map((failures) => exponentialMs(failures, GROWTH));

  assert.deepEqual(delays, [100, 200, 400, 800, 1_000, 1_000]);
});

Deno.test("exponentialMs() grows by its factor", () => {
  const delays = [1, 2, 3].map((failures) => exponentialMs(failures, { ...GROWTH, factor: 3 }));

  assert.deepEqual(delays, [100, 300, 900]);
});

Deno.test("exponentialMs() stays a number however many failures there were", () => {
  assert.equal(exponentialMs(1e9, GROWTH), 1_000);
  assert.equal(exponentialMs(1e9, { minMs: 0, maxMs: 1_000 }), 0);
  assert.equal(exponentialMs(0, GROWTH), 100);
});

Deno.test("exponentialMs() draws between half of a delay and the whole", () => {
  const drawn = [0, 0.5, 1].map((draw) => exponentialMs(2, { ...GROWTH, random: () => draw }));

  assert.deepEqual(drawn, [100, 150, 200]);
});

Deno.test("wait() resolves after its time, or when its signal aborts, and leaves no timer", async () => {
  const runtime = new VirtualRuntime();
  const abort = new AbortController();
  const ended: string[] = [];
  void wait(runtime, 50).then(() => ended.push("time"));
  void wait(runtime, 1_000, abort.signal).then(() => ended.push("abort"));

  await runtime.advance(50);
  abort.abort();
  await wait(runtime, 1_000, abort.signal);
  await runtime.settle();

  assert.deepEqual(ended, ["time", "abort"]);
  assert.equal(await runtime.step(), false);
});
