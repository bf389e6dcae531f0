import assert from "node:assert/strict";
import type { Delivery, Handled } from "../core/ports.ts";
import { VirtualRuntime } from "../server/virtual_runtime.ts";
import { HeardLog } from "../../tests/support/heard_log.ts";
import {
  type BrokerChannel,
  Consumers,
  DELAYED_MAX,
  HELD_LENGTH_MAX,
  SETTLE_TRIES_AT_END,
  type Taken,
  WakeUp,
} from "./consumer.ts";

/** A channel of a broker that a test plays: what it holds, and whether it is there. */
class PlayedChannel implements BrokerChannel {
  readonly waiting: Taken[] = [];
  readonly acknowledged: string[] = [];
  readonly released: (readonly [id: string, afterMs: number])[] = [];
  /** How many envelopes were asked for, call by call. */
  readonly counts: number[] = [];
  readonly recoveries: (readonly string[])[] = [];
  settlings = 0;
  refusesToRead = false;
  refusesToSettle = false;
  readonly #arrival = new WakeUp();

  constructor(readonly canDelay = false) {}

  push(...envelopes: readonly Taken[]): void {
    this.waiting.push(...envelopes);
    this.#arrival.wake();
  }

  async take(count: number): Promise<readonly Taken[]> {
    this.counts.push(count);
    if (this.waiting.length === 0) await this.#arrival.wait();
    demand(!this.refusesToRead);
    return this.waiting.splice(0, count);
  }

  recover(held: ReadonlySet<string>): Promise<readonly Taken[]> {
    demand(!this.refusesToRead);
    this.recoveries.push([...held]);
    return Promise.resolve([]);
  }

  interrupt(): void {
    this.#arrival.wake();
  }

  async acknowledge({ id }: Taken): Promise<void> {
    this.settlings++;
    await Promise.resolve();
    demand(!this.refusesToSettle);
    this.acknowledged.push(id);
  }

  async release(taken: readonly Taken[], afterMs: number): Promise<void> {
    await Promise.resolve();
    demand(!this.refusesToSettle);
    this.released.push(...taken.map(({ id }) => [id, afterMs] as const));
  }
}

function demand(isThere: boolean): void {
  if (!isThere) throw new Error("the broker is away");
}

function taken(id: string, body = "{}"): Taken {
  return { id, body, deliveries: 1 };
}

/** Consumes a played channel. */
async function opened(
  channel: PlayedChannel,
  handle: (delivery: Delivery) => Promise<Handled>,
  inFlightMax = 16,
) {
  const runtime = new VirtualRuntime();
  const log = new HeardLog();
  const deliveries: Delivery[] = [];
  const end = await new Consumers("the broker").open(channel, {
    runtime,
    log,
    channel: "played",
    group: "tasker",
    inFlightMax,
    leaseMs: 60_000,
    handle(delivery) {
      deliveries.push(delivery);
      return handle(delivery);
    },
  });
  return { runtime, log, deliveries, end };
}

const ack = () => Promise.resolve<Handled>({ kind: "ack" });

Deno.test("a consumer acknowledges until the broker has taken it, and takes no more meanwhile", async () => {
  const channel = new PlayedChannel();
  const { runtime, log, deliveries } = await opened(channel, ack, 1);
  channel.refusesToSettle = true;

  channel.push(taken("first"), taken("second"));
  await runtime.advance(60_000);
  const handled = deliveries.length;
  const tries = channel.settlings;
  channel.refusesToSettle = false;
  await runtime.advance(2_000);

  assert.equal(handled, 1);
  assert.ok(tries > 20 && tries < 60, `it was tried ${tries} times in a minute`);
  assert.deepEqual(channel.acknowledged, ["first", "second"]);
  assert.equal(deliveries.length, 2);
  assert.deepEqual(log.lines, ["Cannot settle envelopes: it is tried until the broker is back"]);
});

Deno.test("a consumer that is to end gives up settling after a few tries", async () => {
  const channel = new PlayedChannel();
  const { runtime, log, end } = await opened(channel, ack);
  channel.refusesToSettle = true;
  channel.push(taken("lost"));
  await runtime.settle();

  const ending = end();
  await runtime.advance(10_000);
  await ending;

  assert.equal(channel.settlings, SETTLE_TRIES_AT_END);
  assert.equal(
    log.lines.at(-1),
    "Cannot settle an envelope: it comes again when its lease ends",
  );
});

