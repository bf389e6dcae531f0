/** The list of tasks: any number of them, by a filter that is in the address. */

import { useInfiniteQuery } from "@tanstack/react-query";
import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useMemo, useRef } from "react";
import { Link, useSearchParams } from "wouter";
import type { TaskSummary } from "../../../src/client.ts";
import { useClient } from "../../data/client.tsx";
import { useOperation } from "../../data/query.ts";
import { useMay } from "../../data/session.tsx";
import { adoptCss } from "../../kit/adopt_css.ts";
import { Button } from "../../kit/button.tsx";
import { EmptyState } from "../../kit/empty_state.tsx";
import { ErrorNote } from "../../kit/error_note.tsx";
import { Page } from "../../kit/page.tsx";
import { StateBadge } from "../../kit/state_badge.tsx";
import { Duration, Time } from "../../kit/time.tsx";
import { BulkBar } from "./bulk_bar.tsx";
import { type Filter, filterOf } from "./filter.ts";
import { FilterBar } from "./filter_bar.tsx";
import css from "./tasks.css" with { type: "text" };

adoptCss(css);

/** Tasks that one page of the API has. */
const PAGE_SIZE = 100;
/** Pixels of a row. */
const ROW_HEIGHT = 34;
/** The next page is read when so few rows are left below. */
const ROWS_AHEAD = 20;

/** The page at `/tasks`. */
export function TaskList() {
  const [params, setParams] = useSearchParams();
  const query = params.toString();
  const mayOperate = useMay("operate");
  const filter = useMemo(() => filterOf(params), [query]);
  return (
    <Page title="Tasks">
      <FilterBar filter={filter} query={query} onChange={(next) => setParams(next)} />
      {mayOperate && <BulkBar filter={filter} />}
      <Rows key={query} filter={filter} />
    </Page>
  );
}

function Rows({ filter }: { readonly filter: Filter }) {
  const { found, pages } = useTasks(filter);
  const scroll = useRef<HTMLDivElement>(null);
  const rows = useVirtualizer({
    count: found.tasks.length,
    getScrollElement: () => scroll.current,
    estimateSize: () => ROW_HEIGHT,
    overscan: 10,
  });
  const shown = rows.getVirtualItems();
  const last = shown.at(-1)?.index ?? 0;
  const { hasNextPage, isFetchingNextPage, fetchNextPage, isPending } = pages;
  useEffect(() => {
    const isNearEnd = last >= found.tasks.length - ROWS_AHEAD;
    if (hasNextPage && !isFetchingNextPage && isNearEnd) void fetchNextPage();
  }, [last, found.tasks.length, hasNextPage, isFetchingNextPage, fetchNextPage]);
  if (pages.error) return <ErrorNote error={pages.error} onRetry={() => void pages.refetch()} />;
  if (isPending) return <p className="muted" role="status">Looking for tasks …</p>;
  if (found.tasks.length === 0 && !hasNextPage) {
    return (
      <EmptyState title="No task matches">
        Clear the filter, or start a task: <code>deno task tasker start NAMESPACE/WORKFLOW</code>
      </EmptyState>
    );
  }
  return (
    <>
      {found.newer > 0 && (
        <Button onPress={() => void pages.refetch()}>Show newer tasks: {found.newer}</Button>
      )}
      <div
        ref={scroll}
        className="rows"
        role="table"
        aria-label="Tasks"
        aria-rowcount={hasNextPage ? -1 : found.tasks.length + 1}
        tabIndex={0}
      >
        <div role="rowgroup">
          <div role="row" aria-rowindex={1} className="task-row head">
            {["Task", "Workflow", "State", "Why", "Created", "Took"].map((head) => (
              <span key={head} role="columnheader">{head}</span>
            ))}
          </div>
        </div>
        <div role="rowgroup" className="rows-all" style={{ height: rows.getTotalSize() }}>
          {shown.map(({ index, start }) => {
            const task = found.tasks[index];
            return task && <Row key={task.id} task={task} index={index} top={start} />;
          })}
        </div>
      </div>
      <p className="muted" role="status">
        {footText(found.tasks.length, hasNextPage ? found.searched : undefined)}
      </p>
    </>
  );
}

