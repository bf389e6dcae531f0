/** List query: the statement that finds a page of tasks, good under any statistics. */

import type { TaskFilter } from "../core/ports.ts";
import { OWN_NAMESPACE } from "../core/incident.ts";
import type { TaskStateName } from "../core/state.ts";
import { firstIdAt, type TaskId } from "../core/ids.ts";

/** How far the minting of a task's id may be from its first turn, clock steps included. */
const MINTING_MS_MAX = 900_000;

/** How far it is for all tasks but those whose row says `minted_apart`. */
export const MINTED_APART_MS = 30_000;

/** Bounds of ids where nothing else bounds them. */
const ID_MIN = "00000000-0000-0000-0000-000000000000";
const ID_MAX = "ffffffff-ffff-ffff-ffff-ffffffffffff";

/** The one state whose tasks are not always listed by their tags, because it does not last. */
const RUNNING = "running";

const STATES: Readonly<Record<TaskStateName, true>> = {
  running: true,
  waiting: true,
  blocked: true,
  paused: true,
  completed: true,
  failed: true,
  cancelled: true,
};

/** What is known of a task without its journal; `t` is its row. */
export const SUMMARY_COLUMNS = `
  t.task_id, t.namespace, t.workflow, t.version, t.definition_hash, t.state, t.blocked_reason,
  t.tags,
  (extract(epoch from t.created_at) * 1000)::float8 as created_ms,
  (extract(epoch from t.ended_at) * 1000)::float8 as ended_ms`;

/** What namespaces there are, by one look into the index for each. */
const NAMESPACES = `
  with recursive known (namespace) as (
    (select namespace from tasker.workflow order by namespace limit 1)
    union all
    select (
      select w.namespace
      from tasker.workflow w
      where w.namespace > known.namespace
      order by w.namespace
      limit 1
    )
    from known
    where known.namespace is not null
  )
  select namespace from known where namespace <> '${OWN_NAMESPACE}'`;

/** A statement and its parameters. */
export interface ListQuery {
  readonly text: string;
  readonly parameters: readonly unknown[];
}

/** Collects parameters. */
class Parameters {
  readonly values: unknown[] = [];

  add(value: unknown): string {
    return `$${this.values.push(value)}`;
  }
}

/** What all ranges of a list have in common: parameters with the bounds of ids, and conditions. */
interface Bounds {
  readonly from: string;
  readonly to: string;
  /** Conditions on times, of the task's row `t`. */
  readonly times: string;
}

/** One range of an index: of a table, in the order of a key and of ids. */
interface Range extends Bounds {
  readonly table: string;
  /** The key, as the index has it, and its value. */
  readonly key: readonly [column: string, value: string];
  /** What else must hold of a row. */
  readonly condition?: string;
  readonly join?: string;
  readonly limit: number;
}

/**
 * Makes the statement for a page, newest first.
 *
 * Each namespace or workflow in each state is a range of one index, in the order of ids: the page is
 * merged from the first rows of these.
 */
export function listOf(filter: TaskFilter): ListQuery {
  const { namespaces, workflow, state, tag } = filter;
  const parameters = new Parameters();
  const bounds: Bounds = {
    times: timesOf(filter, parameters),
    ...idsOf(filter, parameters, MINTED_APART_MS),
  };
  const isPlain = [namespaces, workflow, state, tag].every((part) => part === undefined);
  const found = isPlain
    ? plainPage(bounds, filter.limit)
    : tag === undefined
    ? keyedPage(filter, parameters, bounds)
    : taggedPage(filter, parameters, bounds);
  const apart = bounds.times === "" ? "" : `union (${mintedApart(filter, parameters, bounds)})`;
  // One look-up for each row of the page, whatever the planner thinks of the table. What has the
  // same key without matching is left out here.
  const text = `
    select one.*
    from (
      select found.task_id
      from ((${found}) ${apart}) found
      order by found.task_id desc
      limit ${Math.trunc(filter.limit)}
    ) page
    cross join lateral (
      select ${SUMMARY_COLUMNS}
      from tasker.task t
      where t.task_id = page.task_id ${matchOf(filter, parameters)}
      limit 1
    ) one
    order by page.task_id desc`;
  return { text, parameters: parameters.values };
}

