/** Bench of lists: filters and their combinations, over a million tasks. */

import postgres from "postgres";
import type { Incarnation } from "../../src/core/ids.ts";
import type { TaskFilter } from "../../src/core/ports.ts";
import { openJournal } from "../../src/journal/open.ts";
import { openRuntime } from "../../src/server/runtime.ts";
import { type Figure, percentile } from "./figure.ts";

/** Tasks in the table, unless BENCH_TASKS says how many. */
const TASKS = Number(Deno.env.get("BENCH_TASKS") ?? 1_000_000);

/** Pages read of each combination of filters, and first ones that are not counted. */
const PAGES = 20;
const WARM_UP = 2;

const DAY_MS = 86_400_000;

/**
 * Thirty days of tasks in ten namespaces of three workflows: of 1,000, 970 are completed, 10 failed, 10
 * run. Each has a tag of its customer, who has ten tasks, and one that half of all tasks have; a region
 * of three, a total from 0 to 99,999, and one of ten versions, each of them three days of tasks. What
 * failed or is blocked has a step and one of 100 codes.
 */
const FILL = `
  insert into tasker.definition (hash, body) values ('bench_lists', '{}');
  insert into tasker.workflow (namespace, name, version, hash)
  select 'space' || n / 3, 'flow' || n % 3, '1', 'bench_lists' from generate_series(0, 29) n;
  insert into tasker.task (task_id, slot, namespace, workflow, version, definition_hash, state,
    resident, tags, labels, created_at, ended_at)
  select
    (lpad(to_hex(at_ms), 12, '0') || '7000' || '8000' || lpad(to_hex(n), 12, '0'))::uuid,
    0, 'space' || n % 10, 'flow' || n % 3, (n / ${TASKS / 10})::text, 'bench_lists', state, false,
    array['customer' || n % ${TASKS / 10}, case when n % 2 = 0 then 'web' else 'shop' end],
    array['k:region=' || (array['eu', 'us', 'asia'])[1 + n % 3],
      'n:total=' || n::bigint * 7907 % 100000]
    || case
      when state = 'blocked' then array['needs:choice', 'parked:pay', 'code:c' || n % 100]
      when state = 'failed' then array['step:pay', 'code:c' || n % 100]
      else '{}' end,
    to_timestamp(at_ms / 1000.0),
    case when state in ('completed', 'failed', 'cancelled') then to_timestamp(at_ms / 1000.0) end
  from generate_series(1, ${TASKS}) n
  cross join lateral (
    select (extract(epoch from now()) * 1000)::bigint - n::bigint * ${
  Math.floor(30 * DAY_MS / TASKS)
} as at_ms,
      case n::bigint * 7919 % 1000
        when 0 then 'waiting' when 1 then 'blocked' when 2 then 'paused'
        when 3 then 'cancelled' when 4 then 'cancelled'
        else case
          when n::bigint * 7919 % 1000 < 15 then 'failed'
          when n::bigint * 7919 % 1000 < 25 then 'running'
          else 'completed'
        end
      end as state
  ) one;
  insert into tasker.task_by_tag (list_key, task_id, workflow_hash, version_hash)
  select distinct listed.list_key, task_id, hashtext(workflow), hashtext(version)
  from tasker.task
  cross join lateral (
    select tasker.list_key(namespace, '', state, tag) as list_key from unnest(tags) tag
    union all
    select tasker.label_key(namespace, state, label) from unnest(labels) label
  ) listed
  where state <> 'running'
  order by 1, 2;
  insert into tasker.task_by_value (list_key, value, task_id)
  select tasker.list_key(namespace, workflow, '', 'n:total'),
    tasker.label_value(labels, 'n:total'), task_id
  from tasker.task
  order by 1, 2, 3;`;

/**
 * Reads pages of 50 by every combination of namespace, workflow, state, tag and time. p99 is over all
 * pages; the worst combination is named on stderr with its median.
 */
export async function benchLists(url: string): Promise<Figure[]> {
  const database = await ownDatabase(url);
  const runtime = openRuntime();
  const journal = await openJournal({
    url: database.url,
    runtime,
    incarnation: runtime.uuid() as Incarnation,
    onWarning: console.warn,
  });
  try {
    await database.run(FILL);
    await database.run("vacuum analyze");
    const lists = await measure(filters(runtime.now()), (one) => journal.history.tasks(one));
    const narrow = await measure(narrowFilters(runtime.now()), (one) => journal.history.tasks(one));
    const counts = await measure(
      narrowFilters(runtime.now()),
      (one) => journal.history.counts(one),
    );
    const bench = "lists_1m";
    return [
      { bench, metric: "p50_ms", value: percentile(lists.samples, 0.5), unit: "ms" },
      { bench, metric: "p95_ms", value: percentile(lists.samples, 0.95), unit: "ms" },
      { bench, metric: "p99_ms", value: percentile(lists.samples, 0.99), unit: "ms" },
      { bench, metric: "slowest_p95_ms", value: lists.slowestMs, unit: "ms" },
      { bench, metric: "pages", value: lists.samples.length, unit: "pages" },
      { bench, metric: "narrow_p95_ms", value: percentile(narrow.samples, 0.95), unit: "ms" },
      { bench, metric: "narrow_slowest_p95_ms", value: narrow.slowestMs, unit: "ms" },
      { bench, metric: "counts_slowest_p95_ms", value: counts.slowestMs, unit: "ms" },
    ];
  } finally {
    await journal.close();
    await database.drop();
  }
}

