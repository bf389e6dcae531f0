import assert from "node:assert/strict";
import type { Envelope } from "../core/envelope.ts";
import { TaskerError } from "../core/errors.ts";
import {
  cancelled,
  command,
  idsOver,
  LEASE_MS,
  nodeOver,
  openPolling,
  pollOf,
  replyTo,
  WAIT_MS,
} from "../../tests/support/polling_harness.ts";

Deno.test("an expired command was polled again for ever by a worker that drops it", async () => {
  const { runtime, ids, publish, close } = openPolling();
  const expires = (ms: number) => ({ expirytime: new Date(runtime.now() + ms).toISOString() });
  await publish(command("late", expires(-1)), command("good", expires(60_000)));

  const first = await ids();
  await runtime.advance(LEASE_MS);
  const second = await ids();

  assert.deepEqual([first, second], [["good"], ["good"]]);
  await close();
});

Deno.test("poll() gets what waits, at once and together", async () => {
  const { runtime, polling, publish, close } = openPolling();
  await publish(command("a"), command("b"));
  const beganMs = runtime.monotonic();

  const envelopes = await polling.poll("cook", pollOf());

  assert.deepEqual(envelopes, [command("a"), command("b")]);
  assert.equal(runtime.monotonic(), beganMs);
  await close();
});

Deno.test("poll() gets what comes while it waits", async () => {
  const { runtime, polling, publish, close } = openPolling();
  const polled = polling.poll("cook", pollOf());
  await runtime.advance(WAIT_MS - 1);

  await publish(command("a"), command("b"));

  assert.deepEqual((await polled).map(({ id }) => id), ["a", "b"]);
  await close();
});

Deno.test("poll() answers with nothing when its wait is over", async () => {
  const { ids, close } = openPolling();

  assert.deepEqual(await ids(), []);
  await close();
});

Deno.test("poll() takes up to its limit and leaves the rest to others", async () => {
  const { ids, publish, close } = openPolling();
  await publish(command("a"), command("b"), command("c"));

  const first = await ids({ max: 2 });
  const second = await ids({ max: 2 });

  assert.deepEqual([first, second], [["a", "b"], ["c"]]);
  await close();
});

Deno.test("poll() waits for a system that has registered at another node just now", async () => {
  const { runtime, polling, close } = openPolling();

  const polled = polling.poll("baker", pollOf());
  await runtime.advance(WAIT_MS);

  assert.deepEqual(await polled, []);
  await close();
});

Deno.test("poll() refuses a system that nobody names and that has not registered", async () => {
  const { polling, close } = openPolling();

  await assert.rejects(
    () => polling.poll("coook", pollOf()),
    (error) =>
      error instanceof TaskerError && error.code === "system.not_found" &&
      error.message.includes("names it, and no instance of it has registered"),
  );

  await close();
});

Deno.test("poll() gets no envelope of another system", async () => {
  const { runtime, polling, publish, close } = openPolling();
  await publish(command("a"));

  const polled = polling.poll("waiter", pollOf());
  await runtime.advance(WAIT_MS);

  assert.deepEqual(await polled, []);
  await close();
});

Deno.test("several polls at once share what comes, each envelope once", async () => {
  const { runtime, polling, publish, close } = openPolling();
  const polls = [1, 2, 3].map(() => polling.poll("cook", pollOf({ max: 1 })));
  await runtime.settle();

  await publish(command("a"), command("b"), command("c"));

  const ids = (await Promise.all(polls)).flat().map(({ id }) => id);
  assert.deepEqual(ids.toSorted(), ["a", "b", "c"]);
  await close();
});

Deno.test("an answer acknowledges its envelope", async () => {
  const { runtime, polling, ids, publish, close } = openPolling();
  await publish(command("a"));
  await ids();

  await polling.reply("cook", replyTo("a"));

  await runtime.advance(LEASE_MS);
  assert.deepEqual(await ids(), []);
  await close();
});

Deno.test("an answer is taken as that of the instance that polled its command", async () => {
  const { runtime, bus, publish, close } = openPolling();
  const taken: (string | undefined)[] = [];
  const polling = nodeOver(runtime, bus.consume.bind(bus), (_, reply, instance) => {
    taken.push(instance);
    return Promise.resolve((reply as Envelope).causationid ?? "");
  });
  await publish(command("a"));
  await polling.poll("cook", pollOf({ instance: "w-1" }));

  for (let repeat = 0; repeat < 2; repeat++) await polling.reply("cook", replyTo("a"));

  assert.deepEqual(taken, ["w-1", undefined]);
  polling.stop();
  await close();
});

Deno.test("an answer that is not committed yet acknowledges nothing", async () => {
  const { runtime, bus, publish, close } = openPolling();
  const takeReply = () => new Promise<string>(() => {});
  const polling = nodeOver(runtime, bus.consume.bind(bus), takeReply);
  await publish(command("a"));
  await polling.poll("cook", pollOf());

  void polling.reply("cook", replyTo("a"));
  await runtime.advance(LEASE_MS);

  assert.deepEqual(await idsOver(runtime, polling)(), ["a"]);
  polling.stop();
  await close();
});

