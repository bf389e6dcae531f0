/** Laws of a bus about what becomes of an envelope: settled, retried, dead, or left by the dead. */

import assert from "node:assert/strict";
import { ack, arrival, envelopeOf, envelopesOf, Inbox } from "../support/inbox.ts";
import { type Laws, LEASE_MS, OPTIONS } from "./bus_law.ts";

const LEASED = { ...OPTIONS, leaseMs: LEASE_MS };

/** What a handler says is done. */
export const SETTLING: Laws = {
  "hands an envelope over again when its handler threw": async ({ bus, other, channel }) => {
    const inbox = new Inbox((delivery) => {
      if (delivery.deliveries < 3) throw new Error("not yet");
      return ack();
    });
    const end = await other.consume(channel, OPTIONS, inbox.handle);

    await bus.publish(channel, [envelopeOf("stubborn")]);

    await inbox.has(3);
    await end();
    assert.deepEqual(inbox.deliveries.map(({ deliveries }) => deliveries), [1, 2, 3]);
    assert.equal(await bus.depth(channel), 0);
  },

  "works on after a burst of failures": async ({ bus, other, channel }) => {
    const inbox = new Inbox((delivery) => {
      if (delivery.deliveries === 1) throw new Error("all fail once");
      return ack();
    });
    const end = await other.consume(channel, OPTIONS, inbox.handle);

    await bus.publish(channel, envelopesOf("burst", 50));
    await inbox.has(100);
    await bus.publish(channel, envelopesOf("after", 1));
    await inbox.has(102);
    await end();

    assert.equal(new Set(inbox.ids).size, 51);
    assert.equal(await bus.depth(channel), 0);
  },

  "never hands over again what is dead": async ({ bus, other, channel }) => {
    const inbox = new Inbox((_, id) => id === "bad" ? { kind: "dead", reason: "bad" } : ack());
    const end = await other.consume(channel, { ...OPTIONS, inFlightMax: 1 }, inbox.handle);

    await bus.publish(channel, [envelopeOf("bad"), envelopeOf("good")]);

    await inbox.has(2);
    await end();
    assert.deepEqual(inbox.ids, ["bad", "good"]);
    assert.equal(await bus.depth(channel), 0);
  },

  "hands a retry over no earlier than its delay": async ({ bus, other, channel }) => {
    const times: number[] = [];
    const inbox = new Inbox(({ deliveries }) => {
      times.push(performance.now());
      return deliveries === 1 ? { kind: "retry", afterMs: 300 } : ack();
    });
    await other.consume(channel, OPTIONS, inbox.handle);

    await bus.publish(channel, [envelopeOf("later")]);

    await inbox.has(2);
    const [first, second] = times as [number, number];
    // A timer of the platform may fire up to a millisecond early.
    assert.ok(second - first >= 299, `it came after ${second - first} ms`);
  },

  "hands others over while one waits for its retry": async ({ bus, other, channel }) => {
    const inbox = new Inbox(({ deliveries }, id) =>
      id === "first" && deliveries === 1 ? { kind: "retry", afterMs: 1_000 } : ack()
    );
    await other.consume(channel, { ...OPTIONS, inFlightMax: 1 }, inbox.handle);

    await bus.publish(channel, [envelopeOf("first"), envelopeOf("second")]);

    await inbox.has(3);
    assert.deepEqual(inbox.ids, ["first", "second", "first"]);
  },
};

