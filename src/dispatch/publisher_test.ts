import assert from "node:assert/strict";
import * as fc from "fast-check";
import { TaskerError } from "../core/errors.ts";
import {
  addressed,
  away,
  idsOf,
  openPublisher,
  OTHER_TASK,
  TASK,
} from "../../tests/support/dispatch_harness.ts";
import { PUBLISH_BATCH_MAX, RETRY } from "./publisher.ts";

/** The longest of all rests before a retry. */
const LONG_MS = RETRY.maxMs;

/** The bus refuses every batch that holds one of these for good. */
function refusing(...bad: readonly string[]) {
  return (ids: readonly string[]) =>
    ids.some((id) => bad.includes(id))
      ? Promise.reject(new TaskerError("payload.too_large", "no"))
      : Promise.resolve();
}

Deno.test("envelopes of one iteration of the event loop leave in one call a channel", async () => {
  const { runtime, calls, publisher } = openPublisher();

  publisher.put(addressed("a1"));
  publisher.put(addressed("b1", TASK, "t.cmd.mail"));
  publisher.put(addressed("a2"));
  await runtime.settle();

  assert.deepEqual(calls, [
    { channel: "t.cmd.stock", ids: ["a1", "a2"] },
    { channel: "t.cmd.mail", ids: ["b1"] },
  ]);
});

Deno.test("a call holds a bounded number of envelopes, in their order", async () => {
  const { runtime, calls, publisher } = openPublisher();
  const ids = idsOf("e", PUBLISH_BATCH_MAX + 1);

  for (const id of ids) publisher.put(addressed(id));
  await runtime.settle();

  assert.deepEqual(calls.map((call) => call.ids.length), [PUBLISH_BATCH_MAX, 1]);
  assert.deepEqual(calls.flatMap((call) => call.ids), ids);
});

Deno.test("a channel has one call under way, and what comes meanwhile goes with the next", async () => {
  const { runtime, calls, played, publisher } = openPublisher();
  const held = Promise.withResolvers<void>();
  played.answer = () => held.promise;
  publisher.put(addressed("first"));
  await runtime.settle();

  publisher.put(addressed("second"));
  publisher.put(addressed("third"));
  await runtime.settle();
  const before = calls.length;
  held.resolve();
  await runtime.settle();

  assert.equal(before, 1);
  assert.deepEqual(calls.map((call) => call.ids), [["first"], ["second", "third"]]);
});

Deno.test("a channel that hangs holds up no other", async () => {
  const { runtime, calls, played, publisher } = openPublisher();
  played.answer = () => new Promise(() => {});
  publisher.put(addressed("hangs"));
  await runtime.settle();

  publisher.put(addressed("goes", TASK, "t.cmd.mail"));
  await runtime.settle();

  assert.deepEqual(calls.map((call) => call.ids), [["hangs"], ["goes"]]);
});

Deno.test("all envelopes arrive in their order once the bus is back", async () => {
  const { runtime, calls, played, publisher } = openPublisher();
  played.answer = () => Promise.reject(away());
  for (const id of ["a", "b"]) publisher.put(addressed(id));
  await runtime.advance(3 * LONG_MS);
  publisher.put(addressed("c"));
  await runtime.settle();
  calls.length = 0;

  played.answer = () => Promise.resolve();
  await runtime.advance(LONG_MS);

  assert.deepEqual(calls, [{ channel: "t.cmd.stock", ids: ["a", "b", "c"] }]);
  assert.equal(publisher.unconfirmed(TASK), 0);
});

Deno.test("an envelope without a confirmation is sent again under its id", async () => {
  const { runtime, calls, played, publisher } = openPublisher();
  played.answer = () => Promise.reject(away());
  publisher.put(addressed("a"));
  await runtime.settle();
  played.answer = () => Promise.resolve();

  await runtime.advance(LONG_MS);

  assert.deepEqual(calls.map((call) => call.ids), [["a"], ["a"]]);
});

Deno.test("rests between tries double up to the longest, and are jittered downwards", async () => {
  const { runtime, played, publisher } = openPublisher();
  const times: number[] = [];
  played.answer = () => {
    times.push(runtime.monotonic());
    return Promise.reject(away());
  };
  publisher.put(addressed("a"));

  while (times.length < 12) await runtime.step();

  const rests = times.slice(1).map((time, at) => time - (times[at] ?? 0));
  const longest = [100, 200, 400, 800, 1_600, 3_200, 6_400, ...Array(4).fill(10_000)];
  rests.forEach((rest, at) => {
    assert.ok(rest <= longest[at] && rest >= longest[at] / 2, `rest ${at} was ${rest} ms`);
  });
});

