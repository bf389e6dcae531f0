import assert from "node:assert/strict";
import { SILENT_LOG } from "../telemetry/log.ts";
import { VirtualRuntime } from "../server/virtual_runtime.ts";
import { Batcher, TRIES_MAX } from "./batcher.ts";

/** Sends into a list; the first call waits to be let go. */
function gatherInto(calls: (readonly number[])[], runtime: VirtualRuntime) {
  const held = Promise.withResolvers<void>();
  const gather = new Batcher<number>({
    runtime,
    log: SILENT_LOG,
    what: "send numbers",
    async send(items) {
      calls.push(items);
      if (calls.length === 1) await held.promise;
    },
  });
  return { gather, letGo: held.resolve };
}

Deno.test("Gather.put() sends at once, and what comes meanwhile together in the next call", async () => {
  const calls: (readonly number[])[] = [];
  const { gather, letGo } = gatherInto(calls, new VirtualRuntime());

  const puts = [1, 2, 3].map((item) => gather.put(item));
  const first = [...calls];
  letGo();
  await Promise.all(puts);

  assert.deepEqual(first, [[1]]);
  assert.deepEqual(calls, [[1], [2, 3]]);
});

Deno.test("Gather.put() tries the same items again, gives them up, and goes on with others", async () => {
  const runtime = new VirtualRuntime();
  const calls: (readonly number[])[] = [];
  const gather = new Batcher<number>({
    runtime,
    log: SILENT_LOG,
    what: "send numbers",
    send(items) {
      calls.push(items);
      return items.includes(1) ? Promise.reject(new Error("away")) : Promise.resolve();
    },
  });

  const given = gather.put(1);
  const next = gather.put(2);
  await runtime.advance(60_000);
  await Promise.all([given, next]);

  assert.deepEqual(calls, [...Array.from({ length: TRIES_MAX }, () => [1]), [2]]);
});
