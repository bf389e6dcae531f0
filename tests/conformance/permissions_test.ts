import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { connect, headers, type NatsConnection } from "@nats-io/transport-node";
import { type Channel, Connection } from "rabbitmq-client";
import { createClient } from "redis";
import type { Bus } from "../../src/core/ports.ts";
import { openPrefixedBus } from "../support/broker_bus.ts";
import { envelopeOf, Inbox } from "../support/inbox.ts";
import { startNats } from "../support/nats.ts";
import { startRabbit } from "../support/rabbitmq.ts";
import { startRedis } from "../support/redis.ts";
import { EXAMPLES, pythonEnv, pythonPackages } from "../support/services.ts";

const DOCUMENT = await Deno.readTextFile(new URL("../../docs/brokers.md", import.meta.url));

const PREFIX = "tasker.workflows";
const OPTIONS = { group: "tasker", inFlightMax: 16, leaseMs: 60_000 };

/** Channels of the system that the recipes are for. */
const MINE = channelsOf("python_inventory");
/** Channels of another one. */
const OTHERS = channelsOf("node_payments");

function channelsOf(system: string) {
  const channel = (kind: string) => `${PREFIX}.${kind}.${system}`;
  return {
    commands: channel("cmd"),
    replies: channel("reply"),
    dead: channel("dead"),
    inbound: channel("in"),
  };
}

/** The recipe of a chapter, as people paste it. */
function recipeOf(broker: string): string {
  const [, chapter = ""] = DOCUMENT.split(`### Permissions on ${broker}\n`);
  const recipe = /```\w+\n(.*?)```/s.exec(chapter)?.[1];
  assert.ok(recipe !== undefined, `docs/brokers.md has no recipe for ${broker}`);
  return recipe;
}

/** The engine's part: both systems have a command, and their answers are read. */
async function openEngine(url: string) {
  const bus: Bus = await openPrefixedBus(url, { prefix: PREFIX });
  const replies = new Inbox();
  for (const { commands, replies: channel, dead, inbound } of [MINE, OTHERS]) {
    await bus.consume(channel, OPTIONS, replies.handle);
    await bus.publish(commands, [envelopeOf(`asked on ${commands}`)]);
    await bus.publish(dead, [envelopeOf("dead")]);
    await bus.publish(inbound, [envelopeOf("inbound")]);
  }
  return { bus, replies };
}

/** Checks that nothing of the other system was read, removed or written to. */
async function demandUntouched(bus: Bus, replies: Inbox): Promise<void> {
  assert.deepEqual(replies.ids, ["answered"]);
  assert.equal(await bus.depth(OTHERS.commands), 1);
  assert.equal(await bus.depth(OTHERS.dead), 1);
  assert.equal(await bus.depth(OTHERS.inbound), 1);
}

Deno.test("the Redis recipe lets a worker work, and nothing else", async () => {
  const server = await startRedis();
  if ("reason" in server) return console.log(`ignored: the recipe, because ${server.reason}`);
  await using _ = server;
  const admin = createClient({ url: server.url });
  await admin.connect();
  await admin.sendCommand(recipeOf("Redis").trim().split(" "));
  const { bus, replies } = await openEngine(server.url);
  const user = server.url.replace("//", "//python_inventory:change-me@");
  const worker = createClient({ url: user });
  await worker.connect();
  const run = (command: string) => worker.sendCommand(command.split(" "));
  const body = JSON.stringify(envelopeOf("answered"));

  await run(`XGROUP CREATE ${MINE.commands} workers 0`);
  const taken = JSON.stringify(
    await run(`XREADGROUP GROUP workers w1 COUNT 1 STREAMS ${MINE.commands} >`),
  );
  const id = /\d{10,}-\d+/.exec(taken)?.[0] ?? "";
  await run(`XPENDING ${MINE.commands} workers - + 10`);
  await run(`XCLAIM ${MINE.commands} workers w1 0 ${id} JUSTID`);
  await run(`XAUTOCLAIM ${MINE.commands} workers w1 60000 0`);
  await worker.xAdd(MINE.replies, "*", { ce: body });
  await worker.multi().xAck(MINE.commands, "workers", id).xDel(MINE.commands, id).exec();
  await worker.xAdd(MINE.inbound, "*", { ce: body });
  await worker.xAdd(MINE.dead, "*", { ce: body });

  await replies.has(1);
  assert.equal(await bus.depth(MINE.commands), 0);
  const refused = [
    ...[OTHERS.commands, OTHERS.replies, MINE.replies, MINE.inbound].flatMap((stream) => [
      `XREAD STREAMS ${stream} 0`,
      `XRANGE ${stream} - +`,
      `XLEN ${stream}`,
      `XGROUP CREATE ${stream} workers 0`,
      `XREADGROUP GROUP tasker w1 STREAMS ${stream} >`,
      `XAUTOCLAIM ${stream} tasker w1 0 0`,
      `XTRIM ${stream} MAXLEN 0`,
      `XDEL ${stream} 0-1`,
      `DEL ${stream}`,
    ]),
    ...Object.values(OTHERS).map((stream) => `XADD ${stream} MAXLEN 0 * ce forged`),
    `XADD ${MINE.commands} * ce forged`,
    `XGROUP DESTROY ${MINE.commands} tasker`,
    `DEL ${MINE.commands}`,
    `RENAME ${MINE.commands} other`,
    "KEYS *",
    "SCAN 0",
    "FLUSHALL",
    "CONFIG GET *",
    "ACL LIST",
    "EVAL return(1) 0",
    "MONITOR",
    "SUBSCRIBE __keyspace@0__:*",
  ];
  for (const command of refused) {
    await assert.rejects(run(command), /NOPERM/, `not refused: ${command}`);
  }
  await demandUntouched(bus, replies);
  worker.destroy();
  admin.destroy();
  await bus.close();
});