Deno.test("envelopes that come while the bus is away start no call of their own", async () => {
  const { runtime, calls, played, publisher } = openPublisher();
  played.answer = () => Promise.reject(away());
  publisher.put(addressed("a"));
  await runtime.settle();

  for (const id of idsOf("b", 10)) {
    publisher.put(addressed(id));
    await runtime.settle();
  }

  assert.equal(calls.length, 1);
});

Deno.test("the log says once that the bus is away, and once that it is back", async () => {
  const { harness, runtime, played, publisher } = openPublisher();
  played.answer = () => Promise.reject(away());
  publisher.put(addressed("a"));
  await runtime.advance(5 * LONG_MS);
  played.answer = () => Promise.resolve();

  await runtime.advance(LONG_MS);

  assert.equal(harness.said("warn").length, 1);
  assert.equal(harness.said("info").length, 1);
});

Deno.test("a rest is short again after a confirmation", async () => {
  const { runtime, calls, played, publisher } = openPublisher();
  played.answer = () => Promise.reject(away());
  publisher.put(addressed("a"));
  await runtime.advance(5 * LONG_MS);
  played.answer = () => Promise.resolve();
  await runtime.advance(LONG_MS);
  played.answer = () => Promise.reject(away());
  publisher.put(addressed("b"));
  await runtime.settle();
  calls.length = 0;

  await runtime.advance(100);

  assert.deepEqual(calls.map((call) => call.ids), [["b"]]);
});

for (const at of [0, 1, 7, 8, 15]) {
  Deno.test(`an envelope refused for good is found by halving, at place ${at} of 16`, async () => {
    const { harness, runtime, calls, played, publisher, published } = openPublisher();
    const ids = idsOf("e", 16);
    const bad = ids[at] as string;
    played.answer = refusing(bad);

    for (const id of ids) publisher.put(addressed(id));
    await runtime.settle();

    const arrived = calls.filter((call) => !call.ids.includes(bad)).flatMap((call) => call.ids);
    assert.deepEqual(arrived, ids.filter((id) => id !== bad));
    assert.equal(published("refused"), 1);
    assert.equal(published("confirmed"), 15);
    assert.equal(publisher.unconfirmed(TASK), 0);
    assert.equal(harness.said("error").length, 1);
    assert.ok(calls.length <= 16, `it took ${calls.length} calls`);
  });
}

Deno.test("several envelopes refused for good keep none of the others", async () => {
  const { runtime, calls, played, publisher, published } = openPublisher();
  const ids = idsOf("e", 20);
  const bad = ["e3", "e4", "e19"];
  played.answer = refusing(...bad);

  for (const id of ids) publisher.put(addressed(id));
  await runtime.settle();

  const arrived = calls.map((call) => call.ids).filter((call) =>
    !call.some((id) => bad.includes(id))
  );
  assert.deepEqual(arrived.flat(), ids.filter((id) => !bad.includes(id)));
  assert.equal(published("refused"), 3);
});

Deno.test("what cannot be made into an envelope keeps no other from being sent", async () => {
  const { runtime, calls, publisher } = openPublisher();
  publisher.put({ ...addressed("unmade"), make: () => undefined });
  publisher.put(addressed("b"));

  await runtime.settle();

  assert.deepEqual(calls.map((call) => call.ids), [["b"]]);
  assert.equal(publisher.unconfirmed(TASK), 0);
});

Deno.test("what is put again while it is on its way goes out again", async () => {
  const { runtime, calls, played, publisher } = openPublisher();
  const held = Promise.withResolvers<void>();
  played.answer = () => held.promise;
  publisher.put(addressed("a"));
  await runtime.settle();

  publisher.put(addressed("a"));
  held.resolve();
  await runtime.settle();

  assert.deepEqual(calls.map((call) => call.ids), [["a"], ["a"]]);
  assert.equal(publisher.unconfirmed(TASK), 0);
});

Deno.test("takeBack() takes an envelope that waits", async () => {
  const { runtime, calls, publisher } = openPublisher();
  publisher.put(addressed("a"));
  publisher.put(addressed("b"));

  publisher.takeBack("t.cmd.stock", "a");
  await runtime.settle();

  assert.deepEqual(calls.map((call) => call.ids), [["b"]]);
  assert.equal(publisher.unconfirmed(TASK), 0);
});

Deno.test("takeBack() leaves what is on its way", async () => {
  const { runtime, played, publisher } = openPublisher();
  const held = Promise.withResolvers<void>();
  played.answer = () => held.promise;
  publisher.put(addressed("a"));
  await runtime.settle();

  publisher.takeBack("t.cmd.stock", "a");

  assert.equal(publisher.unconfirmed(TASK), 1);
  held.resolve();
  await runtime.settle();
  assert.equal(publisher.unconfirmed(TASK), 0);
});

