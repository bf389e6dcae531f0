/** The verb `export`: writes all tasks of a filter, or their journals, as JSON lines or as Parquet. */

import type { ColumnSource } from "hyparquet-writer";
import type { Client, OperationInput } from "../client.ts";
import { operationVerb } from "./operation_verb.ts";
import { EXIT_DONE, EXIT_FAILED, UsageError, type Verb, type VerbContext } from "./verb.ts";

/** Tasks of one page. */
const PAGE_MAX = 200;

/** Rows and characters of one row group of Parquet, which is in memory as a whole. */
const GROUP_ROWS_MAX = 10_000;
const GROUP_LENGTH_MAX = 16 * 1024 * 1024;

const FORMATS = ["jsonl", "parquet"] as const;

/** A value of a column. */
type Cell = string | number | bigint | Date | null;

/** One line, or one row: the columns stand for what a line has. */
interface Row {
  readonly line: object;
  readonly cells: readonly Cell[];
}

/** What is written of each task. */
interface Kind {
  readonly columns:
    readonly (Pick<ColumnSource, "name" | "type"> & { readonly isNull?: boolean })[];
  rows(client: Client, task: Summary, signal: AbortSignal): AsyncIterable<Row>;
}

type Filter = Omit<OperationInput<"listTasks">, "limit" | "cursor">;
type Page = Awaited<ReturnType<typeof pageOf>>;
type Summary = Page["tasks"][number];

/** Takes the rows one after the other; a promise that is awaited is what holds the reader back. */
interface Sink {
  take(row: Row): void | Promise<void>;
  end(): void | Promise<void>;
}

/** Asks for pages as they are written, so nothing is read ahead of the file. */
export const exportVerb: Verb = operationVerb("listTasks", "export", {
  summary:
    "Writes all tasks of a filter, or with --journals all their events, as JSON lines or Parquet",
  options: {
    journals: { summary: "The events of the tasks in place of the tasks" },
    format: { value: FORMATS.join("|"), summary: "jsonl unless given" },
    out: { value: "FILE", summary: "Where to; JSON lines go to stdout unless given" },
    cursor: { value: "TEXT", summary: "Goes on where an export broke off, in another file" },
  },
  async run(context, _send, { limit: _, ...filter }) {
    const { client, options, signal, terminal } = context;
    const max = Number(options.get("limit") ?? Infinity);
    const kind = options.has("journals") ? JOURNALS : TASKS;
    const sink = await openSink(context, kind);
    let cursor = options.get("cursor");
    let [tasks, rows] = [0, 0];
    try {
      for (let isFirst = true; isFirst || cursor !== undefined && tasks < max; isFirst = false) {
        signal.throwIfAborted();
        const page = await pageOf(client, filter, {
          cursor,
          limit: Math.min(PAGE_MAX, max - tasks),
        });
        for (const task of page.tasks) {
          for await (const row of kind.rows(client, task, signal)) {
            await sink.take(row);
            rows++;
          }
        }
        tasks += page.tasks.length;
        cursor = page.nextCursor;
      }
    } catch (error) {
      await sink.end();
      // The page that broke off is written again: its rows have the same ids.
      const rest = cursor === undefined ? "run it again" : `go on with --cursor ${cursor}`;
      terminal.warn(`stopped after ${tasks} whole tasks: ${rest}`);
      if (signal.aborted) return EXIT_FAILED;
      throw error;
    }
    await sink.end();
    terminal.warn(`${rows} rows of ${tasks} tasks`);
    return EXIT_DONE;
  },
});

function pageOf(
  client: Client,
  filter: Filter,
  { cursor, limit }: { readonly cursor: string | undefined; readonly limit: number },
) {
  return client.call("listTasks", { ...filter, limit, ...(cursor !== undefined && { cursor }) });
}

const timeOf = (text: string | undefined): Date | null =>
  text === undefined ? null : new Date(text);
const jsonOf = (value: unknown): string | null =>
  value === undefined ? null : JSON.stringify(value);

