import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { type Channel, Connection } from "rabbitmq-client";
import { openBrokerBus } from "../support/broker_bus.ts";
import { HeardLog } from "../support/heard_log.ts";
import { ack, envelopeOf, envelopesOf, Inbox } from "../support/inbox.ts";
import { startRabbit, type TestRabbit } from "../support/rabbitmq.ts";
import { faultSuite } from "./bus_fault_laws.ts";
import { OPTIONS } from "./bus_law.ts";
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

faultSuite({
  name: "rabbitmq",
  reason,
  open: openBrokerBus,
  withServer: (use) => use(rabbit()),
});

function test(name: string, fn: () => Promise<void>): void {
  Deno.test({
    name: `rabbitmq bus ${name}`,
    ignore: reason !== undefined,
    sanitizeOps: true,
    sanitizeResources: true,
    fn,
  });
}

/** Runs requests as another program does. */
async function raw<T>(ask: (channel: Channel) => Promise<T>): Promise<T> {
  const connection = new Connection(rabbit().url);
  const channel = await connection.acquire();
  try {
    return await ask(channel);
  } finally {
    await channel.close();
    await connection.close();
  }
}

test("makes a queue again that somebody deleted, and says so", async () => {
  const log = new HeardLog();
  const [bus, publisher] = [
    await openBrokerBus(rabbit().url, log),
    await openBrokerBus(rabbit().url),
  ];
  const inbox = new Inbox();
  await bus.consume("deleted", OPTIONS, inbox.handle);
  await publisher.publish("deleted", [envelopeOf("before")]);
  await inbox.has(1);

  await raw((channel) => channel.queueDelete("deleted"));
  await log.has("A queue was deleted");
  await publisher.publish("deleted", [envelopeOf("after")]);

  await inbox.has(2);
  assert.deepEqual(inbox.ids, ["before", "after"]);
  await bus.close();
  await publisher.close();
});

test("publishes into a queue that was deleted after it had published", async () => {
  const bus = await openBrokerBus(rabbit().url);
  await bus.publish("gone", [envelopeOf("lost")]);
  await raw((channel) => channel.queueDelete("gone"));

  await bus.publish("gone", envelopesOf("kept", 3));

  const inbox = new Inbox();
  await bus.consume("gone", OPTIONS, inbox.handle);
  await inbox.has(3);
  assert.deepEqual(inbox.ids, ["kept-0", "kept-1", "kept-2"]);
  await bus.close();
});

test("gives at once to others what a consumer held whose connection broke", async () => {
  const bus = await openBrokerBus(rabbit().url);
  await bus.publish("dropped", [envelopeOf("held")]);
  await raw((channel) => channel.basicGet("dropped"));

  const inbox = new Inbox();
  await bus.consume("dropped", OPTIONS, inbox.handle);

  await inbox.has(1);
  assert.deepEqual(inbox.deliveries.map(({ deliveries }) => deliveries), [2]);
  await bus.close();
});

test("hands over what is no envelope as it came", async () => {
  const bus = await openBrokerBus(rabbit().url);
  const inbox = new Inbox();
  await bus.consume("foreign", OPTIONS, inbox.handle);

  await raw(async (channel) => {
    await channel.basicPublish("foreign", "{ no JSON");
    await channel.basicPublish("foreign", { json: 1 });
    await channel.basicPublish("foreign", Buffer.from([0xff, 0x00]));
  });

  await inbox.has(3);
  const bodies = inbox.deliveries.map(({ body }) => body);
  assert.deepEqual(bodies, ["{ no JSON", '{"json":1}', "\ufffd\u0000"]);
  await bus.close();
});

test("knows a worker of another language while it consumes, and after", async () => {
  const bus = await openBrokerBus(rabbit().url);
  await bus.publish("worker", [envelopeOf("asked")]);
  const before = await bus.wasConsumed("worker");

  const during = await raw(async (channel) => {
    await channel.basicConsume({ queue: "worker" }, () => {});
    return await bus.wasConsumed("worker");
  });
  const other = await openBrokerBus(rabbit().url);
  const after = await other.wasConsumed("worker");

  assert.deepEqual([before, during, after], [false, true, true]);
  await bus.close();
  await other.close();
});

test("has a queue for the first worker, before any command was published", async () => {
  const bus = await openBrokerBus(rabbit().url);
  const before = await bus.wasConsumed("first");

  const during = await raw(async (channel) => {
    await channel.basicConsume({ queue: "first" }, () => {});
    return await bus.wasConsumed("first");
  });

  assert.deepEqual([before, during], [false, true]);
  await bus.close();
});

test("uses a queue as it is that somebody else declared", async () => {
  const bus = await openBrokerBus(rabbit().url);
  await raw((channel) => channel.queueDeclare({ queue: "classic", durable: true }));
  const inbox = new Inbox();

  await bus.consume("classic", OPTIONS, inbox.handle);
  await bus.publish("classic", envelopesOf("kept", 2));

  await inbox.has(2);
  await bus.close();
});

test("takes more than its slots from the server only for what waits here for a retry", async () => {
  const bus = await openBrokerBus(rabbit().url);
  const one = { ...OPTIONS, inFlightMax: 4 };
  const inbox = new Inbox(({ deliveries }, id) =>
    deliveries === 1 && id.startsWith("late") ? { kind: "retry", afterMs: 600 } : ack()
  );
  await bus.publish("waiting", envelopesOf("late", 50));
  await bus.publish("waiting", envelopesOf("prompt", 50));

  const end = await bus.consume("waiting", one, inbox.handle);

  await inbox.has(150);
  await end();
  const first = inbox.ids.slice(0, 100);
  assert.equal(new Set(first).size, 100, "all came once before any came twice");
  assert.equal(await bus.depth("waiting"), 0);
  await bus.close();
});
