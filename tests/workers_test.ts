/** The workers of `examples/workers/` over a real Redis, against a driver that plays the engine. */

import assert from "node:assert/strict";
import { startRedis } from "./support/redis.ts";
import type { TestServer } from "./support/test_server.ts";
import { until } from "./support/serve.ts";
import type { Service } from "./support/services.ts";
import { cancelledOf, kindOf, replyTo, WorkerHarness } from "./support/worker_harness.ts";
import { startExample, type WorkerExample, WORKERS } from "./support/workers.ts";

/** Short enough to wait for, long enough for a loaded machine. */
const LEASE_MS = 2_000;

/** Commands that a worker has in hand at once. */
const SLOTS = 8;

/** What a test works with. */
interface ExampleHarness {
  readonly example: WorkerExample;
  readonly redis: TestServer;
  readonly engine: WorkerHarness;
  /** What the handlers did: the key of each in a file name. */
  effects(): string[];
  /** Starts one more worker, whose handlers take `workMs`. */
  worker(workMs?: number): Promise<Service>;
}

const found = await startRedis();
const redis = found as TestServer;
if (!("reason" in found)) Deno.test.afterAll(async () => await found[Symbol.asyncDispose]());

const RUNNABLE: readonly WorkerExample[] = await (async () => {
  if ("reason" in found) {
    console.log(`skipped: tests of workers over Redis, because ${found.reason}`);
    return [];
  }
  const runnable: WorkerExample[] = [];
  for (const example of WORKERS) {
    const prepared = await example.prepare();
    if ("reason" in prepared) {
      console.log(`skipped: tests of the ${example.language} worker, because ${prepared.reason}`);
    } else runnable.push(example);
  }
  return runnable;
})();

/** Tries one law with each worker. */
function law(name: string, run: (harness: ExampleHarness) => Promise<void>): void {
  for (const example of RUNNABLE) {
    Deno.test(`the ${example.language} worker ${name}`, () => withExample(example, run));
  }
}

async function withExample(
  example: WorkerExample,
  run: (harness: ExampleHarness) => Promise<void>,
): Promise<void> {
  await using engine = await WorkerHarness.open(redis.url, example.system);
  await using workers = new AsyncDisposableStack();
  const ledger = await Deno.makeTempDir({ prefix: "tasker-ledger-" });
  workers.defer(() => Deno.remove(ledger, { recursive: true }));
  await run({
    example,
    redis,
    engine,
    effects: () => [...Deno.readDirSync(ledger)].map(({ name }) => name),
    worker: async (workMs = 0) =>
      workers.use(
        await startExample(example, {
          REDIS_URL: redis.url,
          LEDGER: ledger,
          LEASE_MS: String(LEASE_MS),
          WORK_MS: String(workMs),
        }),
      ),
  });
}

function idsOf(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `c-${index}`);
}

const COMPLETED = { id: "c-1:completed", type: "tasker.step.completed" };

law("answers a command with all that its reply must carry", async ({ example, engine, worker }) => {
  await worker();

  await engine.send(example.good);

  const [reply, ...more] = await engine.settled(1);
  assert.ok(reply !== undefined && more.length === 0);
  const { time, data, ...attributes } = reply;
  assert.deepEqual(attributes, replyTo(example.system));
  assert.ok(Math.abs(Date.parse(time as string) - Date.now()) < 60_000);
  assert.equal(typeof data, "object");
});

law("works once for all attempts of one step, and gives them one answer", async (harness) => {
  const { example, engine, worker, effects } = harness;
  await worker();

  await engine.send(example.good, { ...example.good, id: "c-9", taskerattempt: 2 });

  const [first, second] = await engine.settled(2);
  assert.deepEqual(second?.data, first?.data);
  assert.deepEqual(effects(), ["tasker.t-1.a_step"]);
});

law("repeats a reply under one id when its command is delivered again", async (harness) => {
  const { example, engine, worker } = harness;
  await worker();

  await engine.send(example.good, example.good);

  assert.deepEqual((await engine.settled(2)).map(kindOf), [COMPLETED, COMPLETED]);
});

law("stops what is cancelled while it works, and answers nothing", async (harness) => {
  const { example, engine, worker } = harness;
  await worker(60_000);
  await engine.send(example.good, { ...example.good, id: "c-8", subject: "tasker.t-2.a_step" });
  await engine.taken(2);

  for (const id of ["c-1", "c-8"]) {
    await engine.put(JSON.stringify(cancelledOf(example.system, id)));
  }

  assert.deepEqual(await engine.settled(0), []);
});

