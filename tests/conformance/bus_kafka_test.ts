import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import * as library from "@platformatic/kafka";
import { KafkaBus } from "../../src/bus/kafka/bus.ts";
import { SPAN_MAX } from "../../src/bus/kafka/member.ts";
import type { Bus } from "../../src/core/ports.ts";
import { openRuntime } from "../../src/server/runtime.ts";
import { type Log, SILENT_LOG } from "../../src/telemetry/log.ts";
import { openBrokerBus } from "../support/broker_bus.ts";
import { HeardLog } from "../support/heard_log.ts";
import { ack, envelopeOf, envelopesOf, Inbox } from "../support/inbox.ts";
import { startKafka, type TestKafka } from "../support/kafka.ts";
import { busSuite } from "./bus_suite.ts";

const found = await startKafka();
const reason = "reason" in found ? found.reason : undefined;
if (reason !== undefined) console.log(`ignored: tests of the Kafka bus, because ${reason}`);

const OPTIONS = { group: "tasker", inFlightMax: 16, leaseMs: 60_000 };

Deno.test.afterAll(async () => {
  if (!("reason" in found)) await found[Symbol.asyncDispose]();
});

function kafka(): TestKafka {
  if ("reason" in found) throw new Error(found.reason);
  return found;
}

function open(log: Log = SILENT_LOG, url = kafka().url): Promise<Bus> {
  return Promise.resolve(new KafkaBus({ library, url, runtime: openRuntime(), log }));
}

busSuite({
  name: "kafka",
  ...(reason !== undefined && { reason }),
  open: () => open(),
  cannot: {
    "keeps the order of publishing for one consumer of one slot":
      "a log keeps the order of one key, which is a task: a law of its own below",
    "gives a retry that waits to another when its consumer ends":
      "Kafka counts no deliveries: that it comes at all is a law of its own below",
  },
});

function test(name: string, fn: () => Promise<void>): void {
  Deno.test({
    name: `kafka bus ${name}`,
    ignore: reason !== undefined,
    sanitizeOps: true,
    sanitizeResources: true,
    fn,
  });
}

/** Starts a broker of the test's own, to be killed and frozen. */
async function withBroker(use: (broker: TestKafka) => Promise<void>): Promise<void> {
  const broker = await startKafka();
  if ("reason" in broker) throw new Error(broker.reason);
  try {
    await use(broker);
  } finally {
    await broker[Symbol.asyncDispose]();
  }
}

async function publishUntilConfirmed(bus: Bus, channel: string, id: string): Promise<void> {
  for (;;) {
    try {
      return await bus.publish(channel, [envelopeOf(id)]);
    } catch {
      await new Promise((wake) => setTimeout(wake, 20));
    }
  }
}

/** What was repeated counts once. */
async function holdAll(inboxes: readonly Inbox[], ids: readonly string[]): Promise<void> {
  for (;;) {
    const got = new Set(inboxes.flatMap((inbox) => inbox.ids));
    if (new Set(ids).difference(got).size === 0) return;
    await new Promise((wake) => setTimeout(wake, 20));
  }
}

test("keeps the order of one task's envelopes", async () => {
  const bus = await open();
  const inbox = new Inbox();
  await bus.consume("ordered", { ...OPTIONS, inFlightMax: 1 }, inbox.handle);

  const envelopes = envelopesOf("one", 50).flatMap((one, at) => [
    { ...one, correlationid: "task-1" },
    envelopeOf(`other-${at}`),
  ]);
  await bus.publish("ordered", envelopes);

  await inbox.has(100);
  const ofTask = inbox.ids.filter((id) => id.startsWith("one"));
  assert.deepEqual(ofTask, envelopesOf("one", 50).map(({ id }) => id));
  await bus.close();
});

test("gives a retry that waits to another node when its own leaves", async () => {
  const [bus, other] = [await open(), await open()];
  const first = new Inbox(() => ({ kind: "retry", afterMs: 60_000 }));
  const second = new Inbox();
  await other.consume("left", OPTIONS, first.handle);
  await bus.publish("left", [envelopeOf("passed on")]);
  await first.has(1);

  await other.close();
  await bus.consume("left", OPTIONS, second.handle);

  await second.has(1);
  assert.deepEqual(second.ids, ["passed on"]);
  await bus.close();
});

