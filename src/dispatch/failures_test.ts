import assert from "node:assert/strict";
import {
  CAUSES_MAX,
  contractFailure,
  describeThrown,
  FAILURE_TEXT_LENGTH_MAX,
  failureOfThrown,
  FRAMES_MAX,
} from "./failures.ts";

const ROOT = new URL("../../", import.meta.url).href;

/** An error whose stack is given. */
function withStack(frames: readonly string[]): Error {
  const error = new Error("boom");
  error.stack = ["Error: boom", ...frames.map((frame) => `    at ${frame}`)].join("\n");
  return error;
}

Deno.test("a thrown error keeps class, message and causes", () => {
  class Declined extends Error {}
  const cause = new TypeError("no route", { cause: { status: 503 } });

  const thrown = describeThrown(new Declined("no answer", { cause }));

  assert.deepEqual(thrown, {
    error_class: "Declined",
    error_message: "no answer",
    error_cause: {
      error_class: "TypeError",
      error_message: "no route",
      error_cause: { error_message: '{"status":503}' },
    },
  });
});

Deno.test("an error of several errors keeps the first one as its cause", () => {
  const errors = [new Error("ECONNREFUSED 127.0.0.1:1"), new Error("ECONNREFUSED ::1:1")];

  assert.equal(
    describeThrown(new AggregateError(errors)).error_cause?.error_message,
    "ECONNREFUSED 127.0.0.1:1",
  );
});

Deno.test("a thrown error keeps the frames of the author's modules alone", () => {
  const error = withStack([
    `charge (${ROOT}workflows/shop.ts:7:5)`,
    `async Object.run (file:///srv/flows/pay.ts:3:1)`,
    `${ROOT}workflows/shop.ts:1:1`,
    `got (file:///home/x/.cache/deno/npm/registry/got/14.0.0/index.js:1:1)`,
    `LocalRunner.start (${ROOT}src/dispatch/local.ts:1:1)`,
    `Supervisor.turn (${ROOT}actors/supervisor.ts:1:1)`,
    "node:internal/timers:1:1",
    "eval (ext:core/01_core.js:1:1)",
  ]);

  assert.deepEqual(describeThrown(error).error_stack, [
    "charge (workflows/shop.ts:7:5)",
    "async Object.run (file:///srv/flows/pay.ts:3:1)",
    "workflows/shop.ts:1:1",
  ]);
});

Deno.test("no password of a thrown error is kept, and none of its fields", () => {
  const url = "postgres://app:hunter2@db/shop";
  const error = Object.assign(new Error(`${url} refused`), { headers: { authorization: "x" } });

  const text = JSON.stringify(describeThrown(new Error(url, { cause: error })));
  const object = JSON.stringify(describeThrown({ url, token: "abc" }));

  for (const secret of ["hunter2", "authorization", "abc"]) {
    assert.equal(`${text} ${object}`.includes(secret), false, secret);
  }
});

Deno.test("what is kept of a throw is small, however large it is", () => {
  const huge = "x".repeat(1_000_000);
  let error = withStack(Array(1_000).fill(`${huge.slice(0, 150)} (${ROOT}workflows/shop.ts:7:5)`));
  for (let causes = 0; causes < 100; causes++) {
    const { stack } = error;
    error = Object.assign(new Error(huge, { cause: error }), { stack, name: huge });
  }

  const thrown = describeThrown(error);
  const failure = failureOfThrown(thrown, { class: "thrown", code: "thrown", before: huge });

  let causes = 0;
  for (let one = thrown; one.error_cause !== undefined; one = one.error_cause) causes++;
  assert.equal(causes, CAUSES_MAX);
  assert.equal(thrown.error_message.length, FAILURE_TEXT_LENGTH_MAX);
  assert.equal(thrown.error_stack?.length, FRAMES_MAX);
  assert.ok(failure.error.length < 24_000, `${failure.error.length}`);
});

Deno.test("what is kept of a throw fits into a journal", () => {
  const { error_message } = describeThrown(new Error("a\u0000b\ud800"));

  assert.equal(error_message, "ab\ufffd");
});

for (
  const [what, thrown, error_message] of [
    ["a text", "boom", "boom"],
    ["undefined", undefined, "undefined"],
    ["a symbol", Symbol("s"), "Symbol(s)"],
    ["an object without a prototype", Object.create(null), "{}"],
    ["a proxy", new Proxy({}, { ownKeys: () => assert.fail() }), "what was thrown has no text"],
  ] as const
) {
  Deno.test(`${what} that is thrown is described`, () => {
    assert.deepEqual(describeThrown(thrown), { error_message });
  });
}

Deno.test("a broken contract holds no character that a journal cannot", () => {
  const { error } = contractFailure("a\u0000b");

  assert.equal(JSON.parse(error).error_message, "ab");
});

Deno.test("the text of a broken contract is short, however much is wrong", () => {
  const { error } = contractFailure("x".repeat(1_000_000));

  assert.equal(JSON.parse(error).error_message.length, FAILURE_TEXT_LENGTH_MAX);
});

for (
  const [what, thrown, text] of [
    ["an error", new Error("boom"), "boom"],
    ["a text", "boom", "boom"],
    ["undefined", undefined, "undefined"],
    ["an object without a prototype", Object.create(null), "{}"],
    ["an error whose message is a number", Object.assign(new Error(), { message: 5 }), "5"],
    [
      "an error whose message is a symbol",
      Object.assign(new Error(), { message: Symbol("s") }),
      "Symbol(s)",
    ],
  ] as const
) {
  Deno.test(`${what} that is thrown has a text`, () => {
    assert.equal(describeThrown(thrown).error_message, text);
  });
}
