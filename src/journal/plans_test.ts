import assert from "node:assert/strict";
import type postgres from "postgres";
import { JournalBench, valuesOf } from "../../tests/support/journal_node.ts";
import { SLOTS } from "../core/ids.ts";

/** Rows of each large table, and of one flush: enough for loops over pairs to show. */
const MANY = 20_000;
const FLUSH = 2_048;

/**
 * Rows that a statement may handle for each row it is asked for, all nodes of its plan together; beside
 * that a table may be read once, which is right while it is small.
 */
const HANDLED_PER_ROW_MAX = 64;
const HANDLED_BESIDE_MAX = 3 * MANY;

const NODE = "'00000000-0000-4000-8000-000000000001'";
const OTHER = "'00000000-0000-4000-8000-000000000002'";
/** A statement under `src`, what it is given as SQL, and how many rows it is about. */
type Case = readonly [file: string, parameters: readonly string[], rows: number];

/** What tables hold, and the statements about it. */
interface Scene {
  readonly holds: string;
  readonly cases: readonly Case[];
}

const id = (n: string) => `lpad(to_hex(${n}), 32, '0')::uuid`;
const each = (value: string, count: number) =>
  `(select array_agg(${value} order by n) from generate_series(1, ${count}) n)`;
const same = (value: string, count: number) => `array_fill(${value}, array[${count}])`;
const json = (fields: string) =>
  `(select json_agg(json_build_object(${fields}))::text from generate_series(1, ${FLUSH}) n)`;
const slots = (owner: string) => `update tasker.slot set owner = ${owner}, version = 7;`;
const tasks = (isResident: boolean, wakeAt: string) => `
  insert into tasker.task (task_id, slot, namespace, workflow, version, definition_hash, state,
    resident, wake_at, tags, created_at, labels)
  select ${id("n")}, n % ${SLOTS}, 'test', 'w', '1', 'h', 'waiting', ${isResident}, ${wakeAt},
    array['y' || n % 100], now(), array['n:total=' || n]
  from generate_series(1, ${MANY}) n;
  insert into tasker.task_by_tag (list_key, task_id, workflow_hash, version_hash)
  select key, ${id("n")}, hashtext('w'), hashtext('1')
  from generate_series(1, ${MANY}) n, unnest(array[tasker.list_key('test', '', 'waiting',
    'y' || n % 100), tasker.label_key('test', 'waiting', 'n:total=' || n)]) key;
  insert into tasker.task_by_value (list_key, value, task_id)
  select tasker.list_key('test', 'w', '', 'n:total'), n, ${id("n")}
  from generate_series(1, ${MANY}) n;
  insert into tasker.journal (task_id, append_id, turn, events)
  select ${id("n")}, ${id("n")}, turn, '[1,0,[]]'
  from generate_series(1, ${MANY}) n, generate_series(1, 2) turn;
  insert into tasker.task_key (namespace, key, task_id, body_hash)
  select 'test', 'k' || n, ${id("n")}, '' from generate_series(1, ${MANY}) n;`;
const DUE = tasks(false, "now() - interval '1 day'");
const ASLEEP = tasks(false, "now() + interval '1 day'");
const RESIDENT = tasks(true, "null");
const INBOX = `
  insert into tasker.inbox (slot, command_id, command, wants_answer)
  select n % ${SLOTS}, 'c' || n, '{}', false from generate_series(1, ${FLUSH}) n;`;
/** As many as there may be, half of them long gone, of two systems. */
const INSTANCES = `
  insert into tasker.system_instance (system, instance, is_declared, version, capabilities, digest,
    bytes, namespaces, state, since, lease_ms, expires_at)
  select 's' || n % 2, 'i' || n, n % 4 = 0, '1.0.0', '[]', 'd1', 2, '{}',
    (array['healthy', 'gone'])[1 + n % 2], now() - interval '1 day', 30000,
    now() - interval '1 hour'
  from generate_series(1, 5000) n;`;
