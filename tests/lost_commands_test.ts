/** A broker that is emptied in the middle of its work: nothing waits for a time-out. */

import { deepEqual, equal } from "node:assert/strict";
import { createClient } from "redis";
import { openOracle } from "../ffi/oracle.ts";
import { wait } from "../src/core/backoff.ts";
import { openBus } from "../src/bus/open.ts";
import { commandChannel } from "../src/core/channels.ts";
import { type Envelope, parseEnvelope, STEP_COMPLETED } from "../src/core/envelope.ts";
import type { Bus, Database, Delivery, Handled, Runtime } from "../src/core/ports.ts";
import { remote, workflow, z } from "../src/mod.ts";
import { openRuntime } from "../src/server/runtime.ts";
import { SILENT_LOG } from "../src/telemetry/log.ts";
import { openRealEngine } from "./support/engine.ts";
import { makeDatabase } from "./support/postgres.ts";
import { startRedis } from "./support/redis.ts";

const PREFIX = "tasker.workflows";
const TASKS = 1_000;
const OPTIONS = { group: "bank", inFlightMax: 16, leaseMs: 60_000 };

const pay = workflow(
  { namespace: "shop", name: "pay", version: "1.0.0", input: z.object({}) },
  (w) => {
    const charge = remote({
      system: "bank",
      event: "charge",
      input: z.object({}),
      success: z.object({}),
      // Longer than any test: who waits for it fails here.
      timeoutMs: 86_400_000,
    });
    w.step("charge", charge, { with: ({ input }) => input });
  },
);

/** Answers each command; `seen` counts how often each came. */
function answering(bus: Bus, seen: Map<string, number>) {
  return async ({ body }: Delivery): Promise<Handled> => {
    const { id, subject, correlationid, taskerattempt, taskerreplyto, taskerreplytoken } =
      parseEnvelope(body);
    seen.set(id, (seen.get(id) ?? 0) + 1);
    const reply: Envelope = {
      specversion: "1.0",
      id: `${id}:reply`,
      source: "/bank",
      type: STEP_COMPLETED,
      subject,
      correlationid,
      causationid: id,
      taskerattempt,
      taskerreplytoken,
      data: {},
    };
    await bus.publish(taskerreplyto ?? "", [reply]);
    return { kind: "ack" };
  };
}

Deno.test("a thousand commands that an emptied Redis has lost are sent again, once each", async () => {
  const redis = await startRedis();
  if ("reason" in redis) return console.log(`skipped: an emptied Redis, because ${redis.reason}`);
  await using server = redis;
  const runtime = openRuntime();
  let bus: Bus | undefined;
  const openIts = async (database: Database, of: Runtime) =>
    bus = await openBus({
      kind: "redis",
      url: server.url,
      prefix: PREFIX,
      database,
      runtime: of,
      log: SILENT_LOG,
    });
  const { url } = await makeDatabase();
  await using engine = await openRealEngine(url, {
    modules: [pay],
    readiness: openOracle(),
    bus: openIts,
  });
  if (bus === undefined) throw new Error("the engine opened no bus");
  const ended: string[] = [];
  const channel = commandChannel(PREFIX, "bank");
  // Somebody has consumed it: steps do not wait for a first worker.
  await (await bus.consume(
    channel,
    OPTIONS,
    () => Promise.resolve({ kind: "retry", afterMs: 0 }),
  ))();
  const ends = Array.from(
    { length: TASKS },
    () => engine.run("shop/pay", {}).then((taskId) => ended.push(taskId)),
  );
  while (await bus.depth(channel) !== TASKS) await wait(runtime, 50);

  const client = await createClient({ url: server.url }).connect();
  await client.flushAll();
  client.destroy();
  const seen = new Map<string, number>();
  const end = await bus.consume(channel, OPTIONS, answering(bus, seen));
  await Promise.all(ends);
  await end();

  equal(ended.length, TASKS);
  equal(seen.size, TASKS);
  deepEqual([...new Set(seen.values())], [1]);
  const [first] = ended as [never];
  const { turns } = await engine.journal.history.turns(first, 0, 100);
  const kinds = turns.flatMap(({ events }) => events).map(({ kind }) => kind);
  deepEqual(kinds.filter((kind) => kind === "StepStarted" || kind === "StepAttemptFailed"), [
    "StepStarted",
  ]);
});
