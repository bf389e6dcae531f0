import assert from "node:assert/strict";
import { parseEnvelope } from "../core/envelope.ts";
import { TaskerError } from "../core/errors.ts";
import {
  ANSWERS,
  away,
  type DispatchHarness,
  IN,
  mute,
  openAsked,
  OTHER_TASK,
  request,
  start,
  STARTED,
  TASK,
} from "../../tests/support/dispatch_harness.ts";
import { AGAIN } from "./consumption.ts";

const KEY = "ce:shop:%2Fshop/r-1";

/** What the answers say. */
async function answersOf(harness: DispatchHarness, channel = ANSWERS) {
  const answers = await harness.taken(channel);
  return answers.map(({ type, data }) => ({ type, data }));
}

/** The codes of refusals that were reported. */
async function refusalsOf(harness: DispatchHarness) {
  const answers = await answersOf(harness);
  return answers.map(({ type, data }) => ({ type, code: (data as { code: string }).code }));
}

function rejected(code: string) {
  return { type: "tasker.task.rejected", code };
}

const ACCEPTED = { type: "tasker.task.accepted", data: { taskId: TASK } };

Deno.test("a start is passed on, under its source and id", async () => {
  const { harness, starts } = openAsked();
  const data = { version: "1.0.0", tags: ["vip"], deadlineMs: 60_000 };

  await harness.publish(IN, start(data));

  assert.deepEqual(starts, [{
    workflow: "test/played",
    input: { sku: "a" },
    tags: ["vip"],
    key: KEY,
    commandId: KEY,
    version: "1.0.0",
    deadlineMs: 60_000,
  }]);
  assert.equal(await harness.bus.depth(IN), 0);
});

Deno.test("a start carries on the trace of its envelope, unless that is broken", async () => {
  const { harness, starts } = openAsked();
  const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

  await harness.publish(IN, start({}, { traceparent }), start({}, { traceparent: "rubbish" }));

  assert.deepEqual(starts.map((one) => one.traceparent), [traceparent, undefined]);
});

Deno.test("an accepted start is answered into the command channel, with its task", async () => {
  const { harness } = openAsked();

  await harness.publish(IN, start({}, { subject: "order-7", correlationid: "c-1" }));

  assert.deepEqual(await harness.taken(ANSWERS), [{
    specversion: "1.0",
    id: "r-1:accepted",
    source: "/tasker/t",
    type: "tasker.task.accepted",
    subject: "order-7",
    time: "2026-01-01T00:00:00.000Z",
    correlationid: "c-1",
    causationid: "r-1",
    datacontenttype: "application/json",
    data: { taskId: TASK },
  }]);
});

Deno.test("an answer correlates to the request unless that names another", async () => {
  const { harness } = openAsked();

  await harness.publish(IN, start());

  assert.deepEqual((await harness.taken(ANSWERS)).map((one) => one.correlationid), ["r-1"]);
});

Deno.test("the same request twice is one command, answered alike", async () => {
  const { harness, starts } = openAsked();

  await harness.publish(IN, start(), start());

  assert.deepEqual(starts.map((one) => one.commandId), [KEY, KEY]);
  const [first, second] = await harness.taken(ANSWERS);
  assert.deepEqual(first, second);
});

Deno.test("no two sources and ids, and no two systems, are the same request", async () => {
  const { harness, starts } = openAsked();

  await harness.publish(
    IN,
    start({}, { source: "/shop", id: "eu/1" }),
    start({}, { source: "/shop/eu", id: "1" }),
  );

  assert.deepEqual(starts.map((one) => one.key), [
    "ce:shop:%2Fshop/eu%2F1",
    "ce:shop:%2Fshop%2Feu/1",
  ]);
});

Deno.test("the same id of another source is another request", async () => {
  const { harness, starts } = openAsked();

  await harness.publish(IN, start(), start({}, { source: "/shop/till" }));

  assert.deepEqual(starts.map((one) => one.key), [KEY, "ce:shop:%2Fshop%2Ftill/r-1"]);
});

for (
  const [what, channel] of [
    ["nowhere", undefined],
    ["the command channel of another system", "t.cmd.mail"],
    ["an inbound channel", IN],
  ] as const
) {
  Deno.test(`a request that wants its answer in ${what} is obeyed without one`, async () => {
    const { harness, starts, end } = openAsked();
    const asked = channel === undefined ? mute(start()) : start({}, { taskerreplyto: channel });

    await harness.publish(IN, asked);
    await end();

    assert.equal(starts.length, 1);
    for (const one of [ANSWERS, "t.cmd.mail", IN]) {
      assert.deepEqual(await harness.taken(one), [], one);
    }
    assert.deepEqual(harness.dead.letters, []);
  });
}

