/** What a step of another system costs, over a bus and a process of its own. */

import { openBus } from "../../src/bus/open.ts";
import type { BusKind } from "../../src/core/broker.ts";
import { SILENT_LOG } from "../../src/telemetry/log.ts";
import { openRealEngine } from "../support/engine.ts";
import { type Figure, percentile } from "./figure.ts";
import { chain, INPUT, remote1 } from "./workflows/bench.ts";

const WARM_UP = 20;
const SAMPLES = 200;

/** Tasks at once, and how long they are counted. */
const CONCURRENT = 64;
const THROUGHPUT_MS = 4_000;

/** How to reach the bus. */
export interface RemoteBench {
  readonly databaseUrl: string;
  readonly redisUrl?: string;
}

/**
 * Measures tasks of one remote step, one after another, less what a local step takes; then many at
 * once.
 */
export async function benchRemote({ databaseUrl, redisUrl }: RemoteBench): Promise<Figure[]> {
  const kind: BusKind = redisUrl === undefined ? "postgres" : "redis";
  const bench = `remote_${kind}`;
  await using engine = await openRealEngine(databaseUrl, {
    modules: [chain(1), remote1],
    bus: (database, runtime) =>
      openBus({
        kind,
        url: redisUrl,
        prefix: "tasker.workflows",
        database,
        runtime,
        log: SILENT_LOG,
      }),
  });
  await using _worker = await startWorker(databaseUrl, redisUrl);
  const local = percentile(await sample(() => engine.run("bench/chain_1", INPUT)), 0.5);
  const remote = await sample(() => engine.run("bench/remote_1", INPUT));
  const since = performance.now();
  let steps = 0;
  await Promise.all(Array.from({ length: CONCURRENT }, async () => {
    while (performance.now() - since < THROUGHPUT_MS) {
      await engine.run("bench/remote_1", INPUT);
      steps++;
    }
  }));
  const perSecond = steps / ((performance.now() - since) / 1_000);
  return [
    { bench, metric: "p50_ms", value: percentile(remote, 0.5) - local, unit: "ms" },
    { bench, metric: "p99_ms", value: percentile(remote, 0.99) - local, unit: "ms" },
    { bench, metric: "steps_per_s", value: perSecond, unit: "steps/s" },
  ];
}

async function sample(run: () => Promise<unknown>): Promise<number[]> {
  for (let warm = 0; warm < WARM_UP; warm++) await run();
  const samples: number[] = [];
  for (let number = 0; number < SAMPLES; number++) {
    const since = performance.now();
    await run();
    samples.push(performance.now() - since);
  }
  return samples;
}

async function startWorker(databaseUrl: string, redisUrl?: string): Promise<AsyncDisposable> {
  const path = new URL("echo_worker.ts", import.meta.url).pathname;
  const args = ["run", "--allow-all", path, databaseUrl];
  const child = new Deno.Command(Deno.execPath(), {
    args: redisUrl === undefined ? args : [...args, redisUrl],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const reader = child.stdout.getReader();
  await reader.read();
  return {
    async [Symbol.asyncDispose]() {
      await child.stdin.close();
      await reader.cancel();
      await child.status;
    },
  };
}
