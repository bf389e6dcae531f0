/** The list of tasks: any number of them, by a filter that is in the address. */

import { type InfiniteData, useInfiniteQuery } from "@tanstack/react-query";
import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useMemo, useRef } from "react";
import { Link, useSearchParams } from "wouter";
import type { TaskSummary } from "../../../src/client.ts";
import { useClient } from "../../data/client.tsx";
import { useOperation, useOperations } from "../../data/query.ts";
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
import { type LiveRow, liveRow, type ReadRow, type TaskPage, unshown } from "./live_rows.ts";
import css from "./tasks.css" with { type: "text" };

adoptCss(css);

/** Tasks that one page of the API has. */
const PAGE_SIZE = 100;
/** Pixels of a row. */
const ROW_HEIGHT = 34;
/** The next page is read when so few rows are left below. */
const ROWS_AHEAD = 20;
/** Pages that are read again; where a filter finds few tasks, rows that are seen may be of more. */
const LIVE_PAGES_MAX = 4;

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
  const scroll = useRef<HTMLDivElement>(null);
  const pages = usePages(filter);
  const newest = useOperation("listTasks", pageOf(filter, ""));
  const read = useMemo(() => rowsOf(pages.data, newest.data), [pages.data, newest.data]);
  const rows = useVirtualizer({
    count: read.length,
    getScrollElement: () => scroll.current,
    estimateSize: () => ROW_HEIGHT,
    overscan: 10,
  });
  const shown = rows.getVirtualItems();
  const live = useLivePages(filter, shown.map(({ index }) => read[index]?.cursor));
  const last = shown.at(-1)?.index ?? 0;
  const { hasNextPage, isFetchingNextPage, fetchNextPage, isPending } = pages;
  useEffect(() => {
    const isNearEnd = last >= read.length - ROWS_AHEAD;
    if (hasNextPage && !isFetchingNextPage && isNearEnd) void fetchNextPage();
  }, [last, read.length, hasNextPage, isFetchingNextPage, fetchNextPage]);
  if (pages.error) return <ErrorNote error={pages.error} onRetry={() => void pages.refetch()} />;
  if (isPending) return <p className="muted" role="status">Looking for tasks …</p>;
  if (read.length === 0 && !hasNextPage) {
    return (
      <EmptyState title="No task matches">
        Clear the filter, or start a task: <code>deno task tasker start NAMESPACE/WORKFLOW</code>
      </EmptyState>
    );
  }
  const newer = unshown(read, [...(newest.data ? [newest.data] : []), ...live.values()]);
  return (
    <>
      {newer > 0 && (
        <Button onPress={() => void pages.refetch()}>
          Show more tasks that match now: {newer}
        </Button>
      )}
      <div
        ref={scroll}
        className="rows"
        role="table"
        aria-label="Tasks"
        aria-rowcount={hasNextPage ? -1 : read.length + 1}
        tabIndex={0}
      >
        <Head />
        <div role="rowgroup" className="rows-all" style={{ height: rows.getTotalSize() }}>
          {shown.map(({ index, start: top }) => {
            const row = read[index];
            const now = row && liveRow(row, live.get(row.cursor));
            return now && <Row key={now.task.id} {...now} {...{ index, top }} />;
          })}
        </div>
      </div>
      <p className="muted" role="status">
        {footText(read.length, hasNextPage ? searchedText(pages.data) : undefined)}
      </p>
    </>
  );
}

function Head() {
  return (
    <div role="rowgroup">
      <div role="row" aria-rowindex={1} className="task-row head">
        {["Task", "Workflow", "State", "Why", "Created", "Took"].map((head) => (
          <span key={head} role="columnheader">{head}</span>
        ))}
      </div>
    </div>
  );
}

/** Says how many rows there are, and how far back they were looked for. */
function footText(rows: number, searched: string | undefined): string {
  const more = searched === undefined ? "" : `; older ones are read as you scroll${searched}`;
  const tasks = rows === 1 ? "1 task" : `${rows} tasks`;
  return `${tasks} shown${more}. Rows in grey are as they were when they were read.`;
}

function searchedText(pages: Pages | undefined): string {
  const searchedTo = pages?.pages.at(-1)?.searchedTo;
  return searchedTo === undefined
    ? ""
    : ` (looked back to ${new Date(searchedTo).toLocaleString()})`;
}

type Pages = InfiniteData<TaskPage>;

/** What a page is asked by, from where the one before ended. */
function pageOf(filter: Filter, cursor: string) {
  return { ...filter, limit: PAGE_SIZE, ...(cursor !== "" && { cursor }) };
}

/** The pages of a filter, as far as they were read, each as it was then: rows do not jump under a reader. */
function usePages(filter: Filter) {
  const client = useClient();
  return useInfiniteQuery({
    queryKey: ["taskPages", filter],
    queryFn: ({ pageParam, signal }) =>
      client.call("listTasks", pageOf(filter, pageParam), { signal }),
    initialPageParam: "",
    getNextPageParam: ({ nextCursor }) => nextCursor,
    refetchOnWindowFocus: false,
    staleTime: Infinity,
  });
}

/** The rows of all pages. Nobody reads an empty list: what comes is then shown at once. */
function rowsOf(pages: Pages | undefined, newest: TaskPage | undefined): readonly ReadRow[] {
  const read =
    pages?.pages.flatMap(({ tasks }, at) =>
      tasks.map((task): ReadRow => ({ task, cursor: String(pages.pageParams[at] ?? "") }))
    ) ?? [];
  return read.length > 0 ? read : newest?.tasks.map((task) => ({ task, cursor: "" })) ?? [];
}

/** Reads the pages of the rows that are seen, and again when tasks change; by their cursors. */
function useLivePages(
  filter: Filter,
  seen: readonly (string | undefined)[],
): ReadonlyMap<string, TaskPage> {
  const cursors = [...new Set(seen)].filter((cursor) => cursor !== undefined)
    .slice(0, LIVE_PAGES_MAX);
  const reads = useOperations("listTasks", cursors.map((cursor) => pageOf(filter, cursor)));
  return new Map(cursors.flatMap((cursor, at): [string, TaskPage][] => {
    const page = reads[at]?.data;
    return page === undefined ? [] : [[cursor, page]];
  }));
}

function Row({ task, kind, index, top }: LiveRow & {
  readonly index: number;
  readonly top: number;
}) {
  const { id, namespace, workflow, version, state, createdAt, endedAt } = task;
  return (
    <div
      role="row"
      aria-rowindex={index + 2}
      className={kind === "live" ? "task-row" : "task-row muted"}
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
        <StateBadge state={kind === "left" ? "matches no more" : state} />
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