/** Without a filter but time, the primary key has the order. */
function plainPage({ from, to, times }: Bounds, limit: number): string {
  return `
    select t.task_id
    from tasker.task t
    where t.task_id >= ${from}::uuid
      and t.task_id < ${to}::uuid
      and t.namespace <> '${OWN_NAMESPACE}' ${times}
    order by t.task_id desc
    limit ${Math.trunc(limit)}`;
}

/** Tasks whose ids do not show when they were created. */
function mintedApart(filter: TaskFilter, parameters: Parameters, { times }: Bounds): string {
  const { from, to } = idsOf(filter, parameters, MINTING_MS_MAX);
  return `
    select t.task_id
    from tasker.task t
    where t.minted_apart
      and t.task_id >= ${from}::uuid
      and t.task_id < ${to}::uuid ${times} ${matchOf(filter, parameters)}
    order by t.task_id desc
    limit ${Math.trunc(filter.limit)}`;
}

/** The newest tasks of a workflow, or of namespaces, in each state. */
function keyedPage(filter: TaskFilter, parameters: Parameters, bounds: Bounds): string {
  const states = filter.state === undefined ? Object.keys(STATES) : [filter.state];
  return `
    select one.task_id
    from (${flowsOf(filter, parameters, "together")}) flow
    cross join unnest(${parameters.add(states)}::text[]) as wanted (state)
    cross join lateral (${rangeOf(ofTasks(filter, bounds))}) one`;
}

/**
 * Tasks with a tag: the listed ones of each workflow in each state, and the running ones, which need
 * not be listed. What is listed under another state than its own runs by now, and is passed over.
 */
function taggedPage(filter: TaskFilter, parameters: Parameters, bounds: Bounds): string {
  const { state, tag, limit } = filter;
  const tagged = `${parameters.add(tag)}::text`;
  const condition = `and t.tags @> array[${tagged}]`;
  const running = () => `
    select one.task_id
    from (${flowsOf(filter, parameters, "together")}) flow
    cross join (values ('${RUNNING}')) as wanted (state)
    cross join lateral (${rangeOf({ ...ofTasks(filter, bounds), condition })}) one`;
  if (state === RUNNING) return running();
  const listed = (rows: number) =>
    rangeOf({
      ...bounds,
      times: "",
      table: "task_by_tag",
      key: ["listed.list_key", "flow.list_key"],
      // By its limit one look-up for each row; as a join it might read the whole table.
      join: `
        cross join lateral (
          select
          from tasker.task t
          where t.task_id = listed.task_id
            and t.state = flow.state ${condition} ${bounds.times}
          limit 1
        ) one`,
      limit: rows,
    });
  const states = Object.keys(STATES).filter((one) => one !== RUNNING);
  const listedPage = `
    select one.task_id
    from (
      -- At most one range for each row of the page: those whose newest tasks are the newest.
      select flow.list_key, flow.state
      from (
        select wanted.state,
          tasker.list_key(flow.namespace, flow.workflow, wanted.state, ${tagged}) as list_key
        from (${flowsOf(filter, parameters, "each")}) flow
        cross join unnest(${parameters.add(state === undefined ? states : [state])}::text[])
          as wanted (state)
        offset 0
      ) flow
      cross join lateral (${listed(1)}) newest
      order by newest.task_id desc
      limit ${Math.trunc(limit)}
    ) flow
    cross join lateral (${listed(Math.trunc(limit))}) one`;
  return state === undefined ? `${listedPage} union all ${running()}` : listedPage;
}

/** The range of a workflow or a namespace in one state, with times looked at in the row. */
function ofTasks({ workflow, limit }: TaskFilter, bounds: Bounds): Range {
  const name = workflow === undefined ? "''" : "t.workflow";
  return {
    ...bounds,
    table: "task",
    key: [
      `tasker.list_key(t.namespace, ${name}, t.state, '')`,
      "tasker.list_key(flow.namespace, flow.workflow, wanted.state, '')",
    ],
    limit: Math.trunc(limit),
  };
}