/** Of few workflows, each with many intervals, half due to be merged. */
const STATISTICS_ROWS = `
  insert into tasker.step_statistics (workflow, from_ms, until_ms, writer, number, of_steps,
    every_ms, body)
  select 'w/' || n % 4, n, n + 1, ${OTHER}, n, n % 8 < 4, 10000, '[]'
  from generate_series(1, ${MANY}) n;`;
const DEPLOYMENTS = `
  insert into tasker.definition (hash, body) values ('h', '{}') on conflict do nothing;
  insert into tasker.workflow (namespace, name, version, hash)
  select 'test', 'd' || n, entry || '.0.0', 'h'
  from generate_series(1, 4000) n, generate_series(1, 3) entry on conflict do nothing;
  insert into tasker.deployment (namespace, name, entry, number, version, hash, text, by_whom, reason)
  select 'test', 'd' || n, entry, 3 * n + entry, entry || '.0.0', 'h', '{}', 'a', 'why'
  from generate_series(1, 4000) n, generate_series(1, 3) entry;
  update tasker.deployment_number set number = 20000;`;
/** The oldest rows of "w/1" that are about steps, as arrays. */
const COUNTED = [
  each("(8 * n + 1)::float8", 1_000),
  same(`${OTHER}::uuid`, 1_000),
  each("8 * n + 1", 1_000),
  same("1", 1_000),
];
const ENVELOPES = `
  insert into tasker.bus_envelope (channel, id, body)
  select 'c' || n % 4, ${id("n")}, '{}' from generate_series(1, ${MANY}) n;`;

const ALL_SLOTS = each("n - 1", SLOTS);
const VERSIONS = same("7::bigint", SLOTS);
const CHANNELS = each("'c' || n % 4", FLUSH);
const BODIES = `array_to_string(${same("'[1,0,[]]'::text", FLUSH)}, e'\\x1f')`;
const rows = (first: number, turn: number) => {
  const ids = each(id(`n + ${first}`), FLUSH);
  return [NODE, ids, same(String(turn), FLUSH), ids, BODIES];
};
const CHANGES = json(`'append_id', ${id("n")}, 'task_id', ${id("n")}, 'slot', n % ${SLOTS},
  'state', 'running', 'resident', true, 'inbox', json_build_array('c' || n)`);
const ENDS = json(`'append_id', ${id("n")}, 'task_id', ${id("n")}, 'slot', n % ${SLOTS},
  'state', 'completed', 'resident', false, 'ended_ms', 1,
  'labels', array['n:total=' || n, 'step:pay']`);
const BIRTHS = json(`'append_id', ${id(`n + ${MANY}`)}, 'task_id', ${id(`n + ${MANY}`)},
  'slot', n % ${SLOTS}, 'namespace', 'test', 'workflow', 'w', 'version', '1', 'definition_hash', 'h',
  'tags', array['y' || n % 100], 'key', 'new' || n, 'body_hash', '', 'created_ms', 1,
  'state', 'running', 'resident', true, 'labels', array['n:total=' || n], 'sends',
  json_build_array(json_build_object('slot', 1, 'commandId', 's' || n, 'command', n))`);
const DECLARED = json(`'number', n, 'system', 's0', 'instance', 'i' || 4 * n, 'version', '1.0.0',
  'digest', 'd1', 'namespaces', '{}'::text[], 'lease_ms', 30000`);
const DOUBTFUL = json(`'n', n, 'task_id', ${id("n")}, 'turn', 1, 'namespace', 'test',
  'key', 'k' || n`);

const APPEND = "journal/sql/append.sql";
const POLL: Case = ["journal/sql/poll.sql", [NODE, "-1", "now()", "''"], SLOTS];

const instance = (name: string): readonly string[] => [
  ...["'s1'", name, "false", "'1.0.0'", "'[]'", "'d1'", "2", "null", "array[]::text[]", "30000"],
  ...["500", "5001", "1000", "1000000"],
];

