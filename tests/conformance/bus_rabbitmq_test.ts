import { openBrokerBus } from "../support/broker_bus.ts";
import { startRabbit, type TestRabbit } from "../support/rabbitmq.ts";
import { busSuite } from "./bus_suite.ts";

const found = await startRabbit();
const reason = "reason" in found ? found.reason : undefined;
if (reason !== undefined) console.log(`ignored: tests of the RabbitMQ bus, because ${reason}`);

Deno.test.afterAll(async () => {
  if (!("reason" in found)) await found[Symbol.asyncDispose]();
});

function rabbit(): TestRabbit {
  if ("reason" in found) throw new Error(found.reason);
  return found;
}

busSuite({
  name: "rabbitmq",
  ...(reason !== undefined && { reason }),
  open: () => openBrokerBus(rabbit().url),
  countsHeld: false,
});
