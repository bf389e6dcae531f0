import assert from "node:assert/strict";
import { type Envelope, ENVELOPE_DEAD } from "../core/envelope.ts";
import { DispatchHarness } from "../../tests/support/dispatch_harness.ts";
import { SWEEP_MS, watchDeadLetters } from "./dead_channels.ts";
import { LETTERS_PER_MINUTE_MAX } from "./dead_letter_store.ts";

const DEAD = "t.dead.shop";

function deadOf(id: string, data: unknown): Envelope {
  return { specversion: "1.0", id, source: "/shop", type: ENVELOPE_DEAD, data };
}

/** Lets some rounds pass, and ends the watch. */
async function watched(harness: DispatchHarness, rounds: number): Promise<void> {
  const end = watchDeadLetters(harness, () => ["shop"]);
  for (let round = 0; round < rounds; round++) await harness.runtime.advance(SWEEP_MS);
  const ended = end();
  await harness.runtime.advance(SWEEP_MS);
  await ended;
}

Deno.test("what a worker put aside becomes a dead letter of its command channel", async () => {
  const harness = new DispatchHarness();
  const data = { channel: "t.cmd.shop", body: "{rubbish", reason: "not JSON", deliveries: 3 };
  await harness.publish(DEAD, deadOf("d1", data));

  await watched(harness, 2);

  assert.deepEqual(harness.dead.letters, [{
    id: "letter-1",
    system: "shop",
    kind: "command",
    channel: "t.cmd.shop",
    body: "{rubbish",
    deliveries: 3,
    reason: "not JSON",
    bytes: 8,
    atMs: harness.dead.letters[0]?.atMs,
  }]);
  assert.equal(await harness.bus.depth(DEAD), 0);
});

Deno.test("a worker cannot put a letter into the channel of another", async () => {
  const harness = new DispatchHarness();
  await harness.publish(DEAD, deadOf("d1", { channel: "t.cmd.mail", body: "{}" }));

  await watched(harness, 2);

  assert.deepEqual(harness.dead.letters.map(({ channel }) => channel), [DEAD]);
});

Deno.test("what is not an envelope of a worker is kept as it came", async () => {
  const harness = new DispatchHarness();
  await harness.publish(DEAD, "rubbish", { ...deadOf("d2", {}), type: "other" });

  await watched(harness, 2);

  assert.deepEqual(harness.dead.letters.map(({ channel, kind }) => [channel, kind]), [
    [DEAD, "command"],
    [DEAD, "command"],
  ]);
});

Deno.test("a flood of a worker waits in its channel until there is room", async () => {
  const harness = new DispatchHarness();
  const count = LETTERS_PER_MINUTE_MAX + 20;
  const data = { channel: "t.cmd.shop", body: "{}" };
  await harness.publish(
    DEAD,
    ...Array.from({ length: count }, (_, number) => deadOf(`d${number}`, data)),
  );

  await watched(harness, 2);
  const kept = harness.dead.letters.length;
  await watched(harness, 12);

  assert.equal(kept, LETTERS_PER_MINUTE_MAX);
  assert.equal(harness.dead.letters.length, count);
});

Deno.test("letters that are kept are counted by system, also when the last has gone", async () => {
  const harness = new DispatchHarness();
  await harness.publish(DEAD, deadOf("d1", { body: "{}" }));
  const gauge = harness.metrics.gauge("tasker_dead_letters", "shop");

  const end = watchDeadLetters(harness, () => ["shop"]);
  await harness.runtime.advance(2 * SWEEP_MS);
  await harness.runtime.advance(SWEEP_MS);
  const during = gauge.value;
  harness.dead.letters.length = 0;
  await harness.runtime.advance(2 * SWEEP_MS);
  const after = gauge.value;
  const ended = end();
  await harness.runtime.advance(SWEEP_MS);
  await ended;

  assert.deepEqual([during, after], [1, 0]);
});

Deno.test("the dead channel of a system is made before anything is in it", async () => {
  const harness = new DispatchHarness();

  await watched(harness, 1);

  assert.equal(await harness.bus.wasConsumed(DEAD), true);
});
