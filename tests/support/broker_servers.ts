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
