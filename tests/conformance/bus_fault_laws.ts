/** Laws of a bus about faults of its broker: killed, frozen, emptied, crowded, away. */

import assert from "node:assert/strict";
import type { Bus, Handled } from "../../src/core/ports.ts";
import { type Log, SILENT_LOG } from "../../src/telemetry/log.ts";
import { HeardLog } from "../support/heard_log.ts";
import { kill } from "../support/programs.ts";
import { ack, arrival, envelopeOf, envelopesOf, Inbox } from "../support/inbox.ts";
import { LEASE_MS, OPTIONS } from "./bus_law.ts";

/** A broker of a test, to be harmed. Each law leaves it running. */
export interface FaultyServer {
  readonly url: string;
  /** Resolves when it will remember what exists; absent: it does at once. */
  settle?(): Promise<void>;
  kill9(): Promise<void>;
  restart(): Promise<void>;
  /** Starts it again without what it had stored. */
  restartEmpty?(): Promise<void>;
  pause(): void;
  resume(): void;
}

/** Where a fault is brought about. */
interface FaultHarness {
  readonly server: FaultyServer;
  /** Opens a bus, which is closed after the law. */
  open(log?: Log): Promise<Bus>;
  /** Of this law alone. */
  readonly channel: string;
}

/** A backend whose server can be harmed. */
export interface FaultBackend {
  readonly name: string;
  /** Why it cannot be tested here. */
  readonly reason?: string | undefined;
  open(url: string, log: Log): Promise<Bus>;
  /** Lends a server; one may be lent for all laws. */
  withServer(use: (server: FaultyServer) => Promise<void>): Promise<void>;
}

type FaultLaws = Readonly<Record<string, (harness: FaultHarness) => Promise<void>>>;

/** Tries before a bus that works again is given up. */
const RETRY_MS = 20;

/** Connections that come and go at once. */
const STORM = 40;

/** What was delivered over a connection that broke may come only after its lease. */
const LEASED = { ...OPTIONS, leaseMs: LEASE_MS };

const UNAVAILABLE = { code: "bus.unavailable" };

/** Declares a test for each law. */
export function faultSuite(backend: FaultBackend): void {
  for (const [number, [text, act]] of Object.entries(LAWS).entries()) {
    Deno.test({
      name: `${backend.name} bus ${text}`,
      ignore: backend.reason !== undefined,
      sanitizeOps: true,
      sanitizeResources: true,
      fn: () => backend.withServer((server) => onServer(backend, { server, number, act })),
    });
  }
}

async function onServer(
  { name, open }: FaultBackend,
  { server, number, act }: { server: FaultyServer; number: number; act: FaultLaws[string] },
): Promise<void> {
  const buses: Bus[] = [];
  const openOne = async (log: Log = SILENT_LOG) => {
    const bus = await open(server.url, log);
    buses.push(bus);
    return bus;
  };
  try {
    await act({ server, channel: `faults.${name}.${number}`, open: openOne });
  } finally {
    for (const bus of buses) await bus.close();
  }
}

