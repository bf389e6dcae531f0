/** What the web app weighs and takes: its build, its bytes, open pages on a server, and a large graph. */

import { Buffer } from "node:buffer";
import type { Page } from "playwright-core";
import { openClient } from "../../src/client.ts";
import { largeText } from "../support/large_workflow.ts";
import { CHROMIUM, withWebApp } from "../support/browser.ts";
import { buildOnce } from "../support/web_build.ts";
import { cpuMsOf, familyCpuMsOf } from "./cpu.ts";
import type { Figure } from "./figure.ts";
import type { ServedBench } from "./http_bench.ts";
import { INPUT } from "./workflows/bench.ts";

/** Pages that follow changes, and tasks that are started a second. */
const PAGES = 200;
const TASKS_PER_S = 100;

/** How often both are measured, with pages and without, and how long each, in seconds. */
const ROUNDS = 4;
const MEASURE_S = 10;

/** Moves over the large graph: half by keys, half by the wheel. */
const MOVES = 40;

/** Measures a build as a first start makes it, and the gzipped bytes that a browser loads of it. */
export async function benchWebBuild(): Promise<Figure[]> {
  const bench = "web_build";
  const { tookMs, initialBytes, laterBytes } = await buildOnce();
  return [
    { bench, metric: "took_s", value: tookMs / 1_000, unit: "s" },
    { bench, metric: "initial_kb", value: initialBytes / 1_000, unit: "kB" },
    ...[...laterBytes].map(([part, bytes]) => ({
      ...{ bench, metric: `${part}_kb`, value: bytes / 1_000, unit: "kB" },
    })),
  ];
}

/** What pages read again as tasks change: the list of tasks, and the overview. */
const READS = [
  ["tasks?limit=50", "tasks/counts"],
  [
    "tasks?state=blocked&limit=10",
    "tasks?limit=10",
    "statistics?intervals=60",
    "tasks?needs=signal&limit=10",
    "incidents?phase=waiting_for_approval&limit=10",
  ],
] as const;

/**
 * Measures the CPU of a server under the same load without and with open pages, in turn: it becomes
 * faster while it runs.
 */
export async function benchPages(served: ServedBench): Promise<Figure[]> {
  const bench = `pages_${PAGES}`;
  const server: [number, number] = [0, 0];
  const postgres: [number, number] = [0, 0];
  const pages = { events: 0, reads: 0 };
  await load(served); // the server starts cold
  for (let round = 0; round < ROUNDS; round++) {
    for (const open of round % 2 === 0 ? [0, 1] as const : [1, 0] as const) {
      await using _ = open === 1 ? openPages(served, pages) : undefined;
      const took = await load(served);
      server[open] += took.serverMs;
      postgres[open] += took.postgresMs;
    }
  }
  const share = (ms: number) => ms / (ROUNDS * MEASURE_S * 10);
  return [
    { bench, metric: "server_without_pages", value: share(server[0]), unit: "%" },
    { bench, metric: "share_of_a_core", value: share(server[1] - server[0]), unit: "%" },
    { bench, metric: "postgres_without_pages", value: share(postgres[0]), unit: "%" },
    { bench, metric: "postgres_share", value: share(postgres[1] - postgres[0]), unit: "%" },
    { bench, metric: "events_per_page", value: pages.events / PAGES / ROUNDS, unit: "events" },
    { bench, metric: "reads_per_page", value: pages.reads / PAGES / ROUNDS, unit: "reads" },
  ];
}

/** Opens pages that follow changes, and read what they show again as the app does. */
function openPages(
  { server: { url, key } }: ServedBench,
  counts: { events: number; reads: number },
): AsyncDisposable {
  const leaving = new AbortController();
  const { signal } = leaving;
  const headers = { authorization: `Bearer ${key}`, "cache-control": "max-age=1" };
  const read = async (path: string) => {
    const answer = await fetch(`${url}/v1/${path}`, { headers, signal });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`a page was refused: ${text}`);
    counts.reads++;
  };
  const follow = async (page: number) => {
    const reads = READS[page % READS.length] ?? [];
    const answer = await fetch(`${url}/v1/changes`, { headers, signal });
    let readAtMs = -Infinity;
    let listsMs = 0;
    for await (const event of answer.body?.pipeThrough(new TextDecoderStream()) ?? []) {
      counts.events++;
      listsMs = Number(/"listsMs":(\d+)/.exec(event)?.[1] ?? listsMs);
      // Pages are opened one by one, and so do not read all at once.
      if (readAtMs < 0) readAtMs = performance.now() - listsMs * page / PAGES;
      if (performance.now() < readAtMs + listsMs) continue;
      readAtMs = performance.now();
      await Promise.all(reads.map(read));
    }
  };
  const pages = Array.from({ length: PAGES }, (_, page) => follow(page));
  return {
    [Symbol.asyncDispose]: async () => {
      leaving.abort();
      for (
        const { reason } of await Promise.allSettled(pages) as readonly PromiseRejectedResult[]
      ) {
        if (reason?.name !== "AbortError") throw reason;
      }
    },
  };
}