Deno.test("a worker of examples/workers works under the Redis recipe", async () => {
  const [server, missing] = [await startRedis(), await pythonPackages()];
  const reason = "reason" in server ? server.reason : missing;
  if (reason !== undefined) return console.log(`ignored: the worker, because ${reason}`);
  assert.ok(!("reason" in server));
  await using _ = server;
  const admin = createClient({ url: server.url });
  await admin.connect();
  await admin.sendCommand(recipeOf("Redis").trim().split(" "));
  const replies = new Inbox();
  const bus = await openPrefixedBus(server.url, { prefix: PREFIX });
  await bus.consume(MINE.replies, OPTIONS, replies.handle);
  const data = { order_id: "A-1", product_ids: ["lamp"], quantities: [1] };
  const reply = { taskerreplyto: MINE.replies, taskerreplytoken: "t", subject: "tasker.t.s" };
  await bus.publish(MINE.commands, [
    envelopeOf("asked", { type: "inventory.check_stock", ...reply, data }),
  ]);

  const env = {
    ...pythonEnv(),
    REDIS_URL: server.url.replace("//", "//python_inventory:change-me@"),
  };
  const args = [`${EXAMPLES}workers/worker.py`];
  const child = new Deno.Command("python3", { args, env, stderr: "piped" }).spawn();
  await replies.has(1);
  child.kill("SIGTERM");
  const { code, stderr } = await child.output();

  assert.deepEqual(replies.ids, ["asked:completed"]);
  assert.equal(code, 0);
  assert.doesNotMatch(new TextDecoder().decode(stderr), /NOPERM|rests/);
  assert.equal(await bus.depth(MINE.commands), 0);
  admin.destroy();
  await bus.close();
});

Deno.test("the NATS recipe lets a worker work, and nothing else", async () => {
  const server = await startNats(recipeOf("NATS"));
  if ("reason" in server) return console.log(`ignored: the recipe, because ${server.reason}`);
  await using _ = server;
  const { bus, replies } = await openEngine(server.url.replace("//", "//tasker:change-me-too@"));
  const login = { servers: server.url, user: "python_inventory", pass: "change-me" };
  const worker = await connect({ ...login, inboxPrefix: "_INBOX_python_inventory" });
  const [mine, others] = [MINE.commands, OTHERS.commands].map((one) => one.replaceAll(".", "~"));
  const ask = (subject: string, body = "") => worker.request(subject, body, { timeout: 2_000 });
  const pull = JSON.stringify({ batch: 1, expires: 1_000_000_000 });

  await ask(`$JS.API.CONSUMER.INFO.${mine}.tasker`);
  const command = await worker.request(`$JS.API.CONSUMER.MSG.NEXT.${mine}.tasker`, pull, {
    timeout: 5_000,
    // What is pulled keeps its own subject.
    noMux: true,
  });
  const mark = headers();
  mark.set("Content-Type", "application/cloudevents+json");
  await worker.request(MINE.replies, JSON.stringify(envelopeOf("answered")), {
    timeout: 5_000,
    headers: mark,
  });
  await ask(command.reply ?? "", "+WPI");
  await ask(command.reply ?? "", "+ACK");
  await ask(MINE.inbound, JSON.stringify(envelopeOf("asked")));
  await ask(MINE.dead, JSON.stringify(envelopeOf("dead")));

  await replies.has(1);
  assert.equal(await bus.depth(MINE.commands), 0);
  const published = [
    ...Object.values(OTHERS),
    MINE.commands,
    `$JS.API.CONSUMER.MSG.NEXT.${others}.tasker`,
    `$JS.ACK.${others}.tasker.1.1.1.1.0`,
    `$JS.API.STREAM.MSG.GET.${mine}`,
    `$JS.API.DIRECT.GET.${others}`,
    ...[mine, others, MINE.replies.replaceAll(".", "~"), OTHERS.replies.replaceAll(".", "~")]
      .flatMap((stream) => [
        `$JS.API.STREAM.PURGE.${stream}`,
        `$JS.API.STREAM.DELETE.${stream}`,
        `$JS.API.CONSUMER.DURABLE.CREATE.${stream}.spy`,
        `$JS.API.CONSUMER.CREATE.${stream}`,
        `$JS.API.CONSUMER.DELETE.${stream}.tasker`,
      ]),
    "$JS.API.STREAM.CREATE.spy",
    "_INBOX.tasker.any",
  ];
  assert.equal(await isRefused(worker, () => worker.publish(MINE.dead, "{}")), false);
  for (const subject of published) {
    assert.equal(await isRefused(worker, () => worker.publish(subject, "{}")), true, subject);
  }
  for (const subject of [">", "_INBOX.>", MINE.replies, ...Object.values(OTHERS), "$JS.>"]) {
    assert.equal(await isRefused(worker, () => worker.subscribe(subject)), true, subject);
  }
  await demandUntouched(bus, replies);
  await worker.close();
  await bus.close();
});