const LAWS: FaultLaws = {
  "opens while its broker is away, fails each request, and works once it is there": async (
    { server, channel, open },
  ) => {
    await server.kill9();
    const log = new HeardLog();

    const bus = await open(log);
    await assert.rejects(bus.ping(), UNAVAILABLE);
    await assert.rejects(bus.publish(channel, [envelopeOf("lost")]), UNAVAILABLE);
    await assert.rejects(bus.consume(channel, OPTIONS, new Inbox().handle), UNAVAILABLE);
    await server.restart();
    await untilItWorks(() => bus.ping());

    assert.deepEqual(log.lines, ["The bus is away: envelopes wait until it is back"]);
  },

  "brings every confirmed envelope through a kill -9 of its broker under load": async (
    { server, channel, open },
  ) => {
    const [bus, other] = [await open(), await open()];
    const inbox = new Inbox();
    await other.consume(channel, LEASED, inbox.handle);
    await server.settle?.();
    const confirmed: string[] = [];
    const publishAll = async () => {
      for (const envelope of envelopesOf("load", 400)) {
        await untilItWorks(() => bus.publish(channel, [envelope]));
        confirmed.push(envelope.id);
      }
    };

    const publishing = publishAll();
    await inbox.has(100);
    await server.kill9();
    await server.restart();
    await publishing;

    await holds(inbox, confirmed);
  },

  "hands over again what was in hand when its broker was killed": async (
    { server, channel, open },
  ) => {
    const bus = await open();
    const held = Promise.withResolvers<void>();
    const inbox = new Inbox(() => held.promise.then(ack));
    await bus.publish(channel, envelopesOf("held", 5));
    await bus.consume(channel, LEASED, inbox.handle);
    await inbox.has(5);
    await server.settle?.();

    await server.kill9();
    await server.restart();
    held.resolve();
    await untilItWorks(() => bus.publish(channel, [envelopeOf("after")]));

    await holds(inbox, [...envelopesOf("held", 5).map(({ id }) => id), "after"]);
    await untilEmpty(bus, channel);
  },

  "hands over again what failed on a node that then died": async ({ server, channel, open }) => {
    const bus = await open();
    await using doomed = startFailing(server.url, channel);
    await bus.publish(channel, [envelopeOf("unlucky")]);
    await doomed.hasFailed();

    await doomed.kill9();
    const inbox = new Inbox();
    await bus.consume(channel, LEASED, inbox.handle);

    await holds(inbox, ["unlucky"]);
    await untilEmpty(bus, channel);
  },

  "gives a frozen broker up, and goes on when it thaws": async ({ server, channel, open }) => {
    const log = new HeardLog();
    const bus = await open(log);
    const inbox = new Inbox();
    await bus.consume(channel, LEASED, inbox.handle);
    await bus.publish(channel, [envelopeOf("before")]);
    await inbox.has(1);

    server.pause();
    try {
      await assert.rejects(bus.ping(), UNAVAILABLE);
      await assert.rejects(bus.publish(channel, [envelopeOf("during")]), UNAVAILABLE);
      await log.has("Cannot read a channel");
    } finally {
      server.resume();
    }
    // Whether the one that failed arrived is not known: it is published again.
    await untilItWorks(() => bus.publish(channel, [envelopeOf("during")]));

    await holds(inbox, ["before", "during"]);
    await log.has("A channel is read again");
  },

  "closes in its deadline while its broker is frozen": async ({ server, channel, open }) => {
    const bus = await open();
    await bus.consume(channel, OPTIONS, new Inbox().handle);

    server.pause();
    try {
      const publishing = assert.rejects(bus.publish(channel, [envelopeOf("stuck")]));
      await arrival("the close", bus.close());
      await publishing;
    } finally {
      server.resume();
    }
  },

  "goes on with a broker that came back empty": async ({ server, channel, open }) => {
    if (server.restartEmpty === undefined) return await server.restart();
    const bus = await open();
    const inbox = new Inbox();
    await bus.consume(channel, LEASED, inbox.handle);
    await bus.publish(channel, [envelopeOf("before")]);
    await inbox.has(1);

    await server.restartEmpty();
    await untilItWorks(() => bus.publish(channel, [envelopeOf("after")]));

    await holds(inbox, ["before", "after"]);
  },

  "serves on while many connections come and go at once": async ({ channel, open }) => {
    const bus = await open();
    const inbox = new Inbox();
    await bus.consume(channel, LEASED, inbox.handle);

    const storm = Array.from({ length: STORM }, async (_, number) => {
      const brief = await open();
      await untilItWorks(() => brief.publish(channel, [envelopeOf(`storm-${number}`)]));
      await brief.close();
    });
    await Promise.all(storm);

    await holds(inbox, Array.from(storm, (_, number) => `storm-${number}`));
    await bus.ping();
  },

  "lets a slow consumer hold up nobody, and loses nothing of it": async ({ channel, open }) => {
    const [bus, other] = [await open(), await open()];
    const gate = Promise.withResolvers<Handled>();
    const [slow, quick] = [new Inbox(() => gate.promise), new Inbox()];
    await other.consume(channel, { ...OPTIONS, inFlightMax: 2 }, slow.handle);
    await other.consume(`${channel}.quick`, OPTIONS, quick.handle);

    await bus.publish(channel, envelopesOf("slow", 2_000));
    await bus.publish(`${channel}.quick`, envelopesOf("quick", 200));
    await quick.has(200);
    const heldMax = slow.deliveries.length;
    gate.resolve({ kind: "ack" });

    await slow.has(2_000);
    assert.equal(heldMax, 2);
    assert.equal(new Set(slow.ids).size, 2_000);
  },
};

/** Starts a process that consumes, and fails whatever it gets. */
function startFailing(url: string, channel: string) {
  const path = new URL("../support/failing_consumer.ts", import.meta.url).pathname;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--allow-all", "--quiet", path, url, channel],
    stdout: "piped",
  }).spawn();
  const said = child.stdout.getReader();
  const kill9 = async () => {
    await kill(child);
    await said.cancel();
  };
  return {
    hasFailed: () => arrival("a failure", said.read()),
    kill9,
    [Symbol.asyncDispose]: kill9,
  };
}

async function untilItWorks(act: () => Promise<unknown>): Promise<void> {
  const trying = async () => {
    for (;;) {
      try {
        return void await act();
      } catch {
        await new Promise((wake) => setTimeout(wake, RETRY_MS));
      }
    }
  };
  await arrival("a bus that works", trying());
}

async function untilEmpty(bus: Bus, channel: string): Promise<void> {
  await untilItWorks(async () => assert.equal(await bus.depth(channel) ?? 0, 0));
}

/** Resolves when all of them came; what was repeated counts once. */
async function holds(inbox: Inbox, ids: readonly string[]): Promise<void> {
  for (let count = ids.length;; count = inbox.deliveries.length + 1) {
    await inbox.has(count);
    if (new Set(ids).isSubsetOf(new Set(inbox.ids))) return;
  }
}