test("loses nothing while nodes come and go under load", async () => {
  const [bus, stays] = [await open(), await open()];
  const inboxes = [new Inbox()];
  await stays.consume("moving", OPTIONS, (inboxes[0] as Inbox).handle);
  const published: string[] = [];
  const publishAll = async () => {
    for (let batch = 0; batch < 40; batch++) {
      const envelopes = envelopesOf(`moving-${batch}`, 25);
      await bus.publish("moving", envelopes);
      published.push(...envelopes.map(({ id }) => id));
      await new Promise((wake) => setTimeout(wake, 50));
    }
  };

  const publishing = publishAll();
  for (let node = 0; node < 2; node++) {
    const [passing, inbox] = [await open(), new Inbox()];
    inboxes.push(inbox);
    await passing.consume("moving", OPTIONS, inbox.handle);
    await inbox.has(1);
    await passing.close();
  }
  await publishing;

  await holdAll(inboxes, published);
  await bus.close();
  await stays.close();
});

test("moves a record that keeps many others from being committed", async () => {
  const [bus, other] = [await open(), await open()];
  const held = Promise.withResolvers<void>();
  const count = Number(SPAN_MAX) + 500;
  const inbox = new Inbox((_, id) => id === "load-0" ? held.promise.then(ack) : ack());
  const end = await bus.consume("stuck", { ...OPTIONS, inFlightMax: 256 }, inbox.handle);

  const load = envelopesOf("load", count).map((one) => ({ ...one, correlationid: "same" }));
  await bus.publish("stuck", load);
  await inbox.has(count);
  while ((await bus.depth("stuck") ?? 0) > 2_000) {
    await new Promise((wake) => setTimeout(wake, 50));
  }
  held.resolve();
  await end();
  await bus.close();

  assert.equal(await other.depth("stuck"), 0);
  assert.equal(inbox.ids.filter((id) => id === "load-0").length, 1);
  await other.close();
});

test("brings every confirmed envelope through a kill -9 of its broker under load", async () => {
  await withBroker(async (broker) => {
    const [bus, other] = [await open(SILENT_LOG, broker.url), await open(SILENT_LOG, broker.url)];
    const inbox = new Inbox();
    await other.consume("killed", OPTIONS, inbox.handle);
    const confirmed: string[] = [];
    const publishAll = async () => {
      for (let number = 0; number < 400; number++) {
        await publishUntilConfirmed(bus, "killed", `load-${number}`);
        confirmed.push(`load-${number}`);
      }
    };

    const publishing = publishAll();
    await inbox.has(100);
    await broker.kill9();
    await broker.restart();
    await publishing;

    await holdAll([inbox], confirmed);
    await bus.close();
    await other.close();
  });
});

test("gives a frozen broker up, and goes on when it thaws", async () => {
  await withBroker(async (broker) => {
    const log = new HeardLog();
    const bus = await open(log, broker.url);
    const inbox = new Inbox();
    await bus.consume("frozen", OPTIONS, inbox.handle);
    await bus.publish("frozen", [envelopeOf("before")]);
    await inbox.has(1);

    broker.pause();
    const code = { code: "bus.unavailable" };
    await assert.rejects(bus.ping(), code);
    await assert.rejects(bus.publish("frozen", [envelopeOf("during")]), code);
    await log.has("Cannot read a channel");
    broker.resume();
    // Whether the one that failed arrived is not known: it is published again.
    await publishUntilConfirmed(bus, "frozen", "during");

    await holdAll([inbox], ["before", "during"]);
    await log.has("A channel is read again");
    await bus.close();
  });
});

test("closes in its deadline while its broker is frozen", async () => {
  await withBroker(async (broker) => {
    const bus = await open(SILENT_LOG, broker.url);
    await bus.consume("stuck", OPTIONS, new Inbox().handle);

    broker.pause();
    const publishing = assert.rejects(bus.publish("stuck", [envelopeOf("stuck")]));
    await bus.close();

    await publishing;
  });
});

test("makes its topics again on a broker that came back empty", async () => {
  await withBroker(async (broker) => {
    const log = new HeardLog();
    const bus = await open(log, broker.url);
    const inbox = new Inbox();
    await bus.consume("emptied", OPTIONS, inbox.handle);
    await bus.publish("emptied", [envelopeOf("before")]);
    await inbox.has(1);

    await broker.restartEmpty();
    await log.has("A topic was deleted");
    await publishUntilConfirmed(bus, "emptied", "after");

    await holdAll([inbox], ["before", "after"]);
    await bus.close();
  });
});

test("makes a topic again that was deleted before its first consumer came", async () => {
  await withBroker(async (broker) => {
    const log = new HeardLog();
    const bus = await open(log, broker.url);
    await bus.publish("gone", [envelopeOf("before")]);

    await broker.restartEmpty();
    const inbox = new Inbox();
    const consume = () => bus.consume("gone", OPTIONS, inbox.handle);
    await assert.rejects(consume(), { code: "bus.unavailable" });
    await consume();
    await publishUntilConfirmed(bus, "gone", "after");

    await holdAll([inbox], ["after"]);
    assert.deepEqual(log.lines, ["A topic was deleted with all that was in it: it is made again"]);
    await bus.close();
  });
});

