/** Laws of a bus whose broker is a server: it dies, freezes, is emptied, or meets a crowd. */

import assert from "node:assert/strict";
import type { Bus } from "../../src/core/ports.ts";
import { type Log, SILENT_LOG } from "../../src/telemetry/log.ts";
import { openBrokerBus } from "../support/broker_bus.ts";
import { HeardLog } from "../support/heard_log.ts";
import { ack, arrival, envelopeOf, envelopesOf, Inbox } from "../support/inbox.ts";
import type { NoServer, TestServer } from "../support/test_server.ts";
import { LEASE_MS, OPTIONS } from "./bus_law.ts";

/** A broker under test. */
export interface FaultyBroker {
  readonly name: string;
  /** Why it cannot be tested here. */
  readonly reason?: string;
  /** Starts a server of one law alone. */
  start(): Promise<TestServer | NoServer>;
}

/** What a law is given. */
interface FaultHarness {
  readonly server: TestServer;
  /** Opens a bus that the harness closes. */
  open(log?: Log): Promise<Bus>;
}

type FaultLaws = Readonly<Record<string, (harness: FaultHarness) => Promise<void>>>;

/** What a consumer did not get before its connection broke comes after this lease. */
const LEASED = { ...OPTIONS, leaseMs: LEASE_MS };

/** Rest before something is tried again whose broker is away. */
const REST_MS = 20;

/** Buses that open at once, as when all nodes and workers come back together. */
const CROWD = 40;

/** Declares a test for each law; each has a server of its own. */
export function faultSuite(broker: FaultyBroker): void {
  for (const [text, act] of Object.entries(FAULTS)) {
    Deno.test({
      name: `${broker.name} bus ${text}`,
      ignore: broker.reason !== undefined,
      // A closed bus leaves no socket and no timer.
      sanitizeOps: true,
      sanitizeResources: true,
      fn: () => onStage(broker, act),
    });
  }
}

async function onStage(broker: FaultyBroker, act: FaultLaws[string]): Promise<void> {
  const server = await broker.start();
  if ("reason" in server) throw new Error(server.reason);
  const buses: Bus[] = [];
  const open = async (log: Log = SILENT_LOG) => {
    const bus = await openBrokerBus(server.url, log);
    buses.push(bus);
    return bus;
  };
  try {
    await act({ server, open });
    await Promise.all(buses.map((bus) => bus.close()));
  } finally {
    await server[Symbol.asyncDispose]();
  }
}

