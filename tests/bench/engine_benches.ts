/** Benches of the whole engine: latency of a chain, throughput, fan-out. */

import process from "node:process";
import type { RealEngine } from "../support/engine.ts";
import { familyCpuMsOf } from "./cpu.ts";
import { type Figure, percentile } from "./figure.ts";
import { INPUT } from "./workflows/bench.ts";

/** Samples of the closed loop, and its warm-up. */
const LATENCY_SAMPLES = 200;
const WARM_UP = 20;

/** How long a throughput is measured. */
const THROUGHPUT_MS = 5_000;

/** Steps of the tasks of a throughput bench. */
const STEPS_PER_TASK = 5;

/** Ten strict sequential steps, one task after another, contracts on; to the final commit. */
export async function benchSequential(engine: RealEngine): Promise<Figure[]> {
  const bench = "sequential_10";
  for (let run = 0; run < WARM_UP; run++) await engine.run("bench/chain_10", INPUT);
  const before = engine.journal.journal.figures();
  const samples: number[] = [];
  for (let run = 0; run < LATENCY_SAMPLES; run++) {
    const since = performance.now();
    await engine.run("bench/chain_10", INPUT);
    samples.push(performance.now() - since);
  }
  const commits = engine.journal.journal.figures().commits - before.commits;
  return [
    { bench, metric: "p50_ms", value: percentile(samples, 0.5), unit: "ms" },
    { bench, metric: "p99_ms", value: percentile(samples, 0.99), unit: "ms" },
    { bench, metric: "commits", value: commits / LATENCY_SAMPLES, unit: "commits/task" },
  ];
}

/** Runs `concurrent` tasks of five steps at once, each followed by the next. */
export async function benchThroughput(
  engine: RealEngine,
  concurrent: number,
  postmaster: number,
): Promise<Figure[]> {
  const bench = `throughput_${concurrent}`;
  const before = engine.journal.journal.figures();
  const [cpuBefore, postgresBefore] = [process.cpuUsage(), familyCpuMsOf(postmaster)];
  const since = performance.now();
  let steps = 0;
  await Promise.all(Array.from({ length: concurrent }, async () => {
    while (performance.now() - since < THROUGHPUT_MS) {
      await engine.run(`bench/chain_${STEPS_PER_TASK}`, INPUT);
      steps += STEPS_PER_TASK;
    }
  }));
  const seconds = (performance.now() - since) / 1_000;
  const { user, system } = process.cpuUsage(cpuBefore);
  const postgresUs = (familyCpuMsOf(postmaster) - postgresBefore) * 1_000;
  const after = engine.journal.journal.figures();
  const commits = after.commits - before.commits;
  return [
    { bench, metric: "steps_per_s", value: steps / seconds, unit: "steps/s" },
    { bench, metric: "commits", value: commits, unit: "commits" },
    { bench, metric: "rows_per_commit", value: (after.rows - before.rows) / commits, unit: "rows" },
    {
      bench,
      metric: "queries_per_step",
      value: (after.queries - before.queries) / steps,
      unit: "queries",
    },
    { bench, metric: "bytes_per_step", value: (after.bytes - before.bytes) / steps, unit: "bytes" },
    { bench, metric: "main_us_per_step", value: (user + system) / steps, unit: "us" },
    { bench, metric: "postgres_us_per_step", value: postgresUs / steps, unit: "us" },
    {
      bench,
      metric: "cpu_us_per_step",
      value: (user + system + postgresUs) / steps,
      unit: "us",
    },
  ];
}

/** One step, a thousand after it, one after all of them. */
export async function benchFan(engine: RealEngine): Promise<Figure[]> {
  const bench = "fanout_1000";
  await engine.run("bench/fan_1000", INPUT);
  const before = engine.journal.journal.figures();
  const since = performance.now();
  await engine.run("bench/fan_1000", INPUT);
  return [
    { bench, metric: "ms", value: performance.now() - since, unit: "ms" },
    {
      bench,
      metric: "commits",
      value: engine.journal.journal.figures().commits - before.commits,
      unit: "commits",
    },
  ];
}

/** Tasks that fall due at the same moment, and how long before they are started. */
const SLEEPERS = 100_000;
const ASLEEP_MS = 40_000;

/** Starts at once: more would only wait in memory. */
const STARTING = 1_000;

/** Tasks that sleep until the same moment: how long after it the last one has ended. */
export async function benchDue(engine: RealEngine): Promise<Figure[]> {
  let ended = 0;
  const all = Promise.withResolvers<void>();
  engine.engine.supervisor.subscribe(({ turn }) => {
    if (turn.events.at(-1)?.kind === "TaskEnded" && ++ended === SLEEPERS) all.resolve();
  });
  const dueAtMs = Date.now() + ASLEEP_MS;
  let started = 0;
  await Promise.all(Array.from({ length: STARTING }, async () => {
    while (started++ < SLEEPERS) {
      await engine.start("bench/nap", { ...INPUT, n: dueAtMs - Date.now() });
    }
  }));
  if (ended > 0) throw new Error("the starts took longer than the sleep");
  await all.promise;
  const seconds = (Date.now() - dueAtMs) / 1_000;
  const bench = "due_100k";
  return [
    { bench, metric: "last_end_s", value: seconds, unit: "s" },
    { bench, metric: "tasks_per_s", value: SLEEPERS / seconds, unit: "tasks/s" },
  ];
}
