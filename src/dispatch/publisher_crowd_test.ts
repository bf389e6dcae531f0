import assert from "node:assert/strict";
import {
  addressed,
  away,
  idsOf,
  openPublisher,
  TASK,
} from "../../tests/support/dispatch_harness.ts";
import { PUBLISH_BYTES_MAX, RETRY, type Sized } from "./publisher.ts";

Deno.test("a fan-out of 20,000 lost the commands that were more than 4,096", async () => {
  const { runtime, calls, played, publisher, published } = openPublisher();
  played.answer = () => Promise.reject(away());
  publisher.put(addressed("first"));
  await runtime.settle();
  const ids = idsOf("e", 20_000);
  for (const id of ids) publisher.put(addressed(id));
  calls.length = 0;

  played.answer = () => Promise.resolve();
  await runtime.advance(RETRY.maxMs);

  assert.deepEqual(calls.flatMap((call) => call.ids), ["first", ...ids]);
  assert.equal(published("confirmed"), 20_001);
  assert.equal(publisher.unconfirmed(TASK), 0);
});

Deno.test("only the envelopes of one call are made while the bus is away, within its bytes", async () => {
  const { runtime, calls, played, publisher } = openPublisher();
  played.answer = () => Promise.reject(away());
  const bytes = 64 * 1024;
  let made = 0;
  for (const id of idsOf("large", 1_000)) {
    const outgoing = addressed(id);
    const make = () => {
      made++;
      return { ...outgoing.make() as Sized, bytes };
    };
    publisher.put({ ...outgoing, make });
  }

  await runtime.settle();

  assert.equal(calls.length, 1);
  assert.equal(made, Math.ceil(PUBLISH_BYTES_MAX / bytes));
});

Deno.test("a channel that takes nothing is away until it takes an envelope", async () => {
  const { runtime, played, publisher, harness } = openPublisher();
  const outgoing = addressed("a");
  const sinceMs = runtime.now();
  const due = () =>
    harness.outages.postponed([outgoing.part], {
      sinceMs,
      dueAtMs: sinceMs + 1_000,
      nowMs: runtime.now(),
    });
  played.answer = () => Promise.reject(away());
  publisher.put(outgoing);
  await runtime.advance(60_000);
  const during = due();

  played.answer = () => Promise.resolve();
  await runtime.advance(RETRY.maxMs);
  const backMs = runtime.now();
  await runtime.advance(3_600_000);

  assert.ok(during > sinceMs + 60_000);
  assert.ok(due() > sinceMs + 60_000 && due() <= backMs + 31_000);
});
