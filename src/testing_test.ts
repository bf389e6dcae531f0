import assert from "node:assert/strict";
import { remote, step, workflow, z } from "./mod.ts";
import { openTestEngine, type PlayedEvent } from "./testing.ts";

const anything = z.object({});

const asking = workflow(
  { namespace: "test", name: "asking", version: "1.0.0", input: anything },
  (w) => {
    w.step(
      "ask",
      remote({
        system: "stock",
        event: "stock.check",
        input: anything,
        success: z.object({ reserved: z.boolean(), note: z.string().default("none") }),
        error: z.object({ error_code: z.enum(["gone"]), error_message: z.string() }),
        retry: { attemptsMax: 2 },
      }),
    );
  },
);

const failing = workflow(
  { namespace: "test", name: "failing", version: "1.0.0", input: anything },
  (w) => {
    const broken = w.step(
      "broken",
      step({
        input: anything,
        success: z.object({ n: z.number() }),
        retry: { attemptsMax: 1 },
        run: ({ attempt }) => {
          if (attempt === 1) throw new Error("boom");
          return { n: attempt };
        },
      }),
    );
    w.sleep("rest", { after: [broken], ms: 30 * 86_400_000 });
  },
);

async function asked(play: PlayedEvent) {
  const engine = await openTestEngine([asking], { systems: { "stock.check": play } });
  const task = await engine.start("test/asking", {});
  await task.end();
  return { ended: task.state, ...task.step("ask") };
}

Deno.test("a played reply is checked and filled in as one over the bus", async () => {
  const { ended, result } = await asked(() => ({ reserved: true }));

  assert.equal(ended, "completed");
  assert.deepEqual(result, { reserved: true, note: "none" });
});

Deno.test("a played failure that breaks its contract is not passed on as if it kept it", async () => {
  const { error } = await asked(({ fail }) => fail({ error_code: "odd", error_message: "?" }));

  assert.equal((error as { error_code: string }).error_code, "contract_violation");
});

Deno.test("a played failure that is not returned is no completion", async () => {
  const { ended, error } = await asked(({ fail }) => {
    fail({ error_code: "gone", error_message: "?" });
    return { reserved: true };
  });

  assert.equal(ended, "failed");
  assert.equal((error as { error_code: string }).error_code, "fail_not_returned");
});

Deno.test("a played failure by contract fails the step for good", async () => {
  const failure = { error_code: "gone", error_message: "No lamps" };
  const { ended, error, attempt } = await asked(({ fail }) => fail(failure));

  assert.equal(ended, "failed");
  assert.deepEqual({ error, attempt }, { error: failure, attempt: 1 });
});

Deno.test("a played system that throws is asked again, then a person", async () => {
  const { ended, attempt, parkedReason } = await asked(() => {
    throw new Error("boom");
  });

  assert.deepEqual({ ended, attempt, parkedReason }, {
    ended: "blocked",
    attempt: 2,
    parkedReason: "attempts_exhausted",
  });
});

Deno.test("an event that nobody plays times out", async () => {
  await using engine = await openTestEngine([asking]);
  const task = await engine.start("test/asking", {});

  assert.equal(await task.end(), "blocked");
  assert.equal((task.step("ask").error as { error_code: string }).error_code, "timed_out");
});

Deno.test("a person retries, and a month of sleep takes no time", async () => {
  await using engine = await openTestEngine([failing]);
  const task = await engine.start("test/failing", {});
  assert.equal(await task.end(), "blocked");

  await task.retry("broken");

  assert.equal(await task.end(), "completed");
  assert.deepEqual(task.step("broken").result, { n: 2 });
});

Deno.test("a person resolves, skips or cancels", async () => {
  await using engine = await openTestEngine([failing]);
  const [resolved, skipped, cancelled] = await Promise.all(
    Array.from({ length: 3 }, () => engine.start("test/failing", {})),
  );
  assert.ok(resolved && skipped && cancelled);
  await resolved.end();
  await skipped.end();
  await cancelled.end();

  await resolved.resolve("broken", { n: 7 });
  await assert.rejects(skipped.skip("broken", { n: "x" }), { code: "contract.violation" });
  await skipped.skip("broken");
  await cancelled.cancel();

  assert.equal(await resolved.end(), "completed");
  assert.equal(await skipped.end(), "completed");
  assert.equal(await cancelled.end(), "cancelled");
});

Deno.test("a paused task starts no step until it is resumed", async () => {
  await using engine = await openTestEngine([failing]);
  const task = await engine.start("test/failing", {});
  await task.end();

  await task.pause();
  await task.retry("broken");
  assert.equal(task.state, "paused");
  await task.resume();

  assert.equal(await task.end(), "completed");
});
