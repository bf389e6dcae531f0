/** Bench of lists: every combination of filters, over a million tasks. */

import postgres from "postgres";
import type { Incarnation } from "../../src/core/ids.ts";
import type { TaskFilter } from "../../src/core/ports.ts";
import { openJournal } from "../../src/journal/open.ts";
import { openRuntime } from "../../src/server/runtime.ts";
import { type Figure, percentile } from "./figure.ts";

/** Tasks in the table. */
const TASKS = 1_000_000;

/** Pages read of each combination of filters, and first ones that are not counted. */
const PAGES = 20;
const WARM_UP = 2;

const DAY_MS = 86_400_000;

/**
 * Thirty days of tasks in ten namespaces of three workflows: of 1,000, 970 are completed, 10 failed, 10
 * run. Each has a tag of its customer, who has ten tasks, and one that half of all tasks have.
 */
const FILL = `
  insert into tasker.definition (hash, body) values ('bench_lists', '{}');
  insert into tasker.workflow (namespace, name, version, hash)
  select 'space' || n / 3, 'flow' || n % 3, '1', 'bench_lists' from generate_series(0, 29) n;
  insert into tasker.task (task_id, slot, namespace, workflow, version, definition_hash, state,
    resident, tags, created_at, ended_at)
  select
    (lpad(to_hex(at_ms), 12, '0') || '7000' || '8000' || lpad(to_hex(n), 12, '0'))::uuid,
    0, 'space' || n % 10, 'flow' || n % 3, '1', 'bench_lists', state, false,
    array['customer' || n % ${TASKS / 10}, case when n % 2 = 0 then 'web' else 'shop' end],
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
  insert into tasker.task_by_tag (list_key, task_id)
  select tasker.list_key(namespace, workflow, state, tag), task_id
  from tasker.task cross join lateral unnest(tags) tag
  where state <> 'running'
  order by 1, 2;`;

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
    const samples: number[] = [];
    let worst = { filter: "", medianMs: 0 };
    for (const filter of filters(runtime.now())) {
      const ofFilter: number[] = [];
      for (let page = 0; page < WARM_UP + PAGES; page++) {
        const since = performance.now();
        await journal.history.tasks(filter);
        if (page >= WARM_UP) ofFilter.push(performance.now() - since);
      }
      samples.push(...ofFilter);
      const medianMs = percentile(ofFilter, 0.5);
      if (medianMs > worst.medianMs) worst = { filter: JSON.stringify(filter), medianMs };
    }
    console.error(`the slowest list: ${worst.filter}`);
    const bench = "lists_1m";
    return [
      { bench, metric: "p50_ms", value: percentile(samples, 0.5), unit: "ms" },
      { bench, metric: "p99_ms", value: percentile(samples, 0.99), unit: "ms" },
      { bench, metric: "slowest_p50_ms", value: worst.medianMs, unit: "ms" },
      { bench, metric: "pages", value: samples.length, unit: "pages" },
    ];
  } finally {
    await journal.close();
    await database.drop();
  }
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
