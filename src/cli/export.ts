/** The verb `export`: writes all tasks of a filter, or their journals, as JSON lines or as Parquet. */

import type { ColumnSource } from "hyparquet-writer";
import { ClientError, type ExportLine } from "../client.ts";
import { messageOf } from "../core/errors.ts";
import { CommandError } from "./failure.ts";
import { counted, dateText } from "./format.ts";
import { operationVerb } from "./operation_verb.ts";
import { EXIT_DONE, EXIT_FAILED, UsageError, type Verb, type VerbContext } from "./verb.ts";

/** Rows and characters of one row group of Parquet, which is in memory as a whole. */
const GROUP_ROWS_MAX = 10_000;
const GROUP_LENGTH_MAX = 16 * 1024 * 1024;

/** How long it tries to reach a server that does not answer: one that starts again needs a while. */
const RETRY_FOR_MS = 120_000;

/** How often it says how far it has come. */
const PROGRESS_MS = 5_000;

const FORMATS = ["jsonl", "parquet"] as const;

/** A value of a column. */
type Cell = string | number | bigint | Date | null;

type Column = Pick<ColumnSource, "name" | "type" | "statistics"> & { readonly isNull?: boolean };

/** Takes the lines one after the other; a promise that is awaited is what holds the server back. */
interface Sink {
  /** Where the lines are until the export is whole; undefined: there is no file. */
  readonly path?: string;
  take(line: ExportLine): void | Promise<void>;
  /** Ends the file, so that what was taken can be read. */
  end(): void | Promise<void>;
}

/** How far an export has come. */
class Progress {
  rows = 0;
  tasks = 0;
  unread = 0;
  /** What `--after` takes, to go on. */
  place: string | undefined;
  /** When the last task was made. */
  #backTo: string | undefined;
  #task: string | undefined;
  #saidAtMs: number;

  constructor(readonly context: VerbContext) {
    this.#saidAtMs = context.runtime.now();
  }

