import assert from "node:assert/strict";
import { ENVELOPE_BYTES_MAX, ENVELOPE_DEPTH_MAX } from "../core/envelope.ts";
import { TaskerError } from "../core/errors.ts";
import {
  attemptFor,
  DispatchHarness,
  mute,
  openAsked,
  planFor,
  start,
  STARTED,
  TASK,
} from "../../tests/support/dispatch_harness.ts";
import type { MemoryBus } from "../bus/memory.ts";
import type { Bus } from "../core/ports.ts";
import { openReplies, type ReplyDeps, takeReply } from "./replies.ts";
import { stepCommand } from "./step_command.ts";

/** Consumes a bus on which other programs write what need not be JSON: `foreign` stands for it. */
function consumeForeign(bus: MemoryBus, foreign: string): Bus["consume"] {
  return (channel, options, handle) =>
    bus.consume(channel, options, ({ body, deliveries }) => {
      return handle({ body: "isForeign" in JSON.parse(body) ? foreign : body, deliveries });
    });
}

const FOREIGN = { isForeign: true };

const LEAST = { specversion: "1.0", id: "b-1", source: "/shop", type: "tasker.task.start" };

/** Nests a value so many times. */
function nested(depth: number): unknown {
  return depth === 0 ? 1 : [nested(depth - 1)];
}

/** What may come, by what is wrong with it: its body, and what the reason must say. */
const BROKEN: Readonly<Record<string, { body: string; reason: RegExp }>> = {
  "is empty": { body: "", reason: /not valid JSON/i },
  "is not JSON": { body: "{ no JSON", reason: /not valid JSON/i },
  "is cut off": { body: JSON.stringify(LEAST).slice(0, -5), reason: /not valid JSON/i },
  "is a NUL byte": { body: "\u0000", reason: /not valid JSON/i },
  "is text": { body: '"text"', reason: /expected object/ },
  "is null": { body: "null", reason: /expected object/ },
  "is a number": { body: "42", reason: /expected object/ },
  "is a batch": { body: JSON.stringify([LEAST]), reason: /it is a batch/ },
  "is an empty object": { body: "{}", reason: /specversion.*id.*source.*type/ },
  "has another version": {
    body: JSON.stringify({ ...LEAST, specversion: "0.3" }),
    reason: /specversion/,
  },
  "has no id": { body: JSON.stringify({ ...LEAST, id: undefined }), reason: /id: / },
  "has an empty id": { body: JSON.stringify({ ...LEAST, id: "" }), reason: /id: / },
  "has a number as its id": { body: JSON.stringify({ ...LEAST, id: 7 }), reason: /id: / },
  "has an oversize id": {
    body: JSON.stringify({ ...LEAST, id: "x".repeat(513) }),
    reason: /id: .*512/,
  },
  "has no source": { body: JSON.stringify({ ...LEAST, source: undefined }), reason: /source: / },
  "has an object as its type": {
    body: JSON.stringify({ ...LEAST, type: {} }),
    reason: /type: /,
  },
  "has a time that is none": {
    body: JSON.stringify({ ...LEAST, expirytime: "tomorrow" }),
    reason: /expirytime: /,
  },
  "has an attempt that is none": {
    body: JSON.stringify({ ...LEAST, taskerattempt: "1" }),
    reason: /taskerattempt: /,
  },
  "has data in base64": {
    body: JSON.stringify({ ...LEAST, data_base64: "AAECAw==" }),
    reason: /data_base64/,
  },
  "is Dapr's, in its fields": {
    body: JSON.stringify({ data: JSON.stringify(LEAST), metadata: "{}" }),
    reason: /specversion/,
  },
  ...Object.fromEntries(
    ["ce-specversion", "ce_specversion", "cloudEvents_specversion", "cloudEvents:specversion"].map(
      (name) => [
        `is in binary mode with ${name}`,
        { body: JSON.stringify({ [name]: "1.0", data: "{}" }), reason: /binary mode/ },
      ],
    ),
  ),
  "nests too deep": {
    body: JSON.stringify({ ...LEAST, data: nested(ENVELOPE_DEPTH_MAX) }),
    reason: /deeper than 32/,
  },
  "nests deep enough to break a parser": {
    body: `{"data":${"[".repeat(30_000)}${"]".repeat(30_000)}}`,
    reason: /deeper than 32/,
  },
  "is larger than 64 KiB": {
    body: JSON.stringify({ ...LEAST, data: "x".repeat(ENVELOPE_BYTES_MAX) }),
    reason: /64 KiB/,
  },
  "is larger than 64 KiB in few characters": {
    body: JSON.stringify({ ...LEAST, data: "ü".repeat(ENVELOPE_BYTES_MAX / 2) }),
    reason: /64 KiB/,
  },
  "has a number that JSON cannot keep": {
    body: `{"specversion":"1.0","id":"b","source":"/shop","type":"t","data":9007199254740993}`,
    reason: /number/,
  },
  "has a NUL in its data": {
    body: JSON.stringify({ ...LEAST, data: { by: "a\u0000" } }),
    reason: /data/,
  },
  "has half a character": {
    body: `{"specversion":"1.0","id":"b","source":"/shop","type":"t","data":"\\ud83d"}`,
    reason: /data/,
  },
};