/** Windows of ids, each of 300 of the tasks. */
const windows = (first: string) => each(id(`300 * ${first}`), 64);
const SAMPLED = each("(array['waiting', 'running', 'failed'])[n]", 3);

const SCENES: readonly Scene[] = [
  {
    holds: slots(NODE) + ASLEEP + INBOX,
    cases: [
      POLL,
      [APPEND, [...rows(0, 3), CHANGES], FLUSH],
      [APPEND, [...rows(0, 3), ENDS], FLUSH],
      [APPEND, [...rows(MANY, 1), BIRTHS], FLUSH],
      ["journal/sql/residents.sql", [ALL_SLOTS], SLOTS],
      ["journal/sql/release.sql", [NODE, VERSIONS], SLOTS],
      ["journal/sql/require_format.sql", [NODE, VERSIONS, "2"], SLOTS],
      ["journal/sql/notify.sql", ["'x'", ALL_SLOTS], SLOTS],
      ["journal/sql/post.sql", ["'{1}'", "'{c}'", "array['{}']", "'{1}'"], 1],
      ["journal/sql/join.sql", [NODE, "'a'", "1", "'postgres'", "'1'"], 1],
    ],
  },
  {
    holds: slots(OTHER) + DUE + INBOX,
    cases: [
      POLL,
      ["journal/sql/free_orphans.sql", [], SLOTS],
      ["journal/sql/end_node.sql", [NODE, "true"], 1],
      ["journal/sql/end_backends.sql", ["'none'"], 1],
      ["journal/sql/end_expired_backends.sql", [NODE, "'none'", "true"], 1],
    ],
  },
  {
    holds: slots(NODE) + DUE,
    cases: [
      POLL,
      [
        "journal/sql/sample_tasks.sql",
        ["'test'", "'w'", SAMPLED, windows("n"), windows("(n + 1)"), "50"],
        3_200,
      ],
      [
        "journal/sql/due.sql",
        [
          each("n - 1", 256),
          same("'-infinity'::text", 256),
          same(`${id("0")}`, 256),
          "8",
        ],
        2_048,
      ],
    ],
  },
  {
    holds: slots("null") + RESIDENT,
    cases: [
      ["journal/sql/claim.sql", [NODE, VERSIONS], SLOTS],
      ["journal/sql/residents.sql", ["array[7]"], 5],
      ["journal/sql/residents.sql", [ALL_SLOTS], MANY],
      ["journal/sql/load.sql", [each(id("n"), 64), same("0", 64), "256", "1000000"], 128],
      ["journal/sql/list_definitions.sql", ["''", "''", "''", "100", "1000000"], 100],
      ["journal/sql/look_up.sql", [DOUBTFUL], FLUSH],
      ["journal/sql/forget_version.sql", ["'test'", "'w'", "'1'", "'h'", "5"], 5],
      ["journal/sql/open_tasks.sql", ["'test'", "'w'", "'h'", "5"], 5],
    ],
  },
  {
    holds: INSTANCES,
    cases: [
      POLL,
      ["journal/sql/end_leases.sql", ["3600000"], 5_000],
      ["journal/sql/register.sql", instance("'new'"), 5_000],
      ["journal/sql/register.sql", instance("'i7'"), 1],
      ["journal/sql/renew_declared.sql", [DECLARED], FLUSH],
    ],
  },
  {
    holds: DEPLOYMENTS,
    cases: [
      POLL,
      ["journal/sql/newest_deployments.sql", ["11000", "1000", "1000000"], 1_000],
      [
        "journal/sql/add_deployment.sql",
        [
          ...["'test'", "'d7'", "'4.0.0'", "'h'", "'{}'", "'a'", "'why'", "3", "'{}'", "'why'"],
          "'[]'",
        ],
        1,
      ],
    ],
  },
  {
    holds: STATISTICS_ROWS,
    cases: [
      [
        "journal/sql/write_statistics.sql",
        [
          ...[NODE, "1", each("'new/' || n", FLUSH), same("1.0::float8", FLUSH)],
          ...[same("2.0::float8", FLUSH), same("1", FLUSH), same("'[]'::text", FLUSH)],
        ],
        FLUSH,
      ],
      [
        "journal/sql/read_statistics.sql",
        ["'w/1'", "5000", OTHER, "0", "0", "20000", "1000", "1000000"],
        1_000,
      ],
      [
        "journal/sql/read_task_statistics.sql",
        ["5000", "'w/1'", OTHER, "0", "20000", "1000", "1000000"],
        1_000,
      ],
      ["journal/sql/statistics_workflows.sql", [], 5],
      [
        "journal/sql/due_statistics.sql",
        ["'w/1'", "10000", "9000", "1000", "1000000"],
        1_000,
      ],
      [
        "journal/sql/merge_statistics.sql",
        [
          ...["'w/1'", ...COUNTED, NODE],
          ...["array[-1]", "array[1.0]::float8[]", "array[2.0]::float8[]", "array[1]"],
          ...["array[300000]::float8[]", "array['[]']::text[]"],
        ],
        1_000,
      ],
      ["journal/sql/forget_statistics.sql", ["'w/1'", "4000", "1000"], 1_000],
    ],
  },
  {
    holds: ENVELOPES,
    cases: [
      ["bus/sql/publish.sql", ["'c1'", each(id(`n + ${MANY}`), FLUSH), BODIES], FLUSH],
      ["bus/sql/claim.sql", ["'c1'", "1024", "1000"], 1_024],
      ["bus/sql/settle.sql", [CHANNELS, each(id("n"), FLUSH)], FLUSH],
      [
        "bus/sql/delay.sql",
        [CHANNELS, each(id("n"), FLUSH), same("0", FLUSH), same("5.0::float8", FLUSH)],
        FLUSH,
      ],
      ["bus/sql/due.sql", ["array['c0', 'c1', 'none']"], 3],
      ["bus/sql/depth.sql", ["'c1'", "100"], 100],
      ["bus/sql/forget.sql", [id("1000"), "1000"], MANY],
      ["bus/sql/consumed.sql", ["'c9'"], 1],
      ["bus/sql/was_consumed.sql", ["'c9'"], 1],
      ["bus/sql/notify.sql", ["'x'", "array['c1']"], 1],
    ],
  },
];

