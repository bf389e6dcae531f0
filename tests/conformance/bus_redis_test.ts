import assert from "node:assert/strict";
import { createClient } from "redis";
import type { Bus } from "../../src/core/ports.ts";
import { type Log, SILENT_LOG } from "../../src/telemetry/log.ts";
import { openBrokerBus } from "../support/broker_bus.ts";
import { HeardLog } from "../support/heard_log.ts";
import { ack, envelopeOf, envelopesOf, Inbox } from "../support/inbox.ts";
import { startRedis } from "../support/redis.ts";
import type { TestServer } from "../support/test_server.ts";
import { faultSuite } from "./bus_fault_laws.ts";
import { busSuite } from "./bus_suite.ts";

const found = await startRedis();
const reason = "reason" in found ? found.reason : undefined;
if (reason !== undefined) console.log(`ignored: tests of the Redis bus, because ${reason}`);

const OPTIONS = { group: "tasker", inFlightMax: 16, leaseMs: 60_000 };
const SHORT = { ...OPTIONS, leaseMs: 600 };

Deno.test.afterAll(async () => {
  if (!("reason" in found)) await found[Symbol.asyncDispose]();
});

function redis(): TestServer {
  if ("reason" in found) throw new Error(found.reason);
  return found;
}

async function open(log: Log = SILENT_LOG, url = redis().url): Promise<Bus> {
  return await openBrokerBus(url, log);
}

/** Runs commands as another program does. */
async function raw(...commands: string[][]): Promise<unknown> {
  const client = createClient({ url: redis().url });
  await client.connect();
  try {
    let answer: unknown;
    for (const command of commands) answer = await client.sendCommand(command);
    return answer;
  } finally {
    client.destroy();
  }
}

async function abandon(channel: string) {
  await raw(["XGROUP", "CREATE", channel, "tasker", "0", "MKSTREAM"]).catch(() => {});
  const read = ["XREADGROUP", "GROUP", "tasker", "dead", "COUNT", "1", "STREAMS", channel, ">"];
  const answer = JSON.stringify(await raw(read));
  const id = /\d{10,}-\d+/.exec(answer)?.[0] ?? "";
  return {
    async acknowledge() {
      await raw(["XACK", channel, "tasker", id], ["XDEL", channel, id]);
    },
  };
}

busSuite({
  name: "redis",
  ...(reason !== undefined && { reason }),
  open: () => open(),
  abandon,
});

faultSuite({
  name: "redis",
  reason,
  open: (url, log) => open(log, url),
  withServer: (use) => use(redis()),
});

function test(name: string, fn: () => Promise<void>): void {
  Deno.test({
    name: `redis bus ${name}`,
    ignore: reason !== undefined,
    sanitizeOps: true,
    sanitizeResources: true,
    fn,
  });
}

/** Starts a server of the test's own, to be killed and frozen. */
async function withServer(use: (server: TestServer) => Promise<void>): Promise<void> {
  const server = await startRedis();
  if ("reason" in server) throw new Error(server.reason);
  try {
    await use(server);
  } finally {
    await server[Symbol.asyncDispose]();
  }
}

test("makes a stream again that somebody deleted, and says so", async () => {
  const log = new HeardLog();
  const bus = await open(log);
  const inbox = new Inbox();
  await bus.consume("deleted", OPTIONS, inbox.handle);
  await bus.publish("deleted", [envelopeOf("before")]);
  await inbox.has(1);

  await raw(["DEL", "deleted"]);
  await log.has("A stream was deleted");
  await bus.publish("deleted", [envelopeOf("after")]);

  await inbox.has(2);
  assert.deepEqual(inbox.ids, ["before", "after"]);
  await bus.close();
});

test("warns of entries that were trimmed while a dead consumer held them", async () => {
  const log = new HeardLog();
  const bus = await open(log);
  await bus.publish("trimmed", envelopesOf("trimmed", 2));
  await abandon("trimmed");
  await raw(["XTRIM", "trimmed", "MAXLEN", "1"]);
  const inbox = new Inbox();

  await bus.consume("trimmed", SHORT, inbox.handle);

  await log.has("Entries were trimmed before they were handled");
  await inbox.has(1);
  assert.deepEqual(inbox.ids, ["trimmed-1"]);
  await bus.close();
});

test("finds an entry whose delivery was lost with its connection, before its lease ends", async () => {
  const bus = await open();
  const inbox = new Inbox();
  const end = await bus.consume("cut", OPTIONS, inbox.handle);
  // Before Redis 7.2 a consumer has no name until it gets something.
  await bus.publish("cut", [envelopeOf("first")]);
  await inbox.has(1);
  const info = JSON.stringify(await raw(["XINFO", "CONSUMERS", "cut", "tasker"]));
  const consumer = /tasker-[0-9a-f-]{36}/.exec(info)?.[0] ?? "";

  // Delivered in the consumer's name, and never received by it; then its connections break.
  await raw(
    ["MULTI"],
    ["XADD", "cut", "*", "ce", JSON.stringify(envelopeOf("lost"))],
    ["XREADGROUP", "GROUP", "tasker", consumer, "STREAMS", "cut", ">"],
    ["EXEC"],
    ["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"],
  );

  await inbox.has(2);
  await end();
  assert.deepEqual(inbox.ids, ["first", "lost"]);
  assert.equal(inbox.deliveries[1]?.deliveries, 2);
  await bus.close();
});