function openedReplies(foreign: string) {
  const harness = new DispatchHarness();
  const plan = planFor({ contract: { success: { type: "object" } } });
  const deps: ReplyDeps = {
    ...harness,
    runtime: harness.runtime,
    bus: { consume: consumeForeign(harness.bus, foreign) },
    planOf: (taskId) => Promise.resolve(taskId === TASK ? plan : undefined),
  };
  const end = openReplies(deps, ["stock"]);
  const { envelope } = stepCommand(harness, attemptFor(plan), {});
  const { subject, taskerreplytoken } = envelope;
  const good = { ...LEAST, type: "tasker.step.completed", subject, taskerreplytoken, data: {} };
  return { harness, deps, end, good };
}

for (const [what, { body, reason }] of Object.entries(BROKEN)) {
  Deno.test(`a request that ${what} is a dead letter, and the next one is carried out`, async () => {
    const { harness, starts, end } = openAsked((bus) => consumeForeign(bus, body));

    await harness.publish("t.in.shop", FOREIGN, start());

    assert.deepEqual(harness.dead.letters.map((letter) => letter.body), [body]);
    assert.match(harness.dead.letters[0]?.reason ?? "", reason);
    assert.equal(starts.length, 1);
    assert.equal(await harness.bus.depth("t.in.shop"), 0);
    await end();
  });

  Deno.test(`a reply that ${what} is a dead letter, and the next one is taken`, async () => {
    const { harness, end, good } = openedReplies(body);

    await harness.publish("t.reply.stock", FOREIGN, good);

    assert.deepEqual(harness.dead.letters.map((letter) => letter.body), [body]);
    assert.match(harness.dead.letters[0]?.reason ?? "", reason);
    assert.equal(harness.sink.sent.length, 1);
    assert.equal(await harness.bus.depth("t.reply.stock"), 0);
    await end();
  });

  const value = valueOf(body);
  if (value === undefined) continue;
  Deno.test(`a reply over HTTP that ${what} is refused with a reason, and changes nothing`, async () => {
    const { harness, deps, end } = openedReplies(body);

    const taking = takeReply(deps, "stock", value);

    await assert.rejects(
      taking,
      (error) => error instanceof TaskerError && error.retry === "never",
    );
    assert.deepEqual(harness.sink.sent, []);
    await end();
  });
}

/** What the body of an HTTP request holds; undefined where it is not JSON, which HTTP refuses. */
function valueOf(body: string): unknown {
  try {
    return JSON.parse(body);
  } catch {
    return undefined;
  }
}

Deno.test("a request of a source that is not the channel's system is kept, and not carried out", async () => {
  const { harness, starts, end } = openAsked();
  const sources = ["/mail", "/shopping", "shop", "/", "/tasker/t", "https://shop.example.org"];

  await harness.publish("t.in.shop", ...sources.map((source) => start({}, { source })), start());

  assert.equal(starts.length, 1);
  assert.deepEqual(
    harness.dead.letters.map(({ reason }) => /its source "(.*)" is not "\/shop"/.exec(reason)?.[1]),
    sources,
  );
  await end();
});

Deno.test("a request that repeats an id with other content is refused, and kept", async () => {
  const { harness, starts, played, end } = openAsked();
  const conflict = new TaskerError("journal.conflict", "Cannot start: the key has another body");
  played.start = () => starts.length === 1 ? Promise.resolve(STARTED) : Promise.reject(conflict);

  await harness.publish("t.in.shop", mute(start()), mute(start({ input: { sku: "b" } })));

  assert.equal(new Set(starts.map(({ commandId }) => commandId)).size, 1);
  assert.deepEqual(harness.dead.letters.map(({ reason }) => reason), [conflict.message]);
  await end();
});