/** Whether the server refuses what is done on a connection; it says so beside the answers. */
async function isRefused(connection: NatsConnection, act: () => unknown): Promise<boolean> {
  const refusal = Promise.withResolvers<boolean>();
  const statuses = connection.status();
  void (async () => {
    for await (const { type } of statuses) if (type === "error") refusal.resolve(true);
  })();
  act();
  // The server answers a ping after it has refused what came before it.
  await connection.flush();
  await new Promise((wake) => setTimeout(wake));
  refusal.resolve(false);
  (statuses as unknown as { stop(): void }).stop();
  return await refusal.promise;
}

Deno.test("the RabbitMQ recipe lets a worker work, and nothing else", async () => {
  const server = await startRabbit();
  if ("reason" in server) return console.log(`ignored: the recipe, because ${server.reason}`);
  await using _ = server;
  for (const line of recipeOf("RabbitMQ").trim().split("\n")) {
    const [program, ...args] = line.split(" ").map((word) => word.replace(/^'(.*)'$/, "$1"));
    assert.equal(program, "rabbitmqctl");
    await server.control(args);
  }
  const { bus, replies } = await openEngine(server.url);
  const worker = new Connection(server.url.replace("guest:guest", "python_inventory:change-me"));
  worker.on("error", () => {});
  const publish = async (exchange: string, routingKey: string, id = "forged") => {
    const publisher = worker.createPublisher({ confirm: true, maxAttempts: 1 });
    const body = Buffer.from(JSON.stringify(envelopeOf(id)));
    try {
      await publisher.send({ exchange, routingKey, contentType: "application/json" }, body);
    } finally {
      await publisher.close().catch(() => {});
    }
  };
  const onChannel = async (act: (channel: Channel) => Promise<unknown>) => {
    const channel = await worker.acquire();
    channel.on("error", () => {});
    try {
      return await act(channel);
    } finally {
      if (channel.active) await channel.close();
    }
  };

  await onChannel(async (channel) => {
    const taken = Promise.withResolvers<number>();
    await channel.basicConsume(
      { queue: MINE.commands },
      ({ deliveryTag }) => taken.resolve(deliveryTag),
    );
    const deliveryTag = await taken.promise;
    await publish(PREFIX, MINE.replies, "answered");
    channel.basicAck({ deliveryTag });
    await replies.has(1);
  });
  await publish(PREFIX, MINE.inbound, "asked");
  await publish(PREFIX, MINE.dead, "dead");

  assert.equal(await bus.depth(MINE.commands), 0);
  for (const routingKey of [...Object.values(OTHERS), MINE.commands]) {
    await assert.rejects(publish(PREFIX, routingKey), /ACCESS_REFUSED/, routingKey);
    await assert.rejects(publish("", routingKey), /ACCESS_REFUSED/, `default ${routingKey}`);
  }
  const refused: Readonly<Record<string, (channel: Channel) => Promise<unknown>>> = {
    "take another's command": (channel) => channel.basicGet({ queue: OTHERS.commands }),
    "take a reply": (channel) => channel.basicGet({ queue: MINE.replies }),
    "consume another's replies": (channel) =>
      channel.basicConsume({ queue: OTHERS.replies }, () => {}),
    "empty another's replies": (channel) => channel.queuePurge({ queue: OTHERS.replies }),
    "empty its replies": (channel) => channel.queuePurge({ queue: MINE.replies }),
    "delete its queue": (channel) => channel.queueDelete({ queue: MINE.commands }),
    "make a queue": (channel) => channel.queueDeclare({ queue: "spy", durable: true }),
    "make an exchange": (channel) => channel.exchangeDeclare({ exchange: "spy", type: "fanout" }),
    "copy commands to a queue": (channel) =>
      channel.queueBind({ queue: MINE.commands, exchange: PREFIX, routingKey: "#" }),
  };
  for (const [what, act] of Object.entries(refused)) {
    await assert.rejects(onChannel(act), /ACCESS_REFUSED/, `not refused: ${what}`);
  }
  await demandUntouched(bus, replies);
  await worker.close();
  await bus.close();
});