const TASKS: Kind = {
  columns: [
    { name: "id", type: "STRING" },
    { name: "namespace", type: "STRING" },
    { name: "workflow", type: "STRING" },
    { name: "version", type: "STRING" },
    { name: "state", type: "STRING" },
    { name: "blocked_reason", type: "STRING", isNull: true },
    { name: "tags", type: "STRING" },
    { name: "attributes", type: "STRING", isNull: true },
    { name: "failure", type: "STRING", isNull: true },
    { name: "created_at", type: "TIMESTAMP" },
    { name: "ended_at", type: "TIMESTAMP", isNull: true },
  ],
  async *rows(_client, task) {
    const { id, namespace, workflow, version, state, tags, createdAt, endedAt } = task;
    yield {
      line: task,
      cells: [
        ...[id, namespace, workflow, version, state, task.blockedReason ?? null],
        ...[JSON.stringify(tags), jsonOf(task.attributes), jsonOf(task.failure)],
        ...[timeOf(createdAt), timeOf(endedAt)],
      ],
    };
  },
};

const JOURNALS: Kind = {
  columns: [
    { name: "task_id", type: "STRING" },
    { name: "workflow", type: "STRING" },
    { name: "turn", type: "INT32" },
    { name: "number", type: "INT32" },
    { name: "at", type: "TIMESTAMP" },
    { name: "kind", type: "STRING" },
    { name: "step", type: "STRING", isNull: true },
    { name: "fields", type: "STRING" },
  ],
  async *rows(client, { id, namespace, workflow }, signal) {
    const name = workflow.includes("/") ? workflow : `${namespace}/${workflow}`;
    for await (const entry of client.journal(id, { signal })) {
      const { turn, number, kind, at, step, ...fields } = entry;
      yield {
        line: { task: id, workflow: name, ...entry },
        cells: [id, name, turn, number, timeOf(at), kind, step ?? null, JSON.stringify(fields)],
      };
    }
  },
};

async function openSink(context: VerbContext, kind: Kind): Promise<Sink> {
  const { options, terminal } = context;
  const format = options.get("format") ?? "jsonl";
  const out = options.get("out");
  if (!FORMATS.some((one) => one === format)) {
    throw new UsageError(`Cannot write "${format}": expected ${FORMATS.join(" or ")}`);
  }
  if (format === "parquet") {
    if (out === undefined) throw new UsageError("Cannot write Parquet to stdout: add --out FILE");
    return await openParquet(context.pathOf(out), kind);
  }
  if (out === undefined) {
    return { take: ({ line }) => terminal.print(JSON.stringify(line)), end() {} };
  }
  const file = await Deno.open(context.pathOf(out), { write: true, create: true, truncate: true });
  const writer = file.writable.getWriter();
  const encoder = new TextEncoder();
  return {
    take: ({ line }) => writer.write(encoder.encode(`${JSON.stringify(line)}\n`)),
    end: () => writer.close(),
  };
}

/** Loaded when it is used. Each group is written before the next row is asked for. */
async function openParquet(path: string, { columns }: Kind): Promise<Sink> {
  const { fileWriter, ParquetWriter, schemaFromColumnData } = await import("hyparquet-writer");
  const sources = (cells: readonly (readonly Cell[])[]): ColumnSource[] =>
    columns.map(({ name }, at) => ({ name, data: cells.map((row) => row[at] ?? null) }));
  const schema = schemaFromColumnData({
    columnData: columns.map(({ isNull, ...column }) => ({
      ...column,
      data: [],
      nullable: isNull === true,
    })),
  });
  const parquet = new ParquetWriter({ writer: fileWriter(path), schema });
  let [group, length] = [[] as (readonly Cell[])[], 0];
  const flush = async () => {
    if (group.length > 0) {
      await parquet.write({ columnData: sources(group), rowGroupSize: group.length });
    }
    [group, length] = [[], 0];
  };
  return {
    async take({ cells }) {
      group.push(cells);
      length += cells.reduce<number>(
        (sum, cell) => sum + (typeof cell === "string" ? cell.length : 8),
        0,
      );
      if (group.length >= GROUP_ROWS_MAX || length >= GROUP_LENGTH_MAX) await flush();
    },
    async end() {
      await flush();
      await parquet.finish();
    },
  };
}