Deno.test("a refused answer leaves the envelope to its lease", async () => {
  const { runtime, bus, publish, close } = openPolling();
  const takeReply = () => Promise.reject(new Error("forged"));
  const polling = nodeOver(runtime, bus.consume.bind(bus), takeReply);
  await publish(command("a"));
  await polling.poll("cook", pollOf());

  await assert.rejects(polling.reply("cook", replyTo("a")));

  await runtime.advance(LEASE_MS);
  assert.deepEqual(await idsOver(runtime, polling)(), ["a"]);
  polling.stop();
  await close();
});

Deno.test("silence brings an envelope back under its id when its lease ends", async () => {
  const { runtime, ids, publish, close } = openPolling();
  await publish(command("a"));
  await ids({ waitMs: 0 });

  const within = await ids({ waitMs: LEASE_MS - 1 });
  await runtime.advance(1);
  const after = await ids();

  assert.deepEqual([within, after], [[], ["a"]]);
  await close();
});

Deno.test("progress begins the lease anew", async () => {
  const { runtime, polling, ids, publish, close } = openPolling();
  await publish(command("a"));
  await ids();
  await runtime.advance(LEASE_MS - WAIT_MS - 1);

  await polling.reply("cook", replyTo("a", "tasker.step.progress"));

  assert.deepEqual(await ids({ waitMs: LEASE_MS - 1 }), []);
  await runtime.advance(1);
  assert.deepEqual(await ids(), ["a"]);
  await close();
});

Deno.test("each envelope has the lease of the poll that got it", async () => {
  const { runtime, ids, publish, close } = openPolling();
  await publish(command("long"), command("short"));
  await ids({ max: 1, leaseMs: 10 * LEASE_MS });
  await ids({ max: 1 });

  await runtime.advance(LEASE_MS);

  assert.deepEqual(await ids(), ["short"]);
  await close();
});

Deno.test("what wants no answer is acknowledged when it is handed over", async () => {
  const { runtime, ids, publish, close } = openPolling();
  await publish(cancelled("gone"));

  assert.deepEqual(await ids(), ["gone"]);

  await runtime.advance(LEASE_MS);
  assert.deepEqual(await ids(), []);
  await close();
});

Deno.test("what is no envelope is a dead letter, and the worker gets the rest", async () => {
  const { ids, publish, kept, close } = openPolling();
  await publish({ rubbish: true }, command("a"));

  assert.deepEqual(await ids(), ["a"]);
  assert.deepEqual(kept, ['{"rubbish":true}']);
  await close();
});

Deno.test("an answer at another node is harmless: the envelope comes again after its lease", async () => {
  const { runtime, bus, ids, publish, close } = openPolling();
  const other = nodeOver(runtime, bus.consume.bind(bus));
  await publish(command("a"));
  await ids();

  await other.reply("cook", replyTo("a"));
  await runtime.advance(LEASE_MS);
  const again = await idsOver(runtime, other)();
  await other.reply("cook", replyTo("a"));
  await runtime.advance(LEASE_MS);

  assert.deepEqual(again, ["a"]);
  assert.deepEqual(await ids(), []);
  await close();
});

Deno.test("a late answer to what another worker has acknowledges it", async () => {
  const { runtime, polling, ids, publish, close } = openPolling();
  await publish(command("a"));
  await ids();
  await runtime.advance(LEASE_MS);
  await ids();

  await polling.reply("cook", replyTo("a"));
  await polling.reply("cook", replyTo("a"));
  await runtime.advance(LEASE_MS);

  assert.deepEqual(await ids(), []);
  await close();
});

Deno.test("a copy of what a worker has was handed to the next, and its lease was void", async () => {
  const { runtime, polling, ids, publish, close } = openPolling();
  await publish(command("a"), command("a"));

  const first = await ids();
  const second = await ids();
  await publish(command("a"));
  const third = await ids();
  await polling.reply("cook", replyTo("a"));
  await runtime.advance(LEASE_MS);

  assert.deepEqual([first, second, third], [["a"], [], []]);
  assert.deepEqual(await ids(), []);
  await close();
});

Deno.test("copies come again together when their lease ends", async () => {
  const { runtime, ids, publish, close } = openPolling();
  await publish(command("a"), command("a"));
  await ids();

  await runtime.advance(LEASE_MS);

  assert.deepEqual(await ids(), ["a"]);
  await close();
});

Deno.test("one system settles nothing of another, whatever its envelopes are called", async () => {
  const { runtime, polling, ids, publish, close } = openPolling();
  await publish(command("a"));
  await ids();

  await polling.reply("waiter", replyTo("a"));
  await runtime.advance(LEASE_MS);

  assert.deepEqual(await ids(), ["a"]);
  await close();
});
