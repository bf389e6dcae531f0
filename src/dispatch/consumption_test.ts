import assert from "node:assert/strict";
import { TaskerError } from "../core/errors.ts";
import { mintTaskId, type TaskId } from "../core/ids.ts";
import type { ConsumeOptions, Delivery, Handled } from "../core/ports.ts";
import {
  away,
  DispatchHarness,
  OTHER_TASK,
  planFor,
  TASK,
} from "../../tests/support/dispatch_harness.ts";
import {
  AGAIN,
  BROKEN_DELIVERIES_MAX,
  consumeChannels,
  ENGINE_GROUP,
  LEASE_MS,
  PLANS_KEPT_MIN,
  rememberPlans,
  REOPEN_MS,
} from "./consumption.ts";

type Handle = (delivery: Delivery) => Promise<Handled>;

/** A bus that hands over what the test says. */
class PlayedBus {
  readonly opened: { channel: string; options: ConsumeOptions }[] = [];
  readonly handles: Handle[] = [];
  ends = 0;
  /** Thrown by each `consume` while it is set. */
  refusal: Error | undefined;
  /** What each `consume` waits for. */
  opening: Promise<void> = Promise.resolve();

  async consume(channel: string, options: ConsumeOptions, handle: Handle) {
    this.opened.push({ channel, options });
    await this.opening;
    if (this.refusal !== undefined) throw this.refusal;
    this.handles.push(handle);
    return () => Promise.resolve(void this.ends++);
  }
}

interface Played {
  handle?: (delivery: Delivery) => Promise<Handled>;
  deadLetter?: (delivery: Delivery, error: unknown) => Promise<Handled>;
  refusal?: Error;
}

async function opened({ handle, deadLetter, refusal }: Played = {}) {
  const harness = new DispatchHarness();
  const bus = new PlayedBus();
  bus.refusal = refusal;
  const putAside: unknown[] = [];
  const consumed = {
    channel: "t.in.shop",
    inFlightMax: 3,
    handle: handle ?? (() => Promise.resolve<Handled>({ kind: "ack" })),
    deadLetter: deadLetter ?? ((_: Delivery, error: unknown) => {
      putAside.push(error);
      return Promise.resolve<Handled>({ kind: "dead", reason: "putAside" });
    }),
  };
  const end = consumeChannels({ ...harness, runtime: harness.runtime, bus }, [consumed]);
  await harness.runtime.settle();
  const deliver = (deliveries = 1) => {
    const [first] = bus.handles;
    assert.ok(first !== undefined);
    return first({ body: "{}", deliveries });
  };
  return { harness, runtime: harness.runtime, bus, end, deliver, putAside };
}

function failing(error: unknown): Played {
  return { handle: () => Promise.reject(error) };
}

Deno.test("a channel is consumed for the group of all nodes, under its inFlightMax and a lease", async () => {
  const { bus } = await opened();

  assert.deepEqual(bus.opened, [{
    channel: "t.in.shop",
    options: { group: ENGINE_GROUP, inFlightMax: 3, leaseMs: LEASE_MS },
  }]);
});

Deno.test("what is handled is settled as the handler says, and counted", async () => {
  const { harness, deliver } = await opened();

  const handled = await deliver();

  assert.deepEqual(handled, { kind: "ack" });
  assert.equal(harness.metrics.counter("tasker_bus_consumed_total", "ack").value, 1);
});

Deno.test("an error that never passes puts its envelope aside", async () => {
  const error = new TaskerError("bus.envelope_invalid", "broken");
  const { deliver, putAside } = await opened(failing(error));

  const handled = await deliver();

  assert.deepEqual(handled, { kind: "dead", reason: "putAside" });
  assert.deepEqual(putAside, [error]);
});

for (const code of ["journal.unavailable", "journal.ownership_lost"] as const) {
  Deno.test(`${code} brings the envelope again, however often it came`, async () => {
    const { deliver, putAside } = await opened(failing(new TaskerError(code, "not now")));

    const handled = await deliver(1_000);

    assert.deepEqual(handled, { kind: "retry", afterMs: AGAIN.maxMs });
    assert.deepEqual(putAside, []);
  });
}

Deno.test("an envelope comes again after ever longer rests, up to the longest", async () => {
  const { deliver } = await opened(failing(away()));

  const rests: number[] = [];
  for (const deliveries of [0, 1, 2, 3, 8, 9, 5_000]) {
    const handled = await deliver(deliveries);
    rests.push(handled.kind === "retry" ? handled.afterMs : -1);
  }

  const { minMs: min, maxMs: max } = AGAIN;
  assert.deepEqual(rests, [min, min, 2 * min, 4 * min, 128 * min, max, max]);
});

Deno.test("an envelope comes again when its error says so", async () => {
  const full = new TaskerError("mailbox.full", "full", { retryAfterMs: 7_000 });
  const { deliver } = await opened(failing(full));

  assert.deepEqual(await deliver(), { kind: "retry", afterMs: 7_000 });
});

