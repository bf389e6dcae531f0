import assert from "node:assert/strict";
import { TaskerError } from "../core/errors.ts";
import { DispatchHarness } from "../../tests/support/dispatch_harness.ts";
import {
  LETTER_LENGTH_MAX,
  LETTERS_PER_MINUTE_MAX,
  REASON_LENGTH_MAX,
  type Unusable,
} from "./dead_letter_store.ts";

const UNUSABLE: Unusable = {
  system: "shop",
  channel: "t.in.shop",
  body: "{rubbish",
  kind: "inbound",
  deliveries: 2,
  reason: "not valid JSON",
};

/** Keeps `count`. */
async function flooded(
  harness: DispatchHarness,
  count: number,
  channel = UNUSABLE.channel,
): Promise<void> {
  for (let number = 0; number < count; number++) {
    await harness.deadLetters.keep({ ...UNUSABLE, channel });
  }
}

Deno.test("keep() puts a row into the database, and says the envelope is dead", async () => {
  const harness = new DispatchHarness();

  const handled = await harness.deadLetters.keep(UNUSABLE);

  assert.deepEqual(handled, { kind: "dead", reason: "not valid JSON" });
  assert.deepEqual(harness.dead.letters, [{
    id: "letter-1",
    ...UNUSABLE,
    bytes: 8,
    atMs: harness.runtime.now(),
  }]);
  assert.equal(harness.metrics.counter("tasker_dead_letters_total", "inbound").value, 1);
});

Deno.test("a letter has the id of its envelope, if it is one", async () => {
  const harness = new DispatchHarness();

  await harness.deadLetters.keep({ ...UNUSABLE, body: '{"id":"e1"}' });
  await harness.deadLetters.keep({ ...UNUSABLE, body: '{"id":1}' });
  await harness.deadLetters.keep({ ...UNUSABLE, body: "null" });

  assert.deepEqual(harness.dead.letters.map(({ envelopeId }) => envelopeId), [
    "e1",
    undefined,
    undefined,
  ]);
});

Deno.test("keep() throws when the database is away", async () => {
  const harness = new DispatchHarness();
  harness.dead.refusal = new TaskerError("journal.unavailable", "away");

  await assert.rejects(harness.deadLetters.keep(UNUSABLE), { code: "journal.unavailable" });
});

Deno.test("a body that is too long is cut", async () => {
  const harness = new DispatchHarness();
  const body = "\u0001".repeat(LETTER_LENGTH_MAX + 1);

  await harness.deadLetters.keep({ ...UNUSABLE, body });

  assert.equal(harness.dead.letters[0]?.body.length, LETTER_LENGTH_MAX);
});

Deno.test("a flood is kept up to a number a minute; the rest is only counted", async () => {
  const harness = new DispatchHarness();

  await flooded(harness, LETTERS_PER_MINUTE_MAX + 5);

  assert.equal(harness.dead.letters.length, LETTERS_PER_MINUTE_MAX);
  const counter = harness.metrics.counter("tasker_dead_letters_total", "inbound");
  assert.equal(counter.value, LETTERS_PER_MINUTE_MAX + 5);
  assert.equal(harness.said("warn").filter((text) => text.startsWith("Too many")).length, 1);
});

Deno.test("a flood of one channel takes no other's room", async () => {
  const harness = new DispatchHarness();
  await flooded(harness, LETTERS_PER_MINUTE_MAX + 1);

  await flooded(harness, 1, "t.in.mail");

  assert.equal(harness.dead.letters.at(-1)?.channel, "t.in.mail");
});

Deno.test("there is room again in the next minute", async () => {
  const harness = new DispatchHarness();
  await flooded(harness, LETTERS_PER_MINUTE_MAX + 1);
  await harness.runtime.advance(60_000);

  await flooded(harness, 1);

  assert.equal(harness.dead.letters.length, LETTERS_PER_MINUTE_MAX + 1);
});

Deno.test("tries while the database was away took the room, so that letters were lost", async () => {
  const harness = new DispatchHarness();
  harness.dead.refusal = new TaskerError("journal.unavailable", "away");
  for (let number = 0; number < LETTERS_PER_MINUTE_MAX; number++) {
    await assert.rejects(harness.deadLetters.keep(UNUSABLE));
  }
  harness.dead.refusal = undefined;

  await flooded(harness, 1);

  assert.equal(harness.dead.letters.length, 1);
  assert.equal(harness.metrics.counter("tasker_dead_letters_total", "inbound").value, 1);
});

Deno.test("a reason that is too long is cut", async () => {
  const harness = new DispatchHarness();

  await harness.deadLetters.keep({ ...UNUSABLE, reason: "x".repeat(200_000) });

  assert.equal(harness.dead.letters[0]?.reason.length, REASON_LENGTH_MAX);
});
