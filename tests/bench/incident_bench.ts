/** A real server with a thousand busy workflows and a hundred open incidents: running, and after kill -9. */

import postgres from "postgres";
import { openClient } from "../../src/client.ts";
import { INCIDENT_WORKFLOW } from "../../src/core/incident.ts";
import { type IncidentSteps, incidentWorkflow } from "../../src/heal/incident.ts";
import { makeDataDir } from "../support/data_dir.ts";
import { openRealEngine } from "../support/engine.ts";
import { serve, type Served, until } from "../support/serve.ts";
import { cpuMsOf, familyCpuMsOf, postmasterOf } from "./cpu.ts";
import type { Figure } from "./figure.ts";

const WORKFLOWS = 1_000;
const INCIDENTS = 100;

/** Starts of one batch; every workflow has a task this often, and for how long that is measured. */
const BATCH = 500;
const EVERY_MS = 10_000;
const WARM_UP_MS = 20_000;
const MEASURED_MS = 60_000;

const pause = (ms: number) => new Promise<void>((wake) => setTimeout(wake, ms));

/** Measures one server, kills it, and measures the next one on the same database. */
export async function benchIncidents(serverUrl: string): Promise<Figure[]> {
  const url = await makeOwnDatabase(serverUrl);
  const [dataDir, workflows] = [makeDataDir("incidents"), makeDataDir("workflows")];
  const of = { dataDir, env: { DATABASE_URL: url, TASKER_WORKFLOWS: workflows } };
  try {
    await writeWorkflows(workflows);
    await openIncidents(url);
    const figures: Figure[] = [];
    for (const bench of ["incidents_100", "incidents_100_killed"]) {
      const served = await serve(of);
      figures.push(...await measure(served, url, bench));
      served.kill("SIGKILL");
      await served.exited;
    }
    return figures;
  } finally {
    for (const folder of [dataDir, workflows]) await Deno.remove(folder, { recursive: true });
  }
}

async function makeOwnDatabase(serverUrl: string): Promise<string> {
  const sql = postgres(serverUrl, { max: 1, onnotice: () => {} });
  await sql.unsafe("create database incidents");
  await sql.end();
  return new URL("/incidents", serverUrl).href;
}

async function writeWorkflows(folder: string): Promise<void> {
  await Deno.mkdir(folder, { recursive: true });
  for (let number = 0; number < WORKFLOWS; number++) {
    const lines = [
      `name: order_${number}`,
      "namespace: shop",
      "version: 1.0.0",
      "input: { type: object, properties: { n: { type: number } } }",
      "workflow_steps:",
      "  - name: card",
      "    transform: { n: $.input.n }",
      "",
    ];
    await Deno.writeTextFile(`${folder}/order_${number}.yaml`, lines.join("\n"));
  }
}

/** Incidents that wait for a person. */
async function openIncidents(url: string): Promise<void> {
  const proposal = {
    ...{ id: "p1", action: { kind: "suggest_change", about: "shop", text: "more workers" } },
    ...{ tier: "T2", evidence: [], confidence: 0.7, expected: "it helps", load: "same" },
    ...{ blastRadius: { workflows: ["shop/order_1"], tasksPerHour: 60 }, repeats: false },
  };
  const steps = {
    diagnose: () => ({ failureType: "timeout", confidence: 0.5, says: "slow", evidence: [] }),
    propose: () => ({ proposals: [proposal], chosen: "p1", notes: [] }),
  } as unknown as IncidentSteps;
  await using engine = await openRealEngine(url, {
    modules: [],
    own: [incidentWorkflow(() => steps)],
  });
  const figures = { attempts: 60, perMinute: 60, failedShare: 0.3, timedOutShare: 0 };
  const seen = { ...figures, retriedShare: 0 };
  for (let number = 0; number < INCIDENTS; number++) {
    const degradation = {
      ...{ workflow: `shop/order_${number}`, step: "card", signal: "failures", saturated: false },
      ...{ sinceMs: Date.now(), windowMs: 60_000, now: seen, before: seen, chance: 0 },
    };
    await engine.start(INCIDENT_WORKFLOW, { about: `${number}`, number: 1, degradation });
  }
  // The server's own steps would do something else.
  await until("incidents that wait", 60_000, async () => {
    const range = { workflow: INCIDENT_WORKFLOW, sinceMs: 0, untilMs: Date.now() + 60_000 };
    const tasks = engine.journal.tasks.tasks({ ...range, limit: INCIDENTS });
    const all = await Array.fromAsync(tasks);
    return all.every(({ summary: { labels } }) => labels.includes("needs:signal")) || undefined;
  });
}

async function measure(served: Served, url: string, bench: string): Promise<Figure[]> {
  const startMs = cpuMsOf(served.pid);
  const client = openClient(served);
  const isOver = new AbortController();
  const load = (async () => {
    while (!isOver.signal.aborted) {
      for (let first = 0; first < WORKFLOWS; first += BATCH) {
        const tasks = Array.from({ length: BATCH }, (_, at) => ({
          workflow: `shop/order_${first + at}`,
          input: { n: 1 },
        }));
        await client.call("startTasks", { tasks });
      }
      await pause(EVERY_MS);
    }
  })();
  await pause(WARM_UP_MS);
  const sql = postgres(url, { max: 1, onnotice: () => {} });
  const postmaster = await postmasterOf(url);
  const read = async () => {
    const [row] = await sql`
      select xact_commit::int as commits from pg_stat_database where datname = current_database()`;
    return [cpuMsOf(served.pid), familyCpuMsOf(postmaster), Number(row?.commits)] as const;
  };
  const before = await read();
  await pause(MEASURED_MS);
  const after = await read();
  isOver.abort();
  await load;
  await sql.end();
  const { incidents } = await client.call("listIncidents", { limit: INCIDENTS });
  const open = incidents.filter(({ phase }) => phase === "waiting_for_approval").length;
  const perMin = (at: 0 | 1 | 2) => (after[at] - before[at]) * 60_000 / MEASURED_MS;
  return [
    { bench, metric: "start_cpu_ms", value: startMs, unit: "ms" },
    { bench, metric: "cpu_ms_per_min", value: perMin(0), unit: "ms" },
    { bench, metric: "postgres_ms_per_min", value: perMin(1), unit: "ms" },
    { bench, metric: "commits_per_min", value: perMin(2), unit: "commits" },
    { bench, metric: "open", value: open, unit: "incidents" },
  ];
}
