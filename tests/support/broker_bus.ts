/** Buses over real brokers, opened as the server opens them. */

import { openBus } from "../../src/bus/open.ts";
import { brokerOf } from "../../src/core/broker.ts";
import type { Bus, Database } from "../../src/core/ports.ts";
import { openRuntime } from "../../src/server/runtime.ts";
import { type Log, SILENT_LOG } from "../../src/telemetry/log.ts";

const NO_DATABASE: Database = {
  query: () => Promise.reject(new Error("no database is needed")),
  listen: () => Promise.reject(new Error("no database is needed")),
};

/** Opens the bus that a `BUS_URL` names. */
export async function openBrokerBus(url: string, log: Log = SILENT_LOG): Promise<Bus> {
  return await openPrefixedBus(url, { prefix: "tasker.test", log });
}

/** Opens it with a prefix for its channels. */
export async function openPrefixedBus(
  url: string,
  { prefix, log = SILENT_LOG }: { readonly prefix: string; readonly log?: Log },
): Promise<Bus> {
  const kind = brokerOf(url);
  if (kind === undefined) throw new Error(`no broker is at ${url}`);
  const of = { database: NO_DATABASE, runtime: openRuntime(), prefix, log };
  const bus = await openBus({ kind, url, ...of });
  const close = bus.close.bind(bus);
  return Object.assign(bus, {
    async close() {
      await close();
      // `Runtime.soon` notes by a timer that timers have had their turn: it ends before this one does.
      await new Promise((done) => setTimeout(done, 0));
    },
  });
}
