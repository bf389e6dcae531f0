import assert from "node:assert/strict";
import { JournalBench } from "../../tests/support/journal_node.ts";
import type { TaskId } from "../core/ids.ts";
import type { Database, TaskFilter } from "../core/ports.ts";
import type { Driver } from "./list_candidates.ts";
import { listOf } from "./list_query.ts";

/** Tasks of the kind that statistics say all tasks are. */
const MANY = 20_000;
const LIMIT = 50;

/**
 * Rows that a list may read: of each of two namespaces in each of seven states a page, each looked at
 * in two tables, beside the names of namespaces and workflows.
 */
const READ_MAX = 2 * (2 * 7 * LIMIT + LIMIT);

/** The first task is of another kind, and the oldest. */
const RARE = { namespace: "b", state: "failed", tag: "y", workflow: "b/v" } as const;
const COMMON = { namespace: "a", state: "completed", tag: "x", workflow: "a/w" } as const;

const FILL = `
  insert into tasker.definition (hash, body) values ('h', '{}');
  insert into tasker.workflow (namespace, name, version, hash)
  values ('a', 'w', '1', 'h'), ('b', 'v', '1', 'h');
  insert into tasker.task (task_id, slot, namespace, workflow, version, definition_hash, state,
    resident, tags, created_at, ended_at)
  select
    (lpad(to_hex(1700000000000 + n * 1000), 12, '0') || '7000' || '8000' || lpad(to_hex(n), 12, '0'))::uuid,
    0, case when n = 1 then 'b' else 'a' end, case when n = 1 then 'v' else 'w' end, '1', 'h',
    case when n = 1 then 'failed' else 'completed' end, false,
    case when n = 1 then '{y}' else '{x}' end::text[],
    to_timestamp(1700000000 + n), now()
  from generate_series(1, ${MANY}) n;
  insert into tasker.task_by_tag (list_key, task_id, workflow_hash, version_hash)
  select tasker.list_key(namespace, '', state, tags[1]), task_id, hashtext(workflow), hashtext(version)
  from tasker.task;`;
const TABLES = "tasker.task, tasker.task_by_tag, tasker.workflow";

/** What the planner believes when lists are asked for. */
const BELIEFS: readonly (readonly [belief: string, sql: string])[] = [
  ["nothing", FILL],
  ["that there are no tasks", `analyze ${TABLES}; ${FILL}`],
  [
    "that all tasks are of one kind",
    `${FILL} update tasker.task set namespace = 'a', workflow = 'w', state = 'completed', tags = '{x}'
       where namespace = 'b';
     analyze ${TABLES};
     delete from tasker.task where created_at = to_timestamp(1700000001);
     insert into tasker.task (task_id, slot, namespace, workflow, version, definition_hash, state,
       resident, tags, created_at, ended_at)
     values ('018bcfe5-6be8-7000-8000-000000000001', 0, 'b', 'v', '1', 'h', 'failed', false, '{y}',
       to_timestamp(1700000001), now());`,
  ],
  [
    "that all tasks run",
    `${FILL} update tasker.task set state = 'running', ended_at = null;
     analyze ${TABLES};
     update tasker.task set ended_at = now(),
       state = case when namespace = 'b' then 'failed' else 'completed' end;`,
  ],
];

for (const [belief, sql] of BELIEFS) {
  Deno.test(`no list reads more than its page, where Postgres believes ${belief}`, async () => {
    await using bench = await JournalBench.open();
    const { database } = await bench.node();
    const watch = bench.watch();
    await watch.unsafe("alter table tasker.task set (autovacuum_enabled = off)");
    await watch.unsafe("alter table tasker.task_by_tag set (autovacuum_enabled = off)");
    await watch.unsafe(sql);

    const seen = [];
    for (const filter of filters()) {
      const { scanned, read, rows } = await explained(database.of("list"), filter);
      if (scanned.length > 0 || read > READ_MAX) seen.push({ filter, scanned, read });
      // A page without tasks is one row that says so.
      assert.equal(rows, Math.max(1, expected(filter)), JSON.stringify(filter));
    }

    assert.deepEqual(seen, []);
  });
}