Deno.test("a consumer takes no more than its count allows", async () => {
  const channel = new PlayedChannel();
  const { runtime } = await opened(channel, () => new Promise(() => {}), 3);

  channel.push(taken("a"), taken("b"));
  await runtime.settle();
  channel.push(taken("c"), taken("d"));
  await runtime.settle();

  assert.deepEqual(channel.counts, [3, 1]);
  assert.equal(channel.waiting.length, 1);
});

Deno.test("a consumer takes no more while it holds as many characters as are allowed", async () => {
  const channel = new PlayedChannel();
  const held = Promise.withResolvers<void>();
  const { runtime, deliveries } = await opened(channel, () => held.promise.then(ack), 1_000);

  channel.push(taken("huge", "x".repeat(HELD_LENGTH_MAX)));
  await runtime.settle();
  channel.push(taken("next"));
  await runtime.settle();
  const before = deliveries.length;
  held.resolve();
  await runtime.settle();

  assert.equal(before, 1);
  assert.equal(deliveries.length, 2);
});

Deno.test("a consumer asks for no more than would fit if all were of the largest size", async () => {
  const channel = new PlayedChannel();
  const { runtime } = await opened(channel, () => new Promise(() => {}), 1_000);

  channel.push(taken("half", "x".repeat(HELD_LENGTH_MAX / 2)));
  await runtime.settle();

  assert.deepEqual(channel.counts, [256, 128]);
});

Deno.test("a consumer takes no more while too many of its envelopes wait for their retries", async () => {
  const channel = new PlayedChannel();
  const { runtime, deliveries } = await opened(
    channel,
    () => Promise.resolve({ kind: "retry", afterMs: 60_000 }),
  );

  channel.push(...Array.from({ length: DELAYED_MAX + 100 }, (_, at) => taken(`${at}`)));
  await runtime.settle();

  assert.ok(deliveries.length < DELAYED_MAX + 16, `${deliveries.length} were handed over`);
});

Deno.test("a consumer goes on after its broker was away, and first takes what was lost", async () => {
  const channel = new PlayedChannel();
  const { runtime, log, deliveries } = await opened(channel, () => new Promise(() => {}));
  channel.push(taken("held"));
  await runtime.settle();

  channel.refusesToRead = true;
  channel.push(taken("later"));
  await runtime.advance(30_000);
  channel.refusesToRead = false;
  await runtime.advance(2_000);

  assert.deepEqual(channel.recoveries, [["held"]]);
  assert.equal(deliveries.length, 2);
  assert.deepEqual(log.lines, [
    "Cannot read a channel: it is tried until the broker is back",
    "A channel is read again",
  ]);
});

Deno.test("a consumer counts each delivery of an envelope that it delays itself", async () => {
  const channel = new PlayedChannel();
  const { runtime, deliveries, end } = await opened(
    channel,
    ({ deliveries }) =>
      Promise.resolve(deliveries < 3 ? { kind: "retry", afterMs: 100 } : { kind: "ack" }),
  );

  channel.push(taken("stubborn"));
  await runtime.advance(200);
  await end();

  assert.deepEqual(deliveries.map(({ deliveries }) => deliveries), [1, 2, 3]);
  assert.deepEqual([channel.acknowledged, channel.released], [["stubborn"], []]);
});

Deno.test("a consumer leaves delays to a broker that can delay", async () => {
  const channel = new PlayedChannel(true);
  const { runtime } = await opened(
    channel,
    () => Promise.resolve({ kind: "retry", afterMs: 700 }),
  );

  channel.push(taken("later"));
  await runtime.settle();

  assert.deepEqual(channel.released, [["later", 700]]);
});

Deno.test("a consumer releases at its end what it delays, and leaves no timer", async () => {
  const channel = new PlayedChannel();
  const { runtime, end } = await opened(
    channel,
    () => Promise.resolve({ kind: "retry", afterMs: 60_000 }),
  );
  channel.push(taken("delayed"));
  await runtime.settle();

  await end();

  assert.deepEqual(channel.released, [["delayed", 0]]);
  assert.equal(await runtime.step(), false);
});
