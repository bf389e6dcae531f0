import assert from "node:assert/strict";
import { type JetStreamManager, jetstreamManager } from "@nats-io/jetstream";
import { connect, type NatsConnection } from "@nats-io/transport-node";
import type { Bus } from "../../src/core/ports.ts";
import { type Log, SILENT_LOG } from "../../src/telemetry/log.ts";
import { openBrokerBus } from "../support/broker_bus.ts";
import { HeardLog } from "../support/heard_log.ts";
import { envelopeOf, envelopesOf, Inbox } from "../support/inbox.ts";
import { startNats } from "../support/nats.ts";
import type { TestServer } from "../support/test_server.ts";
import { faultSuite } from "./bus_fault_laws.ts";
import { busSuite } from "./bus_suite.ts";

const OPTIONS = { group: "tasker", inFlightMax: 16, leaseMs: 60_000 };

const found = await startNats();
const reason = "reason" in found ? found.reason : undefined;
if (reason !== undefined) console.log(`ignored: tests of the NATS bus, because ${reason}`);

Deno.test.afterAll(async () => {
  if (!("reason" in found)) await found[Symbol.asyncDispose]();
});

function nats(): TestServer {
  if ("reason" in found) throw new Error(found.reason);
  return found;
}

async function open(log: Log = SILENT_LOG, url = nats().url): Promise<Bus> {
  return await openBrokerBus(url, log);
}

/** Takes one envelope as a worker does that dies with it. */
async function abandon(channel: string, leaseMs: number) {
  const stream = channel.replaceAll(".", "~");
  const address = await raw(async ({ connection, manager }) => {
    await manager.consumers.update(stream, "tasker", { ack_wait: leaseMs * 1_000_000 });
    const pull = JSON.stringify({ batch: 1, expires: 10_000_000_000 });
    const subject = `$JS.API.CONSUMER.MSG.NEXT.${stream}.tasker`;
    return (await connection.request(subject, pull, { timeout: 10_000, noMux: true })).reply ?? "";
  });
  return {
    acknowledge: async () => {
      await raw(({ connection }) => connection.request(address, "+ACK"));
    },
  };
}

busSuite({
  name: "nats",
  ...(reason !== undefined && { reason }),
  open: () => open(),
  abandon,
});

faultSuite({
  name: "nats",
  reason,
  open: (url, log) => open(log, url),
  withServer: (use) => use(nats()),
});

function test(name: string, fn: () => Promise<void>): void {
  Deno.test({
    name: `nats bus ${name}`,
    ignore: reason !== undefined,
    sanitizeOps: true,
    sanitizeResources: true,
    fn,
  });
}

/** Does something as another program does. */
async function raw<T>(act: (library: NatsLibrary) => Promise<T>): Promise<T> {
  const connection = await connect({ servers: `127.0.0.1:${nats().port}`, reconnect: false });
  try {
    return await act({ connection, manager: await jetstreamManager(connection) });
  } finally {
    await connection.close();
  }
}

interface NatsLibrary {
  readonly connection: NatsConnection;
  readonly manager: JetStreamManager;
}

test("makes a stream again that somebody deleted, and says so", async () => {
  const log = new HeardLog();
  const bus = await open(log);
  const inbox = new Inbox();
  await bus.consume("deleted", OPTIONS, inbox.handle);
  await bus.publish("deleted", [envelopeOf("before")]);
  await inbox.has(1);

  await raw(({ manager }) => manager.streams.delete("deleted"));
  await log.has("A stream was deleted");
  await bus.publish("deleted", [envelopeOf("after")]);

  await inbox.has(2);
  assert.deepEqual(inbox.ids, ["before", "after"]);
  await bus.close();
});

test("publishes into a stream that somebody deleted, and nobody consumes", async () => {
  const bus = await open();
  await bus.publish("unread", [envelopeOf("before")]);

  await raw(({ manager }) => manager.streams.delete("unread"));
  await bus.publish("unread", [envelopeOf("after")]);

  assert.equal(await bus.depth("unread"), 1);
  await bus.close();
});

test("stores again what is published again after a purge", async () => {
  const bus = await open();
  await bus.publish("purged", [envelopeOf("same")]);

  await raw(({ manager }) => manager.streams.purge("purged"));
  await bus.publish("purged", [envelopeOf("same")]);

  assert.equal(await bus.depth("purged"), 1);
  await bus.close();
});

test("says which server answers, and its version", async () => {
  const bus = await open();

  assert.match((await bus.ping()).server, /^NATS 2\.\d+/);
  await bus.close();
});

test("hands over what is no envelope as it came", async () => {
  const bus = await open();
  const inbox = new Inbox();
  await bus.consume("foreign", OPTIONS, inbox.handle);

  await raw(async ({ connection }) => {
    await connection.request("foreign", "{ no JSON");
    await connection.request("foreign", new Uint8Array([0xff, 0xfe]));
  });

  await inbox.has(2);
  assert.deepEqual(inbox.deliveries.map(({ body }) => body), ["{ no JSON", "\ufffd\ufffd"]);
  await bus.close();
});

test("leaves settings alone that the owner of a stream chose", async () => {
  await raw(({ manager }) =>
    manager.streams.add({
      name: "chosen~by~others",
      subjects: ["chosen.by.others"],
      retention: "workqueue",
      storage: "memory",
      max_bytes: 1_000_000,
      discard: "new",
    })
  );
  const bus = await open();

  await bus.publish("chosen.by.others", [envelopeOf("kept")]);

  const { config } = await raw(({ manager }) => manager.streams.info("chosen~by~others"));
  assert.deepEqual([config.storage, config.max_bytes], ["memory", 1_000_000]);
  await bus.close();
});

test("fails to publish when a stream takes no more, and drops nothing", async () => {
  await raw(({ manager }) =>
    manager.streams.add({
      name: "full",
      subjects: ["full"],
      retention: "workqueue",
      max_msgs: 3,
      discard: "new",
    })
  );
  const bus = await open();
  await bus.publish("full", envelopesOf("kept", 3));

  const publishing = bus.publish("full", [envelopeOf("refused")]);

  await assert.rejects(publishing, { code: "bus.unavailable", message: /maximum messages/ });
  assert.equal(await bus.depth("full"), 3);
  await bus.close();
});

Deno.test({
  name: "openBus() refuses to start without the permission to connect to NATS",
  permissions: { net: false, read: true, sys: true },
  async fn() {
    const opening = openBrokerBus("nats://127.0.0.1:1,127.0.0.1:2");

    await assert.rejects(opening, { code: "config.invalid", message: /127\.0\.0\.1:2/ });
  },
});
