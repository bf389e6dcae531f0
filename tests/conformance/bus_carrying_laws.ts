/** Laws of a bus about what it carries, and in which order. */

import assert from "node:assert/strict";
import { type Envelope, ENVELOPE_BYTES_MAX } from "../../src/core/envelope.ts";
import { ack, envelopeOf, envelopesOf, Inbox } from "../support/inbox.ts";
import { type Laws, OPTIONS } from "./bus_law.ts";

/** What is published arrives as it was. */
export const CARRYING: Laws = {
  "answers a ping while its broker is there, and says what it runs on": async ({ bus }) => {
    const { server } = await bus.ping();

    assert.match(server, /^[A-Za-z]/);
  },

  "hands over what was published, unchanged and once": async ({ bus, other, channel }) => {
    const published: Envelope[] = [
      ...envelopesOf("plain", 200),
      envelopeOf("unicode", { data: { text: 'żółw 🐢 \u2028 \u0007 " \\ \u0000' } }),
      envelopeOf("nothing", { data: null }),
      envelopeOf("binary", { data_base64: "AAECAw==" }),
      envelopeOf("extended", { traceparent: "00-ab-cd-01", custom: "kept", taskerattempt: 3 }),
    ];
    const inbox = new Inbox();
    await other.consume(channel, OPTIONS, inbox.handle);

    await bus.publish(channel, published);

    await inbox.has(published.length);
    const got = inbox.deliveries.map(({ body }) => JSON.parse(body));
    assert.deepEqual(sorted(got), sorted(published));
    assert.ok(inbox.deliveries.every(({ deliveries }) => deliveries === 1));
  },

  "keeps what was published before anybody consumed": async ({ bus, other, channel }) => {
    await bus.publish(channel, envelopesOf("early", 3));

    const inbox = new Inbox();
    await other.consume(channel, OPTIONS, inbox.handle);

    await inbox.has(3);
    assert.deepEqual(inbox.ids.toSorted(), ["early-0", "early-1", "early-2"]);
  },

  "knows whether anybody has ever consumed a channel": async ({ bus, other, channel }) => {
    await bus.publish(channel, envelopesOf("early", 1));
    assert.equal(await bus.wasConsumed(channel), false);
    assert.equal(await bus.wasConsumed(`${channel}.of_nobody`), false);

    const end = await other.consume(channel, OPTIONS, new Inbox().handle);
    assert.equal(await bus.wasConsumed(channel), true);
    await end();

    assert.equal(await bus.wasConsumed(channel), true);
  },

  "keeps channels apart": async ({ bus, other, channel }) => {
    const names = Array.from({ length: 10 }, (_, number) => `${channel}.${number}`);
    const inboxes = names.map(() => new Inbox());
    await Promise.all(
      names.map((name, at) => other.consume(name, OPTIONS, (inboxes[at] as Inbox).handle)),
    );

    await Promise.all(names.map((name) => bus.publish(name, envelopesOf(name, 5))));

    for (const [at, name] of names.entries()) {
      const inbox = inboxes[at] as Inbox;
      await inbox.has(5);
      assert.deepEqual(inbox.ids.toSorted(), envelopesOf(name, 5).map(({ id }) => id));
    }
  },

  "takes an envelope of exactly the limit, and refuses a larger one": async (harness) => {
    const { bus, other, channel } = harness;
    const filled = (bytes: number) => {
      const empty = envelopeOf("large", { data: "" });
      const rest = bytes - JSON.stringify(empty).length;
      return { ...empty, data: "ü".repeat(Math.floor(rest / 2)) + "x".repeat(rest % 2) };
    };
    const inbox = new Inbox();
    await other.consume(channel, OPTIONS, inbox.handle);

    await bus.publish(channel, [filled(ENVELOPE_BYTES_MAX)]);
    const refused = bus.publish(channel, [filled(ENVELOPE_BYTES_MAX + 1)]);

    await assert.rejects(refused, { code: "payload.too_large" });
    await inbox.has(1);
    assert.deepEqual(JSON.parse(inbox.deliveries[0]?.body ?? ""), filled(ENVELOPE_BYTES_MAX));
  },

  "carries a batch of megabytes": async ({ bus, other, channel }) => {
    const inbox = new Inbox();
    await other.consume(channel, { ...OPTIONS, inFlightMax: 64 }, inbox.handle);
    const large = envelopesOf("large", 100).map((one) => ({ ...one, data: "x".repeat(40_000) }));

    await bus.publish(channel, large);

    await inbox.has(100);
    assert.equal(new Set(inbox.ids).size, 100);
  },

  "waits for what it was given before it closes": async ({ bus, other, channel }) => {
    const inbox = new Inbox();
    await other.consume(channel, OPTIONS, inbox.handle);

    const publishing = bus.publish(channel, envelopesOf("last", 20)).then(() => true, () => false);
    await bus.close();

    // What it could not publish any more it refuses: its publisher knows that it has to try again.
    if (await publishing) await inbox.has(20);
    else assert.ok(inbox.deliveries.length <= 20);
  },

  "says how many envelopes have not settled": async (harness) => {
    const { bus, other, channel, countsHeld } = harness;
    const held = Promise.withResolvers<void>();
    const inbox = new Inbox(() => held.promise.then(ack));
    assert.equal(await bus.depth(channel), 0);
    await bus.publish(channel, envelopesOf("deep", 5));
    const before = await bus.depth(channel);

    const end = await other.consume(channel, { ...OPTIONS, inFlightMax: 2 }, inbox.handle);
    await inbox.has(2);
    const during = await bus.depth(channel);
    held.resolve();
    await inbox.has(5);
    await end();

    assert.deepEqual([before, during, await bus.depth(channel)], [5, countsHeld ? 5 : 3, 0]);
  },
};