Deno.test("a signal is sent to the task that is its subject", async () => {
  const { harness } = openAsked();
  const data = { name: "approval", payload: { by: "Ada" } };

  await harness.publish(IN, request("signal", data, { subject: TASK }));

  assert.deepEqual(harness.sink.sent, [{
    kind: "SendSignal",
    taskId: TASK,
    commandId: KEY,
    name: "approval",
    payload: '{"by":"Ada"}',
  }]);
  assert.deepEqual(await answersOf(harness), [ACCEPTED]);
});

for (const [by, shown] of [[undefined, "shop"], ["Ada", "Ada (shop)"]] as const) {
  Deno.test(`a cancel ${by === undefined ? "of nobody" : "by a person"} names its system`, async () => {
    const { harness } = openAsked();
    const data = { reason: "out of stock", ...(by !== undefined && { by }) };

    await harness.publish(IN, request("cancel", data, { subject: TASK }));

    assert.deepEqual(harness.sink.sent, [{
      kind: "CancelTask",
      taskId: TASK,
      commandId: KEY,
      by: shown,
      reason: "out of stock",
    }]);
    assert.deepEqual(await answersOf(harness), [ACCEPTED]);
  });
}

Deno.test("a cancel needs no data", async () => {
  const { harness } = openAsked();

  await harness.publish(IN, request("cancel", null, { subject: TASK }));

  assert.deepEqual(await answersOf(harness), [ACCEPTED]);
});

Deno.test("a system may not start in a namespace where it owns no step", async () => {
  const { harness, starts } = openAsked();

  await harness.publish(IN, start({ workflow: "billing/bill" }));

  assert.deepEqual(starts, []);
  assert.deepEqual(await refusalsOf(harness), [rejected("api.forbidden")]);
});

Deno.test("a request is bound to the system of its channel, whatever its source says", async () => {
  const { harness, starts } = openAsked();

  await harness.publish("t.in.mail", mute(start()));

  assert.deepEqual(starts, []);
  assert.equal(harness.dead.letters.length, 1);
});

for (const type of ["signal", "cancel"]) {
  const data = type === "signal" ? { name: "approval", payload: 1 } : {};

  Deno.test(`a task of another namespace does not exist for a ${type}`, async () => {
    const { harness } = openAsked();

    await harness.publish("t.in.mail", {
      ...request(type, data, { subject: TASK }),
      source: "/mail",
      taskerreplyto: "t.cmd.mail",
    });

    assert.deepEqual(harness.sink.sent, []);
    const [answer] = await harness.taken("t.cmd.mail");
    assert.equal((answer?.data as { code: string }).code, "task.not_found");
  });

  Deno.test(`a ${type} for a task that does not exist is rejected`, async () => {
    const { harness } = openAsked();

    await harness.publish(IN, request(type, data, { subject: OTHER_TASK }));

    assert.deepEqual(harness.sink.sent, []);
    assert.deepEqual(await refusalsOf(harness), [rejected("task.not_found")]);
  });

  Deno.test(`a ${type} whose subject is no task id is rejected`, async () => {
    const { harness } = openAsked();

    await harness.publish(IN, request(type, data, { subject: "order-7" }));

    assert.deepEqual(await refusalsOf(harness), [rejected("task.id_invalid")]);
  });

  Deno.test(`a ${type} without a subject is reported, and put aside`, async () => {
    const { harness } = openAsked();

    await harness.publish(IN, request(type, data));

    assert.deepEqual(await refusalsOf(harness), [rejected("bus.envelope_invalid")]);
    assert.equal(harness.dead.letters.length, 1);
  });
}

Deno.test("what the task refuses is reported, and is no dead letter", async () => {
  const { harness } = openAsked();
  harness.sink.decide = () => Promise.reject(new TaskerError("task.ended", "it has ended"));

  await harness.publish(IN, request("cancel", {}, { subject: TASK }));

  assert.deepEqual(await refusalsOf(harness), [rejected("task.ended")]);
  assert.deepEqual(harness.dead.letters, []);
  assert.equal(await harness.bus.depth(IN), 0);
});

Deno.test("a refusal that nobody can hear of is put aside", async () => {
  const { harness, played } = openAsked();
  played.start = () => Promise.reject(new TaskerError("contract.violation", "input.sku: no"));

  await harness.publish(IN, mute(start()));

  assert.deepEqual(harness.dead.letters.map(({ channel, reason }) => ({ channel, reason })), [
    { channel: IN, reason: "input.sku: no" },
  ]);
  assert.equal(harness.metrics.counter("tasker_dead_letters_total", "inbound").value, 1);
});

