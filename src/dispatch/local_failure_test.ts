import assert from "node:assert/strict";
import { z } from "zod";
import { TaskerError } from "../core/errors.ts";
import { PAYLOAD_SIZE_MAX } from "../core/payload.ts";
import type { RunContext } from "../core/workflow.ts";
import {
  failureIn,
  localOutcomeOf,
  openLocalRunner,
  TASK,
  throwing,
} from "../../tests/support/dispatch_harness.ts";

Deno.test("fail() is a failure for good, with the error as it is", async () => {
  const outcome = failureIn(
    await localOutcomeOf({ run: ({ fail }) => fail({ error_code: "sold_out" }) }),
  );

  assert.deepEqual(outcome, {
    class: "failed",
    error: { error_code: "sold_out" },
    retryable: false,
  });
});

Deno.test("fail() may say that trying again helps, and when", async () => {
  const run = ({ fail }: RunContext) => fail("busy", { retryable: true, retryAfterMs: 700 });

  const outcome = failureIn(await localOutcomeOf({ run }));

  assert.deepEqual(outcome, {
    class: "failed",
    error: "busy",
    retryable: true,
    retryAfterMs: 700,
  });
});

Deno.test("a failure that breaks the error contract is a violation for good", async () => {
  const error = z.object({ error_code: z.enum(["sold_out"]) });
  const run = ({ fail }: RunContext) => fail({ error_code: "other" }, { retryable: true });

  const outcome = failureIn(await localOutcomeOf({ error, run }));

  assert.equal(outcome.class, "contract_violation");
  assert.equal(outcome.retryable, false);
});

Deno.test("a failure that is too large says so in its place", async () => {
  const run = ({ fail }: RunContext) => fail("x".repeat(PAYLOAD_SIZE_MAX));

  const outcome = failureIn(await localOutcomeOf({ run }));

  assert.equal(outcome.class, "failed");
  assert.equal(outcome.error.error_code, "failed");
});

Deno.test("a throw may be tried again", async () => {
  const outcome = failureIn(await localOutcomeOf(throwing(new Error("boom"))));

  assert.deepEqual(outcome, {
    class: "thrown",
    error: { error_code: "thrown", error_class: "Error", error_message: "boom" },
    retryable: true,
  });
});

Deno.test("a throw is logged with what is known of it", async () => {
  const { harness, runtime, start } = openLocalRunner();

  start(throwing(new RangeError("boom", { cause: "fuse" })), { attempt: 2 });
  await runtime.settle();

  assert.deepEqual(harness.lines, [{
    level: "warn",
    text: "Step code threw",
    fields: {
      taskId: TASK,
      step: "work",
      attempt: 2,
      error_class: "RangeError",
      error_message: "boom",
      error_cause: { error_message: "fuse" },
    },
  }]);
});

Deno.test("a proxy that is thrown ends its attempt as any throw does", async () => {
  const hostile = new Proxy(new Error(), {
    getPrototypeOf: () => assert.fail("asked"),
    get: () => assert.fail("asked"),
  });

  const outcome = failureIn(await localOutcomeOf(throwing(hostile)));

  assert.equal(outcome.class, "thrown");
  assert.equal(outcome.retryable, true);
});

Deno.test("a failure that was made but not returned completed the step", async () => {
  const run = ({ fail }: RunContext) => {
    fail({ error_code: "sold_out" });
  };

  const outcome = failureIn(await localOutcomeOf({ run }));

  assert.equal(outcome.class, "contract_violation");
  assert.equal(outcome.retryable, false);
  assert.deepEqual(outcome.error, {
    error_code: "fail_not_returned",
    error_message: "The step called fail() but returned something else: write `return fail(…)`",
  });
});

Deno.test("a failure that was thrown, not returned, was tried again without its error", async () => {
  const run = ({ fail }: RunContext) => {
    throw fail({ error_code: "sold_out" });
  };

  const outcome = failureIn(await localOutcomeOf({ run }));

  assert.deepEqual(outcome, {
    class: "failed",
    error: { error_code: "sold_out" },
    retryable: false,
  });
});

Deno.test("a rejection is a throw", async () => {
  const outcome = failureIn(await localOutcomeOf({ run: () => Promise.reject(new Error("boom")) }));

  assert.equal(outcome.class, "thrown");
});

Deno.test("a throw that says when to come back is tried no earlier", async () => {
  const error = new TaskerError("mailbox.full", "full", { retryAfterMs: 900 });

  const outcome = failureIn(await localOutcomeOf(throwing(error)));

  assert.equal(outcome.retryAfterMs, 900);
});

Deno.test("a thrown message is cut, and holds no character that a journal cannot", async () => {
  const outcome = failureIn(
    await localOutcomeOf(throwing(new Error(`\u0000${"x".repeat(1_000_000)}`))),
  );

  assert.equal(outcome.error.error_message, "x".repeat(2_000));
});

Deno.test("a throw without a text ended the whole process", async () => {
  const outcome = failureIn(await localOutcomeOf(throwing(Object.create(null))));

  assert.equal(outcome.class, "thrown");
});

Deno.test("an error whose message is no text ended the whole process", async () => {
  const outcome = failureIn(
    await localOutcomeOf(throwing(Object.assign(new Error(), { message: {} }))),
  );

  assert.equal(outcome.class, "thrown");
});

Deno.test("an input contract that threw ended the whole process", async () => {
  const input = z.unknown().refine(() => {
    throw new Error("no table");
  });

  const outcome = failureIn(await localOutcomeOf({ input, run: () => 1 }));

  assert.equal(outcome.class, "contract_violation");
});

Deno.test("a violation in many places filled the journal", async () => {
  const success = z.array(z.string());

  const outcome = failureIn(await localOutcomeOf({ success, run: () => Array(10_000).fill(1) }));

  assert.equal(outcome.error.error_message.length, 2_000);
});