/** What the tables held when statistics were taken: nothing, or the most of one kind. */
const STATISTICS: Readonly<Record<string, string>> = {
  "of empty tables": slots("null"),
  "of free slots and sleeping tasks": slots("null") + ASLEEP,
  "of owned slots and due tasks": slots(NODE) + DUE + INBOX + ENVELOPES + STATISTICS_ROWS,
  "of dead owners and resident tasks": slots(OTHER) + RESIDENT + INBOX + ENVELOPES,
};

const FILLED = [
  "task",
  "task_by_tag",
  "task_by_value",
  "task_key",
  "journal",
  "inbox",
  "answer",
  "bus_envelope",
  "system_instance",
  "step_statistics",
  "deployment",
  "node",
];
const SCANNED = [...FILLED.filter((table) => table !== "journal"), "journal_default", "slot"];

for (const [name, before] of Object.entries(STATISTICS)) {
  Deno.test(`no statement loops over pairs of rows, with statistics ${name}`, async () => {
    await using bench = await JournalBench.open();
    await bench.node();
    const sql = bench.watch();
    for (const table of SCANNED) {
      await sql.unsafe(`alter table tasker.${table} set (autovacuum_enabled = false)`);
    }
    await fill(sql, before);
    await sql.unsafe(`analyze tasker.journal, ${SCANNED.map((table) => `tasker.${table}`)}`);

    for (const { holds, cases } of SCENES) {
      await fill(sql, "");
      // A plan for any parameters is kept; the writer's may be as old as its connection.
      const calls = await prepare(sql, cases);
      await fill(sql, holds);
      for (const [at, [file, , rows]] of cases.entries()) {
        for (const mode of modesOf(file)) {
          const most = HANDLED_PER_ROW_MAX * rows + HANDLED_BESIDE_MAX;
          const plan = await explain(sql, String(calls[at]), mode);
          assert.ok(handled(plan) <= most, `${file}, ${mode}: ${shapeOf(plan)}`);
        }
      }
      await sql.unsafe("deallocate all");
    }
  });
}