/** Asks for each filter many times; the slowest one is named on stderr, with its 95th percentile. */
async function measure(of: readonly TaskFilter[], ask: (filter: TaskFilter) => Promise<unknown>) {
  const samples: number[] = [];
  let slowest = { filter: "", ms: 0 };
  for (const filter of of) {
    const ofFilter: number[] = [];
    for (let page = 0; page < WARM_UP + PAGES; page++) {
      const since = performance.now();
      await ask(filter);
      if (page >= WARM_UP) ofFilter.push(performance.now() - since);
    }
    samples.push(...ofFilter);
    const ms = percentile(ofFilter, 0.95);
    if (ms > slowest.ms) slowest = { filter: JSON.stringify(filter), ms };
  }
  console.error(`the slowest: ${slowest.filter}, p95 ${slowest.ms.toFixed(1)} ms`);
  return { samples, slowestMs: slowest.ms };
}

/** Filters beyond those of an index of their own, alone and together; with what is rare and what is not. */
function narrowFilters(nowMs: number): TaskFilter[] {
  const parts: Partial<TaskFilter>[] = [
    { version: "0" },
    { version: "9" },
    { states: ["failed", "blocked", "paused"] },
    { tags: ["web", "customer4712"] },
    { tags: ["web", "shop"] },
    { tags: ["web"], version: "9" },
    { version: "9", states: ["failed", "blocked", "paused"] },
    { version: "none" },
    { labels: [["k:region=eu"]], untilMs: nowMs - 20 * DAY_MS },
    { labels: [["k:region=eu"]] },
    { labels: [["needs:choice", "needs:signal"]] },
    { labels: [["code:c7"], ["step:pay", "parked:pay"]] },
    { labels: [["k:region=eu"], ["code:c7"]] },
    { ranges: [{ name: "n:total", min: 99_990 }] },
    { ranges: [{ name: "n:total", min: 50_000, max: 60_000 }] },
    { labels: [["k:region=us"]], ranges: [{ name: "n:total", max: 20 }] },
    { tags: ["web"], labels: [["k:region=us"]], version: "9" },
    { endedSinceMs: nowMs - DAY_MS },
    { endedUntilMs: nowMs - 20 * DAY_MS },
  ];
  return parts.flatMap((part): TaskFilter[] => [
    { namespaces: undefined, limit: 50, ...part },
    { namespaces: undefined, limit: 50, workflow: "space4/flow1", ...part },
  ]);
}

/** Every combination of what may be filtered by; of each, what few tasks have and what many have. */
function filters(nowMs: number): TaskFilter[] {
  const days = [undefined, { sinceMs: nowMs - 3 * DAY_MS, untilMs: nowMs - DAY_MS }];
  const all: TaskFilter[] = [];
  for (const namespaces of [undefined, ["space4"], ["space1", "space2", "space3"]]) {
    for (const workflow of [undefined, "space4/flow1"]) {
      for (const state of [undefined, "completed", "running", "blocked"] as const) {
        for (const tag of [undefined, "customer4711", "web"]) {
          for (const range of days) {
            all.push({
              namespaces,
              limit: 50,
              ...(workflow !== undefined && { workflow }),
              ...(state !== undefined && { states: [state] }),
              ...(tag !== undefined && { tags: [tag] }),
              ...range,
            });
          }
        }
      }
    }
  }
  return all;
}

/** A database of its own: other benches are not to run beside a million tasks. */
async function ownDatabase(url: string) {
  const name = `bench_lists_${crypto.randomUUID().replaceAll("-", "")}`;
  const admin = postgres(url, { max: 1, onnotice: () => {} });
  await admin.unsafe(`create database ${name}`);
  const own = new URL(url);
  own.pathname = `/${name}`;
  const sql = postgres(own.href, { max: 1, onnotice: () => {} });
  return {
    url: own.href,
    run: (text: string) => sql.unsafe(text),
    async drop() {
      await sql.end();
      await admin.unsafe(`drop database ${name} with (force)`);
      await admin.end();
    },
  };
}