law("does not begin what was cancelled while it was taken and not in hand yet", async (harness) => {
  const { example, engine, worker, effects } = harness;
  const { said } = await worker(60_000);

  await engine.put(JSON.stringify(cancelledOf(example.system, "c-1")));
  await engine.settled(0);
  await engine.send(example.good);

  await until(
    "the worker to say what it dropped",
    30_000,
    () => said().includes("c-1 is dropped: it was cancelled") || undefined,
  );
  assert.deepEqual(await engine.settled(0), []);
  assert.deepEqual(effects(), []);
});

law("copies the token of its command, and makes none", async ({ example, engine, worker }) => {
  await worker();

  await engine.send({ ...example.good, taskerreplytoken: "forged" });
  const { taskerreplytoken: _, ...unsigned } = engine.command({ ...example.good, id: "c-7" });
  await engine.put(JSON.stringify(unsigned));

  const replies = await engine.settled(1);
  assert.deepEqual(replies.map(({ id, taskerreplytoken }) => ({ id, taskerreplytoken })), [
    { id: "c-1:completed", taskerreplytoken: "forged" },
  ]);
});

law("fails for good what it does not know, and what its contract refuses", async (harness) => {
  const { example, engine, worker } = harness;
  await worker();

  await engine.send({ ...example.good, id: "c-3", type: "tea.make" }, example.refused);

  const replies = (await engine.settled(2)).map(kindOf);
  const failed = { type: "tasker.step.failed", retryable: false };
  assert.deepEqual(
    new Set(replies),
    new Set([
      { id: "c-3:failed", ...failed, error_code: "unknown_type" },
      { id: "c-2:failed", ...failed, error_code: example.refusal },
    ]),
  );
});

law("asks to be tried again when its handler breaks", async ({ example, engine, worker }) => {
  await worker();

  await engine.send({ ...example.good, data: null });

  assert.deepEqual((await engine.settled(1)).map(kindOf), [
    { id: "c-1:failed", type: "tasker.step.failed", error_code: "unexpected", retryable: true },
  ]);
});

law("puts aside what is no envelope, and goes on", async ({ example, engine, worker }) => {
  await worker();
  const bodies = ["{", "null", "[]", '"text"', '{"id":1,"type":"a"}', "\u0000"];

  for (const body of bodies) await engine.put(body);
  await engine.redis.xAdd(engine.commands, "*", { other: "field" });
  await engine.redis.xAdd(engine.commands, "*", { ce: Buffer.from([0xff, 0xfe]) });
  await engine.send(example.good);

  assert.deepEqual((await engine.settled(1)).map(kindOf), [COMPLETED]);
  const dead = await engine.read(engine.dead);
  assert.equal(dead.length, bodies.length + 2);
  assert.ok(dead.every(({ type }) => type === "tasker.envelope.dead"));
});

law(
  "acknowledges without an answer what is expired, cancelled or only a notice",
  async (harness) => {
    const { example, engine, worker } = harness;
    const { said } = await worker();

    await engine.send({ ...example.good, id: "c-5", expirytime: "2026-01-01T00:00:00.000Z" });
    await engine.put(JSON.stringify({ ...cancelledOf(example.system, "c-0"), id: "c-4" }));
    await engine.send({ ...example.good, expirytime: "2999-01-01T00:00:00.000Z" });

    assert.deepEqual((await engine.settled(1)).map(kindOf), [COMPLETED]);
    assert.equal(await engine.redis.exists(engine.dead), 0);
    await until("the worker to say what it dropped", 30_000, () => {
      return ["c-4", "c-5"].every((id) => said().includes(`${id} `)) || undefined;
    });
  },
);

law("answers by the engine's clock, whatever its own says", async (harness) => {
  const { example, engine, worker } = harness;
  await worker();

  // As an engine says it whose clock is years behind the worker's.
  await engine.send({
    ...example.good,
    time: "2020-01-01T00:00:00.000Z",
    expirytime: "2020-01-01T00:05:00.000Z",
  });

  assert.deepEqual((await engine.settled(1)).map(kindOf), [COMPLETED]);
});

law("answers what a worker killed in mid-work left behind", async ({ example, engine, worker }) => {
  const killed = await worker(60_000);
  await engine.send(example.good);
  await engine.taken();

  killed.kill("SIGKILL");
  await worker();

  assert.deepEqual((await engine.settled(1)).map(kindOf), [COMPLETED]);
});

