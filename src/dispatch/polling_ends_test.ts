import assert from "node:assert/strict";
import { VirtualRuntime } from "../server/virtual_runtime.ts";
import {
  cancelled,
  CHANNEL,
  command,
  countedSignal,
  idsOver,
  nodeOver,
  openPolling,
  pollOf,
  slowBus,
  WAIT_MS,
} from "../../tests/support/polling_harness.ts";
import { away } from "../../tests/support/dispatch_harness.ts";
import { LOOK_MS } from "./polling.ts";

Deno.test("a poll that does not wait never got what waits on a bus that has to look", async () => {
  const runtime = new VirtualRuntime();
  const { opening, consume, deliver } = slowBus();
  const polled = nodeOver(runtime, consume).poll("cook", pollOf({ waitMs: 0 }));
  opening.resolve();
  await runtime.advance(LOOK_MS - 1);

  void deliver(command("a"));
  await runtime.settle();

  assert.deepEqual((await polled).map(({ id }) => id), ["a"]);
});

Deno.test("a client that has gone already gets nothing, and takes nothing", async () => {
  const { bus, polling, publish, close } = openPolling();
  await publish(command("a"));

  assert.deepEqual(await polling.poll("cook", pollOf({ signal: AbortSignal.abort() })), []);

  assert.equal(await bus.depth(CHANNEL), 1);
  await close();
});

Deno.test("a client that goes while it waits ends its poll", async () => {
  const { runtime, polling, ids, publish, close } = openPolling();
  const { controller, signal, listeners } = countedSignal();
  const polled = polling.poll("cook", pollOf({ signal, waitMs: 60_000 }));
  await runtime.settle();

  controller.abort();

  assert.deepEqual(await polled, []);
  assert.equal(listeners(), 0);
  await publish(command("a"));
  assert.deepEqual(await ids(), ["a"]);
  await close();
});

for (const envelope of [command("a"), cancelled("a")]) {
  const what = envelope.taskerreplytoken === undefined ? "a cancel" : "a command";

  Deno.test(`${what} that came as its client went was lost, at least for the lease`, async () => {
    const { runtime, bus, polling, ids, close } = openPolling();
    const client = new AbortController();
    const polled = polling.poll("cook", pollOf({ signal: client.signal }));
    await runtime.settle();

    await bus.publish(CHANNEL, [envelope]);
    client.abort();

    assert.deepEqual(await polled, []);
    assert.deepEqual(await ids(), ["a"]);
    await close();
  });
}

Deno.test("a client that went while the bus openPolling took envelopes with it", async () => {
  const runtime = new VirtualRuntime();
  const { opening, consume, deliver, ends } = slowBus();
  const client = new AbortController();
  const polled = nodeOver(runtime, consume).poll("cook", pollOf({ signal: client.signal }));

  client.abort();
  const handled = deliver(command("a"));
  opening.resolve();

  assert.deepEqual(await polled, []);
  assert.deepEqual(await handled, { kind: "retry", afterMs: 0 });
  assert.equal(ends(), 1);
});

Deno.test("a bus that hands over before it has openPolling is waited for", async () => {
  const runtime = new VirtualRuntime();
  const { opening, consume, deliver } = slowBus();
  const polled = nodeOver(runtime, consume).poll("cook", pollOf());

  void deliver(command("a"));
  await runtime.settle();
  opening.resolve();

  assert.deepEqual((await polled).map(({ id }) => id), ["a"]);
});

Deno.test("a bus that cannot be opened is reported, and nothing is left behind", async () => {
  const runtime = new VirtualRuntime();
  const { opening, consume, deliver } = slowBus();
  const { signal, listeners } = countedSignal();
  const polled = nodeOver(runtime, consume).poll("cook", pollOf({ signal }));
  const handled = deliver(command("a"));

  opening.reject(away());

  await assert.rejects(polled, { code: "bus.unavailable" });
  assert.deepEqual(await handled, { kind: "retry", afterMs: 0 });
  assert.equal(listeners(), 0);
  await runtime.settle();
  assert.equal(await runtime.step(), false);
});

Deno.test("a poll takes no more than it asked for from a bus that hands over more", async () => {
  const runtime = new VirtualRuntime();
  const { opening, consume, deliver } = slowBus();
  const polled = nodeOver(runtime, consume).poll("cook", pollOf({ max: 1 }));
  opening.resolve();
  await runtime.settle();

  void deliver(command("a"));
  const handled = await deliver(command("b"));

  assert.deepEqual((await polled).map(({ id }) => id), ["a"]);
  assert.deepEqual(handled, { kind: "retry", afterMs: 0 });
});

Deno.test("what arrives after a poll is over goes back to the bus", async () => {
  const runtime = new VirtualRuntime();
  const { opening, consume, deliver } = slowBus();
  const polled = nodeOver(runtime, consume).poll("cook", pollOf());
  opening.resolve();
  await runtime.advance(WAIT_MS);

  const handled = await deliver(command("a"));

  assert.deepEqual(await polled, []);
  assert.deepEqual(handled, { kind: "retry", afterMs: 0 });
});

Deno.test("a poll leaves no timer and no listener", async () => {
  const { runtime, bus, polling, publish } = openPolling();
  const { signal, listeners } = countedSignal();
  await publish(cancelled("a"));

  await polling.poll("cook", pollOf({ signal }));

  await runtime.settle();
  assert.equal(await runtime.step(), false);
  assert.equal(listeners(), 0);
  await bus.close();
});

Deno.test("stop() gives back what workers have", async () => {
  const { runtime, bus, polling, ids, publish, close } = openPolling();
  await publish(command("a"));
  await ids();

  polling.stop();

  const other = nodeOver(runtime, bus.consume.bind(bus));
  assert.deepEqual(await idsOver(runtime, other)(), ["a"]);
  other.stop();
  await close();
});

Deno.test("stop() ends the polls that wait, and later ones get nothing", async () => {
  const { runtime, bus, polling, publish, close } = openPolling();
  const polled = polling.poll("cook", pollOf({ waitMs: 60_000 }));
  await runtime.settle();

  polling.stop();
  await publish(command("a"));

  assert.deepEqual(await polled, []);
  assert.deepEqual(await polling.poll("cook", pollOf()), []);
  assert.equal(await bus.depth(CHANNEL), 1);
  await close();
});

Deno.test("stop() while the bus openPolling was missed by the poll that openPolling it", async () => {
  const runtime = new VirtualRuntime();
  const { opening, consume, deliver, ends } = slowBus();
  const polling = nodeOver(runtime, consume);
  const polled = polling.poll("cook", pollOf({ waitMs: 60_000 }));

  polling.stop();
  const handled = deliver(command("a"));
  opening.resolve();

  assert.deepEqual(await polled, []);
  assert.deepEqual(await handled, { kind: "retry", afterMs: 0 });
  assert.equal(ends(), 1);
});
