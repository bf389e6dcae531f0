import assert from "node:assert/strict";
import fc from "fast-check";
import { VirtualRuntime } from "./virtual_runtime.ts";

Deno.test("timers fire at their times, in order, and none that was cancelled", async () => {
  const Timers = fc.array(fc.record({ ms: fc.nat(50), isCancelled: fc.boolean() }), {
    maxLength: 60,
  });

  await fc.assert(fc.asyncProperty(Timers, async (timers) => {
    const runtime = new VirtualRuntime(1, { isClosed: true });
    const fired: [number, number][] = [];
    const cancels = timers.map(({ ms }, index) =>
      runtime.after(ms, () => fired.push([runtime.monotonic(), index]))
    );
    cancels.forEach((cancel, index) => timers[index]?.isCancelled && cancel());

    await runtime.advance(50);

    const left = timers.flatMap(({ ms, isCancelled }, index): [number, number][] =>
      isCancelled ? [] : [[ms, index]]
    );
    assert.deepEqual(fired, left.sort(([a, i], [b, j]) => a - b || i - j));
  }));
});

Deno.test("a closed runtime fires the next timer only after all that the one before led to", async () => {
  const runtime = new VirtualRuntime(1, { isClosed: true });
  const seen: string[] = [];
  const then = async (name: string) => {
    for (let round = 0; round < 5; round++) {
      await Promise.resolve();
      await new Promise<void>((resolve) => runtime.soon(resolve));
    }
    seen.push(name);
  };
  runtime.after(1, () => void then("first"));
  runtime.after(2, () => void then("second"));
  runtime.after(2, () => seen.push("third"));

  await runtime.advance(2);

  assert.deepEqual(seen, ["first", "second", "third"]);
});

Deno.test("a jump moves the time of day, and no timer", async () => {
  const runtime = new VirtualRuntime();
  const begin = runtime.now();
  const fired: number[] = [];
  runtime.after(100, () => fired.push(runtime.monotonic()));

  runtime.jump(-3_600_000);
  await runtime.advance(100);

  assert.deepEqual(fired, [100]);
  assert.equal(runtime.now(), begin - 3_600_000 + 100);
});