/** Starts tasks for a while; returns the milliseconds of CPU that this took. */
async function load({ server: { url, key, pid }, postmaster }: ServedBench) {
  const headers = { authorization: `Bearer ${key}`, "content-type": "application/json" };
  const start = { workflow: "bench/chain_5", input: INPUT };
  const body = JSON.stringify({ tasks: Array.from({ length: TASKS_PER_S }, () => start) });
  const [before, postgresBefore] = [cpuMsOf(pid), familyCpuMsOf(postmaster)];
  for (let second = 0; second < MEASURE_S; second++) {
    const next = new Promise((wake) => setTimeout(wake, 1_000));
    const answer = await fetch(`${url}/v1/tasks/batch`, { method: "POST", headers, body });
    await answer.body?.cancel();
    await next;
  }
  return {
    serverMs: cpuMsOf(pid) - before,
    postgresMs: familyCpuMsOf(postmaster) - postgresBefore,
  };
}

/** Measures the first paint of the app, and a graph of 500 steps: until it is drawn, and its moves. */
export async function benchGraph(): Promise<Figure[]> {
  if (CHROMIUM === undefined) return [];
  const bench = "web_graph_500";
  const figures: Figure[] = [];
  await withWebApp(async ({ open }) => {
    const page = await open("/builder", { size: { width: 1440, height: 900 } });
    await page.reload();
    await page.getByRole("heading", { name: "Builder" }).waitFor();
    const paint = Number(
      await page.evaluate(`performance.getEntriesByName("first-contentful-paint")[0].startTime`),
    );
    await page.evaluate(WATCH);
    const drawnMs = await openLarge(page);
    const opening = await longTasks(page);
    for (let move = 0; move < MOVES / 2; move++) await page.keyboard.press("ArrowDown");
    await page.mouse.move(700, 400);
    for (let move = 0; move < MOVES / 2; move++) await page.mouse.wheel(0, 60);
    const moving = await longTasks(page);
    figures.push(
      { bench, metric: "first_paint_ms", value: paint, unit: "ms" },
      { bench, metric: "drawn_ms", value: drawnMs, unit: "ms" },
      { bench, metric: "longest_task_opening_ms", value: Math.max(0, ...opening), unit: "ms" },
      { bench, metric: "long_tasks_per_40_moves", value: moving.length, unit: "tasks" },
      { bench, metric: "longest_task_moving_ms", value: Math.max(0, ...moving), unit: "ms" },
    );
  });
  return figures;
}

/** Measures moves over the turns of a task of 500 steps and 10,000 events, in each of its views. */
export async function benchTask(): Promise<Figure[]> {
  if (CHROMIUM === undefined) return [];
  const bench = "web_task_10000_events";
  const figures: Figure[] = [];
  const workflows = new URL("../fixtures/histories", import.meta.url).pathname;
  await withWebApp(async ({ open, server }) => {
    const client = openClient({ url: server.url, key: server.key });
    const { id, turn } = await client.run("test/failing", { input: { attempts: 10 } });
    const page = await open(`/tasks/${id}`, { size: { width: 1440, height: 900 } });
    await page.getByRole("tab", { name: "Journal (10002 events)" }).waitFor();
    await page.evaluate(WATCH);
    for (const view of ["Time line", "Graph", "Journal"]) {
      await page.getByRole("tab", { name: new RegExp(view) }).click();
      await page.getByRole("tabpanel").getByText(/^s0$|TaskStarted/).first().waitFor();
      await longTasks(page);
      for (let move = 1; move <= MOVES; move++) {
        await page.getByRole("slider").fill(String(1 + Math.round(move / MOVES * (turn - 2))));
      }
      const moving = await longTasks(page);
      const of = `${view.toLowerCase().replace(" ", "_")}_`;
      figures.push(
        { bench, metric: `${of}long_tasks_per_40_moves`, value: moving.length, unit: "tasks" },
        { bench, metric: `${of}longest_task_ms`, value: Math.max(0, ...moving), unit: "ms" },
      );
    }
  }, { TASKER_WORKFLOWS: workflows });
  return figures;
}

/** Run in the page: notes tasks of more than 50 ms. */
const WATCH = `
  globalThis.longTasks = [];
  new PerformanceObserver((list) => longTasks.push(...list.getEntries().map((one) => one.duration)))
    .observe({ entryTypes: ["longtask"] });
`;

/** The long tasks since the last call. */
function longTasks(page: Page): Promise<readonly number[]> {
  return page.evaluate("longTasks.splice(0)");
}

async function openLarge(page: Page): Promise<number> {
  await page.getByRole("button", { name: "Open …" }).click();
  const beganMs = performance.now();
  await page.getByLabel("A file").setInputFiles({
    name: "large.yaml",
    mimeType: "text/yaml",
    buffer: Buffer.from(largeText()),
  });
  await page.locator('[data-id="s0"]').click();
  return performance.now() - beganMs;
}
