/** Candidates of lists: the newest tasks of what a filter names, good under any statistics. */

import type { TaskFilter } from "../core/ports.ts";
import type { LabelRange } from "../core/search.ts";
import { OWN_NAMESPACE } from "../core/incident.ts";
import { TASK_STATES } from "../core/state.ts";
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

/** Collects parameters. */
export class Parameters {
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

/** Where the candidates of a list come from: what few tasks have is best. */
export type Driver =
  /** The primary key. */
  | { readonly kind: "all" }
  /** Workflows or namespaces by state. */
  | { readonly kind: "states" }
  /** Tasks that have one of some tags, or one of some labels: a tag may be the text of a label. */
  | {
    readonly kind: "labels";
    readonly column: "tags" | "labels";
    readonly labels: readonly string[];
  }
  /** Labels by value, in no order of tasks: only where these are few. */
  | { readonly kind: "range"; readonly range: LabelRange };

/** How many candidates to look at, and where they come from. */
export interface Scan {
  readonly driver: Driver;
  readonly size: number;
}

/** The newest candidates of a driver. */
export function candidatesOf(
  filter: TaskFilter,
  { driver, size }: Scan,
  parameters: Parameters,
): string {
  const bounds: Bounds = {
    times: timesOf(filter, parameters),
    ...idsOf(filter, parameters, MINTED_APART_MS),
  };
  const limit = Math.trunc(size);
  const of = { filter, parameters, bounds, limit };
  const apart = bounds.times === "" ? "" : `union (${mintedApart(of)})`;
  return `
    select distinct found.task_id
    from ((${DRIVERS[driver.kind](of, driver as never)}) ${apart}) found
    order by found.task_id desc
    limit ${limit}`;
}

/** What candidates are made from. */
interface Search {
  readonly filter: TaskFilter;
  readonly parameters: Parameters;
  readonly bounds: Bounds;
  readonly limit: number;
}

const DRIVERS: {
  readonly [Kind in Driver["kind"]]: (
    search: Search,
    driver: Extract<Driver, { kind: Kind }>,
  ) => string;
} = { all: plainPage, states: keyedPage, labels: labelledPage, range: valuedPage };

/** Without a filter but time, the primary key has the order. */
function plainPage({ bounds: { from, to, times }, limit }: Search): string {
  return `
    select t.task_id
    from tasker.task t
    where t.task_id >= ${from}::uuid
      and t.task_id < ${to}::uuid
      and t.namespace <> '${OWN_NAMESPACE}' ${times}
    order by t.task_id desc
    limit ${limit}`;
}

/** Tasks whose ids do not show when they were created. */
function mintedApart({ filter, parameters, bounds: { times }, limit }: Search): string {
  const { from, to } = idsOf(filter, parameters, MINTING_MS_MAX);
  return `
    select t.task_id
    from tasker.task t
    where t.minted_apart
      and t.task_id >= ${from}::uuid
      and t.task_id < ${to}::uuid ${times} ${matchOf(filter, parameters)}
    order by t.task_id desc
    limit ${limit}`;
}

/** The newest tasks of a workflow, or of namespaces, in each state. */
function keyedPage(search: Search): string {
  const { filter, parameters } = search;
  const states = filter.states ?? TASK_STATES;
  return `
    select one.task_id
    from (${flowsOf(filter, parameters, "together")}) flow
    cross join unnest(${parameters.add(states)}::text[]) as wanted (state)
    cross join lateral (${rangeOf(ofTasks(search))}) one`;
}

/**
 * Tasks with one of some tags or labels: the listed ones of each workflow in each state, and the
 * running ones, which need not be listed. What is listed under another state than its own runs by
 * now, and is passed over.
 */
function labelledPage(
  search: Search,
  { column, labels }: Extract<Driver, { kind: "labels" }>,
): string {
  const { filter, parameters, bounds, limit } = search;
  const asked = `${parameters.add(labels)}::text[]`;
  const condition = `and t.${column} && ${asked}`;
  const running = () => `
    select one.task_id
    from (${flowsOf(filter, parameters, "together")}) flow
    cross join (values ('${RUNNING}')) as wanted (state)
    cross join lateral (${rangeOf({ ...ofTasks(search), condition })}) one`;
  const states = (filter.states ?? TASK_STATES).filter((one) => one !== RUNNING);
  const hasRunning = filter.states?.includes(RUNNING) ?? true;
  if (states.length === 0) return running();
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
  const listedPage = `
    select one.task_id
    from (
      -- At most one range for each row of the page: those whose newest tasks are the newest.
      select flow.list_key, flow.state
      from (
        select wanted.state,
          tasker.list_key(flow.namespace, flow.workflow, wanted.state, asked.label) as list_key
        from (${flowsOf(filter, parameters, "each")}) flow
        cross join unnest(${parameters.add(states)}::text[]) as wanted (state)
        cross join unnest(${asked}) as asked (label)
        offset 0
      ) flow
      cross join lateral (${listed(1)}) newest
      order by newest.task_id desc
      limit ${limit}
    ) flow
    cross join lateral (${listed(limit)}) one`;
  return hasRunning ? `${listedPage} union all ${running()}` : listedPage;
}

/** Tasks with a label in a range, of all states. */
function valuedPage(search: Search, { range }: { readonly range: LabelRange }): string {
  const { filter, parameters, bounds: { from, to }, limit } = search;
  const name = `${parameters.add(range.name)}::text`;
  const [min, max] = [range.min ?? -Infinity, range.max ?? Infinity].map((bound) =>
    `${parameters.add(String(bound))}::float8`
  );
  return `
    select one.task_id
    from (
      select tasker.list_key(flow.namespace, flow.workflow, '', ${name}) as list_key
      from (${flowsOf(filter, parameters, "each")}) flow
      offset 0
    ) flow
    cross join lateral (
      select listed.task_id
      from tasker.task_by_value listed
      where (listed.list_key, listed.value) >= (flow.list_key, ${min})
        and (listed.list_key, listed.value) <= (flow.list_key, ${max})
        and listed.task_id >= ${from}::uuid
        and listed.task_id < ${to}::uuid
      order by listed.list_key, listed.value
      limit ${limit}
    ) one`;
}

/** The range of a workflow or a namespace in one state, with times looked at in the row. */
function ofTasks({ filter, bounds, limit }: Search): Range {
  const name = filter.workflow === undefined ? "''" : "t.workflow";
  return {
    ...bounds,
    table: "task",
    key: [
      `tasker.list_key(t.namespace, ${name}, t.state, '')`,
      "tasker.list_key(flow.namespace, flow.workflow, wanted.state, '')",
    ],
    limit,
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
export function matchOf(filter: TaskFilter, parameters: Parameters): string {
  const { namespaces, workflow, version, states, tags, labels = [], ranges = [] } = filter;
  const conditions = [
    ["t.namespace = any (", namespaces, "::text[])"],
    ["t.namespace || '/' || t.workflow = ", workflow, "::text"],
    ["t.version = ", version, "::text"],
    ["t.state = any (", states, "::text[])"],
    ["t.tags @> ", tags, "::text[]"],
    ...labels.map((group) => ["t.labels && ", group, "::text[]"] as const),
    ...ranges.flatMap(({ name, min, max, isMinOpen, isMaxOpen }) => {
      const value = `tasker.label_value(t.labels, ${parameters.add(name)}::text)`;
      return [
        [`${value} ${isMinOpen ? ">" : ">="} `, min, "::float8"] as const,
        [`${value} ${isMaxOpen ? "<" : "<="} `, max, "::float8"] as const,
      ];
    }),
    ["t.ended_at >= to_timestamp(", filter.endedSinceMs, "::float8 / 1000.0)"],
    ["t.ended_at < to_timestamp(", filter.endedUntilMs, "::float8 / 1000.0)"],
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
  { sinceMs, untilMs = Infinity, endedUntilMs = Infinity, after }: TaskFilter,
  parameters: Parameters,
  mintingMsMax: number,
): Pick<Bounds, "from" | "to"> {
  // No task ended before it was created.
  const createdUntilMs = Math.min(untilMs, endedUntilMs);
  const from = sinceMs === undefined ? ID_MIN : idAt(sinceMs, -mintingMsMax);
  const until = createdUntilMs === Infinity ? ID_MAX : idAt(createdUntilMs, mintingMsMax);
  const to = after === undefined || until < after ? until : after;
  return { from: parameters.add(from), to: parameters.add(to) };
}

function idAt(ms: number, shiftMs: number): TaskId {
  return firstIdAt(Math.max(0, ms + shiftMs));
}
