/** List query: the statement that finds a page of tasks, good under any statistics. */

import type { TaskFilter } from "../core/ports.ts";
import type { TaskStateName } from "../core/state.ts";
import { firstIdAt, type TaskId } from "../core/ids.ts";

/** How far the minting of a task's id may be from its first turn, clock steps included. */
const MINTING_MS_MAX = 900_000;

/** Bounds of ids where nothing else bounds them. */
const ID_MIN = "00000000-0000-0000-0000-000000000000";
const ID_MAX = "ffffffff-ffff-ffff-ffff-ffffffffffff";

const STATES: Readonly<Record<TaskStateName, true>> = {
  running: true,
  waiting: true,
  blocked: true,
  paused: true,
  completed: true,
  failed: true,
  cancelled: true,
};

const COLUMNS = `
  t.task_id, t.namespace, t.workflow, t.version, t.definition_hash, t.state, t.blocked_reason,
  t.tags,
  (extract(epoch from t.created_at) * 1000)::float8 as created_ms,
  (extract(epoch from t.ended_at) * 1000)::float8 as ended_ms`;

/** What namespaces there are, by one look into the index for each. */
const NAMESPACES = `
  with recursive known (namespace) as (
    (select namespace from tasker.task order by namespace limit 1)
    union all
    select (
      select t.namespace
      from tasker.task t
      where t.namespace > known.namespace
      order by t.namespace
      limit 1
    )
    from known
    where known.namespace is not null
  )
  select namespace from known where namespace is not null`;

/** A statement and its parameters. */
export interface ListQuery {
  readonly text: string;
  readonly parameters: readonly unknown[];
}

/** A column of an index, and what it is compared with. */
type Key = readonly [column: string, value: string];

/** Collects parameters. */
class Parameters {
  readonly values: unknown[] = [];

  add(value: unknown): string {
    return `$${this.values.push(value)}`;
  }
}

/**
 * Makes the statement for a page, newest first.
 *
 * Each namespace in each state is a range of one index, in the order of ids: the page is merged from
 * the first rows of these. Ranges are compared as rows, so that only that index gives the order; by
 * equality a planner that thinks a state common would read the whole primary key for a rare one.
 */
export function listOf(filter: TaskFilter): ListQuery {
  const { namespaces, workflow, state, tag, sinceMs, limit } = filter;
  const parameters = new Parameters();
  const times = timesOf(filter, parameters);
  const from = parameters.add(sinceMs === undefined ? ID_MIN : idAt(sinceMs, -MINTING_MS_MAX));
  const to = parameters.add(lastOf(filter));
  const most = Math.trunc(limit);
  const isPlain = [namespaces, workflow, state, tag].every((part) => part === undefined);
  const page = isPlain
    ? `select t.task_id
       from tasker.task t
       where t.task_id >= ${from}::uuid
         and t.task_id < ${to}::uuid ${times}
       order by t.task_id desc
       limit ${most}`
    : `select one.task_id
       from (${spacesOf(filter, parameters)}) space
       cross join unnest(${parameters.add(state === undefined ? Object.keys(STATES) : [state])}
         ::text[]) as wanted (state)
       cross join lateral (${rangeOf(filter, parameters, { from, to, times })}) one
       order by one.task_id desc
       limit ${most}`;
  // One look-up for each row of the page, whatever the planner thinks of the table.
  const text = `
    select one.*
    from (${page}) page
    cross join lateral (
      select ${COLUMNS} from tasker.task t where t.task_id = page.task_id limit 1
    ) one
    order by page.task_id desc`;
  return { text, parameters: parameters.values };
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

/** The first rows of one namespace in one state. */
function rangeOf(
  { workflow, tag, limit }: TaskFilter,
  parameters: Parameters,
  { from, to, times }: { readonly from: string; readonly to: string; readonly times: string },
): string {
  const name = workflow?.slice(workflow.indexOf("/") + 1);
  const space: Key = ["t.namespace", "space.namespace"];
  const tagged: Key[] = tag === undefined ? [] : [["t.tag", `${parameters.add(tag)}::text`]];
  const keys: Key[] = name === undefined
    ? [...tagged, space]
    : [["t.workflow", `${parameters.add(name)}::text`], space, ...tagged];
  keys.push(["t.state", "wanted.state"]);
  const columns = [...keys.map(([column]) => column), "t.task_id"];
  const values = keys.map(([, value]) => value).join(", ");
  return `
    select t.task_id
    from tasker.${tag === undefined ? "task" : "task_tag"} t
    where (${columns.join(", ")}) >= (${values}, ${from}::uuid)
      and (${columns.join(", ")}) < (${values}, ${to}::uuid) ${times}
    order by ${columns.map((column) => `${column} desc`).join(", ")}
    limit ${Math.trunc(limit)}`;
}

/** Times of creation; ids only bound them. */
function timesOf({ sinceMs, untilMs }: TaskFilter, parameters: Parameters): string {
  const at = (ms: number) => `to_timestamp(${parameters.add(ms)}::float8 / 1000.0)`;
  const since = sinceMs === undefined ? "" : `and t.created_at >= ${at(sinceMs)}`;
  const until = untilMs === undefined ? "" : `and t.created_at < ${at(untilMs)}`;
  return `${since} ${until}`;
}

/** The id before which a page begins. */
function lastOf({ untilMs, after }: TaskFilter): string {
  const until = untilMs === undefined ? ID_MAX : idAt(untilMs, MINTING_MS_MAX);
  return after === undefined || until < after ? until : after;
}

function idAt(ms: number, shiftMs: number): TaskId {
  return firstIdAt(Math.max(0, ms + shiftMs));
}
