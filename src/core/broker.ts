/** Brokers: which URLs name one, and the servers that such a URL lists. */

/** A broker that has a server of its own. */
export type BrokerKind = "redis" | "nats" | "rabbitmq" | "kafka";

/** What carries steps to other systems. */
export type BusKind = BrokerKind | "postgres" | "memory";

/** How URLs name a broker. */
interface Broker {
  /** As its makers write it. */
  readonly name: string;
  /** The port that stands for none, by protocol; the first protocol is the usual one. */
  readonly ports: Readonly<Record<string, string>>;
  /** Whether its URL may list several servers of one cluster. */
  readonly isList: boolean;
  /** Parameters that its URL may have; absent: its library knows them. */
  readonly parameters?: readonly string[];
}

/** All brokers. Protocols are unique, so that a URL alone chooses its broker. */
export const BROKERS: Readonly<Record<BrokerKind, Broker>> = {
  redis: { name: "Redis", ports: { "redis:": "6379", "rediss:": "6379" }, isList: false },
  nats: {
    name: "NATS",
    ports: { "nats:": "4222", "tls:": "4222" },
    isList: true,
    parameters: ["replicas"],
  },
  rabbitmq: { name: "RabbitMQ", ports: { "amqp:": "5672", "amqps:": "5671" }, isList: true },
  kafka: {
    name: "Kafka",
    ports: { "kafka:": "9092", "kafkas:": "9093" },
    isList: true,
    parameters: ["sasl"],
  },
};

/** All kinds of brokers. */
export const BROKER_KINDS: readonly BrokerKind[] = ["redis", "nats", "rabbitmq", "kafka"];

/** All that a bus may be made of. */
export const BUS_KINDS: readonly BusKind[] = [...BROKER_KINDS, "postgres", "memory"];

/** Returns the broker that a URL names by its protocol. */
export function brokerOf(url: string): BrokerKind | undefined {
  const protocol = /^[a-z]+:/i.exec(url)?.[0].toLowerCase() ?? "";
  return BROKER_KINDS.find((kind) => protocol in BROKERS[kind].ports);
}

/**
 * Returns one URL a server, each with all that the list has beside its hosts. Undefined: it is not
 * a URL, or a host is missing.
 *
 * Shape: `protocol://user:password@host:port,host:port/path?options`.
 */
export function serversOf(url: string): readonly URL[] | undefined {
  const parts = /^([a-z]+:\/\/(?:[^/?#]*@)?)([^/?#@]+)([/?#].*)?$/i.exec(url);
  if (parts === null) return undefined;
  const [, before = "", hosts = "", after = ""] = parts;
  const servers: URL[] = [];
  for (const host of hosts.split(",")) {
    const server = URL.parse(`${before}${host.trim()}${after}`);
    if (server === null || server.hostname === "") return undefined;
    servers.push(server);
  }
  return servers;
}

/**
 * Returns `host:port` of one server of a broker, as `--allow-net` and clients take it.
 *
 * Shape: `server` is one of `serversOf`.
 */
export function addressOf(server: URL): string {
  const kind = brokerOf(server.href);
  const port = kind === undefined ? undefined : BROKERS[kind].ports[server.protocol];
  return `${server.hostname}:${server.port || port}`;
}