law("keeps commands that last longer than their lease", async ({ example, engine, worker }) => {
  // With all slots taken it does not look for lost entries, and so cannot take its own again.
  const ids = idsOf(SLOTS);
  await worker(3 * LEASE_MS);

  await engine.send(...ids.map((id) => ({ ...example.good, id })));
  await engine.taken();
  const settled = engine.settled(ids.length);
  const stolen: unknown[] = [];
  await until("the worker to finish", 60_000, async () => {
    const { messages } = await engine.redis.xAutoClaim(
      engine.commands,
      example.system,
      "thief",
      LEASE_MS,
      "0-0",
    );
    stolen.push(...messages.map((message) => message?.id));
    return await Promise.race([settled, undefined]);
  });

  assert.deepEqual(stolen, []);
  assert.deepEqual(
    new Set((await settled).map(({ id }) => id)),
    new Set(ids.map((id) => `${id}:completed`)),
  );
});

law("acknowledges nothing before its answer is published", async (harness) => {
  const { example, engine, worker } = harness;
  const { said } = await worker();
  await engine.redis.set(engine.replies, "takes no envelopes");
  await engine.send(example.good);
  await until("the worker to fail", 30_000, () => said().includes(" rests: ") || undefined);

  assert.equal(await engine.redis.xLen(engine.commands), 1);
  await engine.redis.del(engine.replies);

  assert.deepEqual((await engine.settled(1)).map(kindOf), [COMPLETED]);
});

law("gives up a command that broke its workers too often", async ({ example, engine, worker }) => {
  await engine.redis.xGroupCreate(engine.commands, example.system, "0", { MKSTREAM: true });
  await engine.send(example.good);
  await engine.redis.xReadGroup(example.system, "dead", { key: engine.commands, id: ">" });
  const [entry] = await engine.redis.xPendingRange(engine.commands, example.system, "-", "+", 1);
  await engine.redis.xClaim(engine.commands, example.system, "dead", 0, entry?.id as string, {
    RETRYCOUNT: 10,
  });

  await worker();

  assert.deepEqual((await engine.settled(1)).map(kindOf), [{
    id: "c-1:failed",
    type: "tasker.step.failed",
    error_code: "redelivery_exhausted",
    retryable: false,
  }]);
});

law("goes on when somebody deleted its channel", async ({ example, engine, worker }) => {
  await worker();
  await engine.send(example.good);
  await engine.settled(1);

  await engine.redis.del(engine.commands);
  await engine.send({ ...example.good, id: "c-6" });

  const [, second] = await engine.settled(2);
  assert.equal(second?.id, "c-6:completed");
});

law("goes on when the broker was killed, or frozen", async ({ example, engine, worker, redis }) => {
  const { said } = await worker();
  await redis.restart();
  await engine.send(example.good);
  await engine.settled(1);
  const before = said().length;

  redis.pause();
  await until("the worker to notice", 30_000, () => said().length > before || undefined);
  redis.resume();
  await engine.send({ ...example.good, id: "c-7" });

  const [, second] = await engine.settled(2);
  assert.equal(second?.id, "c-7:completed");
});

law("answers what fills all its slots when the broker is killed", async (harness) => {
  const { example, engine, worker, redis } = harness;
  const { said } = await worker(1_000);
  await engine.send(...idsOf(SLOTS).map((id) => ({ ...example.good, id })));
  await engine.taken(SLOTS);

  await redis.kill9();
  await until("a slot to meet the broker's absence", 30_000, () => {
    return said().includes(" rests: ") || undefined;
  });
  // The other slots say nothing; by then they have finished their work as well, and cannot answer.
  await new Promise((wake) => setTimeout(wake, 1_500));
  await redis.restart();

  const answered = (await engine.settled(SLOTS)).map(({ id }) => id);
  assert.deepEqual(new Set(answered), new Set(idsOf(SLOTS).map((id) => `${id}:completed`)));
});

law("finishes what it has in hand when it is asked to end", async ({ example, engine, worker }) => {
  const ending = await worker(1_000);
  await engine.send(example.good);
  await engine.taken();

  ending.kill("SIGTERM");

  assert.equal(await ending.exited, 0, ending.said());
  assert.deepEqual((await engine.settled(1)).map(kindOf), [COMPLETED]);
  assert.deepEqual(await engine.redis.xInfoConsumers(engine.commands, example.system), []);
});

law("ends at once when it is asked to while the broker is away", async ({ worker, redis }) => {
  const ending = await worker();
  await redis.kill9();

  ending.kill("SIGTERM");

  assert.equal(await ending.exited, 0, ending.said());
  await redis.restart();
});