/** Says how many rows there are, how far back they were looked for, and how fresh they are. */
function footText(rows: number, searched: string | undefined): string {
  const more = searched === undefined ? "" : `; older ones are read as you scroll${searched}`;
  const old = rows > PAGE_SIZE
    ? ` Below the first ${PAGE_SIZE} they are as they were when read.`
    : "";
  return `${rows} tasks shown${more}.${old}`;
}

/**
 * The tasks of a filter: pages as far as they were read, with what the newest page says now. Tasks that
 * came since are counted, not inserted: rows do not jump under a reader.
 */
function useTasks(filter: Filter) {
  const client = useClient();
  const pages = useInfiniteQuery({
    queryKey: ["taskPages", filter],
    queryFn: ({ pageParam, signal }) =>
      client.call(
        "listTasks",
        { ...filter, limit: PAGE_SIZE, ...(pageParam !== "" && { cursor: pageParam }) },
        { signal },
      ),
    initialPageParam: "",
    getNextPageParam: ({ nextCursor }) => nextCursor,
    refetchOnWindowFocus: false,
    staleTime: Infinity,
  });
  const newest = useOperation("listTasks", { ...filter, limit: PAGE_SIZE });
  const found = useMemo(() => {
    const now = new Map(newest.data?.tasks.map((task) => [task.id, task]));
    const paged = pages.data?.pages.flatMap((page) => page.tasks) ?? [];
    // Nobody reads an empty list: what comes is shown at once.
    const read = paged.length === 0 ? newest.data?.tasks ?? [] : paged;
    const [first] = read;
    const searchedTo = pages.data?.pages.at(-1)?.searchedTo;
    return {
      tasks: read.map((task) => now.get(task.id) ?? task),
      newer: [...now.keys()].filter((id) => first === undefined || id > first.id).length,
      searched: searchedTo === undefined
        ? ""
        : ` (looked back to ${new Date(searchedTo).toLocaleString()})`,
    };
  }, [pages.data, newest.data]);
  return { found, pages };
}

function Row({ task, index, top }: {
  readonly task: TaskSummary;
  readonly index: number;
  readonly top: number;
}) {
  const { id, namespace, workflow, version, state, createdAt, endedAt } = task;
  return (
    <div
      role="row"
      aria-rowindex={index + 2}
      className="task-row"
      style={{ transform: `translateY(${top}px)` }}
    >
      <span role="cell">
        <Link href={`/${id}`}>
          <code>{id}</code>
        </Link>
      </span>
      <span role="cell">
        {namespace}/{workflow} <span className="muted">{version}</span>
      </span>
      <span role="cell">
        <StateBadge state={state} />
      </span>
      <span role="cell" className="muted" title={whyOf(task)}>{whyOf(task)}</span>
      <span role="cell">
        <Time at={createdAt} />
      </span>
      <span role="cell">
        {endedAt !== undefined && <Duration ms={Date.parse(endedAt) - Date.parse(createdAt)} />}
      </span>
    </div>
  );
}

/** Why a task stands, and what it is found by. */
function whyOf({ blockedReason, needs = [], failure, tags, attributes = {} }: TaskSummary): string {
  const failed = failure?.failed.length ? `${failure.failed.join(", ")} failed` : undefined;
  const codes = failure?.codes.join(", ");
  const waits = needs.includes("signal") ? "awaits a signal" : undefined;
  const values = Object.entries(attributes).map(([name, value]) => `${name}=${value}`);
  return [blockedReason, failed, codes, waits, ...tags, ...values].filter(Boolean).join(" · ");
}
