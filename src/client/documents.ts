/** Types of what the client takes and answers, inferred from the table of operations. */

import type { DeepReadonly } from "../core/json.ts";
import type { z } from "zod";
import type { InputOf as InputOfOperation, ResultOf } from "../operations/operation.ts";
import type { OperationName, OPERATIONS } from "../operations/table.ts";
import type { ClientError } from "./error.ts";
import type { CallOptions, ClientRuntime, WriteOptions } from "./http.ts";

export type { OperationName } from "../operations/table.ts";

/** What an operation takes: the fields of its path, query and body as one object. */
export type OperationInput<Name extends OperationName> = InputOfOperation<typeof OPERATIONS[Name]>;

/** What an operation answers. */
export type OperationResult<Name extends OperationName> = ResultOf<typeof OPERATIONS[Name]>;

/** Operations that answer once; the others are streams. */
export type CallName = {
  [Name in OperationName]: ReadableStream extends OperationResult<Name> ? never : Name;
}[OperationName];

/** The field of an answer with the entries of a page. */
type EntriesField<Name extends OperationName> = typeof OPERATIONS[Name] extends
  { readonly pages?: { readonly entries: infer Field extends string } } ? Field : never;

/** Operations that answer a list page by page. */
export type ListName = {
  [Name in OperationName]: [EntriesField<Name>] extends [never] ? never : Name;
}[OperationName];

/** An entry of a list. */
export type EntryOf<Name extends ListName> = OperationResult<Name> extends
  { readonly [Field in EntriesField<Name>]: readonly (infer Entry)[] } ? Entry : never;

/** The data of an event of a stream. */
type EventOf<Name extends OperationName> = typeof OPERATIONS[Name]["answers"] extends
  { readonly 200: { readonly event: infer Schema extends z.ZodType } }
  ? DeepReadonly<z.output<Schema>>
  : never;

/** A time. Shape: ISO 8601 in UTC with milliseconds, `2026-01-01T00:00:00.000Z`. */
export type Time = string;
/** A task with its steps. */
export type Task = OperationResult<"getTask">;
/** A task whose workflow has an output of this type. */
export type TaskOf<Output> = Omit<Task, "output"> & { readonly output?: Output };
/** A step of a task. */
export type Step = Task["steps"][number];
/** A task in a list. */
export type TaskSummary = EntryOf<"listTasks">;
/** An event of a journal. Its other fields go by `kind`: payloads are plain, times end in `At`. */
export type JournalEntry = EntryOf<"getJournal">;
/** What a line of an export is about: a task, an event of one, or a journal that cannot be read. */
type Exported =
  | { readonly kind: "task"; readonly value: TaskSummary }
  | {
    readonly kind: "event";
    readonly value: JournalEntry & { readonly task: string; readonly workflow: string };
  }
  | {
    readonly kind: "unread";
    readonly value: { readonly task: string; readonly problem: { readonly detail: string } };
  };
/** A line of an export. */
export type ExportLine = Exported & {
  /** As the server wrote it. */
  readonly text: string;
  /** What `after` takes, to go on behind it. */
  readonly place: string;
};
/** A committed turn in the live feed. */
export type CommittedTurn = EventOf<"streamAll">;
/** That a command is journaled. */
export type Accepted = OperationResult<"cancelTask">;
/** A workflow in a list. */
export type WorkflowSummary = OperationResult<"listWorkflows">["workflows"][number];
/** A workflow with its contracts and its graph. */
export type Workflow = OperationResult<"getWorkflow">;
/** One version of a workflow. */
export type WorkflowVersion = Workflow["versions"][number];
/** What a version of a workflow breaks for those who rely on another one. */
export type VersionBreak = OperationResult<"compareVersions">["breaks"][number];
/** An owner of steps. */
export type System = OperationResult<"listSystems">["systems"][number];
/** An owner of steps, with what it offers and its instances. */
export type SystemDetail = OperationResult<"getSystem">;
/** One call that changed something, or tried to. */
export type AuditedCall = EntryOf<"listAudit">;

/** An envelope that could not be used. */
export type DeadLetter = EntryOf<"listDead">;
/** Which dead letters. */
export type DeadLetterFilter = OperationInput<"listDead"> & CallOptions;
/** The same, with its body. */
export type DeadLetterDetail = OperationResult<"getDead">;
/** An API key, without its secret. */
export type Key = OperationResult<"listKeys">["keys"][number];
/** A new API key. `key` is shown this once. */
export type MadeKey = OperationResult<"makeKey">;
/** Every version of a workflow's policy overlay. */
export type PolicyHistory = OperationResult<"getPolicy">;
/** A version of a workflow's policy overlay: what, who and why. */
export type PolicyVersion = OperationResult<"putPolicy">;
/** The health of a node. */
export type Health = OperationResult<"getHealth">;

/** Where a server is, and how to talk to it. */
export interface ClientOptions {
  /** `http://127.0.0.1:8080`; a path in front of the routes is kept. */
  readonly url: string;
  readonly key?: string;
  /** What the client calls itself (User-Agent): the audit of the server shows it. */
  readonly agent?: string;
  /** How long a call that may succeed later is repeated, in ms; 0 = one try. */
  readonly retryForMs?: number;
  /** Called before each repeat. */
  readonly onRetry?: (error: ClientError, delayMs: number) => void;
  /** In place of the platform's: tests, proxies. */
  readonly fetch?: (request: Request) => Promise<Response>;
  /** In place of the platform's clock and timers: tests. */
  readonly runtime?: ClientRuntime;
}

/** What a task is started with. */
export type StartOptions<Input> =
  & CallOptions
  & Omit<OperationInput<"startTask">, "workflow" | "input" | "waitMs">
  & {
    readonly input: Input;
    /** Unique in the namespace: same key and body, same task. A new one unless given. */
    readonly key?: string | undefined;
  };

/** How long to wait. */
export interface WaitOptions extends CallOptions {
  /** In ms; no limit unless given. */
  readonly waitMsMax?: number | undefined;
}

/** Which tasks to list. `since` and `until` bound when they were created. */
export type TaskFilter = CallOptions & Omit<OperationInput<"listTasks">, "limit" | "cursor"> & {
  /** Tasks asked for at once, 1..200. */
  readonly pageSize?: number | undefined;
};

/** Who decides, and why. `by` is the name of the key unless given. */
export type OperatorOptions = WriteOptions & Omit<OperationInput<"cancelTask">, "id">;

/** An item of the live feed: a turn, or that some were lost (`turns`: how many, where known). */
export type FeedItem =
  | { readonly kind: "turn"; readonly turn: CommittedTurn }
  | { readonly kind: "lost"; readonly turns: number | undefined };

/** The output that tasks of a workflow module give: `OutputOf<typeof checkout>`. */
export type OutputOf<W> = W extends { readonly $output?: infer Output } ? Output : unknown;

/** The input that tasks of a workflow module take: `InputOf<typeof checkout>`. */
export type InputOf<W> = W extends
  { readonly input: { readonly "~standard": { readonly types?: infer T } } }
  ? NonNullable<T> extends { readonly input: infer I } ? I : unknown
  : unknown;