Deno.test("a bug of ours is tried some times, then its envelope is put aside", async () => {
  const { harness, deliver, putAside } = await opened(failing(new TypeError("bug")));

  const kinds: string[] = [];
  for (let deliveries = 1; deliveries <= BROKEN_DELIVERIES_MAX; deliveries++) {
    kinds.push((await deliver(deliveries)).kind);
  }

  assert.deepEqual(kinds, [...Array(BROKEN_DELIVERIES_MAX - 1).fill("retry"), "dead"]);
  assert.equal(putAside.length, 1);
  assert.equal(harness.said("error").length, BROKEN_DELIVERIES_MAX);
});

Deno.test("an envelope that cannot be put aside yet comes again", async () => {
  const { harness, deliver } = await opened({
    ...failing(new TaskerError("bus.envelope_invalid", "broken")),
    deadLetter: () => Promise.reject(new TaskerError("journal.unavailable", "away")),
  });

  const handled = await deliver(2);

  assert.deepEqual(handled, { kind: "retry", afterMs: 2 * AGAIN.minMs });
  assert.equal(harness.metrics.counter("tasker_bus_consumed_total", "retry").value, 1);
});

Deno.test("an error thrown before a promise is sorted like any other", async () => {
  const { deliver, putAside } = await opened({
    handle() {
      throw new TaskerError("bus.envelope_invalid", "broken");
    },
  });

  const handled = await deliver();

  assert.deepEqual(handled, { kind: "dead", reason: "putAside" });
  assert.equal(putAside.length, 1);
});

Deno.test("a channel that cannot be consumed is tried until it can", async () => {
  const { runtime, bus } = await opened({ refusal: away() });
  await runtime.advance(3 * REOPEN_MS);
  const tries = bus.opened.length;
  bus.refusal = undefined;

  await runtime.advance(REOPEN_MS);

  assert.equal(tries, 4);
  assert.equal(bus.handles.length, 1);
  assert.equal(await runtime.step(), false);
});

Deno.test("a bus that was away wrote a line a second for each channel", async () => {
  const { harness, runtime, bus } = await opened({ refusal: away() });
  await runtime.advance(60 * REOPEN_MS);
  bus.refusal = undefined;

  await runtime.advance(REOPEN_MS);

  assert.equal(harness.said("warn").length, 1);
  assert.equal(harness.said("info").length, 1);
});

Deno.test("ending ends what is consumed", async () => {
  const { bus, end } = await opened();

  await end();

  assert.equal(bus.ends, 1);
});

Deno.test("ending while the bus is away stops the tries", async () => {
  const { runtime, bus, end } = await opened({ refusal: away() });

  await end();
  await runtime.advance(5 * REOPEN_MS);

  assert.equal(bus.opened.length, 1);
  assert.equal(await runtime.step(), false);
});

for (const [what, refusal] of [["opens", undefined], ["fails", away()]] as const) {
  Deno.test(`ending while a channel still ${what} leaves nothing behind`, async () => {
    const { runtime, bus, end } = await opened({ refusal: away() });
    const held = Promise.withResolvers<void>();
    bus.opening = held.promise;
    bus.refusal = refusal;
    await runtime.advance(REOPEN_MS);

    const ending = end();
    held.resolve();
    await ending;

    assert.equal(bus.ends, bus.handles.length);
    assert.equal(await runtime.step(), false);
  });
}

const plan = planFor();

function openPlans(known: (taskId: TaskId) => boolean = () => true) {
  const asked: TaskId[] = [];
  const planOf = rememberPlans((taskId) => {
    asked.push(taskId);
    return Promise.resolve(known(taskId) ? plan : undefined);
  });
  return { planOf, asked };
}

function taskIds(count: number): TaskId[] {
  return Array.from(
    { length: count },
    (_, at) => mintTaskId(2_000_000 + at, 1, "00000000-0000-4000-8000-000000000001"),
  );
}

Deno.test("a task's plan is looked up once", async () => {
  const { planOf, asked } = openPlans();

  const plans = [await planOf(TASK), await planOf(TASK)];

  assert.deepEqual(plans, [plan, plan]);
  assert.deepEqual(asked, [TASK]);
});

Deno.test("a task that is not there yet is looked up again", async () => {
  let isThere = false;
  const { planOf, asked } = openPlans(() => isThere);

  const before = await planOf(TASK);
  isThere = true;
  const after = await planOf(TASK);

  assert.deepEqual([before, after], [undefined, plan]);
  assert.equal(asked.length, 2);
});

Deno.test("a look-up that fails is not remembered", async () => {
  let isAway = true;
  const planOf = rememberPlans(() =>
    isAway ? Promise.reject(new Error("away")) : Promise.resolve(plan)
  );
  await assert.rejects(planOf(TASK));

  isAway = false;

  assert.equal(await planOf(TASK), plan);
});

Deno.test("a limited number of plans is remembered, and the longest unused is forgotten", async () => {
  const { planOf, asked } = openPlans();
  await planOf(TASK);
  await planOf(OTHER_TASK);
  for (const taskId of taskIds(2 * PLANS_KEPT_MIN)) {
    await planOf(taskId);
    await planOf(TASK);
  }
  asked.length = 0;

  await planOf(TASK);
  await planOf(OTHER_TASK);

  assert.deepEqual(asked, [OTHER_TASK]);
});
