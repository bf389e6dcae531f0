/** A node of its own for tests: consumes a channel, fails each envelope, and says so until it is killed. */

import { openBrokerBus } from "./broker_bus.ts";

const [url = "", channel = ""] = Deno.args;
const bus = await openBrokerBus(url);
await bus.consume(channel, { group: "tasker", inFlightMax: 1, leaseMs: 1_500 }, () => {
  console.log("failed");
  return Promise.reject(new Error("this node fails all"));
});
