/** Benches of a server as `deno task serve` starts it; its client is a process of its own. */

import { serve, type Served } from "../support/serve.ts";
import { cpuMsOf, familyCpuMsOf, postmasterOf } from "./cpu.ts";
import type { Figure } from "./figure.ts";
import type { Load, LoadReport } from "./http_load.ts";
import { INPUT } from "./workflows/bench.ts";
import { makeDataDir } from "../support/data_dir.ts";

/** How long each line is measured, and its warm-up: the server starts cold. */
const MEASURE_MS = 5_000;
const WARM_UP_MS = 2_000;

/** Steps of the tasks of a throughput bench. */
const STEPS_PER_TASK = 5;

/** Starts of one batch, and batches at once. */
const BATCH_STARTS = 1_000;
const BATCHES = 2;

/** Longer than any task of a bench takes. */
const WAIT_MS = 30_000;

/** A server, and where its CPU time is counted. */
export interface ServedBench {
  readonly server: Served;
  readonly postmaster: number;
}

/** What the client sends on every connection, again and again. */
interface Request {
  readonly connections: number;
  readonly path: string;
  readonly body: unknown;
  /** What each answer holds. */
  readonly expected: string;
}

/** What a run took. */
interface Measured extends LoadReport {
  readonly serverMs: number;
  readonly postgresMs: number;
}

/** Measures a server over the Postgres of the other benches. */
export async function withServer(
  databaseUrl: string,
  run: (served: ServedBench) => Promise<void>,
): Promise<void> {
  const dataDir = makeDataDir("bench-server");
  try {
    await using server = await serve({
      dataDir,
      env: {
        DATABASE_URL: databaseUrl,
        TASKER_WORKFLOWS: new URL("workflows", import.meta.url).pathname,
        TASKER_LOG: "error",
      },
    });
    await run({ server, postmaster: await postmasterOf(databaseUrl) });
  } finally {
    await Deno.remove(dataDir, { recursive: true });
  }
}

/** Tasks of ten strict steps, one after another: each is started and waited for in one request. */
export async function benchHttpSequential(served: ServedBench): Promise<Figure[]> {
  const bench = "http_sequential_10";
  const run = await measure(served, runs("bench/chain_10", 1));
  return [
    { bench, metric: "p50_ms", value: run.p50Ms, unit: "ms" },
    { bench, metric: "p99_ms", value: run.p99Ms, unit: "ms" },
  ];
}

/** Tasks of five steps, started and waited for on `connections` connections at once. */
export async function benchHttpThroughput(
  served: ServedBench,
  connections: number,
): Promise<Figure[]> {
  const bench = `http_throughput_${connections}`;
  const run = await measure(served, runs(`bench/chain_${STEPS_PER_TASK}`, connections));
  const steps = run.requests * STEPS_PER_TASK;
  return [
    { bench, metric: "tasks_per_s", value: run.requests / run.seconds, unit: "tasks/s" },
    { bench, metric: "steps_per_s", value: steps / run.seconds, unit: "steps/s" },
    { bench, metric: "p50_ms", value: run.p50Ms, unit: "ms" },
    { bench, metric: "p99_ms", value: run.p99Ms, unit: "ms" },
    ...costs(bench, run, steps),
  ];
}

/** Starts in batches; the tasks wait for a signal, so that starting is all that is measured. */
export async function benchHttpBatch(served: ServedBench): Promise<Figure[]> {
  const bench = "http_batch";
  const start = { workflow: "bench/signal_10", input: INPUT };
  const run = await measure(served, {
    connections: BATCHES,
    path: "/v1/tasks/batch",
    body: { tasks: Array.from({ length: BATCH_STARTS }, () => start) },
    expected: '"started"',
  });
  const starts = run.requests * BATCH_STARTS;
  return [
    { bench, metric: "starts_per_s", value: starts / run.seconds, unit: "starts/s" },
    { bench, metric: "p50_ms", value: run.p50Ms, unit: "ms" },
    ...costs(bench, run, starts),
  ];
}

/** Where the time of two cores goes, and how much of it the client takes from the server. */
function costs(bench: string, run: Measured, units: number): Figure[] {
  const unit = bench === "http_batch" ? "start" : "step";
  const cost = (who: string, ms: number) => ({
    bench,
    metric: `${who}_us_per_${unit}`,
    value: ms * 1_000 / units,
    unit: "us",
  });
  const cores = run.cpuMs / 1_000 / run.seconds;
  return [
    cost("server", run.serverMs),
    cost("postgres", run.postgresMs),
    cost("client", run.cpuMs),
    { bench, metric: "client_cores", value: cores, unit: "cores" },
  ];
}

function runs(workflow: string, connections: number): Request {
  return {
    connections,
    path: `/v1/tasks?waitMs=${WAIT_MS}`,
    body: { workflow, input: INPUT },
    expected: '"state":"completed"',
  };
}

async function measure({ server, postmaster }: ServedBench, request: Request): Promise<Measured> {
  await generate(server, request, WARM_UP_MS);
  const serverMs = cpuMsOf(server.pid);
  const postgresMs = familyCpuMsOf(postmaster);
  const report = await generate(server, request, MEASURE_MS);
  return {
    ...report,
    serverMs: cpuMsOf(server.pid) - serverMs,
    postgresMs: familyCpuMsOf(postmaster) - postgresMs,
  };
}

async function generate({ url, key }: Served, request: Request, ms: number): Promise<LoadReport> {
  const program = new URL("http_load.ts", import.meta.url).pathname;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--allow-all", "--quiet", program],
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const load: Load = { ...request, url, key, ms, body: JSON.stringify(request.body) };
  await new Response(JSON.stringify(load)).body?.pipeTo(child.stdin);
  const { success, stdout } = await child.output();
  if (!success) throw new Error("The load generator failed");
  return JSON.parse(new TextDecoder().decode(stdout));
}
