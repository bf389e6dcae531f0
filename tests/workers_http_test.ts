/** The workers of `examples/workers/` over HTTP, against a driver that plays the engine. */

import assert from "node:assert/strict";
import { HttpEngine } from "./support/http_engine.ts";
import { until } from "./support/serve.ts";
import type { Service } from "./support/services.ts";
import { cancelledOf, kindOf, replyTo } from "./support/worker_harness.ts";
import { HTTP_WORKERS, startExample, type WorkerExample } from "./support/workers.ts";

/** Short enough to wait for, long enough for a loaded machine. */
const LEASE_MS = 2_000;

/** What a test works with. */
interface ExampleHarness {
  readonly example: WorkerExample;
  readonly engine: HttpEngine;
  /** Starts one more worker, whose handlers take `workMs`. */
  worker(workMs?: number): Promise<Service>;
}

const COMPLETED = { id: "c-1:completed", type: "tasker.step.completed" };

const RUNNABLE: WorkerExample[] = [];
for (const example of HTTP_WORKERS) {
  const prepared = await example.prepare();
  if ("reason" in prepared) {
    console.log(`skipped: the ${example.language} worker over HTTP, because ${prepared.reason}`);
  } else RUNNABLE.push(example);
}

/** Tries one law with each worker. */
function law(name: string, run: (harness: ExampleHarness) => Promise<void>): void {
  for (const example of RUNNABLE) {
    Deno.test(
      `the ${example.language} worker over HTTP ${name}`,
      () => withExample(example, run),
    );
  }
}

async function withExample(
  example: WorkerExample,
  run: (harness: ExampleHarness) => Promise<void>,
): Promise<void> {
  await using engine = new HttpEngine(example.system);
  await using workers = new AsyncDisposableStack();
  const ledger = await Deno.makeTempDir({ prefix: "tasker-ledger-" });
  workers.defer(() => Deno.remove(ledger, { recursive: true }));
  await run({
    example,
    engine,
    worker: async (workMs = 0) =>
      workers.use(
        await startExample(example, {
          ...engine.env,
          LEDGER: ledger,
          LEASE_MS: String(LEASE_MS),
          WORK_MS: String(workMs),
        }),
      ),
  });
}

law("answers a command with all that its reply must carry", async ({ example, engine, worker }) => {
  await worker();

  engine.send(example.good);

  const [reply, ...more] = await engine.settled(1);
  assert.ok(reply !== undefined && more.length === 0);
  const { time, data, ...attributes } = reply;
  assert.deepEqual(attributes, replyTo(example.system));
  assert.ok(Math.abs(Date.parse(time as string) - Date.now()) < 60_000);
  assert.equal(typeof data, "object");
});

law("fails for good what it does not know, and what its contract refuses", async (harness) => {
  const { example, engine, worker } = harness;
  await worker();

  engine.send({ ...example.good, id: "c-3", type: "tea.make" }, example.refused);

  const failed = { type: "tasker.step.failed", retryable: false };
  assert.deepEqual(
    new Set((await engine.settled(2)).map(kindOf)),
    new Set([
      { id: "c-3:failed", ...failed, error_code: "unknown_type" },
      { id: "c-2:failed", ...failed, error_code: example.refusal },
    ]),
  );
});

law("asks to be tried again when its handler breaks", async ({ example, engine, worker }) => {
  await worker();

  engine.send({ ...example.good, data: null });

  assert.deepEqual((await engine.settled(1)).map(kindOf), [
    { id: "c-1:failed", type: "tasker.step.failed", error_code: "unexpected", retryable: true },
  ]);
});

law("gives a notice no answer, and goes on", async ({ example, engine, worker }) => {
  await worker();

  engine.put(cancelledOf(example.system, "c-0"));
  engine.send(example.good);

  assert.deepEqual((await engine.settled(1)).map(kindOf), [COMPLETED]);
});

law("answers what a worker killed in mid-work left behind", async ({ example, engine, worker }) => {
  const killed = await worker(3 * LEASE_MS);
  engine.send(example.good);
  await engine.taken();

  killed.kill("SIGKILL");
  await worker();

  assert.deepEqual((await engine.settled(1)).map(kindOf), [COMPLETED]);
});

law("keeps a command that lasts longer than its lease", async ({ example, engine, worker }) => {
  await worker(2 * LEASE_MS);
  await worker();

  engine.send(...["c-1", "c-2", "c-3"].map((id) => ({ ...example.good, id })));

  await engine.settled(3);
  assert.deepEqual([...engine.deliveries.values()], [1, 1, 1]);
});

law("says once that the engine does not answer", async ({ example, engine, worker }) => {
  engine.isBroken = true;
  const { said } = await worker();
  // The third poll comes after what the second one made it say.
  await until("the worker to poll again", 30_000, () => {
    return Promise.resolve(engine.brokenPolls >= 3 || undefined);
  });
  const lines = said().split("\n").filter((line) => line.includes("rests: "));
  engine.isBroken = false;
  engine.send(example.good);

  await engine.settled(1);
  assert.equal(lines.length, 1, said());
});

law("repeats its answer until the engine is back", async ({ example, engine, worker }) => {
  const { said } = await worker(1_000);
  engine.send(example.good);
  await engine.taken();

  await engine.down();
  await until("the worker to notice", 30_000, () => {
    return Promise.resolve(said().includes("rests: ") || undefined);
  });
  engine.up();

  // Its lease may have ended meanwhile: then it is answered once more, in the same way.
  assert.deepEqual(
    new Set((await engine.settled(1)).map(({ id }) => id)),
    new Set(["c-1:completed"]),
  );
});

law("goes on when its answer is refused for good", async ({ example, engine, worker }) => {
  const { said } = await worker();
  engine.replyStatus = 403;
  engine.send(example.good);
  await until("the worker to notice", 30_000, () => {
    return Promise.resolve(said().includes("refused for good") || undefined);
  });

  engine.replyStatus = 202;
  engine.send({ ...example.good, id: "c-2" });

  assert.deepEqual((await engine.settled(2)).map(({ id }) => id), [
    "c-1:completed",
    "c-2:completed",
  ]);
});

law("finishes what it has in hand when it is asked to end", async ({ example, engine, worker }) => {
  const ending = await worker(1_000);
  engine.send(example.good);
  await engine.taken();

  ending.kill("SIGTERM");

  assert.equal(await ending.exited, 0, ending.said());
  assert.deepEqual((await engine.settled(1)).map(kindOf), [COMPLETED]);
});

law("ends when it is asked to while the engine is away", async ({ engine, worker }) => {
  const ending = await worker();
  await engine.down();

  ending.kill("SIGTERM");

  assert.equal(await ending.exited, 0, ending.said());
  engine.up();
});

law("stops what is cancelled while it works", async ({ example, engine, worker }) => {
  if (example.language === "shell") {
    console.log("skipped: a shell worker is not cancelled, because it works on one command alone");
    return;
  }
  await worker(60_000);
  engine.send(example.good);
  await engine.taken();

  engine.put(cancelledOf(example.system, "c-1"));

  assert.deepEqual((await engine.settled(1)).map(kindOf), [
    { id: "c-1:failed", type: "tasker.step.failed", error_code: "cancelled", retryable: false },
  ]);
});