Deno.test("takeBack() of what never was there changes nothing", () => {
  const { publisher } = openPublisher();

  publisher.takeBack("t.cmd.nobody", "a");

  assert.equal(publisher.unconfirmed(TASK), 0);
});

Deno.test("takeBack() left a copy of an envelope that was put twice", async () => {
  const { runtime, calls, publisher } = openPublisher();
  publisher.put(addressed("a"));
  publisher.put(addressed("a"));

  publisher.takeBack("t.cmd.stock", "a");
  await runtime.settle();

  assert.deepEqual(calls, []);
  assert.equal(publisher.unconfirmed(TASK), 0);
});

Deno.test("envelopes are unconfirmed, by task, until the bus has them", async () => {
  const { runtime, played, publisher } = openPublisher();
  const held = Promise.withResolvers<void>();
  played.answer = () => held.promise;
  publisher.put(addressed("a"));
  publisher.put(addressed("b"));
  publisher.put(addressed("c", OTHER_TASK));
  await runtime.settle();
  assert.deepEqual([TASK, OTHER_TASK].map((task) => publisher.unconfirmed(task)), [2, 1]);

  held.resolve();
  await runtime.settle();

  assert.deepEqual([TASK, OTHER_TASK].map((task) => publisher.unconfirmed(task)), [0, 0]);
});

Deno.test("close() sends nothing more, and lets nothing be put", async () => {
  const { runtime, calls, played, publisher } = openPublisher();
  played.answer = () => Promise.reject(away());
  publisher.put(addressed("a"));
  await runtime.settle();

  publisher.close();
  publisher.put(addressed("b"));
  await runtime.advance(5 * LONG_MS);

  assert.equal(calls.length, 1);
  assert.equal(publisher.unconfirmed(TASK), 0);
  assert.equal(await runtime.step(), false);
});

for (const [what, isConfirmed] of [["confirmed", true], ["refused", false]] as const) {
  Deno.test(`a call that is ${what} after close() leaves no count and no timer`, async () => {
    const { runtime, played, publisher } = openPublisher();
    const held = Promise.withResolvers<void>();
    played.answer = () => held.promise;
    publisher.put(addressed("a"));
    await runtime.settle();

    publisher.close();
    if (isConfirmed) held.resolve();
    else held.reject(away());
    await runtime.settle();

    assert.equal(publisher.unconfirmed(TASK), 0);
    assert.equal(await runtime.step(), false);
  });
}

/** What happens to a publisher, at random. */
const happening = fc.oneof(
  { weight: 5, arbitrary: fc.constant("put" as const) },
  { weight: 1, arbitrary: fc.constant("put a bad one" as const) },
  { weight: 1, arbitrary: fc.constant("take back the last" as const) },
  { weight: 1, arbitrary: fc.constant("bus goes" as const) },
  { weight: 1, arbitrary: fc.constant("bus comes" as const) },
  { weight: 2, arbitrary: fc.constant("time passes" as const) },
);

Deno.test("whatever happens, what is put arrives once the bus is back, in its order", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(happening, { minLength: 5, maxLength: 60 }), async (happenings) => {
      const { runtime, played, publisher } = openPublisher();
      const [kept, takenBack] = [new Set<number>(), new Set<number>()];
      const confirmed: number[] = [];
      let [isAway, number] = [false, 0];
      played.answer = (ids) => {
        if (isAway) return Promise.reject(away());
        if (ids.some((id) => id.startsWith("bad"))) return refusing(...ids)(ids);
        confirmed.push(...ids.map(Number));
        return Promise.resolve();
      };

      for (const happening of happenings) {
        if (happening === "put") publisher.put(addressed(String(++number))), kept.add(number);
        else if (happening === "put a bad one") publisher.put(addressed(`bad${++number}`));
        else if (happening === "take back the last") {
          publisher.takeBack("t.cmd.stock", String(number));
          takenBack.add(number);
        } else if (happening === "time passes") await runtime.advance(150);
        else isAway = happening === "bus goes";
      }
      isAway = false;
      await runtime.advance(2 * LONG_MS);

      assert.deepEqual(confirmed, confirmed.toSorted((one, other) => one - other));
      assert.equal(new Set(confirmed).size, confirmed.length);
      const missing = [...kept].filter((id) => !confirmed.includes(id) && !takenBack.has(id));
      assert.deepEqual(missing, []);
      assert.equal(publisher.unconfirmed(TASK), 0);
      assert.equal(await runtime.step(), false);
    }),
  );
});