Deno.test("a list by a label reads no task that has a tag of the same text", async () => {
  await using bench = await JournalBench.open();
  const { database } = await bench.node();
  await bench.watch().unsafe(FILL);

  const filter: TaskFilter = { namespaces: undefined, limit: LIMIT, labels: [[COMMON.tag]] };
  const { read, rows } = await explained(database.of("list"), filter);

  // One row says that there are no tasks.
  assert.deepEqual({ read, rows }, { read: 0, rows: 1 });
});

/** After which task, and since when. */
const RANGES: readonly (readonly [after?: TaskId | undefined, sinceMs?: number])[] = [
  [],
  ["018bcfe5-6be8-7000-8000-000000000002" as TaskId],
  [undefined, 1_700_000_001_000],
];

/** Every combination of what may be filtered by, common and rare. */
function filters(): TaskFilter[] {
  const either = <T>(common: T, rare: T) => [undefined, common, rare];
  const all: TaskFilter[] = [];
  for (const namespace of either(COMMON.namespace, RARE.namespace)) {
    for (const workflow of either(COMMON.workflow, RARE.workflow)) {
      for (const state of either(COMMON.state, RARE.state)) {
        for (const tag of either(COMMON.tag, RARE.tag)) {
          for (const [after, sinceMs] of RANGES) {
            all.push({
              namespaces: namespace === undefined ? undefined : [namespace],
              limit: LIMIT,
              ...(workflow !== undefined && { workflow }),
              ...(state !== undefined && { states: [state] }),
              ...(tag !== undefined && { tags: [tag] }),
              ...(after !== undefined && { after }),
              ...(sinceMs !== undefined && { sinceMs, untilMs: sinceMs + MANY * 1000 }),
            });
          }
        }
      }
    }
  }
  return all;
}

/** How many tasks a page has: all of it where the common ones match, one where the rare one does. */
function expected({ namespaces, workflow, states, tags, after }: TaskFilter): number {
  const asked = [namespaces?.[0], workflow, states?.[0], tags?.[0]].filter((part) =>
    part !== undefined
  );
  const matches = (kind: typeof RARE | typeof COMMON) =>
    asked.every((part) => Object.values(kind).some((value) => value === part));
  const rare = matches(RARE) ? 1 : 0;
  return matches(COMMON) && after === undefined ? LIMIT : rare;
}

function driverOf({ namespaces, workflow, states, tags, labels }: TaskFilter): Driver {
  if (labels?.[0] !== undefined) return { kind: "labels", column: "labels", labels: labels[0] };
  if (tags !== undefined) return { kind: "labels", column: "tags", labels: tags };
  const isPlain = [namespaces, workflow, states].every((part) => part === undefined);
  return { kind: isPlain ? "all" : "states" };
}

/** As PostgresHistory finds them. */
function spacesOf({ namespaces = ["a", "b"], workflow }: TaskFilter): readonly string[] {
  return namespaces.filter((one) => workflow?.startsWith(`${one}/`) ?? true);
}

interface Node {
  readonly "Node Type": string;
  readonly "Relation Name"?: string;
  readonly "Actual Rows": number;
  readonly "Actual Loops": number;
  readonly "Rows Removed by Filter"?: number;
  readonly Plans?: readonly Node[];
}

async function explained(database: Database, filter: TaskFilter) {
  const scan = { driver: driverOf(filter), depth: LIMIT, looks: LIMIT };
  const { text, parameters } = listOf({ filter, spaces: spacesOf(filter) }, scan);
  const explain = `explain (analyze, timing off, format json) ${text}`;
  const [row] = await database.query(explain, parameters);
  const [{ Plan: plan }] = row?.["QUERY PLAN"] as [{ Plan: Node }];
  const nodes = flat(plan).filter((node) => node["Relation Name"] !== undefined);
  const scanned = nodes.filter((node) => /^Seq Scan|^Bitmap/.test(node["Node Type"]));
  const read = nodes.reduce((sum, node) => {
    const removed = node["Rows Removed by Filter"] ?? 0;
    return sum + (node["Actual Rows"] + removed) * node["Actual Loops"];
  }, 0);
  return { scanned: scanned.map((node) => node["Node Type"]), read, rows: plan["Actual Rows"] };
}

function flat(node: Node): Node[] {
  return [node, ...(node.Plans ?? []).flatMap(flat)];
}