/** Ends of consumers and of the bus. */
export const ENDING: Laws = {
  "ends a consumer that waits on an empty channel": async ({ bus, channel }) => {
    const end = await bus.consume(channel, OPTIONS, new Inbox().handle);

    await arrival("the end", end());
  },

  "ends a consumer only when what it holds has settled": async ({ bus, other, channel }) => {
    const held = Promise.withResolvers<void>();
    const inbox = new Inbox(() => held.promise.then(ack));
    const end = await other.consume(channel, OPTIONS, inbox.handle);
    await bus.publish(channel, [envelopeOf("held")]);
    await inbox.has(1);
    let hasEnded = false;

    const ending = end().then(() => hasEnded = true);
    await bus.ping();
    const hadEnded = hasEnded;
    held.resolve();
    await arrival("the end", ending);

    assert.equal(hadEnded, false);
    assert.equal(await bus.depth(channel), 0);
  },

  "loses and repeats nothing when a consumer ends in the middle": async (harness) => {
    const { bus, other, channel } = harness;
    const [first, second] = [new Inbox(), new Inbox()];
    const end = await other.consume(channel, { ...OPTIONS, inFlightMax: 3 }, first.handle);
    await bus.publish(channel, envelopesOf("split", 100));
    await first.has(20);

    await end();
    const rest = 100 - first.deliveries.length;
    await bus.consume(channel, OPTIONS, second.handle);
    await second.has(rest);

    const got = [...first.ids, ...second.ids].toSorted();
    assert.deepEqual(got, envelopesOf("split", 100).map(({ id }) => id).toSorted());
  },

  "lets one consumer end and the other go on": async ({ bus, other, channel }) => {
    const [gone, stays] = [new Inbox(), new Inbox()];
    const end = await bus.consume(channel, OPTIONS, gone.handle);
    await other.consume(channel, OPTIONS, stays.handle);

    await end();
    await bus.publish(channel, envelopesOf("after", 10));

    await stays.has(10);
    assert.equal(gone.deliveries.length, 0);
  },

  "gives a retry that waits to another when its consumer ends": async (harness) => {
    const { bus, other, channel } = harness;
    const first = new Inbox(() => ({ kind: "retry", afterMs: 500 }));
    const second = new Inbox();
    const end = await other.consume(channel, OPTIONS, first.handle);
    await bus.publish(channel, [envelopeOf("passed on")]);
    await first.has(1);

    await end();
    await bus.consume(channel, OPTIONS, second.handle);

    await second.has(1);
    assert.deepEqual(second.ids, ["passed on"]);
    assert.ok((second.deliveries[0]?.deliveries ?? 0) >= 2);
  },

  "ends and closes as often as it is asked to": async ({ bus, channel }) => {
    const end = await bus.consume(channel, OPTIONS, new Inbox().handle);

    await arrival("all ends", Promise.all([end(), bus.close(), end(), bus.close()]));
    await bus.close();
  },

  "refuses to work once it is closed": async ({ bus, channel }) => {
    await bus.close();

    const code = { code: "bus.unavailable" };
    await assert.rejects(bus.publish(channel, [envelopeOf("late")]), code);
    await assert.rejects(bus.consume(channel, OPTIONS, new Inbox().handle), code);
    await assert.rejects(bus.ping(), code);
  },
};

/** For backends where one consumer can die alone. */
export const LEASING: Laws = {
  "hands over again what a dead consumer held, after its lease": async (harness) => {
    const { bus, other, channel, abandon } = harness;
    await bus.publish(channel, [envelopeOf("left")]);
    const beganMs = performance.now();
    await abandon();
    const inbox = new Inbox();

    const end = await other.consume(channel, LEASED, inbox.handle);

    await inbox.has(1);
    const tookMs = performance.now() - beganMs;
    await end();
    assert.deepEqual(inbox.deliveries.map(({ deliveries }) => deliveries), [2]);
    assert.ok(tookMs >= LEASE_MS - 1, `it came after ${tookMs} ms`);
    assert.equal(await bus.depth(channel), 0);
  },

  "keeps an envelope with its handler beyond the lease": async (harness) => {
    const { bus, other, channel, abandon } = harness;
    const held = Promise.withResolvers<void>();
    const inbox = new Inbox((_, id) => id === "long" ? held.promise.then(ack) : ack());
    const end = await bus.consume(channel, { ...LEASED, inFlightMax: 1 }, inbox.handle);
    await bus.publish(channel, [envelopeOf("long")]);
    await inbox.has(1);
    const rival = new Inbox();

    // What the dead hold says that another lease has passed: it comes after its own.
    for (let leases = 1; leases <= 2; leases++) {
      await bus.publish(channel, [envelopeOf(`lease-${leases}`)]);
      await abandon();
      const endRival = await other.consume(channel, LEASED, rival.handle);
      await rival.has(leases);
      await endRival();
    }
    held.resolve();
    await end();

    assert.deepEqual(inbox.ids, ["long"]);
    assert.deepEqual(rival.ids, ["lease-1", "lease-2"]);
  },

  "is not harmed by an acknowledgement after the lease": async (
    { bus, other, channel, abandon },
  ) => {
    await bus.publish(channel, [envelopeOf("late")]);
    const late = await abandon();
    const inbox = new Inbox();
    const end = await other.consume(channel, LEASED, inbox.handle);
    await inbox.has(1);

    await late.acknowledge();
    await bus.publish(channel, [envelopeOf("next")]);

    await inbox.has(2);
    await end();
    assert.deepEqual(inbox.ids, ["late", "next"]);
    assert.equal(await bus.depth(channel), 0);
  },
};
