/**
 * Root of `deno task bench`: prints one JSON line a figure. Names of benches as arguments run only
 * those. Machines are shared and noisy: compare figures of one run, by their ratios.
 */

import { benchReadiness } from "../../ffi/bench.ts";
import { buildLibrary } from "../../ffi/build.ts";
import { startEmbeddedPostgres } from "../../src/postgres/embedded.ts";
import { BROKER_KINDS } from "../../src/core/broker.ts";
import { openRealEngine, type RealEngine } from "../support/engine.ts";

import { BROKER_SERVERS } from "../support/broker_servers.ts";
import { benchDue, benchFan, benchSequential, benchThroughput } from "./engine_benches.ts";
import { postmasterOf } from "./cpu.ts";
import { type Figure, print } from "./figure.ts";
import {
  benchHttpBatch,
  benchHttpSequential,
  benchHttpThroughput,
  type ServedBench,
  withServer,
} from "./http_bench.ts";
import { benchLists } from "./list_bench.ts";
import { benchMemory } from "./memory_bench.ts";
import { benchPgbench } from "./pgbench.ts";
import { benchAdmission } from "./admission_bench.ts";
import { benchCounting } from "./counting_bench.ts";
import { benchIncidents } from "./incident_bench.ts";
import { benchWatch } from "./watch_bench.ts";
import { benchStatistics } from "./statistics_bench.ts";
import { benchRemote, benchRemoteFan } from "./remote_bench.ts";
import { benchGraph, benchPages, benchTask, benchWebBuild } from "./web_bench.ts";
import { chain, fan, labelled, nap, signal10 } from "./workflows/bench.ts";
import { makeDataDir } from "../support/data_dir.ts";

const wanted = new Set(Deno.args);

/** Runs a bench when it is asked for, and says on stderr what takes its time. */
async function bench(name: string, run: () => Promise<Figure[]>): Promise<void> {
  if (wanted.size > 0 && !wanted.has(name)) return;
  console.error(`measuring ${name} …`);
  for (const figure of await run()) print(figure);
}

async function benchEngine(
  url: string,
  name: string,
  run: (engine: RealEngine) => Promise<Figure[]>,
) {
  await bench(name, async () => {
    const modules = [chain(10), chain(5), fan(1_000), nap, signal10.module, labelled];
    await using engine = await openRealEngine(url, { modules });
    return await run(engine);
  });
}

/** The benches of a server, by name; they share one, as a database has its first key once. */
const SERVER_BENCHES: Readonly<Record<string, (served: ServedBench) => Promise<Figure[]>>> = {
  http_sequential_10: benchHttpSequential,
  http_throughput_64: (served) => benchHttpThroughput(served, 64),
  http_throughput_256: (served) => benchHttpThroughput(served, 256),
  http_batch: benchHttpBatch,
  pages_200: benchPages,
};

async function benchServer(url: string): Promise<void> {
  const names = Object.keys(SERVER_BENCHES);
  if (wanted.size > 0 && names.every((name) => !wanted.has(name))) return;
  await withServer(url, async (served) => {
    for (const [name, run] of Object.entries(SERVER_BENCHES)) await bench(name, () => run(served));
  });
}

async function benchBuses(databaseUrl: string): Promise<void> {
  await bench("remote_postgres", () => benchRemote({ databaseUrl, kind: "postgres" }));
  await bench("remote_fan_postgres", () => benchRemoteFan({ databaseUrl, kind: "postgres" }));
  for (const kind of BROKER_KINDS) {
    const isWanted = [`remote_${kind}`, `remote_fan_${kind}`].some((name) => wanted.has(name));
    if (wanted.size > 0 && !isWanted) continue;
    const server = await BROKER_SERVERS[kind]();
    if ("reason" in server) {
      console.error(`skipped: remote_${kind}, because ${server.reason}`);
      continue;
    }
    await using found = server;
    const remote = { databaseUrl, kind, url: found.url };
    await bench(`remote_${kind}`, () => benchRemote(remote));
    await bench(`remote_fan_${kind}`, () => benchRemoteFan(remote));
  }
}

const dataDir = makeDataDir("bench");
await buildLibrary({ onLine: (line) => console.error(line) });
const postgres = await startEmbeddedPostgres({ dataDir, onLine: (line) => console.error(line) });
try {
  const { url } = postgres;
  // First: what benches before it have left in the heap would hide what it takes.
  await benchEngine(url, "memory", benchMemory);
  await bench("web_build", benchWebBuild);
  await bench("web_graph_500", benchGraph);
  await bench("web_task_10000_events", benchTask);
  await bench("pgbench", () => benchPgbench(url));
  await benchEngine(url, "sequential_10", benchSequential);
  const postmaster = await postmasterOf(url);
  for (const tasks of [64, 256]) {
    const run = (engine: RealEngine) => benchThroughput(engine, tasks, postmaster);
    await benchEngine(url, `throughput_${tasks}`, run);
  }
  await benchEngine(url, "fanout_1000", benchFan);
  await benchEngine(url, "due_100k", benchDue);
  await benchBuses(url);
  await bench("readiness", benchReadiness);
  await bench("statistics_fold", benchStatistics);
  await benchEngine(url, "statistics_100k", (engine) => benchCounting(engine, postmaster));
  await bench("admission", benchAdmission);
  await bench("watch_1000", benchWatch);
  await bench("incidents_100", () => benchIncidents(url));
  await bench("lists_1m", () => benchLists(url));
  await benchServer(url);
} finally {
  await postgres.stop();
  await Deno.remove(dataDir, { recursive: true }).catch(() => {});
}
