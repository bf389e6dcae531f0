/** Kafka client: how every client of the library is made, and what its errors say. */

import type { Admin } from "@platformatic/kafka";
import { addressOf, serversOf } from "../../core/broker.ts";
import { messageOf, TaskerError } from "../../core/errors.ts";
import type { Runtime } from "../../core/ports.ts";
import type { Log } from "../../telemetry/log.ts";
import { unavailable } from "../consumer.ts";

/** The client library; loaded by who opens the bus, so that nobody else pays for it. */
export type KafkaLibrary = typeof import("@platformatic/kafka");

/** What all clients of one bus share. */
export interface KafkaDeps {
  readonly library: KafkaLibrary;
  readonly url: string;
  readonly runtime: Runtime;
  readonly log: Log;
}

/** How long a connection may take to open. */
const CONNECT_MS_MAX = 2_000;

/** How long a request may take that does not wait for others. */
const REQUEST_MS_MAX = 4_000;

const MECHANISMS = {
  "plain": "PLAIN",
  "scram-sha-256": "SCRAM-SHA-256",
  "scram-sha-512": "SCRAM-SHA-512",
} as const;

/**
 * Returns the options of a client.
 *
 * Shape: `kafka://[user:password@]host:port,host:port[?sasl=plain|scram-sha-256|scram-sha-512]`;
 * `kafkas:` is the same over TLS.
 *
 * @throws {TaskerError} config.invalid
 */
export function clientOptions(url: string) {
  const [first, ...others] = serversOf(url) ?? [];
  if (first === undefined) throw new TaskerError("config.invalid", "Cannot use BUS_URL: not a URL");
  const name = first.searchParams.get("sasl") ?? "scram-sha-512";
  const mechanism = MECHANISMS[name as keyof typeof MECHANISMS];
  if (mechanism === undefined) {
    const choices = Object.keys(MECHANISMS).join(", ");
    throw new TaskerError(
      "config.invalid",
      `Cannot use BUS_URL: its sasl "${name}" is none of ${choices}`,
    );
  }
  const [username, password] = [first.username, first.password].map(decodeURIComponent);
  return {
    clientId: "tasker",
    bootstrapBrokers: [first, ...others].map(addressOf),
    connectTimeout: CONNECT_MS_MAX,
    requestTimeout: REQUEST_MS_MAX,
    timeout: REQUEST_MS_MAX,
    retries: 0,
    autocreateTopics: false,
    ...(first.protocol === "kafkas:" && { tls: {}, tlsServerName: true }),
    ...(username && password && { sasl: { mechanism, username, password } }),
  };
}

/** Errors of the library are lists of lists: the ends of their branches say what happened. */
export function kafkaError(error: unknown): TaskerError {
  return unavailable(
    "Kafka",
    error instanceof TaskerError ? error : new Error(
      [...new Set(leavesOf(error).map(messageOf))].join("; "),
      { cause: error },
    ),
  );
}

/** Whether a server answered with one of these errors of the protocol. */
export function isAnswer(error: unknown, ...ids: readonly string[]): boolean {
  return leavesOf(error).some((leaf) => {
    const { apiId } = leaf as { apiId?: unknown };
    return ids.some((id) => id === apiId);
  });
}

/** Whether a topic is not there; the library has words of its own for it. */
export function isUnknownTopic(error: unknown): boolean {
  return isAnswer(
    error,
    "UNKNOWN_TOPIC_OR_PARTITION",
    "UNKNOWN_TOPIC_ID",
    "INCONSISTENT_TOPIC_ID",
  ) ||
    leavesOf(error).some((leaf) => messageOf(leaf).startsWith("Unknown topic"));
}

function leavesOf(error: unknown): readonly unknown[] {
  if (error instanceof AggregateError && error.errors.length > 0) {
    return error.errors.flatMap(leavesOf);
  }
  return error instanceof Error && error.cause !== undefined ? leavesOf(error.cause) : [error];
}

/**
 * Resolves as the promise does, or fails in time. What is late is left to end by itself.
 *
 * @throws {TaskerError} bus.unavailable when it takes longer
 */
export async function within<T>(
  runtime: Pick<Runtime, "after">,
  ms: number,
  promise: Promise<T>,
): Promise<T> {
  const late = Promise.withResolvers<never>();
  const cancel = runtime.after(ms, () => {
    late.reject(unavailable("Kafka", `no answer within ${ms} ms`));
  });
  promise.catch(() => {});
  try {
    return await Promise.race([promise, late.promise]);
  } finally {
    cancel();
  }
}

/** Closes a client, in time: a server that is frozen does not answer a farewell. */
export async function closeClient(
  runtime: Pick<Runtime, "after">,
  client: Pick<Admin, "connections" | "emit"> & { close(): Promise<void> },
): Promise<void> {
  await within(runtime, REQUEST_MS_MAX, client.close()).catch(() => {});
  await client.connections.close().catch(() => {});
  // What failed because its connection was closed waits for its next try, with a timer.
  client.emit("client:close");
}
