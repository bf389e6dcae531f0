import { deepEqual, equal } from "node:assert/strict";
import { MemoryBus } from "../bus/memory.ts";
import { SILENT_LOG } from "../telemetry/log.ts";
import { VirtualRuntime } from "../server/virtual_runtime.ts";
import { command, idsOver, nodeOver, openPolling } from "../../tests/support/polling_harness.ts";

Deno.test("an ejected instance gets nothing, and waits as if there were nothing; others get it", async () => {
  const { runtime, bus, publish, close, ids } = openPolling();
  const polling = nodeOver(runtime, bus.consume.bind(bus), undefined, [], "broken");
  await publish(command("a"));

  const sinceMs = runtime.monotonic();
  const toBroken = await idsOver(runtime, polling)({ instance: "broken" });
  const waitedMs = runtime.monotonic() - sinceMs;
  const toSound = await ids({ instance: "sound" });

  deepEqual([toBroken, toSound], [[], ["a"]]);
  equal(waitedMs >= 500, true);
  polling.stop();
  await close();
});

Deno.test("a poll that began before the ejection takes nothing after it", async () => {
  const runtime = new VirtualRuntime();
  const bus = new MemoryBus({ runtime, log: SILENT_LOG });
  let isOut = false;
  const polling = nodeOver(runtime, bus.consume.bind(bus));
  Object.assign(polling.deps, { isEjected: () => isOut });

  const polled = polling.poll("cook", {
    max: 1,
    waitMs: 5_000,
    leaseMs: 5_000,
    instance: "broken",
    signal: new AbortController().signal,
  });
  await runtime.settle();
  isOut = true;
  await bus.publish("t.cmd.cook", [command("a")]);
  await runtime.advance(100);
  deepEqual(await polled, []);
  isOut = false;

  deepEqual(await idsOver(runtime, polling)(), ["a"]);
  polling.stop();
  await bus.close();
});