test("fails each request while its broker is away, and works once it is there", async () => {
  await withBroker(async (broker) => {
    await broker.kill9();
    const log = new HeardLog();

    const bus = await openBrokerBus(broker.url, log);
    const code = { code: "bus.unavailable" };
    await assert.rejects(bus.ping(), code);
    await assert.rejects(bus.publish("away", [envelopeOf("lost")]), code);
    await assert.rejects(bus.consume("away", OPTIONS, new Inbox().handle), code);
    await broker.restart();
    await bus.ping();

    assert.deepEqual(log.lines, ["The bus is away: envelopes wait until it is back"]);
    await bus.close();
  });
});

test("meets a worker of another language in the middle of a step", async () => {
  const bus = await open();
  await bus.publish("cmd.worker", [envelopeOf("asked")]);
  assert.equal(await bus.wasConsumed("cmd.worker"), false);
  const options = { clientId: "worker", bootstrapBrokers: [`127.0.0.1:${kafka().port}`] };
  const consumer = new library.Consumer({ ...options, groupId: "cmd.worker" });

  const stream = await consumer.consume({
    topics: ["cmd.worker"],
    mode: "committed",
    fallbackMode: "earliest",
    autocommit: false,
  });
  for await (const message of stream) {
    assert.equal(JSON.parse(String(message.value)).id, "asked");
    assert.equal(String([...message.headers.values()][0]), "application/cloudevents+json");
    await message.commit();
    break;
  }
  await consumer.close(true);

  assert.equal(await bus.wasConsumed("cmd.worker"), true);
  assert.equal(await bus.depth("cmd.worker"), 0);
  await bus.close();
});

test("has a topic for the first worker, before any command was published", async () => {
  const bus = await open();
  assert.equal(await bus.wasConsumed("cmd.first"), false);
  const options = { clientId: "worker", bootstrapBrokers: [`127.0.0.1:${kafka().port}`] };
  const consumer = new library.Consumer({ ...options, groupId: "cmd.first" });
  const stream = await consumer.consume({
    topics: ["cmd.first"],
    mode: "committed",
    fallbackMode: "earliest",
    autocommit: false,
  });

  assert.equal(await bus.wasConsumed("cmd.first"), true);

  await stream.close();
  await consumer.close(true);
  await bus.close();
});

test("takes what other programs write, compressed or not, with the headers of binary mode", async () => {
  const bus = await open();
  const inbox = new Inbox();
  await bus.consume("foreign", OPTIONS, inbox.handle);
  const options = { clientId: "other", bootstrapBrokers: [`127.0.0.1:${kafka().port}`] };
  const producer = new library.Producer(options);
  const record = (value: string, headers: Readonly<Record<string, string>> = {}) => ({
    topic: "foreign",
    partition: 0,
    value: Buffer.from(value),
    headers: new Map(
      Object.entries(headers).map(([name, text]) => [Buffer.from(name), Buffer.from(text)]),
    ),
  });

  for (const compression of ["none", "gzip", "snappy", "lz4", "zstd"] as const) {
    await producer.send({ messages: [record(`in ${compression}`)], compression });
  }
  await producer.send({
    messages: [
      record("{}", { ce_specversion: "1.0", ce_id: "b-1" }),
      // It names a record of another partition as its own: that is not believed.
      record("forged", { taskermoved: "3:0" }),
      { topic: "foreign", partition: 0, key: Buffer.from("of nothing") },
    ],
  });

  await inbox.has(8);
  assert.deepEqual(inbox.deliveries.map(({ body }) => body), [
    ...["none", "gzip", "snappy", "lz4", "zstd"].map((name) => `in ${name}`),
    '{"ce_specversion":"1.0","ce_id":"b-1","data":"{}"}',
    "forged",
    "",
  ]);
  while (await bus.depth("foreign") !== 0) await new Promise((wake) => setTimeout(wake, 20));
  await producer.close();
  await bus.close();
});

Deno.test({
  name: "openBus() refuses to start over Kafka without the permission to connect",
  permissions: { net: false, env: true, read: true, sys: true },
  async fn() {
    const opening = openBrokerBus("kafka://127.0.0.1:1");

    await assert.rejects(opening, { code: "config.invalid", message: /127\.0\.0\.1:1/ });
  },
});