/** Slots and order. */
export const SHARING: Laws = {
  "keeps the order of publishing for one consumer of one slot": async (harness) => {
    const { bus, other, channel } = harness;
    const inbox = new Inbox();
    await other.consume(channel, { ...OPTIONS, inFlightMax: 1 }, inbox.handle);

    await bus.publish(channel, envelopesOf("a", 50));
    await bus.publish(channel, envelopesOf("b", 50));

    await inbox.has(100);
    const expected = [...envelopesOf("a", 50), ...envelopesOf("b", 50)].map(({ id }) => id);
    assert.deepEqual(inbox.ids, expected);
  },

  "holds the next envelope back while one fills the only slot": async (harness) => {
    const { bus, other, channel } = harness;
    const held = Promise.withResolvers<void>();
    const order: string[] = [];
    const inbox = new Inbox(async (_, id) => {
      order.push(`${id} begins`);
      if (id === "hold-0") await held.promise;
      order.push(`${id} ends`);
      return ack();
    });
    await other.consume(channel, { ...OPTIONS, inFlightMax: 1 }, inbox.handle);

    await bus.publish(channel, envelopesOf("hold", 2));
    await inbox.has(1);
    held.resolve();
    await inbox.has(2);

    assert.deepEqual(order.slice(0, 3), ["hold-0 begins", "hold-0 ends", "hold-1 begins"]);
  },

  "gives no consumer more than its inFlightMax at once": async ({ bus, other, channel }) => {
    let inHand = 0;
    let inHandMax = 0;
    const inbox = new Inbox(async () => {
      inHandMax = Math.max(inHandMax, ++inHand);
      await new Promise((wake) => setTimeout(wake, 1));
      inHand--;
      return ack();
    });
    await other.consume(channel, { ...OPTIONS, inFlightMax: 3 }, inbox.handle);

    await bus.publish(channel, envelopesOf("many", 60));

    await inbox.has(60);
    assert.equal(inHandMax, 3);
  },

  "lets its consumers share a channel at the same time": async ({ bus, other, channel }) => {
    const all = Promise.withResolvers<void>();
    let busy = 0;
    const inbox = new Inbox(() => {
      // Nobody is done before all four hold one.
      if (++busy === 4) all.resolve();
      return all.promise.then(ack);
    });
    for (const node of [bus, other, bus, other]) {
      await node.consume(channel, { ...OPTIONS, inFlightMax: 1 }, inbox.handle);
    }

    await bus.publish(channel, envelopesOf("shared", 40));

    await inbox.has(40);
    assert.equal(new Set(inbox.ids).size, 40);
  },

  "loses nothing while consumers come and go": async ({ bus, other, channel }) => {
    const inbox = new Inbox();
    const consume = (node: typeof bus) =>
      node.consume(channel, { ...OPTIONS, inFlightMax: 4 }, inbox.handle);
    const publishAll = async () => {
      for (let batch = 0; batch < 20; batch++) {
        await bus.publish(channel, envelopesOf(`moving-${batch}`, 10));
      }
    };
    await consume(bus);

    const publishing = publishAll();
    for (let passing = 0; passing < 8; passing++) {
      const end = await consume(passing % 2 === 0 ? other : bus);
      await end();
    }
    await publishing;

    // What is repeated counts once.
    for (let count = 200; new Set(inbox.ids).size < 200; count++) await inbox.has(count);
  },
};

function sorted(envelopes: readonly Envelope[]): readonly Envelope[] {
  return envelopes.toSorted((one, other) => one.id < other.id ? -1 : 1);
}
