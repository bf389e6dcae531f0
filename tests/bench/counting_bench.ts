/** What statistics cost a running engine, and what labels and waiting steps do. */

import process from "node:process";
import type { Database } from "../../src/core/ports.ts";
import { INTERVAL_MS } from "../../src/core/statistics_tiers.ts";
import { Statistics } from "../../src/heal/statistics.ts";
import { PostgresStatistics } from "../../src/journal/statistics.ts";
import { SILENT_LOG } from "../../src/telemetry/log.ts";
import { Metrics } from "../../src/telemetry/metrics.ts";
import type { RealEngine } from "../support/engine.ts";
import { familyCpuMsOf } from "./cpu.ts";
import { type Figure, percentile } from "./figure.ts";
import { INPUT, signal10 } from "./workflows/bench.ts";

/** Rounds, and the tasks of each: with statistics, without, and with labels beside those. */
const ROUNDS = 10;
const COUNTED = 10_000;
const OTHERS = 2_000;

const STEPS_PER_TASK = 5;
const CONCURRENT = 256;

/** Tasks that wait for a signal while an interval is written. */
const WAITING = 20_000;

const BENCH = "statistics_100k";

/** What a task cost, in microseconds of CPU. */
interface Cost {
  readonly mainUs: number;
  readonly postgresUs: number;
}

/** The statements that statistics send, with their rows and bytes. */
class Written {
  statements = 0;
  rows = 0;
  bytes = 0;

  /** A database that counts what passes to another. */
  over(database: Database): Database {
    return {
      listen: (channel, call) => database.listen(channel, call),
      query: (text, parameters = []) => {
        const bodies = parameters.at(-1) as readonly string[];
        this.statements++;
        this.rows += bodies.length;
        this.bytes += bodies.reduce((sum, { length }) => sum + length, 0);
        return database.query(text, parameters);
      },
    };
  }
}

/** Runs 100,000 tasks with statistics, and others without and with labels, in turns. */
export async function benchCounting(engine: RealEngine, postmaster: number): Promise<Figure[]> {
  const written = new Written();
  const deps = statisticsDeps(engine, written);
  const run = (tasks: number, workflow: string, tags: readonly string[] = []) =>
    costOf({ engine, postmaster, tasks, workflow, tags });
  await run(OTHERS, "bench/chain_5");
  const [counted, bare, labelled]: [Cost[], Cost[], Cost[]] = [[], [], []];
  let intervals = 0;
  for (let round = 0; round < ROUNDS; round++) {
    const statistics = new Statistics(deps);
    const before = performance.now();
    counted.push(await run(COUNTED, "bench/chain_5"));
    intervals += Math.ceil((performance.now() - before) / INTERVAL_MS);
    await statistics.close();
    bare.push(await run(OTHERS, "bench/chain_5"));
    labelled.push(await run(OTHERS, "bench/labelled_5", ["tenant:acme", "batch"]));
  }
  const all = { ...written };
  const waiting = await costOfWaiting(engine, { deps, written });
  const figure = (metric: string, value: number, unit: string) => ({
    ...{ bench: BENCH, metric, value, unit },
  });
  const main = ({ mainUs }: Cost) => mainUs;
  const postgres = ({ postgresUs }: Cost) => postgresUs;
  const both = (cost: Cost) => cost.mainUs + cost.postgresUs;
  return [
    figure("main_ratio", ratio(counted, bare, main), "with / without"),
    figure("postgres_ratio", ratio(counted, bare, postgres), "with / without"),
    figure("main_us_per_step", median(counted.map(main)) / STEPS_PER_TASK, "us"),
    figure("statements", all.statements / intervals, "statements/interval"),
    figure("rows", all.rows / intervals, "rows/interval"),
    figure("bytes", all.bytes / intervals, "bytes/interval"),
    figure("labels_main_ratio", ratio(labelled, bare, main), "with / without"),
    figure("labels_postgres_ratio", ratio(labelled, bare, postgres), "with / without"),
    figure("labels_us_per_task", median(labelled.map(both)) - median(bare.map(both)), "us"),
    ...waiting.map(({ metric, value, unit }) => figure(metric, value, unit)),
  ];
}

function statisticsDeps({ engine, journal }: RealEngine, written: Written) {
  const incarnation = engine.deps.incarnation;
  return {
    runtime: engine.deps.runtime,
    log: SILENT_LOG,
    metrics: new Metrics(),
    feed: engine.supervisor,
    store: new PostgresStatistics(written.over(journal.database), incarnation),
    retentionMs: Infinity,
    isMine: () => false,
  };
}

async function costOf({ engine, postmaster, tasks, workflow, tags }: {
  readonly engine: RealEngine;
  readonly postmaster: number;
  readonly tasks: number;
  readonly workflow: string;
  readonly tags: readonly string[];
}): Promise<Cost> {
  const [before, postgresBefore] = [process.cpuUsage(), familyCpuMsOf(postmaster)];
  let started = 0;
  await Promise.all(Array.from({ length: CONCURRENT }, async () => {
    while (started++ < tasks) await engine.run(workflow, INPUT, tags);
  }));
  const { user, system } = process.cpuUsage(before);
  return {
    mainUs: (user + system) / tasks,
    postgresUs: (familyCpuMsOf(postmaster) - postgresBefore) * 1_000 / tasks,
  };
}

/** Rows that an interval has while tasks wait, beside those of their starts. */
async function costOfWaiting(
  engine: RealEngine,
  { deps, written }: { deps: ReturnType<typeof statisticsDeps>; written: Written },
) {
  const statistics = new Statistics(deps);
  for (let started = 0; started < WAITING; started += CONCURRENT) {
    const starts = Array.from(
      { length: CONCURRENT },
      () => engine.start(`bench/${signal10.name}`, INPUT),
    );
    await Promise.all(starts);
  }
  const before = { ...written };
  await statistics.write();
  const started = { ...written };
  await statistics.write();
  const idle = written.rows - started.rows;
  await statistics.close();
  return [
    { metric: "bytes_20k_waiting", value: started.bytes - before.bytes, unit: "bytes" },
    { metric: "rows_idle", value: idle, unit: "rows/interval" },
  ];
}

function ratio(one: readonly Cost[], other: readonly Cost[], of: (cost: Cost) => number): number {
  return median(one.map(of)) / median(other.map(of));
}

function median(values: readonly number[]): number {
  return percentile(values, 0.5);
}
