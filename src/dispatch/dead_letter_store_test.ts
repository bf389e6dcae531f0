import assert from "node:assert/strict";
import { parseEnvelope } from "../core/envelope.ts";
import { TaskerError } from "../core/errors.ts";
import { away, DispatchHarness } from "./_dispatch_harness.ts";
import {
  COPY_LENGTH_MAX,
  LETTER_LENGTH_MAX,
  LETTERS_PER_MINUTE_MAX,
  REASON_LENGTH_MAX,
  type Unusable,
} from "./dead_letter_store.ts";

const UNUSABLE: Unusable = {
  system: "shop",
  channel: "t.in.shop",
  body: "{rubbish",
  word: "inbound",
  reason: "it is no JSON",
};

/** Keeps so many, and returns the channels' letters and copies. */
async function flooded(
  stage: DispatchHarness,
  count: number,
  channel = UNUSABLE.channel,
): Promise<void> {
  for (let number = 0; number < count; number++) await stage.office.keep({ ...UNUSABLE, channel });
}

Deno.test("keep() puts a row into the database, and says the envelope is dead", async () => {
  const stage = new DispatchHarness();

  const handled = await stage.office.keep(UNUSABLE);

  assert.deepEqual(handled, { kind: "dead", reason: "it is no JSON" });
  assert.deepEqual(stage.dead.letters, [{
    id: "letter-1",
    channel: "t.in.shop",
    reason: "it is no JSON",
    body: "{rubbish",
    atMs: stage.runtime.now(),
  }]);
  assert.equal(stage.metrics.counter("tasker_dead_letters_total", "inbound").value, 1);
});

Deno.test("the system finds a copy in its dead channel, under the letter's id", async () => {
  const stage = new DispatchHarness();

  await stage.office.keep(UNUSABLE);

  assert.deepEqual(await stage.taken("t.dead.shop"), [{
    specversion: "1.0",
    id: "letter-1",
    source: "/tasker/t",
    type: "tasker.envelope.dead",
    time: "2026-01-01T00:00:00.000Z",
    datacontenttype: "application/json",
    data: { channel: "t.in.shop", reason: "it is no JSON", body: "{rubbish" },
  }]);
});

Deno.test("a copy that cannot be published is left out", async () => {
  const stage = new DispatchHarness();
  const office = stage.officeOver({ publish: () => Promise.reject(away()) });

  const handled = await office.keep(UNUSABLE);

  assert.equal(handled.kind, "dead");
  assert.equal(stage.dead.letters.length, 1);
});

Deno.test("keep() throws when the database is away, and publishes no copy", async () => {
  const stage = new DispatchHarness();
  stage.dead.refusal = new TaskerError("journal.unavailable", "away");

  await assert.rejects(stage.office.keep(UNUSABLE), { code: "journal.unavailable" });

  assert.deepEqual(await stage.taken("t.dead.shop"), []);
});

Deno.test("a body that is too long is cut, and its copy is an envelope all the same", async () => {
  const stage = new DispatchHarness();
  const body = "\u0001".repeat(LETTER_LENGTH_MAX + 1);

  await stage.office.keep({ ...UNUSABLE, body });

  assert.equal(stage.dead.letters[0]?.body.length, LETTER_LENGTH_MAX);
  const [copy] = await stage.taken("t.dead.shop");
  const { data } = parseEnvelope(JSON.stringify(copy));
  assert.equal((data as { body: string }).body.length, COPY_LENGTH_MAX);
});

Deno.test("a flood is kept up to a number a minute; the rest is only counted", async () => {
  const stage = new DispatchHarness();

  await flooded(stage, LETTERS_PER_MINUTE_MAX + 5);

  assert.equal(stage.dead.letters.length, LETTERS_PER_MINUTE_MAX);
  assert.equal((await stage.taken("t.dead.shop")).length, LETTERS_PER_MINUTE_MAX);
  const counter = stage.metrics.counter("tasker_dead_letters_total", "inbound");
  assert.equal(counter.value, LETTERS_PER_MINUTE_MAX + 5);
  assert.equal(stage.said("warn").filter((text) => text.startsWith("Too many")).length, 1);
});

Deno.test("a flood of one channel takes no other's room", async () => {
  const stage = new DispatchHarness();
  await flooded(stage, LETTERS_PER_MINUTE_MAX + 1);

  await flooded(stage, 1, "t.in.mail");

  assert.equal(stage.dead.letters.at(-1)?.channel, "t.in.mail");
});

Deno.test("there is room again in the next minute", async () => {
  const stage = new DispatchHarness();
  await flooded(stage, LETTERS_PER_MINUTE_MAX + 1);
  await stage.runtime.advance(60_000);

  await flooded(stage, 1);

  assert.equal(stage.dead.letters.length, LETTERS_PER_MINUTE_MAX + 1);
});

Deno.test("tries while the database was away took the room, so that letters were lost", async () => {
  const stage = new DispatchHarness();
  stage.dead.refusal = new TaskerError("journal.unavailable", "away");
  for (let number = 0; number < LETTERS_PER_MINUTE_MAX; number++) {
    await assert.rejects(stage.office.keep(UNUSABLE));
  }
  stage.dead.refusal = undefined;

  await flooded(stage, 1);

  assert.equal(stage.dead.letters.length, 1);
  assert.equal(stage.metrics.counter("tasker_dead_letters_total", "inbound").value, 1);
});

Deno.test("a long reason kept the copy of its letter from being published", async () => {
  const stage = new DispatchHarness();

  await stage.office.keep({ ...UNUSABLE, reason: "x".repeat(200_000) });

  assert.equal((await stage.taken("t.dead.shop")).length, 1);
  assert.equal(stage.dead.letters[0]?.reason.length, REASON_LENGTH_MAX);
});
