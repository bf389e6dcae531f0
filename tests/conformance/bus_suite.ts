/**
 * The conformance suite of a bus: the same laws for every backend.
 *
 * What other buses and libraries test, and what became of it here:
 *
 *  1 init, ping, bad address      answers a ping; opens while its broker is away
 *  2 publish N, receive that set  hands over what was published, unchanged and once
 *  3 parallel subscribers         lets its consumers share a channel
 *  4 many topics at once          keeps channels apart
 *  5 no leak after unsubscribing  lets one consumer end and the other go on
 *  6 an empty read does not spin  consumer_test: a take waits for its first envelope
 *  7 bulk, partial failure        carries a batch of megabytes; works on after a burst of failures
 *  8 unicode, empty, binary, size unchanged and once; takes an envelope of exactly the limit
 *  9 extensions survive           unchanged and once
 * 10 handler error                hands an envelope over again when its handler threw
 * 11 error, then a crash          hands over again what failed on a node that then died
 * 12 unacked blocks the next      holds the next envelope back while one fills the only slot
 * 13 works after failures         works on after a burst of failures
 * 14 reject is for good           never hands over again what is dead
 * 15 attempts used up             the engine: consumption_test, a bug that stays is a dead letter
 * 16 retry no earlier             hands a retry over no earlier than its delay
 * 17 lease expiry                 hands over again what a dead consumer held, after its lease
 * 18 extension of a lease         keeps an envelope with its handler beyond the lease
 * 19 a late acknowledgement       is not harmed by an acknowledgement after the lease
 * 20 same id twice is one         no bus promises it: actors and workers drop what they know
 * 21 a publish that landed        gives a frozen broker up; the engine: a repeat has the same id
 * 22 order, one consumer          keeps the order of publishing for one consumer of one slot
 * 23 order by key                 not promised: turns of a task are decided by its actor
 * 24 expired is not executed      workers: workers_test; the engine's own timers end attempts
 * 25 priority                     not promised
 * 26 unroutable is an error       channels are made by publishing; RabbitMQ: into a deleted queue
 * 27 two groups each get all      a channel has one group
 * 28 a new group sees old ones    keeps what was published before anybody consumed
 * 29 members come and go          loses nothing while consumers come and go
 * 30 close in the middle          loses and repeats nothing when a consumer ends in the middle
 * 31 concurrent closes            ends and closes as often as it is asked to
 * 32 a close flushes              waits for what it was given before it closes
 * 33 abort                        ends a consumer that waits on an empty channel
 * 34 graceful drain               ends a consumer only when what it holds has settled
 * 35 one of two stops             lets one consumer end and the other go on
 * 36 broker killed under load     brings every confirmed envelope through a kill -9
 * 37 broker frozen                gives a frozen broker up; closes in its deadline
 * 38 left with a dead consumer    as 17; Redis: whose delivery was lost with its connection
 * 39 stream or queue deleted      of each broker: makes it again, and says so
 * 40 trimmed while unacknowledged Redis: warns of entries that were trimmed
 * 41 partition                    as 36, where it resets; as 37, where it is silent
 * 42 long outage                  the engine: publisher_test drops none, outage_test
 * 43 out of memory, quota         of each broker: fails to publish, and drops nothing
 * 44 foreign credentials          permissions of each broker: docs/brokers.md
 * 45 forged and stale replies     the engine: reply_token_test, replies_test
 * 46 traces go on                 the engine: trace_test
 */

import type { Bus } from "../../src/core/ports.ts";
import { CARRYING, SHARING } from "./bus_carrying_laws.ts";
import { type Abandoned, type Laws, LEASE_MS } from "./bus_law.ts";
import { ENDING, LEASING, SETTLING } from "./bus_settling_laws.ts";

/** A backend under test. */
export interface BusBackend {
  readonly name: string;
  /** Why it cannot be tested here. */
  readonly reason?: string;
  /** Opens a bus; each is another node on the same broker, unless the backend has one process. */
  open(): Promise<Bus>;
  /** False where the broker does not say how much was delivered and has not settled. */
  readonly countsHeld?: boolean;
  /** Takes one envelope as a consumer that dies with it. Absent: nobody can die alone. */
  abandon?(channel: string, leaseMs: number): Promise<Abandoned>;
  /** Laws that this backend cannot keep, by their text, and why. */
  readonly cannot?: Readonly<Record<string, string>>;
}

/** Declares a test for each law. */
export function busSuite(backend: BusBackend): void {
  const laws: Laws = {
    ...CARRYING,
    ...SHARING,
    ...SETTLING,
    ...ENDING,
    ...(backend.abandon !== undefined && LEASING),
  };
  const { name, cannot = {} } = backend;
  for (const [text, why] of Object.entries(cannot)) {
    if (!(text in laws)) throw new Error(`There is no law "${text}" that ${name} could break`);
    console.log(`ignored: ${name} bus ${text}, because ${why}`);
  }
  for (const [number, [text, act]] of Object.entries(laws).entries()) {
    Deno.test({
      name: `${name} bus ${text}`,
      ignore: backend.reason !== undefined || text in cannot,
      // A closed bus leaves no socket and no timer.
      sanitizeOps: true,
      sanitizeResources: true,
      fn: () => onStage(backend, `suite.${backend.name}.${number}`, act),
    });
  }
}

async function onStage(backend: BusBackend, channel: string, act: Laws[string]): Promise<void> {
  const bus = await backend.open();
  const other = await backend.open();
  const abandon = () => {
    if (backend.abandon === undefined) throw new Error("nobody can die alone here");
    return backend.abandon(channel, LEASE_MS);
  };
  try {
    await act({ bus, other, channel, abandon, countsHeld: backend.countsHeld ?? true });
  } finally {
    await bus.close();
    await other.close();
  }
}
