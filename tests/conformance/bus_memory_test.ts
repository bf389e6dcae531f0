import { MemoryBus } from "../../src/bus/memory.ts";
import { openRuntime } from "../../src/server/runtime.ts";
import { SILENT_LOG } from "../../src/telemetry/log.ts";
import { busSuite } from "./bus_suite.ts";

const runtime = openRuntime();
let shared: MemoryBus | undefined;

busSuite({
  name: "memory",
  cannot: {
    "waits for what it was given before it closes":
      "its nodes share one bus, and whoever closes it ends the consumers of all",
  },
  // Its nodes share one process, so they share the bus; a closed one makes room for the next.
  open() {
    const bus = shared ?? new MemoryBus({ runtime, log: SILENT_LOG });
    shared = shared === undefined ? bus : undefined;
    return Promise.resolve(bus);
  },
});