test("fails to publish when its server's memory is full, and drops nothing", async () => {
  const bus = await open();
  await bus.publish("full", envelopesOf("kept", 3));

  await raw(["CONFIG", "SET", "maxmemory", "1"]);
  const publishing = bus.publish("full", [envelopeOf("refused")]);
  await assert.rejects(publishing, { code: "bus.unavailable", message: /OOM/ });
  await raw(["CONFIG", "SET", "maxmemory", "0"]);
  await bus.publish("full", [envelopeOf("taken")]);

  assert.equal(await bus.depth("full"), 4);
  await bus.close();
});

test("says which server answers, and its version", async () => {
  const bus = await open();

  assert.match((await bus.ping()).server, /^(Redis|Valkey) \d+\.\d+/);
  await bus.close();
});

test("hands over what is no envelope as it came", async () => {
  const bus = await open();
  const inbox = new Inbox();
  await bus.consume("foreign", OPTIONS, inbox.handle);

  await raw(["XADD", "foreign", "*", "data", "no envelope", "more", "1"]);
  await raw(["XADD", "foreign", "*", "ce", "{ no JSON"]);

  await inbox.has(2);
  const bodies = inbox.deliveries.map(({ body }) => body);
  assert.deepEqual(bodies, ['{"data":"no envelope","more":"1"}', "{ no JSON"]);
  await bus.close();
});

test("leaves neither entries nor its name behind", async () => {
  const bus = await open();
  const inbox = new Inbox();
  const end = await bus.consume("clean", OPTIONS, inbox.handle);
  await bus.publish("clean", envelopesOf("clean", 20));
  await inbox.has(20);

  await end();

  assert.equal(await raw(["XLEN", "clean"]), 0);
  assert.deepEqual(await raw(["XINFO", "CONSUMERS", "clean", "tasker"]), []);
  await bus.close();
});

test("acknowledges on servers without XACKDEL, too", async () => {
  await withServer(async (server) => {
    const admin = createClient({ url: server.url });
    await admin.connect();
    await admin.sendCommand(["ACL", "SETUSER", "default", "-xackdel"]).catch(() => {});
    const bus = await open(SILENT_LOG, server.url);
    const inbox = new Inbox();
    const end = await bus.consume("old", OPTIONS, inbox.handle);

    await bus.publish("old", envelopesOf("old", 20));
    await inbox.has(20);
    await end();

    assert.equal(await admin.xLen("old"), 0);
    admin.destroy();
    await bus.close();
  });
});

test("meets a worker of another language in the middle of a step", async () => {
  const bus = await open();
  await bus.publish("cmd.worker", [envelopeOf("asked")]);
  const replies = new Inbox();
  await bus.consume("reply.worker", OPTIONS, replies.handle);

  const { acknowledge } = await worker("cmd.worker", "worker");
  await raw(["XADD", "reply.worker", "*", "ce", JSON.stringify(envelopeOf("answered"))]);
  await acknowledge();

  await replies.has(1);
  assert.deepEqual(replies.ids, ["answered"]);
  assert.equal(await bus.depth("cmd.worker"), 0);
  await bus.close();
});

/** Takes one entry as bus.md asks workers to. */
async function worker(channel: string, group: string) {
  await raw(["XGROUP", "CREATE", channel, group, "0", "MKSTREAM"]);
  const read = ["XREADGROUP", "GROUP", group, "w1", "COUNT", "1", "STREAMS", channel, ">"];
  const id = /\d{10,}-\d+/.exec(JSON.stringify(await raw(read)))?.[0] ?? "";
  return { acknowledge: () => raw(["XACK", channel, group, id]) };
}

test("carries on with the rest while a handler keeps its entry beyond the lease", async () => {
  const bus = await open();
  const held = Promise.withResolvers<void>();
  const inbox = new Inbox((_, id) => id === "long" ? held.promise.then(ack) : ack());
  const end = await bus.consume("long", SHORT, inbox.handle);
  await bus.publish("long", [envelopeOf("long")]);
  await inbox.has(1);

  await bus.publish("long", envelopesOf("short", 2));
  await inbox.has(3);
  held.resolve();
  await end();

  assert.deepEqual(inbox.ids, ["long", "short-0", "short-1"]);
  await bus.close();
});

Deno.test({
  name: "openBus() refuses to start without the permission to connect",
  permissions: { net: false, env: true, read: true, sys: true },
  async fn() {
    const opening = openBrokerBus("redis://127.0.0.1:1");

    await assert.rejects(opening, { code: "config.invalid", message: /127\.0\.0\.1:1/ });
  },
});
