/** List queries: the statements that find and count tasks. */

import type { TaskFilter } from "../core/ports.ts";
import type { TaskStateName } from "../core/state.ts";
import { candidatesOf, type Driver, matchOf, Parameters, type Scan } from "./list_candidates.ts";

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

/**
 * Makes the statement for a page, newest first: it looks through the newest candidates of a driver.
 *
 * Each namespace or workflow in each state is a range of one index, in the order of ids: candidates
 * are merged from the first rows of these.
 *
 * Shape: at least one row; each has `scanned`, the candidates, and `scanned_to`, the last of them; of
 * a page without tasks the rest is null.
 */
export function listOf(filter: TaskFilter, scan: Scan): ListQuery {
  const parameters = new Parameters();
  // One look-up for each candidate, whatever the planner thinks of the table. What has the same key
  // without matching is left out here.
  const text = `
    with page as materialized (${candidatesOf(filter, scan, parameters)})
    select tail.*, found.*
    from (
      select count(*)::int as scanned,
        (select task_id from page order by task_id limit 1) as scanned_to
      from page
    ) tail
    left join lateral (
      select one.*
      from (select task_id from page order by task_id desc) page
      cross join lateral (
        select ${SUMMARY_COLUMNS}
        from tasker.task t
        where t.task_id = page.task_id ${matchOf(filter, parameters)}
        limit 1
      ) one
      order by page.task_id desc
      limit ${Math.trunc(filter.limit)}
    ) found on true
    order by found.task_id desc`;
  return { text, parameters: parameters.values };
}

/**
 * Makes the statement that counts the tasks of a filter in states.
 *
 * Shape: for each state a row with `state`, `count`, and `scanned`, the candidates.
 */
export function countsOf(filter: TaskFilter, states: readonly TaskStateName[], scan: Scan) {
  const parameters = new Parameters();
  const ofState = (state: TaskStateName) => {
    const one = { ...filter, states: [state] };
    return `
    select '${state}' as state, count(one.task_id)::int as count, count(*)::int as scanned
    from (${candidatesOf(one, scan, parameters)}) page
    left join lateral (
      select t.task_id
      from tasker.task t
      where t.task_id = page.task_id ${matchOf(one, parameters)}
      limit 1
    ) one on true`;
  };
  return { text: states.map(ofState).join(" union all "), parameters: parameters.values };
}

/** Makes the statement that counts the candidates of drivers, up to limits: a row with `n0` … */
export function sizesOf(
  filter: TaskFilter,
  drivers: readonly Driver[],
  limits: { readonly labels: number; readonly range: number },
): ListQuery {
  const parameters = new Parameters();
  // The rows of a range within other bounds could be few and far between.
  const { sinceMs: _, untilMs: __, after: ___, ...everywhere } = filter;
  const counts = drivers.map((driver, index) => {
    const isRange = driver.kind === "range";
    const of = isRange ? everywhere : filter;
    const size = isRange ? limits.range : limits.labels;
    return `
    (select count(*)::int from (${
      candidatesOf(of, { driver, size }, parameters)
    }) one) as n${index}`;
  });
  return { text: `select ${counts.join(",")}`, parameters: parameters.values };
}
