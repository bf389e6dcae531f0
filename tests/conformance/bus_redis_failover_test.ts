import assert from "node:assert/strict";
import { createClient } from "redis";
import type { Bus } from "../../src/core/ports.ts";
import { type Log, SILENT_LOG } from "../../src/telemetry/log.ts";
import { openBrokerBus } from "../support/broker_bus.ts";
import { HeardLog } from "../support/heard_log.ts";
import { envelopeOf, Inbox } from "../support/inbox.ts";
import { startRedis } from "../support/redis.ts";
import type { TestServer } from "../support/test_server.ts";

const OPTIONS = { group: "tasker", inFlightMax: 16, leaseMs: 60_000 };

/** Tries to publish after a failover; one finds the old server, and the next the new one. */
const TRIES_MAX = 20;

const [old, next] = [await startRedis(), await startRedis()];
const servers = "reason" in old || "reason" in next ? undefined : { old, next };
if ("reason" in old) console.log(`ignored: failovers of Redis, because ${old.reason}`);

Deno.test.afterAll(async () => {
  for (const server of Object.values(servers ?? {})) await server[Symbol.asyncDispose]();
});

function test(name: string, fn: (servers: { old: TestServer; next: TestServer }) => Promise<void>) {
  Deno.test({
    name: `redis bus ${name}`,
    ignore: servers === undefined,
    fn: async () => {
      if (servers !== undefined) await fn(servers);
    },
  });
}

test("leaves a server that became a replica, and says nothing of deleted streams", async ({ old, next }) => {
  await using switchboard = Switchboard.open(old.port);
  await rawOf(next, ["REPLICAOF", "127.0.0.1", String(old.port)]);
  const log = new HeardLog();
  const bus = await open(log, switchboard.url);
  const inbox = new Inbox();
  await bus.consume("moved", OPTIONS, inbox.handle);
  await bus.publish("moved", [envelopeOf("before")]);
  await inbox.has(1);
  while (await rawOf(old, ["WAIT", "1", "0"]) !== 1);

  await rawOf(next, ["REPLICAOF", "NO", "ONE"]);
  await rawOf(old, ["REPLICAOF", "127.0.0.1", String(next.port)]);
  switchboard.port = next.port;
  await publishUntilConfirmed(bus, "moved", envelopeOf("after"));

  await inbox.has(2);
  assert.deepEqual(inbox.ids, ["before", "after"]);
  await bus.ping();
  assert.deepEqual(log.lines.filter((line) => line.includes("deleted")), []);
  await bus.close();
});

test("does not answer a ping for a server that became a replica", async ({ next: server }) => {
  const bus = await open(SILENT_LOG, server.url);
  await bus.ping();

  await rawOf(server, ["REPLICAOF", "127.0.0.1", "1"]);

  await assert.rejects(bus.ping(), { code: "bus.unavailable", message: /replica/ });
  await rawOf(server, ["REPLICAOF", "NO", "ONE"]);
  await bus.ping();
  await bus.close();
});

async function open(log: Log, url: string): Promise<Bus> {
  return await openBrokerBus(url, log);
}

async function publishUntilConfirmed(bus: Bus, channel: string, envelope: { id: string }) {
  for (let tries = 1;; tries++) {
    try {
      return await bus.publish(channel, [envelopeOf(envelope.id)]);
    } catch (error) {
      if (tries === TRIES_MAX) throw error;
    }
  }
}

/** Runs a command as another program does. */
async function rawOf({ url }: TestServer, command: string[]): Promise<unknown> {
  const client = createClient({ url });
  await client.connect();
  try {
    return await client.sendCommand(command);
  } finally {
    client.destroy();
  }
}

/** Passes new connections on to the port that is set now; those that are open stay as they are. */
class Switchboard implements AsyncDisposable {
  readonly #open = new Set<Deno.Conn>();

  private constructor(readonly listener: Deno.TcpListener, public port: number) {
    void this.#accept();
  }

  static open(port: number): Switchboard {
    return new Switchboard(Deno.listen({ hostname: "127.0.0.1", port: 0 }), port);
  }

  get url(): string {
    return `redis://127.0.0.1:${this.listener.addr.port}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.listener.close();
    for (const connection of this.#open) this.#end(connection);
    await Promise.resolve();
  }

  async #accept(): Promise<void> {
    for await (const client of this.listener) {
      const server = await Deno.connect({ hostname: "127.0.0.1", port: this.port });
      for (const [from, to] of [[client, server], [server, client]] as const) {
        this.#open.add(from);
        void from.readable.pipeTo(to.writable).catch(() => {}).finally(() => this.#end(from));
      }
    }
  }

  #end(connection: Deno.Conn): void {
    this.#open.delete(connection);
    try {
      connection.close();
    } catch { /* it is closed */ }
  }
}
