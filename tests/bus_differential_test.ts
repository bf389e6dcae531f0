/** The same orders over every bus: which one carries them must not be seen in a journal. */

import { deepEqual, equal } from "node:assert/strict";
import { openOracle } from "../ffi/oracle.ts";
import { openBus } from "../src/bus/open.ts";
import { BROKER_KINDS, type BusKind } from "../src/core/broker.ts";
import { commandChannel } from "../src/core/channels.ts";
import { type Envelope, parseEnvelope, STEP_COMPLETED, STEP_FAILED } from "../src/core/envelope.ts";
import type { Bus, Database, Runtime } from "../src/core/ports.ts";
import { remote, step, workflow, z } from "../src/mod.ts";
import { SILENT_LOG } from "../src/telemetry/log.ts";
import { overBroker } from "./support/broker_servers.ts";
import { openRealEngine, type RealEngine } from "./support/engine.ts";
import { makeDatabase } from "./support/postgres.ts";

const PREFIX = "tasker.workflows";
const TURNS_MAX = 100;

/** Orders: one that is paid at the second try, and one that is never paid. */
const ORDERS = [{ orderId: "paid", cents: 4_200 }, { orderId: "refused", cents: 0 }];

const Order = z.object({ orderId: z.string(), cents: z.int() });

const order = workflow(
  { namespace: "orders", name: "order", version: "1.0.0", input: Order },
  (w) => {
    const validate = step({ input: Order, success: Order, run: ({ input }) => input });
    const reserve = remote({
      system: "inventory",
      event: "inventory.reserve",
      input: Order,
      success: z.object({ reservation: z.string() }),
    });
    const charge = remote({
      system: "payments",
      event: "payment.charge",
      retry: { attemptsMax: 3, backoff: [10] },
      input: z.object({ cents: z.int() }),
      success: z.object({ payment: z.string() }),
    });
    const release = remote({
      system: "inventory",
      event: "inventory.release",
      input: Order,
      success: z.object({ released: z.boolean() }),
    });
    const valid = w.step("validate", validate, { with: ({ input }) => input });
    const reserved = w.step("reserve", reserve, { needs: { valid }, with: ({ valid }) => valid });
    const charged = w.step("charge", charge, {
      after: [reserved],
      with: ({ input }) => ({ cents: input.cents }),
    });
    w.step("release", release, { after: [charged], when: "failed", with: ({ input }) => input });
  },
);

/** What the other systems answer, by what they are asked. */
function answerTo(command: Envelope): Pick<Envelope, "type" | "data"> {
  switch (command.type) {
    case "inventory.reserve":
      return { type: STEP_COMPLETED, data: { reservation: "r-1" } };
    case "inventory.release":
      return { type: STEP_COMPLETED, data: { released: true } };
    default: {
      const { cents } = z.object({ cents: z.int() }).parse(command.data);
      const isPaid = cents > 0 && command.taskerattempt === 2;
      if (isPaid) return { type: STEP_COMPLETED, data: { payment: "p-1" } };
      const data = { error_code: "declined", error_message: "try again", retryable: cents > 0 };
      return { type: STEP_FAILED, data };
    }
  }
}

/** Plays a system over the same bus. It answers twice, as one may that died before it acknowledged. */
async function play(bus: Bus, system: string): Promise<void> {
  const options = { group: system, inFlightMax: 4, leaseMs: 60_000 };
  await bus.consume(commandChannel(PREFIX, system), options, async ({ body }) => {
    const command = parseEnvelope(body);
    const { id, subject, correlationid, taskerattempt, taskerreplyto, taskerreplytoken } = command;
    const reply: Envelope = {
      specversion: "1.0",
      id: `${id}:reply`,
      source: `/${system}`,
      subject,
      correlationid,
      causationid: id,
      taskerattempt,
      taskerreplytoken,
      ...answerTo(command),
    };
    await bus.publish(taskerreplyto ?? "", [reply]);
    await bus.publish(taskerreplyto ?? "", [reply]);
    return { kind: "ack" };
  });
}

/** Runs the orders one after another; returns their journals without ids and times. */
async function journalsOver(kind: BusKind, url?: string): Promise<readonly unknown[]> {
  let bus: Bus | undefined;
  const openIts = async (database: Database, runtime: Runtime) =>
    bus = await openBus({ kind, url, prefix: PREFIX, database, runtime, log: SILENT_LOG });
  const database = await makeDatabase();
  const options = { modules: [order], readiness: openOracle(), bus: openIts };
  await using engine = await openRealEngine(database.url, options);
  if (bus === undefined) throw new Error("the engine opened no bus");
  await play(bus, "inventory");
  await play(bus, "payments");
  const journals: unknown[] = [];
  for (const input of ORDERS) journals.push(await journalOf(engine, input));
  return journals;
}

async function journalOf(engine: RealEngine, input: unknown): Promise<unknown> {
  const taskId = await engine.run("orders/order", input);
  const { turns } = await engine.journal.history.turns(taskId, 0, TURNS_MAX);
  // What arrives while a commit is under way shares the next turn: that is a matter of time.
  return turns.flatMap(({ events }) => events).map((event) => plain(event, taskId));
}

/** Removes what differs between any two runs: the id of the task, ids of commands, and times. */
function plain(value: unknown, taskId: string): unknown {
  return JSON.parse(JSON.stringify(value), (name, inner: unknown) => {
    if (typeof inner === "number" && name.endsWith("Ms")) return "a time";
    if (typeof inner !== "string") return inner;
    return inner.replaceAll(taskId, "the task").replace(/[0-9a-f]{8}-[0-9a-f-]{27}/g, "an id");
  });
}

let expected: Promise<readonly unknown[]> | undefined;

Deno.test("orders over the bus in memory leave the journals that other buses are held to", async () => {
  const [paid, refused] = await (expected ??= journalsOver("memory"));

  const kinds = (journal: unknown) =>
    z.array(z.object({ kind: z.string() })).parse(journal).map(({ kind }) => kind);
  equal(kinds(paid).filter((kind) => kind === "StepAttemptFailed").length, 1);
  equal(kinds(paid).filter((kind) => kind === "StepCompleted").length, 3);
  equal(kinds(refused).filter((kind) => kind === "StepFailed").length, 1);
  equal(kinds(refused).filter((kind) => kind === "StepCompleted").length, 3);
});

Deno.test("orders over Postgres leave the same journals as over memory", async () => {
  deepEqual(await journalsOver("postgres"), await (expected ??= journalsOver("memory")));
});

for (const kind of BROKER_KINDS) {
  Deno.test(`orders over ${kind} leave the same journals as over memory`, (t) =>
    overBroker(t, kind, async (url) => {
      deepEqual(await journalsOver(kind, url), await (expected ??= journalsOver("memory")));
    }));
}