/**
 * The newest rows of a range.
 *
 * Compared as rows, so that only that index gives the order: by equality a planner that thinks a
 * state common would read the whole primary key for a rare one. The key is one column, because a scan
 * goes on behind the range where a later column decides.
 */
function rangeOf(range: Range): string {
  const { table, key: [column, value], from, to, times, condition = "", join = "" } = range;
  const row = table === "task" ? "t" : "listed";
  return `
    select ${row}.task_id
    from tasker.${table} ${row} ${join}
    where (${column}, ${row}.task_id) >= (${value}, ${from}::uuid)
      and (${column}, ${row}.task_id) < (${value}, ${to}::uuid) ${times} ${condition}
    order by ${column} desc, ${row}.task_id desc
    limit ${range.limit}`;
}

/**
 * The namespaces to look in, with the workflow that is asked for; without one with each workflow, or
 * with all of them together, which '' stands for.
 */
function flowsOf(
  filter: TaskFilter,
  parameters: Parameters,
  workflows: "each" | "together",
): string {
  const { workflow } = filter;
  const name = workflow?.slice(workflow.indexOf("/") + 1) ?? "";
  const spaces = spacesOf(filter, parameters);
  if (workflow !== undefined || workflows === "together") {
    return `
      select space.namespace, ${parameters.add(name)}::text as workflow
      from (${spaces}) space`;
  }
  const next = (row: string, after: string) => `
    select w.name
    from tasker.workflow w
    where w.namespace = ${row}.namespace ${after}
    order by w.name
    limit 1`;
  return `
    with recursive known (namespace, workflow) as (
      select space.namespace, (${next("space", "")})
      from (${spaces}) space
      union all
      select known.namespace, (${next("known", "and w.name > known.workflow")})
      from known
      where known.workflow is not null
    )
    select namespace, workflow from known where workflow is not null`;
}

/** The namespaces to look in. */
function spacesOf({ namespaces, workflow }: TaskFilter, parameters: Parameters): string {
  const [named] = workflow?.split("/") ?? [];
  const all = named === undefined
    ? namespaces
    : namespaces === undefined || namespaces.includes(named)
    ? [named]
    : [];
  if (all === undefined) return NAMESPACES;
  return `select unnest(${parameters.add([...new Set(all)])}::text[]) as namespace`;
}

/** The filter as conditions on the task's row. */
function matchOf({ namespaces, workflow, state, tag }: TaskFilter, parameters: Parameters): string {
  const conditions = [
    ["t.namespace = any (", namespaces, "::text[])"],
    ["t.namespace || '/' || t.workflow = ", workflow, "::text"],
    ["t.state = ", state, "::text"],
    ["t.tags @> array[", tag, "::text]"],
  ] as const;
  const stated = conditions.flatMap(([before, value, after]) =>
    value === undefined ? [] : [`and ${before}${parameters.add(value)}${after}`]
  ).join(" ");
  const isOpen = namespaces === undefined && workflow === undefined;
  return isOpen ? `and t.namespace <> '${OWN_NAMESPACE}' ${stated}` : stated;
}

/** Times of creation; ids only bound them. */
function timesOf({ sinceMs, untilMs }: TaskFilter, parameters: Parameters): string {
  const at = (ms: number) => `to_timestamp(${parameters.add(ms)}::float8 / 1000.0)`;
  const since = sinceMs === undefined ? "" : `and t.created_at >= ${at(sinceMs)}`;
  const until = untilMs === undefined ? "" : `and t.created_at < ${at(untilMs)}`;
  return `${since} ${until}`.trim();
}

/** The ids of a page, where minting was so far from the first turn at most. */
function idsOf(
  { sinceMs, untilMs, after }: TaskFilter,
  parameters: Parameters,
  mintingMsMax: number,
): Pick<Bounds, "from" | "to"> {
  const from = sinceMs === undefined ? ID_MIN : idAt(sinceMs, -mintingMsMax);
  const until = untilMs === undefined ? ID_MAX : idAt(untilMs, mintingMsMax);
  const to = after === undefined || until < after ? until : after;
  return { from: parameters.add(from), to: parameters.add(to) };
}

function idAt(ms: number, shiftMs: number): TaskId {
  return firstIdAt(Math.max(0, ms + shiftMs));
}
