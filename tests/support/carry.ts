/** Carries one envelope over the bus that `BUS_URL` names, in a process of its own; prints it. */

import { openBrokerBus } from "./broker_bus.ts";
import { envelopeOf } from "./inbox.ts";

const bus = await openBrokerBus(Deno.env.get("BUS_URL") ?? "");
const arrived = Promise.withResolvers<string>();
try {
  const stop = await bus.consume(
    "tasker.test.cmd.tls",
    { group: "tasker", inFlightMax: 1, leaseMs: 60_000 },
    ({ body }) => {
      arrived.resolve(body);
      return Promise.resolve({ kind: "ack" });
    },
  );
  await bus.publish("tasker.test.cmd.tls", [envelopeOf("carried")]);
  console.log(await arrived.promise);
  await stop();
} finally {
  await bus.close();
}
