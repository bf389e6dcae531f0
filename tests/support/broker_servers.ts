/** Real servers of all brokers, by kind: each starts one of its own, or says why there is none. */

import type { BrokerKind } from "../../src/core/broker.ts";
import { startKafka } from "./kafka.ts";
import { startNats } from "./nats.ts";
import { startRabbit } from "./rabbitmq.ts";
import { startRedis } from "./redis.ts";
import type { NoServer } from "./test_server.ts";

/** Starts a server. */
type Start = () => Promise<(AsyncDisposable & { readonly url: string }) | NoServer>;

/** Who starts which. */
export const BROKER_SERVERS: Readonly<Record<BrokerKind, Start>> = {
  redis: () => startRedis(),
  nats: () => startNats(),
  rabbitmq: () => startRabbit(),
  kafka: () => startKafka(),
};

/** Runs a step of a test over a real server of a broker; ignored, with the reason, where there is none. */
export async function overBroker(
  t: Deno.TestContext,
  kind: BrokerKind,
  use: (url: string) => Promise<void>,
): Promise<void> {
  const found = await BROKER_SERVERS[kind]();
  const isThere = !("reason" in found);
  if (!isThere) console.log(`ignored: ${t.name}, because ${found.reason}`);
  await t.step({
    name: "with a real server",
    ignore: !isThere,
    async fn() {
      if (!isThere) return;
      await using server = found;
      await use(server.url);
    },
  });
}
