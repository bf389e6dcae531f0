/** List queries: the statements that find and count tasks. */

import { isTerminal, type TaskStateName } from "../core/state.ts";
import {
  COST,
  entriesOf,
  isOfRows,
  matchOf,
  Parameters,
  type Scan,
  type Search,
} from "./list_candidates.ts";

/** What is known of a task without its journal; `t` is its row. */
export const SUMMARY_COLUMNS = `
  t.task_id, t.namespace, t.workflow, t.version, t.definition_hash, t.state, t.blocked_reason,
  t.tags, t.labels,
  (extract(epoch from t.created_at) * 1000)::float8 as created_ms,
  (extract(epoch from t.ended_at) * 1000)::float8 as ended_ms`;

/** A statement and its parameters. */
export interface ListQuery {
  readonly text: string;
  readonly parameters: readonly unknown[];
}

/** The last entry of a range that may go on, of all ranges the newest. */
const FLOOR = "(select task_id from entry where is_last order by task_id desc limit 1)";

/**
 * Makes the statement for a page, newest first: it looks through the newest entries of a driver, and at
 * the rows of at most `looks` tasks that fit.
 *
 * Shape: at least one row; each has `cost`, what it took, and `searched_to`, the task after which a next page goes on, null where there are no more; of a page without tasks the
 * rest is null.
 */
export function listOf(search: Search, scan: Scan & { readonly looks: number }): ListQuery {
  const parameters = new Parameters();
  const { filter } = search;
  const looks = Math.trunc(scan.looks);
  // One look-up for each candidate, whatever the planner thinks of the table. What has the same key
  // without matching is left out here.
  const text = `
    with entry as materialized (${entriesOf(search, scan, parameters)}),
    page as materialized (
      select distinct task_id
      from entry
      where fits
        and (task_id < ${FLOOR}) is not true
      order by task_id desc
      limit ${looks}
    )
    select tail.*, found.*
    from (
      select (select coalesce(sum(cost), 0) from entry)::int + ${COST.look} * count(*)::int as cost,
        case when count(*) < ${looks} then ${FLOOR}
          else (select task_id from page order by task_id limit 1)
        end as searched_to
      from page
    ) tail
    left join lateral (
      select one.*
      from (select task_id from page order by task_id desc) page
      cross join lateral (
        select ${SUMMARY_COLUMNS}
        from tasker.task t
        where t.task_id = page.task_id
          and ${matchOf(filter, parameters)}
        limit 1
      ) one
      order by page.task_id desc
      limit ${Math.trunc(filter.limit)}
    ) found on true
    order by found.task_id desc`;
  return { text, parameters: parameters.values };
}

/** How to count: up to `most` tasks of each state that fit. */
interface Count extends Scan {
  readonly most: number;
  /** Whether all that fits matches, but for tasks that run and are listed under another state. */
  readonly isExact: boolean;
}

/**
 * Makes the statement that counts the tasks of a filter in states.
 *
 * Shape: for each state a row with `state`, `count`, and `is_cut`: there may be more.
 */
export function countsOf(
  search: Search,
  states: readonly TaskStateName[],
  { most, isExact, ...scan }: Count,
): ListQuery {
  const parameters = new Parameters();
  const ofState = (state: TaskStateName) => {
    const one = { ...search, filter: { ...search.filter, states: [state] } };
    // A task that has ended does not run again.
    const isKnown = isOfRows(scan.driver) || isExact && isTerminal(state);
    const row = isKnown ? "(select entry.task_id)" : `(
      select t.task_id
      from tasker.task t
      where t.task_id = entry.task_id
        and ${matchOf(one.filter, parameters)}
      limit 1
    )`;
    return `
    select '${state}' as state,
      count(distinct one.task_id)::int as count,
      (coalesce(bool_or(entry.is_last), false) or count(*) >= ${Math.trunc(most)}) as is_cut
    from (
      select task_id, fits, is_last
      from (${entriesOf(one, { ...scan, isUnordered: isExact }, parameters)}) entry
      where fits or is_last
      limit ${Math.trunc(most)}
    ) entry
    left join lateral ${row} one on entry.fits`;
  };
  return { text: states.map(ofState).join(" union all "), parameters: parameters.values };
}

/**
 * Makes the statement that looks how dense the entries of drivers are.
 *
 * Shape: for each driver a row with `number`, `count`, `cost`, and the newest and last task of what was
 * read; `last` is null where that is everything.
 */
export function densitiesOf(
  scans: readonly (Scan & { readonly search: Search })[],
): ListQuery {
  const parameters = new Parameters();
  const texts = scans.map(({ search, ...scan }, number) => `
    (
      with entry as materialized (${entriesOf(search, scan, parameters)})
      select ${number} as number,
        count(*)::int as count,
        sum(cost + case when fits then ${COST.look} else 0 end)
          filter (where (task_id < ${FLOOR}) is not true)::int as cost,
        (select task_id from entry order by task_id desc limit 1) as newest,
        ${FLOOR} as last
      from entry
    )`);
  return { text: texts.join(" union all "), parameters: parameters.values };
}