Deno.test("every statement in a file is tried with wrong statistics", async () => {
  const tried = new Set(SCENES.flatMap(({ cases }) => cases.map(([file]) => file)));
  for (const folder of ["journal/sql", "bus/sql"]) {
    for await (const { name } of Deno.readDir(new URL(`../${folder}`, import.meta.url))) {
      const isMigration = /^\d/.test(name);
      assert.ok(isMigration || tried.has(`${folder}/${name}`), name);
    }
  }
});

/** Only the writer keeps plans; see `PLANNING` in database.ts. */
function modesOf(file: string): readonly string[] {
  return file === APPEND ? ["force_generic_plan", "force_custom_plan"] : ["force_custom_plan"];
}

async function fill(sql: postgres.Sql, holds: string): Promise<void> {
  await sql.unsafe(`
    truncate ${FILLED.map((table) => `tasker.${table}`)};
    insert into tasker.node (incarnation, name, expires_at) values (${NODE}, 'a', now());
    ${holds}`);
}

/** Prepares statements and has them planned for any parameters; returns their calls. */
async function prepare(sql: postgres.Sql, cases: readonly Case[]): Promise<string[]> {
  const calls: string[] = [];
  await sql.unsafe("set plan_cache_mode = force_generic_plan");
  for (const [at, [file, parameters]] of cases.entries()) {
    const text = await Deno.readTextFile(new URL(`../${file}`, import.meta.url));
    const [values = []] = await valuesOf(
      sql,
      `select ${parameters.map((one) => `(${one})::text`)}`,
    );
    const list = values.map((value) => `'${String(value).replaceAll("'", "''")}'`);
    const call = `execute statement_${at}${list.length > 0 ? `(${list})` : ""}`;
    await sql.unsafe(`prepare statement_${at} as ${text}`);
    await sql.unsafe(`explain ${call}`);
    calls.push(call);
  }
  return calls;
}

/** A node of a plan that was run, as Postgres explains it. */
interface PlanNode {
  readonly "Node Type": string;
  readonly "Relation Name"?: string;
  readonly "Actual Rows": number;
  readonly "Actual Loops": number;
  readonly "Rows Removed by Filter"?: number;
  readonly "Rows Removed by Join Filter"?: number;
  readonly Plans?: readonly PlanNode[];
}

/** Runs a statement, and takes back what it did. */
async function explain(sql: postgres.Sql, call: string, mode: string): Promise<PlanNode> {
  await sql.unsafe(`set plan_cache_mode = ${mode}; set statement_timeout = 20000; begin`);
  const [row] = await sql.unsafe(`explain (analyze, timing off, format json) ${call}`);
  await sql.unsafe("rollback");
  return row?.["QUERY PLAN"][0].Plan;
}

/** Rows that went through one node of a plan. */
function handledBy(node: PlanNode): number {
  const { "Rows Removed by Filter": filtered = 0, "Rows Removed by Join Filter": unjoined = 0 } =
    node;
  return (node["Actual Rows"] + filtered + unjoined) * node["Actual Loops"];
}

function handled(node: PlanNode): number {
  return (node.Plans ?? []).reduce((sum, plan) => sum + handled(plan), handledBy(node));
}

function shapeOf(node: PlanNode, depth = 0): string {
  const name = `${node["Node Type"]} ${node["Relation Name"] ?? ""} ${handledBy(node)}`;
  const below = (node.Plans ?? []).map((plan) => shapeOf(plan, depth + 1));
  return [`\n${"  ".repeat(depth)}${name}`, ...below].join("");
}