  add({ kind, value, place }: ExportLine): void {
    const id = kind === "task" ? value.id : value.task;
    if (id !== this.#task) this.tasks++;
    this.#task = id;
    if (kind === "unread") this.#skip(value.task, value.problem.detail);
    else this.rows++;
    this.place = place;
    if (kind === "task") this.#backTo = value.createdAt;
    const { runtime, terminal, paint } = this.context;
    if (runtime.now() - this.#saidAtMs < PROGRESS_MS) return;
    this.#saidAtMs = runtime.now();
    const back = this.#backTo === undefined ? "" : `, back to ${dateText(this.#backTo)} UTC`;
    terminal.warn(paint("dim", `  ${this}${back}`));
  }

  #skip(task: string, detail: string): void {
    this.unread++;
    const { terminal, paint } = this.context;
    terminal.warn(paint("warn", `  left out the journal of ${task}: ${detail}`));
  }

  toString(): string {
    return `${counted(this.rows, "row")} of ${counted(this.tasks, "task")}`;
  }
}

/** Writes lines as they come, so nothing is read ahead of the file. */
export const exportVerb: Verb = operationVerb("exportTasks", "export", {
  summary:
    "Writes all tasks of a filter, or all events of their journals, as JSON lines or Parquet",
  options: {
    format: { value: FORMATS.join("|"), summary: "jsonl unless given" },
    out: {
      value: "FILE",
      summary: "Where to; JSON lines go to stdout unless given. It is FILE.part until it is whole",
    },
  },
  async run(context, _send, input) {
    const { options, signal, terminal, paint } = context;
    const client = context.open({
      retryForMs: RETRY_FOR_MS,
      onRetry: ({ detail }) => terminal.warn(paint("dim", `  ${detail}: tries again`)),
    });
    const sink = await openSink(context, input.what === "journals" ? JOURNALS : TASKS);
    const progress = new Progress(context);
    try {
      for await (const line of client.export(input, { signal })) {
        await sink.take(line);
        progress.add(line);
      }
    } catch (error) {
      await Promise.resolve(sink.end()).catch(() => {}); // what failed first is said
      const rest = progress.place === undefined
        ? "run it again"
        : `go on with --after ${progress.place}, in another file`;
      const kept = sink.path === undefined ? "" : ` in ${sink.path}`;
      terminal.warn(`stopped after ${progress}${kept}: ${rest}`);
      if (signal.aborted) return EXIT_FAILED;
      throw error instanceof ClientError || sink.path === undefined
        ? error
        : unwritten(sink.path, error);
    }
    await sink.end();
    const out = options.get("out");
    if (sink.path !== undefined && out !== undefined) {
      await Deno.rename(sink.path, context.pathOf(out));
    }
    terminal.warn(`${progress}`);
    return progress.unread === 0 ? EXIT_DONE : EXIT_FAILED;
  },
});

const timeOf = (text: string | undefined): Date | null =>
  text === undefined ? null : new Date(text);
const jsonOf = (value: unknown): string | null =>
  value === undefined ? null : JSON.stringify(value);

/** Columns, and the cells of one line; a line that is none of its rows has none. */
interface Table {
  readonly columns: readonly Column[];
  cellsOf(line: ExportLine): readonly Cell[] | undefined;
}

const TASKS: Table = {
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
  cellsOf({ kind, value: task }) {
    if (kind !== "task") return undefined;
    return [
      ...[task.id, task.namespace, task.workflow, task.version, task.state],
      ...[task.blockedReason ?? null, JSON.stringify(task.tags)],
      ...[jsonOf(task.attributes), jsonOf(task.failure)],
      ...[timeOf(task.createdAt), timeOf(task.endedAt)],
    ];
  },
};

const JOURNALS: Table = {
  columns: [
    { name: "task_id", type: "STRING" },
    { name: "workflow", type: "STRING" },
    { name: "turn", type: "INT32" },
    { name: "number", type: "INT32" },
    { name: "at", type: "TIMESTAMP" },
    { name: "kind", type: "STRING" },
    { name: "step", type: "STRING", isNull: true },
    // The least and the greatest of each group would stay in memory: whole payloads.
    { name: "fields", type: "STRING", statistics: false },
  ],
  cellsOf({ kind, value }) {
    if (kind !== "event") return undefined;
    const { task, workflow, turn, number, kind: event, at, step = null, ...fields } = value;
    return [task, workflow, turn, number, timeOf(at), event, step, JSON.stringify(fields)];
  },
};

async function openSink(context: VerbContext, table: Table): Promise<Sink> {
  const { options, terminal } = context;
  const format = options.get("format") ?? "jsonl";
  const out = options.get("out");
  if (!FORMATS.some((one) => one === format)) {
    throw new UsageError(`Cannot write "${format}": expected ${FORMATS.join(" or ")}`);
  }
  if (out === undefined) {
    if (format === "parquet") {
      throw new UsageError("Cannot write Parquet to stdout: add --out FILE");
    }
    // The line is written before the next one is read, however slow the reader of a pipe is.
    return { take: ({ text }) => terminal.print(text), end() {} };
  }
  const path = `${context.pathOf(out)}.part`;
  try {
    return format === "parquet" ? await openParquet(path, table) : await openLines(path);
  } catch (error) {
    throw unwritten(path, error);
  }
}

function unwritten(path: string, error: unknown): CommandError {
  return new CommandError(
    `Cannot write ${path}: ${messageOf(error)}`,
    "the export stops here; tasks are not affected",
    "make room, or choose another path with --out, then go on as said above or run it again",
  );
}

async function openLines(path: string): Promise<Sink> {
  const file = await Deno.open(path, { write: true, create: true, truncate: true });
  const writer = file.writable.getWriter();
  const encoder = new TextEncoder();
  return {
    path,
    take: ({ text }) => writer.write(encoder.encode(`${text}\n`)),
    end: () => writer.close(),
  };
}

/** Loaded when it is used. Each group is written before the next row is asked for. */
async function openParquet(path: string, { columns, cellsOf }: Table): Promise<Sink> {
  const { fileWriter, ParquetWriter, schemaFromColumnData } = await import("hyparquet-writer");
  const sources = (cells: readonly (readonly Cell[])[]): ColumnSource[] =>
    columns.map(({ name, statistics = true }, at) => ({
      ...{ name, statistics },
      data: cells.map((row) => row[at] ?? null),
    }));
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
    path,
    async take(line) {
      const cells = cellsOf(line);
      if (cells === undefined) return;
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
