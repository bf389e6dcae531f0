/**
 * A worker in a process of its own, over the broker that `BUS_URL` names: it says hello with a short
 * lease, again and again, and answers what it is asked. `SYSTEM` and `INSTANCE` say who it is.
 */

import { commandChannel, inboundChannel } from "../../src/core/channels.ts";
import { type Envelope, parseEnvelope, STEP_COMPLETED } from "../../src/core/envelope.ts";
import { openPrefixedBus } from "./broker_bus.ts";

const PREFIX = "tasker.workflows";
const LEASE_MS = 3_000;

const system = Deno.env.get("SYSTEM") ?? "";
const instance = Deno.env.get("INSTANCE") ?? "";
const bus = await openPrefixedBus(Deno.env.get("BUS_URL") ?? "", { prefix: PREFIX });
const source = `/${system}`;

let hellos = 0;
async function sayHello(): Promise<void> {
  const hello: Envelope = {
    specversion: "1.0",
    id: `${instance}:hello:${Deno.pid}:${++hellos}`,
    source,
    type: "tasker.system.hello",
    expirytime: new Date(Date.now() + LEASE_MS).toISOString(),
    data: {
      instance,
      capabilities: [{ name: "stock.check", version: "1.2.0" }],
      lease_ms: LEASE_MS,
    },
  };
  await bus.publish(inboundChannel(PREFIX, system), [hello]);
}

await bus.consume(
  commandChannel(PREFIX, system),
  { group: system, inFlightMax: 4, leaseMs: 10_000 },
  async ({ body }) => {
    const { id, type, subject, taskerreplyto = "", taskerreplytoken } = parseEnvelope(body);
    if (type !== "stock.check") return { kind: "ack" };
    const reply: Envelope = {
      specversion: "1.0",
      id: `${id}:done`,
      source,
      subject,
      taskerreplytoken,
      type: STEP_COMPLETED,
      data: { answeredBy: instance },
    };
    await bus.publish(taskerreplyto, [reply]);
    return { kind: "ack" };
  },
);
while (true) {
  await sayHello();
  await new Promise((wake) => setTimeout(wake, LEASE_MS / 3));
}
