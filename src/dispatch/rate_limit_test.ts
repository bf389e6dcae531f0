import assert from "node:assert/strict";
import { openAsked, start } from "../../tests/support/dispatch_harness.ts";
import { VirtualRuntime } from "../server/virtual_runtime.ts";
import { INBOUND_RATE } from "./inbound.ts";
import { RateLimit } from "./rate_limit.ts";

const NEVER = new AbortController().signal;

/** Lets items pass, and says after how many milliseconds each did. */
function passing(rate: { perSecond?: number; lengthPerSecond?: number }) {
  const runtime = new VirtualRuntime();
  const limit = new RateLimit(runtime, { perSecond: 1e9, lengthPerSecond: 1e9, ...rate });
  const beganMs = runtime.monotonic();
  const times: number[] = [];
  const pass = (count: number, length = 1) => {
    for (let item = 0; item < count; item++) {
      void limit.pass(length, NEVER).then(() => times.push(runtime.monotonic() - beganMs));
    }
  };
  return { runtime, times, pass };
}

Deno.test("a rate limit lets a second's worth pass at once, and the rest at its rate", async () => {
  const { runtime, times, pass } = passing({ perSecond: 4 });

  pass(7);
  await runtime.advance(2_000);

  assert.deepEqual(times, [0, 0, 0, 0, 250, 500, 750]);
});

Deno.test("a rate limit counts characters as well as items", async () => {
  const { runtime, times, pass } = passing({ lengthPerSecond: 1_000 });

  pass(3, 1_000);
  await runtime.advance(3_000);

  assert.deepEqual(times, [0, 1_000, 2_000]);
});

Deno.test("a rate limit is filled by time, up to a second's worth", async () => {
  const { runtime, times, pass } = passing({ perSecond: 2 });
  pass(4);
  await runtime.advance(60_000);

  pass(3);
  await runtime.advance(1_000);

  assert.deepEqual(times, [0, 0, 500, 1_000, 60_000, 60_000, 60_500]);
});

Deno.test("what waits for a rate limit is let go when its signal aborts, without a timer", async () => {
  const runtime = new VirtualRuntime();
  const limit = new RateLimit(runtime, { perSecond: 1, lengthPerSecond: 1e9 });
  const ending = new AbortController();
  await limit.pass(1, ending.signal);
  const waiting = limit.pass(1, ending.signal);

  ending.abort();
  await waiting;

  assert.equal(await runtime.step(), false);
});

Deno.test("a system that asks too much is read more slowly, and none of its requests is lost", async () => {
  const { harness, starts, end } = openAsked();
  const { perSecond } = INBOUND_RATE;
  const asked = Array.from({ length: 3 * perSecond }, (_, at) => start({}, { id: `r-${at}` }));

  await harness.publish("t.in.shop", ...asked);
  const atOnce = starts.length;
  await harness.runtime.advance(1_000);
  const afterASecond = starts.length;
  await harness.runtime.advance(1_500);

  assert.deepEqual([atOnce, afterASecond], [perSecond, 2 * perSecond]);
  assert.equal(new Set(starts.map(({ commandId }) => commandId)).size, 3 * perSecond);
  assert.deepEqual(harness.dead.letters, []);
  await end();
});

Deno.test("a system that asks too much does not slow another down", async () => {
  const { harness, end } = openAsked();
  const { perSecond } = INBOUND_RATE;
  const asked = Array.from({ length: 2 * perSecond }, (_, at) => start({}, { id: `r-${at}` }));

  await harness.publish("t.in.shop", ...asked);
  await harness.publish("t.in.mail", { ...start(), source: "/mail" });

  // It may start nothing: its request was read, and refused.
  assert.equal(harness.dead.letters.length, 1);
  await end();
});

Deno.test("requests that wait for their rate go back to the broker when the node ends", async () => {
  const { harness, starts, end } = openAsked();
  const { perSecond } = INBOUND_RATE;
  const asked = Array.from({ length: perSecond + 10 }, (_, at) => start({}, { id: `r-${at}` }));
  await harness.publish("t.in.shop", ...asked);

  await end();

  assert.equal(starts.length, perSecond);
  assert.equal(await harness.bus.depth("t.in.shop"), 10);
});
