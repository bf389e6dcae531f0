import assert from "node:assert/strict";
import { MemoryBus } from "../bus/memory.ts";
import type { Envelope } from "../core/envelope.ts";
import { SILENT_LOG } from "../telemetry/log.ts";
import { VirtualRuntime } from "../virtual_runtime.ts";
import { Polling } from "./polling.ts";

const runtime = new VirtualRuntime();
const poll = { max: 8, waitMs: 1_000, leaseMs: 10_000, signal: new AbortController().signal };

function commandOf(id: string, expiresMs: number): Envelope {
  return {
    specversion: "1.0",
    id,
    source: "/tasker/test",
    type: "tea.make",
    expirytime: new Date(runtime.now() + expiresMs).toISOString(),
    taskerreplytoken: "token",
    data: {},
  };
}

Deno.test("an expired command was polled again for ever by a worker that drops it", async () => {
  const bus = new MemoryBus({ runtime, log: SILENT_LOG });
  const polling = new Polling({
    runtime,
    log: SILENT_LOG,
    bus,
    prefix: "t",
    takeReply: () => Promise.resolve(""),
  });
  await bus.publish("t.cmd.cook", [commandOf("late", -1), commandOf("good", 60_000)]);

  const first = await polling.poll("cook", poll);
  await runtime.advance(poll.leaseMs);
  const second = await polling.poll("cook", poll);

  assert.deepEqual(first.map(({ id }) => id), ["good"]);
  assert.deepEqual(second.map(({ id }) => id), ["good"]);
  polling.stop();
  await bus.close();
});