for (
  const [what, wrong] of [
    ["an unknown type", request("pause", {})],
    ["a start without a workflow", request("start", { input: {} })],
    ["a workflow that is no name", start({ workflow: "played" })],
    ["a field too many", start({ urgency: 1 })],
    ["tags that are no list", start({ tags: "vip" })],
    ["a deadline in the past", start({ deadlineMs: 0 })],
    ["data that is no object", request("start", "played")],
    ["a signal without a name", request("signal", { payload: 1 }, { subject: TASK })],
    ["a cancel with a reason that is none", request("cancel", { reason: 7 }, { subject: TASK })],
  ] as const
) {
  Deno.test(`a request with ${what} is reported, and put aside`, async () => {
    const { harness, starts } = openAsked();

    await harness.publish(IN, wrong);

    assert.deepEqual([...starts, ...harness.sink.sent], []);
    assert.deepEqual(await refusalsOf(harness), [rejected("bus.envelope_invalid")]);
    assert.equal(harness.dead.letters.length, 1);
    assert.equal(await harness.bus.depth(IN), 0);
  });
}

Deno.test("what is no envelope is put aside at its first delivery", async () => {
  const { harness } = openAsked();

  await harness.publish(IN, { hello: "world" });

  assert.deepEqual(harness.dead.letters.map(({ body }) => body), ['{"hello":"world"}']);
  assert.equal(await harness.bus.depth(IN), 0);
});

Deno.test("a request that may succeed later comes again", async () => {
  const { harness, starts, played } = openAsked();
  played.start = () => Promise.reject(new TaskerError("node.draining", "not here"));
  await harness.publish(IN, start());
  played.start = () => Promise.resolve(STARTED);

  await harness.runtime.advance(AGAIN.minMs);

  assert.equal(starts.length, 2);
  assert.deepEqual(await answersOf(harness), [ACCEPTED]);
});

Deno.test("a request whose answer cannot be published comes again, and is obeyed once", async () => {
  const { harness, starts, played } = openAsked();
  const { publish } = played;
  played.publish = () => Promise.reject(away());
  await harness.publish(IN, start());
  played.publish = publish;

  await harness.runtime.advance(AGAIN.minMs);

  assert.deepEqual(starts.map((one) => one.commandId), [KEY, KEY]);
  assert.deepEqual(await answersOf(harness), [ACCEPTED]);
  assert.deepEqual(harness.dead.letters, []);
});

Deno.test("a deadline without an end broke the actor that was to send its steps", async () => {
  const { harness, starts } = openAsked();

  await harness.publish(IN, start({ deadlineMs: Number.MAX_SAFE_INTEGER }));

  assert.deepEqual(starts, []);
  assert.deepEqual(await refusalsOf(harness), [rejected("bus.envelope_invalid")]);
});

Deno.test("a refusal with a long detail was never reported", async () => {
  const { harness, played } = openAsked();
  played.start = () => Promise.reject(new TaskerError("contract.violation", "x".repeat(200_000)));

  await harness.publish(IN, start());

  assert.deepEqual(await refusalsOf(harness), [rejected("contract.violation")]);
  assert.deepEqual(harness.dead.letters, []);
});

Deno.test("a request was reported as rejected because its acceptance could not be reported", async () => {
  const { harness, played } = openAsked();
  const types: string[] = [];
  played.publish = (_, envelopes) => {
    types.push(...envelopes.map(({ type }) => type));
    return Promise.reject(new TaskerError("payload.too_large", "no"));
  };

  await harness.publish(IN, start());

  assert.deepEqual(types, ["tasker.task.accepted"]);
});

Deno.test("a start without an input was refused, whatever its workflow takes", async () => {
  const { harness, starts } = openAsked();

  await harness.publish(IN, request("start", { workflow: "test/played" }));

  assert.deepEqual(starts.map(({ input }) => input), [undefined]);
});

Deno.test("a signal without a payload was refused", async () => {
  const { harness } = openAsked();

  await harness.publish(IN, request("signal", { name: "approval" }, { subject: TASK }));

  assert.deepEqual(await answersOf(harness), [ACCEPTED]);
});

Deno.test("the answer to the longest request id could not be read by who polls", async () => {
  const { harness } = openAsked();

  await harness.publish(IN, start({}, { id: "i".repeat(512) }));

  const [answer] = await harness.taken(ANSWERS);
  assert.equal(parseEnvelope(JSON.stringify(answer)).causationid, "i".repeat(512));
});
