/** Candidates of lists: the newest tasks of what a filter names, good under any statistics. */

import type { TaskFilter } from "../core/ports.ts";
import type { LabelRange } from "../core/search.ts";
import { OWN_NAMESPACE } from "../core/incident.ts";
import { TASK_STATES, type TaskStateName } from "../core/state.ts";
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

/** Running tasks that a statement by tags looks through at least. */
const RUNNING_DEPTH = 500;

/** What it costs to read an entry of a list, one that is a task's row, and to look at a task's row; in µs. */
export const COST = { entry: 1, row: 6, look: 6 };

/** What namespaces there are, by one look into the index for each. */
export const NAMESPACES = `
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

/** A filter, with the namespaces that it is about. */
export interface Search {
  readonly filter: TaskFilter;
  readonly spaces: readonly string[];
}

/** Where the candidates of a list come from: what few tasks have is best. */
export type Driver =
  /** The primary key. */
  | { readonly kind: "all" }
  /** Namespaces, workflows or versions by state. */
  | { readonly kind: "states" }
  /** Tasks that have one of some tags, or one of some labels: a tag may be the text of a label. */
  | {
    readonly kind: "labels";
    readonly column: "tags" | "labels";
    readonly labels: readonly string[];
  }
  /** Labels by value, in no order of tasks: only where these are few. */
  | { readonly kind: "range"; readonly range: LabelRange };

/** Where candidates come from, and how many entries are read of each of its ranges. */
export interface Scan {
  readonly driver: Driver;
  readonly depth: number;
  /** Rows of tasks in any order, for counts: the key of a list is not made for each then. */
  readonly isUnordered?: boolean;
}

/** What entries are made from. `times` are conditions on the task's row `t`. */
interface Making extends Search {
  readonly parameters: Parameters;
  readonly from: string;
  readonly to: string;
  readonly depth: number;
  readonly isUnordered: boolean;
}

/**
 * Reads the newest entries of a driver: of each of its ranges at most `depth`, whether they match or not,
 * so that the work is bounded.
 *
 * Shape: rows with `task_id`, `fits`, `cost`, and `is_last` of the last entry of a range that may go on.
 * Nothing is known of what is older than the newest of these last ones. Where the driver reads the tasks'
 * rows, what fits matches the whole filter; else its row has to be looked at. A task may have several
 * entries.
 */
export function entriesOf(
  search: Search,
  { driver, depth, isUnordered = false }: Scan,
  parameters: Parameters,
): string {
  const { filter } = search;
  const ids = idsOf(filter, parameters, MINTED_APART_MS);
  const making: Making = { ...search, parameters, depth: Math.trunc(depth), isUnordered, ...ids };
  const entries = `${DRIVERS[driver.kind](making, driver as never)}`;
  const hasTimes = filter.sinceMs !== undefined || filter.untilMs !== undefined;
  return hasTimes ? `${entries} union all (${mintedApart(making)})` : entries;
}

/** How many ranges a driver has. */
export function rangesOf({ filter, spaces }: Search, driver: Driver): number {
  if (driver.kind === "all") return 1;
  const states = filter.states?.length ?? TASK_STATES.length;
  const labels = driver.kind === "labels" ? driver.labels.length : 1;
  return Math.max(1, spaces.length * states * labels);
}

/** Whether what fits needs no further look at its task's row. */
export function isOfRows({ kind }: Driver): boolean {
  return kind === "all" || kind === "states";
}

const DRIVERS: {
  readonly [Kind in Driver["kind"]]: (
    making: Making,
    driver: Extract<Driver, { kind: Kind }>,
  ) => string;
} = { all: plainEntries, states: stateEntries, labels: labelEntries, range: valueEntries };

/** Without a filter but time, the primary key has the order. */
function plainEntries(making: Making): string {
  const { from, to } = making;
  return rowEntries(making, {
    condition: `t.task_id >= ${from}::uuid and t.task_id < ${to}::uuid`,
    order: "t.task_id desc",
  });
}

/** Tasks whose ids do not show when they were created. */
function mintedApart(making: Making): string {
  const { from, to } = idsOf(making.filter, making.parameters, MINTING_MS_MAX);
  return rowEntries(making, {
    condition: `t.minted_apart and t.task_id >= ${from}::uuid and t.task_id < ${to}::uuid`,
    order: "t.task_id desc",
  });
}

function rowEntries(
  { filter, parameters, depth, isUnordered }: Making,
  { condition, order }: { readonly condition: string; readonly order: string },
): string {
  const by = isUnordered ? "" : `order by ${order}`;
  return `
    select one.task_id, one.fits, one.place = ${depth} as is_last, ${COST.row} as cost
    from (
      select t.task_id, (${matchOf(filter, parameters)}) as fits, row_number() over (${by}) as place
      from tasker.task t
      where ${condition}
      ${by}
      limit ${depth}
    ) one`;
}

/**
 * The newest tasks of namespaces, of a workflow, or of a version of it, in each state. The index by
 * version leaves running tasks out.
 */
function stateEntries(making: Making): string {
  const { workflow, version, states = TASK_STATES } = making.filter;
  if (workflow === undefined || version === undefined) return byState(making, states, "''");
  const lasting = states.filter((state) => state !== RUNNING);
  return [
    ...(lasting.length === 0 ? [] : [byState(making, lasting, "t.version")]),
    ...(lasting.length === states.length ? [] : [byState(making, [RUNNING], "''")]),
  ].join(" union all ");
}

function byState(
  making: Making,
  states: readonly TaskStateName[],
  version: "''" | "t.version",
): string {
  const { filter, spaces, parameters } = making;
  const ofWorkflow = filter.workflow !== undefined;
  const key = `tasker.list_key(t.namespace, ${
    ofWorkflow ? "t.workflow" : "''"
  }, t.state, ${version})`;
  const name = filter.workflow?.slice(filter.workflow.indexOf("/") + 1) ?? "";
  const asked = version === "''" ? "''" : `${parameters.add(filter.version)}::text`;
  return `
    select one.task_id, one.fits, one.is_last, one.cost
    from (
      select tasker.list_key(namespace, ${parameters.add(name)}::text, state, ${asked}) as list_key
      from unnest(${parameters.add(spaces)}::text[]) as space (namespace)
      cross join unnest(${parameters.add(states)}::text[]) as wanted (state)
      offset 0
    ) range
    cross join lateral (${
    rowEntries(making, {
      condition: `${bounds(key, "t.task_id", making)} ${
        version === "''" ? "" : `and t.state <> '${RUNNING}'`
      }`,
      order: `${key} desc, t.task_id desc`,
    })
  }) one`;
}

/**
 * Compared as rows, so that only one index gives the order: by equality a planner that thinks a state
 * common would read the whole primary key for a rare one. The key is one column, because a scan goes on
 * behind the range where a later column decides.
 */
function bounds(key: string, id: string, { from, to }: Pick<Making, "from" | "to">): string {
  return `(${key}, ${id}) >= (range.list_key, ${from}::uuid)
        and (${key}, ${id}) < (range.list_key, ${to}::uuid)`;
}

/**
 * Tasks with one of some tags or labels: the listed ones in each state, and the running ones, which
 * need not be listed. What is listed under another state than its own runs by now, so its row is to be
 * looked at. Workflow and version are hashes beside the key: what differs costs no look at its row.
 */
function labelEntries(
  making: Making,
  { column, labels }: Extract<Driver, { kind: "labels" }>,
): string {
  const { filter, spaces, parameters, depth } = making;
  const { workflow, version, states = TASK_STATES } = filter;
  const runningDepth = Math.max(depth, Math.ceil(RUNNING_DEPTH / Math.max(1, spaces.length)));
  const running = states.includes(RUNNING)
    ? byState({ ...making, depth: runningDepth }, [RUNNING], "''")
    : undefined;
  const lasting = states.filter((state) => state !== RUNNING);
  if (lasting.length === 0) return String(running);
  const name = workflow?.slice(workflow.indexOf("/") + 1);
  const fits = [
    ...(name === undefined ? [] : [`one.workflow_hash = hashtext(${parameters.add(name)}::text)`]),
    ...(version === undefined
      ? []
      : [`one.version_hash = hashtext(${parameters.add(version)}::text)`]),
  ];
  const key = column === "tags"
    ? "tasker.list_key(namespace, '', state, label)"
    : "tasker.label_key(namespace, state, label)";
  const listed = `
    select one.task_id, ${fits.length === 0 ? "true" : fits.join(" and ")} as fits,
      one.place = ${depth} as is_last, ${COST.entry} as cost
    from (
      select ${key} as list_key
      from unnest(${parameters.add(spaces)}::text[]) as space (namespace)
      cross join unnest(${parameters.add(lasting)}::text[]) as wanted (state)
      cross join unnest(${parameters.add([...new Set(labels)])}::text[]) as asked (label)
      offset 0
    ) range
    cross join lateral (
      select listed.task_id, listed.workflow_hash, listed.version_hash,
        row_number() over (order by listed.list_key desc, listed.task_id desc) as place
      from tasker.task_by_tag listed
      where ${bounds("listed.list_key", "listed.task_id", making)}
      order by listed.list_key desc, listed.task_id desc
      limit ${depth}
    ) one`;
  return running === undefined ? listed : `${listed} union all ${running}`;
}

/** Tasks with a label in a range, of all states and in no order; none is left out below `depth`. */
function valueEntries(making: Making, { range }: { readonly range: LabelRange }): string {
  const { filter, spaces, parameters, from, to, depth } = making;
  const { workflow } = filter;
  const name = `${parameters.add(range.name)}::text`;
  const [min, max] = [range.min ?? -Infinity, range.max ?? Infinity].map((bound) =>
    `${parameters.add(String(bound))}::float8`
  );
  const flows = workflow === undefined ? workflowsOf(spaces, parameters) : `
    select unnest(${parameters.add(spaces)}::text[]) as namespace,
      ${parameters.add(workflow.slice(workflow.indexOf("/") + 1))}::text as workflow`;
  return `
    select one.task_id, true as fits, false as is_last, ${COST.entry} as cost
    from (
      select tasker.list_key(flow.namespace, flow.workflow, '', ${name}) as list_key
      from (${flows}) flow
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
      limit ${depth}
    ) one`;
}

/** The workflows of namespaces, by one look into the index for each. */
function workflowsOf(spaces: readonly string[], parameters: Parameters): string {
  const next = (row: string, after: string) => `
    select w.name
    from tasker.workflow w
    where w.namespace = ${row}.namespace ${after}
    order by w.name
    limit 1`;
  return `
    with recursive known (namespace, workflow) as (
      select space.namespace, (${next("space", "")})
      from unnest(${parameters.add(spaces)}::text[]) as space (namespace)
      union all
      select known.namespace, (${next("known", "and w.name > known.workflow")})
      from known
      where known.workflow is not null
    )
    select namespace, workflow from known where workflow is not null`;
}

/** The filter as a condition on the task's row. */
export function matchOf(filter: TaskFilter, parameters: Parameters): string {
  const { namespaces, workflow, version, states, tags, labels = [], ranges = [] } = filter;
  const conditions = [
    ["t.namespace = any (", namespaces, "::text[])"],
    ["t.namespace || '/' || t.workflow = ", workflow, "::text"],
    ["t.version = ", version, "::text"],
    ["t.state = any (", states, "::text[])"],
    ["t.tags @> ", tags, "::text[]"],
    ...labels.map((group) => ["t.labels && ", group, "::text[]"] as const),
    ["t.created_at >= to_timestamp(", filter.sinceMs, "::float8 / 1000.0)"],
    ["t.created_at < to_timestamp(", filter.untilMs, "::float8 / 1000.0)"],
    ["t.ended_at >= to_timestamp(", filter.endedSinceMs, "::float8 / 1000.0)"],
    ["t.ended_at < to_timestamp(", filter.endedUntilMs, "::float8 / 1000.0)"],
  ] as const;
  const stated = conditions.flatMap(([before, value, after]) =>
    value === undefined ? [] : [`${before}${parameters.add(value)}${after}`]
  );
  const isOpen = namespaces === undefined && workflow === undefined;
  const all = [
    ...(isOpen ? [`t.namespace <> '${OWN_NAMESPACE}'`] : []),
    ...stated,
    ...ranges.map((range) => isWithin(range, parameters)),
  ];
  return all.join(" and ");
}

/** Written out, because a function that looks through an array costs ten times as much a row. */
function isWithin(range: LabelRange, parameters: Parameters): string {
  const { name, min = -Infinity, max = Infinity, isMinOpen, isMaxOpen } = range;
  const before = `${parameters.add(`${name}=`)}::text`;
  const bound = (value: number) => `${parameters.add(String(value))}::float8`;
  const value = `substr(label, length(${before}) + 1)::float8`;
  return `exists (
      select
      from unnest(t.labels) as of_task (label)
      where case
        when starts_with(label, ${before})
        then ${value} ${isMinOpen ? ">" : ">="} ${bound(min)} and ${value} ${
    isMaxOpen ? "<" : "<="
  } ${bound(max)}
      end
    )`;
}

/** The ids of a page, where minting was so far from the first turn at most. */
function idsOf(
  { sinceMs, untilMs = Infinity, endedUntilMs = Infinity, after }: TaskFilter,
  parameters: Parameters,
  mintingMsMax: number,
): Pick<Making, "from" | "to"> {
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