const FAULTS: FaultLaws = {
  "opens while its server is away, fails each request, and works once it is there": async (
    { server, open },
  ) => {
    await server.kill9();
    const log = new HeardLog();

    const bus = await open(log);
    const code = { code: "bus.unavailable" };
    await assert.rejects(bus.ping(), code);
    await assert.rejects(bus.publish("away", [envelopeOf("lost")]), code);
    await assert.rejects(bus.consume("away", OPTIONS, new Inbox().handle), code);
    await server.restart();
    await untilDone(() => bus.ping());

    assert.deepEqual(log.lines, ["The bus is away: envelopes wait until it is back"]);
  },

  "brings every confirmed envelope through a kill -9 of its server under load": async (
    { server, open },
  ) => {
    const [bus, other] = [await open(), await open()];
    const inbox = new Inbox();
    await other.consume("killed", LEASED, inbox.handle);
    const ids = envelopesOf("load", 400).map(({ id }) => id);
    const publishAll = async () => {
      for (const id of ids) await untilDone(() => bus.publish("killed", [envelopeOf(id)]));
    };

    const publishing = publishAll();
    await inbox.has(100);
    await server.kill9();
    await server.restart();
    await publishing;

    await holds(inbox, ids);
  },

  "gives a frozen server up, and goes on when it thaws": async ({ server, open }) => {
    const log = new HeardLog();
    const bus = await open(log);
    const inbox = new Inbox();
    await bus.consume("frozen", LEASED, inbox.handle);
    await bus.publish("frozen", [envelopeOf("before")]);
    await inbox.has(1);

    await server.pause();
    const code = { code: "bus.unavailable" };
    await assert.rejects(bus.ping(), code);
    await assert.rejects(bus.publish("frozen", [envelopeOf("during")]), code);
    await log.has("Cannot read a channel");
    server.resume();
    // Whether the one that failed arrived is not known: it is published again.
    await untilDone(() => bus.publish("frozen", [envelopeOf("during")]));

    await holds(inbox, ["before", "during"]);
    await log.has("A channel is read again");
  },

  "closes in its deadline while its server is frozen": async ({ server, open }) => {
    const bus = await open();
    await bus.consume("stuck", OPTIONS, new Inbox().handle);

    await server.pause();
    const publishing = assert.rejects(bus.publish("stuck", [envelopeOf("stuck")]));
    await arrival("the close", bus.close());

    await publishing;
  },

  "settles what it holds after its server came back": async ({ server, open }) => {
    const bus = await open();
    const held = Promise.withResolvers<void>();
    const inbox = new Inbox((_, id) => id === "held" ? held.promise.then(ack) : ack());
    const end = await bus.consume("held", OPTIONS, inbox.handle);
    await bus.publish("held", [envelopeOf("held")]);
    await inbox.has(1);

    await server.kill9();
    await server.restart();
    held.resolve();
    await untilDone(() => bus.publish("held", [envelopeOf("next")]));

    await holds(inbox, ["held", "next"]);
    await end();
    assert.equal(await untilDone(() => bus.depth("held")), 0);
  },

  "works on when its server came back with nothing": async ({ server, open }) => {
    const [bus, other] = [await open(), await open()];
    const inbox = new Inbox();
    await other.consume("emptied", LEASED, inbox.handle);
    await bus.publish("emptied", [envelopeOf("before")]);
    await inbox.has(1);

    await server.restartEmpty();
    await untilDone(() => bus.publish("emptied", [envelopeOf("after")]));

    await holds(inbox, ["before", "after"]);
  },

  "serves a crowd that comes at once after an outage": async ({ server, open }) => {
    const inbox = new Inbox();
    const buses = await Promise.all(Array.from({ length: CROWD }, () => open()));
    await Promise.all(buses.map((bus) => bus.consume("crowd", LEASED, inbox.handle)));

    await server.kill9();
    await server.restart();
    const ids = buses.map((_, number) => `crowd-${number}`);
    await Promise.all(
      buses.map((bus, number) =>
        untilDone(() => bus.publish("crowd", [envelopeOf(`crowd-${number}`)]))
      ),
    );

    await holds(inbox, ids);
  },

  "loses nothing to a consumer that is slow while much waits": async ({ open }) => {
    const [bus, other] = [await open(), await open()];
    const released = Promise.withResolvers<void>();
    const inbox = new Inbox(() => released.promise.then(ack));
    await other.consume("slow", { ...OPTIONS, inFlightMax: 4 }, inbox.handle);

    for (let batch = 0; batch < 10; batch++) {
      await bus.publish("slow", envelopesOf(`slow-${batch}`, 500));
    }
    await inbox.has(4);
    const heldAtOnce = inbox.deliveries.length;
    released.resolve();

    await inbox.has(5_000);
    assert.equal(heldAtOnce, 4);
    assert.equal(new Set(inbox.ids).size, 5_000);
  },
};

/** Repeats until it succeeds; a law that waits in vain fails by the test's own end. */
async function untilDone<T>(act: () => Promise<T>): Promise<T> {
  const trying = async () => {
    for (;;) {
      try {
        return await act();
      } catch {
        await new Promise((wake) => setTimeout(wake, REST_MS));
      }
    }
  };
  return await arrival("a broker that answers", trying());
}

/** What was repeated counts once. */
async function holds(inbox: Inbox, ids: readonly string[]): Promise<void> {
  for (let count = ids.length;; count = inbox.deliveries.length + 1) {
    await inbox.has(count);
    if (new Set(ids).difference(new Set(inbox.ids)).size === 0) return;
  }
}
