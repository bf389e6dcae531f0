/** Ports: the interfaces in which folders meet. The roots wire them. */

import type { Scope } from "./api_key.ts";
import type { ArmMetric, ArmsReport } from "./arms.ts";
import type { CarriedValue, Directory, DocumentFormat, Edit, Problem } from "./authoring.ts";
import type { Answer, Command, Outcome, OutsideCommand } from "./command.ts";
import type {
  DeployedDocument,
  DeployedText,
  DeploymentEntry,
  DeploymentPage,
  DeployReport,
  NewDeployment,
  RevertRequest,
  StoredVersion,
  WorkflowName,
  WorkflowSource,
} from "./deployment.ts";
import type { Diagnosis } from "./diagnosis.ts";
import type { Draft, DraftRequest } from "./draft.ts";
import type { Envelope } from "./envelope.ts";
import type { TaskerError } from "./errors.ts";
import type { Event, Turn } from "./event.ts";
import type { Fork, ForkPlan } from "./fork.ts";
import type { Incarnation, TaskId } from "./ids.ts";
import type { Optimisation } from "./optimisation.ts";
import type { JsonText } from "./payload.ts";
import type { Plan } from "./plan.ts";
import type { Policy } from "./policy.ts";
import type { Rehearsal } from "./rehearsal.ts";
import type { Saturation } from "./saturation.ts";
import type { LabelFilter } from "./search.ts";
import type { SharedState, SystemLimit } from "./shared_limit.ts";
import type { StatisticsCell, StatisticsRow } from "./statistics.ts";
import type { FollowTable, Suggestion } from "./suggestion.ts";
import type { Capability, Instance, Registration } from "./system.ts";
import type { StartLever } from "./starts.ts";
import type { TaskState, TaskStateName } from "./state.ts";
import type { WhatifReport } from "./whatif.ts";
import type { Definition, JsonSchema } from "./workflow.ts";

/** Takes back what was scheduled; safe to repeat. */
export type Cancel = () => void;

/** Clock, timers, randomness and hashes. Nothing else gives access to them. */
export interface Runtime {
  /** Unix time in ms: monotonic clock plus the database's offset. */
  now(): number;
  /** Milliseconds that never go back; for durations and leases. */
  monotonic(): number;
  /** Corrects `now` by what the database's clock says. */
  setOffset(databaseNowMs: number): void;
  /** Calls once after at least `ms`. Cost: 9 µs; for loops and deadlines, not for steps. */
  after(ms: number, call: () => void): Cancel;
  /** Calls in this iteration of the event loop or the next, after pending promises. Cost: 1.6 µs. */
  soon(call: () => void): void;
  /** Uniform in [0, 1). */
  random(): number;
  uuid(): string;
  /** HMAC-SHA-256 of a text, base64url. Cost: 15 µs. */
  sign(secret: string, text: string): string;
  /** SHA-256 of a text, lower-case hex. */
  digest(text: string): string;
}

/** Sends commands to tasks: to the actor here, or through the inbox of the node that owns the task. */
export interface CommandSink {
  /**
   * Sends a command; resolves when all turns it was decided on are committed.
   *
   * @throws {TaskerError} what the task's state refuses, mailbox.full, node.draining, journal.*
   */
  send(command: Command): Promise<Answer>;
  /** Mints a task id in a slot of this node, so that a start never travels. */
  mintTaskId(): TaskId;
}

/** A request to start a task, before it is checked. */
export interface StartRequest {
  /** `namespace/name`. */
  readonly workflow: string;
  /** Absent: the highest. */
  readonly version?: string;
  readonly input: unknown;
  readonly tags: readonly string[];
  /** Unique in the namespace. */
  readonly key?: string;
  readonly deadlineMs?: number;
  /** 1 is high, 5 low. */
  readonly priority?: number;
  readonly commandId: string;
  readonly traceparent?: string;
  /** The task whose results it takes, and from where; absent: it begins at its beginning. */
  readonly fork?: Fork;
}

/** Finds the workflow, checks the input against its contract and sends StartTask. */
export interface Starter {
  /** @throws {TaskerError} definition.unknown, contract.violation, journal.conflict, … */
  start(request: StartRequest): Promise<Answer>;
}

/** A workflow that can be started: the version that a start without one takes. */
export interface StartableWorkflow {
  readonly hash: string;
  readonly definition: Definition;
  readonly description?: string;
}

/** What can be started on this node. */
export interface Starts {
  /** By `namespace/name`. Cost: memory alone, O(workflows). */
  list(): readonly StartableWorkflow[];
  /** The version of a workflow that a start without one takes; undefined: none is loaded here. */
  versionOf(workflow: string): string | undefined;
  /** The file on this node that defines a workflow, in its folder; undefined: none. */
  fileOf(workflow: string): string | undefined;
  /**
   * Checks a start as `Starter.start` does, and starts nothing.
   *
   * @returns the definition, the input with what its contract fills in, and what a fork would do
   * @throws {TaskerError} definition.unknown, contract.violation, payload.too_large; as `planFork`
   */
  check(request: Pick<StartRequest, "workflow" | "version" | "input" | "fork">):
    & StartableWorkflow
    & { readonly input: unknown; readonly fork?: ForkPlan };
}

/** What lists, recovery and `GET /v1/tasks` need of a task; a row beside the journal. */
export interface TaskChange {
  readonly state: TaskStateName;
  /** Why it is blocked, or what it waits for to start; null when neither. */
  readonly blockedReason: string | null;
  /** Unix ms; set by the turn that passivates. */
  readonly wakeAtMs?: number;
  /** False only in the turn that passivates; true in the first after a wake. */
  readonly resident: boolean;
  readonly endedAtMs?: number;
  /** What the task is found by beside its tags, see search.ts; absent: none, and none before. */
  readonly labels?: readonly string[];
}

/** What the first turn of a task adds. */
export interface TaskBirth {
  readonly namespace: string;
  readonly workflow: string;
  readonly version: string;
  readonly definitionHash: string;
  readonly tags: readonly string[];
  /** Unique in the namespace. */
  readonly key: string;
  /** Hex digest of what must be the same under the same key. */
  readonly bodyHash: string;
  readonly createdAtMs: number;
}

/** One turn to be appended: one row, and what is written only if it is inserted. */
export interface TurnRow {
  readonly taskId: TaskId;
  readonly turn: number;
  /** Unique; a resend keeps it. */
  readonly appendId: string;
  readonly commandIds: readonly string[];
  /** Those among them that changed nothing; absent: none. */
  readonly idleIds?: readonly string[];
  readonly events: readonly Event[];
  readonly birth?: TaskBirth;
  /** Present when the task row changes with this turn. */
  readonly change?: TaskChange;
  /** Inbox rows (command ids) that this turn decided. */
  readonly inbox: readonly string[];
  /** Answers to leave for senders on other nodes. */
  readonly answers: readonly RemoteAnswer[];
  /** Commands that go into the inbox with this turn, to tasks in the slot of this one. */
  readonly sends?: readonly InboxRow[];
  /** Goes in a flush of its own: an earlier row of the task was refused, or took too long. */
  readonly isAlone?: boolean;
}

/** An answer that waits for its commit without a row: a no-op, a repeat, a refusal. */
export interface RowlessEntry {
  readonly taskId: TaskId;
  readonly inbox: readonly string[];
  readonly answers: readonly RemoteAnswer[];
}

/** An answer for a sender on another node; `body` is JSON of `Answer` or of an error. */
export interface RemoteAnswer {
  readonly commandId: string;
  readonly body: string;
}

/** What became of a row. */
export type Appended =
  | { readonly kind: "inserted" }
  /** Another task holds this key. */
  | { readonly kind: "key_taken"; readonly taskId: TaskId; readonly sameBody: boolean }
  /** Postgres refuses the data of this row. */
  | { readonly kind: "poison"; readonly error: TaskerError }
  /** Nothing was inserted: the row alone takes Postgres too long, while it serves others. */
  | { readonly kind: "too_slow"; readonly error: TaskerError }
  /** Another node wrote this turn. */
  | { readonly kind: "ownership_lost" }
  /** This node's row is gone: it cannot write any more. */
  | { readonly kind: "fenced" };

/** A task that was read whole; or why it cannot be: journal.format_unknown, journal.too_slow. */
export type LoadedTask =
  | { readonly taskId: TaskId; readonly turns: readonly Turn[] }
  | { readonly taskId: TaskId; readonly error: TaskerError };

/** The write side. One group-committing writer; an actor has at most one row in flight. */
export interface Journal {
  /** Appends one turn; resolves when its outcome is known, however long that takes. */
  append(row: TurnRow): Promise<Appended>;
  /**
   * Resolves true when a flush that started after this call found the node row; false: fenced.
   * Without an entry it shows only that the journal accepts writes.
   */
  confirm(entry?: RowlessEntry): Promise<boolean>;
  /**
   * Reads whole tasks, each as soon as it is complete. A task without turns is absent; one that
   * cannot be read comes with the reason, and does not stop the others.
   *
   * @throws {TaskerError} journal.unavailable
   */
  load(taskIds: readonly TaskId[]): AsyncIterable<LoadedTask>;
  /** Counters since start: flushes, rows, queries, bytes. */
  figures(): JournalFigures;
  /** Resolves when all that was handed over before this call is settled. */
  idle(): Promise<void>;
}

/** What the writer has done since it started. */
export interface JournalFigures {
  readonly commits: number;
  readonly rows: number;
  readonly queries: number;
  readonly bytes: number;
  /** Time in which a flush was on its way, ms. */
  readonly flushMs: number;
  /** How long the last flushes took; absent: there was none, or the journal is in memory. */
  readonly commit?: CommitTimes;
}

/** How long flushes took: half of them, and 95 % of them, at most so long. */
export interface CommitTimes {
  readonly count: number;
  readonly p50Ms: number;
  readonly p95Ms: number;
}

/** Postgres for what is not the journal: single statements, each with a deadline. */
export interface Database {
  /**
   * Runs one statement, autocommitted.
   *
   * Shape: `$1…` parameters; objects go as jsonb; rows have snake_case columns.
   *
   * @throws {TaskerError} journal.unavailable (also when the outcome is unknown), journal.poison
   */
  query(text: string, parameters?: readonly unknown[]): Promise<readonly Record<string, unknown>[]>;
  /** Calls at each NOTIFY and after each reconnect; only a hint. */
  listen(channel: string, call: (payload: string) => void): Promise<Cancel>;
}

/** A slot as the database has it. */
export interface SlotRow {
  readonly slot: number;
  readonly owner: Incarnation | null;
  readonly version: number;
  /** The event format that its tasks need; absent: the first, or as it was. */
  readonly formatMin?: number;
}

/** A node as the database has it. */
export interface NodeRow {
  readonly incarnation: Incarnation;
  readonly name: string;
  /** Opaque: changes with each renewal. */
  readonly renewals: number;
  /** Whether the database's clock says its lease is over. */
  readonly expired: boolean;
  /** The newest event format that it reads. */
  readonly format: number;
  /** What its envelopes go through; absent where a version before joined. */
  readonly bus?: string;
}

/** What a person wants to know of a node. */
export interface NodeFacts {
  readonly incarnation: Incarnation;
  readonly name: string;
  /** Whether it is the one that answers. */
  readonly isThis: boolean;
  /** Absent where a version before joined, as is `sinceMs`. */
  readonly version?: string;
  readonly sinceMs?: number;
  /** How long ago it last renewed its lease, ms, by the database's clock. */
  readonly renewedAgoMs: number;
  /** Whether its lease is over: the others end it. */
  readonly isExpired: boolean;
  /** Slots that it owns. */
  readonly slots: number;
}

/** A command that came through another node. */
export interface InboxRow {
  readonly commandId: string;
  readonly slot: number;
  readonly command: OutsideCommand | Command;
  /** Whether the sender waits for an answer. */
  readonly wantsAnswer: boolean;
}

/** What one poll learns. */
export interface PollResult {
  /** False: our row is gone; this node must stop. */
  readonly alive: boolean;
  readonly databaseNowMs: number;
  readonly nodes: readonly NodeRow[];
  /** All slots whose row changed since the last poll; at the first poll all of them. */
  readonly slots: readonly SlotRow[];
  /**
   * Commands in the inbox of our slots, at most 600 and 5 MiB. Each poll goes on after the one
   * before, and begins again when it has read all: what stays there comes again, and holds up nothing.
   */
  readonly inbox: readonly InboxRow[];
  /** Our slots that have passivated tasks which are due. */
  readonly dueSlots: readonly number[];
  /** The number of the last change of systems; see SystemStore. Absent where there are none. */
  readonly systemsVersion?: number;
  /** The number of the last deployment; see Deployments. Absent where there are none. */
  readonly deployments?: number;
}

/** Where to read due tasks: a slot, and the one after which to go on. */
export interface DuePlace {
  readonly slot: number;
  /** Absent: from the earliest. */
  readonly after?: { readonly wakeAt: string; readonly taskId: TaskId };
}

/** A passivated task that is due; `wakeAt` is text as the database writes it. */
export interface DueTask {
  readonly taskId: TaskId;
  readonly wakeAt: string;
}

/** Due tasks that one call reads of each slot. */
export const DUE_PER_SLOT = 8;

/** Nodes, slots, and what travels between nodes. All by compare-and-set. */
export interface Nodes {
  /** Inserts this node's row; removes the earlier incarnation of the same lock at once. */
  join(
    of: {
      incarnation: Incarnation;
      name: string;
      replaces: Incarnation | undefined;
      bus?: string;
      /** The version of Tasker that it runs. */
      version?: string;
    },
  ): Promise<void>;
  /** Renews, and sees nodes, slots, inbox and which slots have due tasks, in one statement. */
  poll(): Promise<PollResult>;
  /** Takes free slots whose version still holds; returns those taken. */
  claim(slots: readonly SlotRow[]): Promise<readonly SlotRow[]>;
  /** Notes that own slots have tasks in a newer event format than this node reads. */
  requireNewerFormat(slots: readonly SlotRow[]): Promise<readonly SlotRow[]>;
  /** Gives own slots away; after their last flush. */
  release(slots: readonly SlotRow[]): Promise<void>;
  /** Ends a node that does not renew: its row goes, then its slots are free. */
  takeOver(incarnation: Incarnation): Promise<boolean>;
  /** Frees slots whose owner has no row. */
  freeOrphans(): Promise<number>;
  /** Resident tasks of slots, for loading after a claim. */
  residents(slots: readonly number[]): Promise<readonly TaskId[]>;
  /** Passivated tasks of slots that are due, the earliest of each slot, at most DUE_PER_SLOT. */
  due(places: readonly DuePlace[]): Promise<readonly DueTask[]>;
  /** Leaves commands for the owners of their slots and wakes them. */
  post(rows: readonly InboxRow[]): Promise<void>;
  /** Takes the answers to posted commands that are there, by command id. */
  takeAnswers(commandIds: readonly string[]): Promise<ReadonlyMap<string, string>>;
  /** Calls when something may be in the inbox; only a hint. */
  onWake(call: () => void): Promise<Cancel>;
  /** Deletes this node's row and frees its slots. */
  leave(): Promise<void>;
}

/** A task in a list. */
export interface TaskSummary {
  readonly taskId: TaskId;
  readonly namespace: string;
  readonly workflow: string;
  readonly version: string;
  readonly definitionHash: string;
  readonly state: TaskStateName;
  readonly blockedReason: string | undefined;
  readonly tags: readonly string[];
  readonly createdAtMs: number;
  readonly endedAtMs: number | undefined;
  /** What it is found by beside its tags, see search.ts. */
  readonly labels: readonly string[];
}

/** Which tasks to list; newest first. */
export interface TaskFilter {
  /** Undefined: all namespaces but Tasker's own, which is listed when it or a workflow of it is named. */
  readonly namespaces: readonly string[] | undefined;
  readonly workflow?: string;
  readonly version?: string;
  /** Absent: any. */
  readonly states?: readonly TaskStateName[];
  /** All of them. */
  readonly tags?: readonly string[];
  /** Of each group one of its labels. */
  readonly labels?: LabelFilter["labels"];
  /** A label with a value in each range. */
  readonly ranges?: LabelFilter["ranges"];
  /** When they were created. */
  readonly sinceMs?: number;
  readonly untilMs?: number;
  /** When they ended. */
  readonly endedSinceMs?: number;
  readonly endedUntilMs?: number;
  /** 1..200 */
  readonly limit: number;
  /** Where the page before says that this one begins. */
  readonly after?: TaskId;
}

/** One page of a list. A page may have fewer tasks than asked for, or none, and not be the last. */
export interface TaskPage {
  readonly tasks: readonly TaskSummary[];
  /** After which task the next page begins; absent: there are no more. */
  readonly next?: TaskId;
}

/** How many tasks there are in each state: exactly, or so many at least. */
export type StateCounts = Readonly<
  Partial<Record<TaskStateName, { readonly count: number; readonly isExact: boolean }>>
>;

/** Turns of a task, in order. */
export interface TurnPage {
  readonly turns: readonly Turn[];
  /** Whether the journal had no more when it was read. */
  readonly isLast: boolean;
}

/** The read side; never decides anything. */
export interface History {
  tasks(filter: TaskFilter): Promise<TaskPage>;
  /** Counts the tasks that a filter is for, whatever its page, in the states that it names. */
  counts(filter: TaskFilter): Promise<StateCounts>;
  task(taskId: TaskId): Promise<TaskSummary | undefined>;
  /** Turns after a turn: at most `limit`, and no more than fit into a page, but at least one. */
  turns(taskId: TaskId, afterTurn: number, limit: number): Promise<TurnPage>;
  ping(): Promise<void>;
}

/** Where to read on in the journal of a task. */
export interface JournalPlace {
  readonly taskId: TaskId;
  /** 0: from its beginning. */
  readonly afterTurn: number;
}

/** Reads tasks and their journals, many at a time and apart from what people look at. */
export interface Exports extends Pick<History, "tasks" | "task"> {
  /**
   * Reads journals in the order of their places, each in one or more parts. A part may have no turns; a
   * task that cannot be read gives its error, and the others follow.
   */
  journals(places: readonly JournalPlace[]): AsyncIterable<LoadedTask>;
}

/** A line that step code logged, kept with its attempt. */
export interface StepLine {
  readonly taskId: TaskId;
  readonly step: string;
  readonly attempt: number;
  /** Position in the attempt, from 1. */
  readonly number: number;
  readonly atMs: number;
  readonly text: string;
  /** JSON of its fields, which may be cut; "": none. */
  readonly fields: string;
  /** Lines of the attempt that were left out; only its last row counts them. */
  readonly dropped: number;
}

/** Which lines of a task to read, in the order of steps, attempts and lines. */
export interface StepLineFilter {
  readonly taskId: TaskId;
  readonly step?: string | undefined;
  readonly attempt?: number | undefined;
  readonly limit: number;
  /** The last line of the page before. */
  readonly after?: readonly [step: string, attempt: number, number: number];
}

/** Keeps what step code logs. A line that is added again is the same line. */
export interface StepLogs {
  /** @throws {TaskerError} journal.unavailable: they may be there */
  add(lines: readonly StepLine[]): Promise<void>;
  read(filter: StepLineFilter): Promise<readonly StepLine[]>;
}

/** Which tasks of a workflow to read whole. */
export interface TaskRange {
  /** `namespace/name`. */
  readonly workflow: string;
  readonly version?: string;
  /** Absent: in any state. */
  readonly states?: readonly TaskStateName[];
  /** Those that have it; then no sample is read, but the newest. */
  readonly label?: string;
  /** When its task id was made, Unix ms: from `sinceMs`, before `untilMs`. */
  readonly sinceMs: number;
  readonly untilMs: number;
  /** 1..TASKS_READ_MAX */
  readonly limit: number;
  /** Tasks that are not read: the asker has them. They count towards the limit. */
  readonly except?: { has(taskId: TaskId): boolean };
}

/** Tasks that one call of a TaskReader reads at most. */
export const TASKS_READ_MAX = 10_000;

/** A task with its whole journal. */
export interface WholeTask {
  readonly summary: TaskSummary;
  readonly turns: readonly Turn[];
}

/** Reads whole tasks by time, for those who learn from them; never decides anything. */
export interface TaskReader {
  /**
   * Reads the tasks of a range, newest first, each as soon as it is complete: one that is too large for
   * a page comes a little later. If there are more than `limit`, a sample is read that is spread over
   * the range. All turns together take about 64 MiB at most: what does not fit is left out, evenly
   * over the range. A task that cannot be read (format, time) is left out.
   *
   * Cost: at most nine statements that find ids, then pages of at most 4 MiB.
   *
   * @throws {TaskerError} journal.unavailable
   */
  tasks(range: TaskRange): AsyncIterable<WholeTask>;
}

/** What an attempt does when it is played. */
export interface PlayedAnswer {
  /** From its start, ms. */
  readonly afterMs: number;
  readonly outcome: Outcome;
  /** It does not answer any more once it has been given up: its code ends then. */
  readonly isStoppable: boolean;
}

/** What somebody does because of an event, or a while after it. */
export interface Reaction {
  /** From the event, ms. */
  readonly afterMs: number;
  readonly command: OutsideCommand;
}

/** What surrounds the tasks of a playback: workers, clocks and people. */
export interface PlayedWorld {
  /** Undefined: the attempt never answers. */
  answer(taskId: TaskId, step: number, attempt: number): PlayedAnswer | undefined;
  /** How long a computed sleep is, ms. */
  sleepMs(taskId: TaskId, step: number): number;
  reactTo(taskId: TaskId, event: Event): readonly Reaction[];
}

/** A task to be played. */
export interface PlayedTask {
  readonly taskId: TaskId;
  /** From the beginning of the playback, ms. */
  readonly startMs: number;
  readonly input: JsonText;
  readonly tags: readonly string[];
  readonly deadlineMs?: number;
}

/** What to play. */
export interface PlaybackRequest {
  readonly plan: Plan;
  /** The overlay that all tasks are under. */
  readonly steps: PolicyOverlay["steps"];
  readonly tasks: readonly PlayedTask[];
  readonly world: PlayedWorld;
  /** Gives up. */
  readonly signal?: AbortSignal;
}

/** Plays tasks on a clock of its own: the real actors, policies and admission, in memory. */
export interface Playback {
  /**
   * Resolves with the journal of each task, once nothing moves any more. The event loop goes on in
   * between. Cost: some 50 µs of CPU for each turn.
   *
   * @throws {TaskerError} api.busy: who asked for it has gone
   */
  play(request: PlaybackRequest): Promise<ReadonlyMap<TaskId, readonly Turn[]>>;
  /** Lets the event loop go on: for who works on the tasks before and after. */
  rest(): Promise<void>;
}

/** Who asks for work on a document; others wait in turns between them. */
export interface WhoAsks {
  /** Names a key, as its id does; absent: Tasker itself. */
  readonly by?: string | undefined;
  /** Gives up what has not begun; what runs may end first. */
  readonly signal?: AbortSignal | undefined;
}

/** What to rehearse. */
export interface RehearsalRequest extends WhoAsks {
  /** A manifest. */
  readonly text: string;
  /** Names it in its test; absent: after the workflow. */
  readonly file?: string | undefined;
  /** Absent: one is made out of its contract. */
  readonly input?: unknown;
  /** Which steps fail, each in a run of its own; absent: each that does work, as far as bounds allow. */
  readonly failures?: readonly { readonly step: string; readonly error?: unknown }[];
}

/** Runs documents before anybody relies on them: nothing is sent to anyone. */
export interface Rehearser {
  /**
   * @throws {TaskerError} definition.invalid with all faults, each with line and column
   * @throws {TaskerError} api.busy (retry "later")
   */
  rehearse(request: RehearsalRequest): Promise<Rehearsal>;
}

/** Which tasks of a workflow to learn from. */
export interface LearnFrom extends Omit<TaskRange, "states"> {
  /** Gives up. */
  readonly signal?: AbortSignal;
}

/** What to change before tasks are played again. */
export interface WhatifChange {
  /** As in an overlay; each field that is there replaces the present one. */
  readonly steps: PolicyOverlay["steps"];
  /** Edges that are not there any more, by step names. */
  readonly dropEdges: readonly { readonly from: string; readonly to: string }[];
}

/** Which experiment, and what decides it. */
export interface ArmsQuestion {
  readonly namespace: string;
  readonly name: string;
  readonly metric: ArmMetric;
  readonly untilMs: number;
}

/** A question to the optimiser. */
export interface WhatifQuestion extends LearnFrom {
  readonly change: WhatifChange;
}

/** A workflow as a text; it need not be deployed anywhere. */
export interface DocumentSource extends WhoAsks {
  readonly text: string;
  /** Absent: as the end of the file's name says, else a manifest. */
  readonly format?: DocumentFormat | undefined;
  /** Names the text in positions. */
  readonly file?: string | undefined;
}

/** Checks and edits workflows as texts. Nothing is stored. */
export interface Documents {
  /** Says what is wrong with a text; one that cannot be read is a problem as well. */
  check(of: DocumentSource, directory?: Directory): Promise<readonly Problem[]>;
  /**
   * Reads a text of YAML. What it means is not checked.
   *
   * @throws {TaskerError} definition.invalid when the text cannot be read
   */
  read(of: DocumentSource): Promise<CarriedValue>;
  /**
   * Makes all edits, or none.
   *
   * @throws {TaskerError} definition.invalid when the text cannot be read, document.edit_refused
   */
  edit(
    of: DocumentSource,
    how: {
      readonly edits: readonly Edit[];
      /** Answers with a new text of this format. */
      readonly as?: DocumentFormat | undefined;
      readonly directory?: Directory;
    },
  ): Promise<{ readonly text: string; readonly problems: readonly Problem[] }>;
  /**
   * Suggests next steps; how long they take is not known here.
   *
   * @throws {TaskerError} definition.invalid when the text cannot be read
   */
  suggest(of: DocumentSource, from: SuggestionContext): Promise<readonly Suggestion[]>;
}

/** What suggestions are made of. */
export interface SuggestionContext {
  readonly directory: Directory;
  /** What other workflows say. */
  readonly follows: FollowTable;
  /** Which step the next one comes after; absent: those at the end. */
  readonly after?: string | undefined;
  /** Only this capability, whether anything speaks for it or not; absent: what something speaks for. */
  readonly capability?: string | undefined;
  /** Only capabilities of this system. */
  readonly owner?: string | undefined;
  readonly limit: number;
}

/** Makes proposals of workflows out of descriptions in plain language. Nothing is stored. */
export interface Generator {
  /**
   * @throws {TaskerError} api.bad_request when a part is asked for that the description has not
   * @throws {TaskerError} api.busy (retry "later")
   */
  generate(
    request: DraftRequest,
    directory: Directory,
    who: WhoAsks,
  ): Promise<Draft>;
}

/** Learns from the tasks of a workflow what would be better. Reads, and changes nothing. */
export interface Optimiser {
  /**
   * Says what would be better, of what was played. Cost: seconds of CPU, in small pieces.
   *
   * @throws {TaskerError} api.busy (it serves somebody else), journal.unavailable
   */
  optimise(from: LearnFrom): Promise<Optimisation>;
  /**
   * Plays stored tasks again under a change. Cost: seconds of CPU, in small pieces.
   *
   * @throws {TaskerError} api.bad_request (no such edge, or it carries data), api.busy (it serves
   *   somebody else), journal.unavailable
   */
  whatif(question: WhatifQuestion): Promise<WhatifReport>;
  /**
   * Compares the tasks that try the newest overlay with the others.
   *
   * @throws {TaskerError} policy.no_canary, journal.unavailable
   */
  arms(of: ArmsQuestion): Promise<ArmsReport>;
}

/** Which statistics to read. */
export interface StatisticsQuery {
  /** `namespace/name`; absent: whole tasks of all workflows. */
  readonly workflow?: string;
  /** Absent: whole tasks and all steps. */
  readonly step?: string;
  /** Unix ms; an interval belongs to where it begins. */
  readonly sinceMs: number;
  readonly untilMs: number;
  /** The length of the intervals of the answer; absent: a 360th of the range, but at least 10 s. */
  readonly everyMs?: number;
}

/** Which statistics to merge into longer intervals, and to remove. */
export interface StatisticsMerging {
  readonly nowMs: number;
  /** Older ones are removed. */
  readonly retentionMs: number;
  /** Whose statistics this node merges, so that each is merged by one; absent: all. */
  readonly isMine?: (workflow: string) => boolean;
  /** Asked between two statements: true ends the merging. */
  readonly isOver?: () => boolean;
}

/** What nodes counted, in intervals that become longer with age. */
export interface StatisticsStore {
  /** Workflows of which tasks began or ended in intervals that begin in a span. Cost: O(such rows). */
  active(range: { readonly sinceMs: number; readonly untilMs: number }): Promise<readonly string[]>;
  /**
   * Adds what this node counted in one interval. A repeat with the same number adds nothing.
   *
   * Shape: `number` counts the intervals of this node's process.
   * Cost: one statement for about 4 MiB.
   *
   * @throws {TaskerError} journal.unavailable
   */
  write(number: number, rows: readonly StatisticsRow[]): Promise<void>;
  /**
   * Reads what all nodes counted, by time: one cell for each interval, workflow, version, step and
   * policy version. If there would be more than 20,000 cells, intervals are longer than asked.
   *
   * Cost: pages of at most 4 MiB; older intervals are longer, so a year is about as long as a day.
   *
   * @throws {TaskerError} journal.unavailable
   */
  read(query: StatisticsQuery): Promise<readonly StatisticsCell[]>;
  /**
   * Merges old intervals into longer ones and removes those that are no longer kept. Safe to repeat,
   * and on several nodes at once: each row is merged once.
   *
   * Cost: two statements for each workflow that has statistics, and pages of at most 4 MiB.
   *
   * @throws {TaskerError} journal.unavailable
   */
  merge(how: StatisticsMerging): Promise<void>;
}

/** A question about a failure. */
export interface DiagnosisQuestion {
  readonly taskId: TaskId;
  readonly definitionHash: string;
  readonly namespace: string;
  /** Whether a model is asked for an explanation, where there is one. */
  readonly isExplained?: boolean;
  /** Absent: the step that the task waits for, or that failed last. */
  readonly step?: string;
  /** Whose workflows may be looked at beside the task's own; undefined: all. */
  readonly namespaces: readonly string[] | undefined;
  readonly signal?: AbortSignal;
}

/** Says what kind of failure it is, out of journals. Reads, and changes nothing. */
export interface Diagnoser {
  /**
   * Diagnoses a step that failed.
   *
   * Cost: the task's journal, and at most some hundred whole tasks beside it, 32 MiB together.
   *
   * @throws {TaskerError} task.not_failed, step.not_found, api.busy, journal.unavailable
   */
  diagnose(question: DiagnosisQuestion): Promise<Diagnosis>;
}

/** Definitions by hash and by name. */
export interface Definitions {
  /**
   * Stores a definition under its hash, and its version under its name.
   *
   * @throws {TaskerError} definition.changed when the version stands for another hash
   */
  put(hash: string, definition: Definition): Promise<void>;
  get(hash: string): Promise<Definition | undefined>;
  /** Every version of every workflow. */
  list(): Promise<readonly { hash: string; definition: Definition }[]>;
}

/** Versions that came as documents. What is added is there as a whole or not at all. */
export interface Deployments {
  /**
   * The newest entry of each workflow that has one after a number (0: of all), in the order of their
   * numbers, with the text of its version. Cost: pages of at most 4 MiB.
   *
   * @throws {TaskerError} journal.unavailable
   */
  newest(after: number): Promise<readonly DeployedText[]>;
  /** Entries of a workflow, the newest first, of those before `before`. */
  entries(of: WorkflowName, page: DeploymentPage): Promise<readonly DeploymentEntry[]>;
  /** Every version of a workflow that is stored, of files, too. */
  versions(of: WorkflowName): Promise<readonly StoredVersion[]>;
  /** The document of a version, with the entry that brought it in; undefined: none was deployed. */
  document(of: WorkflowName, version: string): Promise<DeployedDocument | undefined>;
  /**
   * Adds an entry, unless there is one after `after`: undefined.
   *
   * @throws {TaskerError} definition.changed when the version stands for another hash,
   *   journal.unavailable (also when it is not known whether it was added)
   */
  add(entry: NewDeployment): Promise<DeploymentEntry | undefined>;
}

/** A document to be deployed. */
export interface DeployRequest extends Pick<DocumentSource, "text" | "file"> {
  readonly by: string;
  readonly reason: string;
  /** Nothing is stored. */
  readonly isDryRun: boolean;
  /** Why it may break others. */
  readonly force?: string;
  readonly grants: DeployGrants;
  /** What there is that it may use; absent: not known. */
  readonly directory?: Directory;
  /** Gives up a dry run. */
  readonly signal?: AbortSignal;
}

/** What who deploys may do. */
export interface DeployGrants {
  /** @throws {TaskerError} api.forbidden */
  demandNamespace(namespace: string): void;
  /** Whether it speaks for a system; others may be used where their namespace uses them already. */
  coversSystem(system: string): boolean;
  /** Whether it covers all namespaces. */
  readonly coversAll: boolean;
}

/** Deploys documents as versions of workflows. What is in a file is deployed with its file. */
export interface Deployer {
  /**
   * Deploys a version, which starts take from then on: here at once, on other nodes at their next poll.
   * Tasks keep the version that they started with. Safe to repeat.
   *
   * @throws {TaskerError} definition.invalid, definition.breaks, definition.changed,
   *   definition.not_highest, definition.in_file, api.forbidden, api.busy, journal.unavailable
   */
  deploy(request: DeployRequest): Promise<DeployReport>;
  /**
   * Lets starts take a version that was deployed before. Safe to repeat.
   *
   * @throws {TaskerError} definition.unknown, definition.in_file, definition.invalid, api.busy,
   *   journal.unavailable
   */
  revert(request: RevertRequest): Promise<DeployReport>;
  /** What was deployed of a workflow and when, the newest first. */
  history(of: WorkflowName, page: DeploymentPage): Promise<readonly DeploymentEntry[]>;
  /**
   * The document of a version; absent: the one that starts take.
   *
   * @throws {TaskerError} definition.unknown
   */
  source(of: WorkflowName, version?: string): Promise<WorkflowSource>;
}

/** Plans by definition hash. */
export interface Plans {
  /** What is in memory. */
  cached(hash: string): Plan | undefined;
  /** Reads the definition when it is not in memory. */
  byHash(hash: string): Promise<Plan | undefined>;
}

/** What nodes know of systems together. */
export interface SharedStates {
  /** Those of `keys` that there are, each with its version. */
  read(keys: readonly string[]): Promise<ReadonlyMap<string, VersionedState>>;
  /** Writes those whose version still holds, 0 for a new one; returns the keys of those written. */
  write(states: ReadonlyMap<string, VersionedState>): Promise<ReadonlySet<string>>;
}

/** A span of time in which some node looked after incidents, Unix ms. */
export interface Attended {
  readonly fromMs: number;
  readonly untilMs: number;
}

/** Remembers when nodes looked after incidents, so that an outage of all of them is not charged. */
export interface Attendance {
  /**
   * Notes that a node looks now. Looks at most `gapMs` apart are one span. Returns the spans that end
   * after `sinceMs` in order, the last one at `nowMs`. Safe to repeat.
   */
  note(of: {
    readonly nowMs: number;
    readonly gapMs: number;
    readonly sinceMs: number;
  }): Promise<readonly Attended[]>;
}

/** What nodes know of a system together, as of a version. */
export interface VersionedState {
  readonly version: number;
  readonly state: SharedState;
}

/** A versioned policy overlay of one workflow. */
export interface PolicyOverlay {
  readonly version: number;
  readonly by: string;
  readonly reason: string;
  readonly atMs: number;
  /** By step name; "*" is for all steps that do work, see `policyUnder`. */
  readonly steps: Readonly<Record<string, Policy>>;
  /** Holds back starts of all tasks, also during a canary. */
  readonly starts?: StartLever;
  /** Present: a share of the tasks is under `steps`, and the others stay under `canary.base`. */
  readonly canary?: Canary;
}

/** A share of the tasks that tries a version of an overlay. */
export interface Canary {
  /** How many of the tasks, by a hash of `salt` and the task's id: 1..99. */
  readonly percent: number;
  /** Which of them; events name the version that a task is under, so the two groups can be compared. */
  readonly salt: string;
  /** What the others are under: the version before; 0 is the definition alone. */
  readonly base: Pick<PolicyOverlay, "version" | "steps">;
}

/** An overlay to be put; what the others are under is the version before. */
export interface NewOverlay extends Omit<PolicyOverlay, "version" | "canary"> {
  readonly canary?: Omit<Canary, "base">;
}

/** Policy overlays, kept for ever. */
export interface Policies {
  versions(namespace: string, workflow: string): Promise<readonly PolicyOverlay[]>;
  /** Newest overlay of each workflow, keyed `namespace/name`. */
  newest(): Promise<ReadonlyMap<string, PolicyOverlay>>;
  /**
   * Adds the next version; `expectedVersion`, the newest one known (0 = none), guards against a lost
   * update.
   *
   * @throws {TaskerError} policy.conflict when the newest version is another one, or when it is a
   *   canary and so is this one: what a share tries is put for all, or taken back, first
   */
  put(
    namespace: string,
    workflow: string,
    overlay: NewOverlay,
    expectedVersion?: number,
  ): Promise<PolicyOverlay>;
}

/** An API key as it is kept: never the key itself. */
export interface KeyRow {
  readonly id: string;
  readonly hash: string;
  readonly name: string;
  readonly scopes: readonly Scope[];
  /** Whose tasks and workflows it may use; "*" = all. */
  readonly namespaces: readonly string[];
  /** The systems it speaks for on the bus; "*" = all. */
  readonly systems: readonly string[];
  readonly createdAtMs: number;
  readonly expiresAtMs?: number;
}

/** API keys, by hash. */
export interface Keys {
  /** Adds a key unless any exists; true when this call was the first writer. */
  addFirst(key: KeyRow): Promise<boolean>;
  add(key: KeyRow): Promise<void>;
  find(hash: string): Promise<KeyRow | undefined>;
  list(): Promise<readonly KeyRow[]>;
  /**
   * Removes a key; false when there is none.
   *
   * @throws {TaskerError} key.last when nobody could make keys any more
   */
  remove(id: string): Promise<boolean>;
  /** Keys that sign reply tokens; the first signs. Made by the first node that asks. */
  replyKeys(make: () => string): Promise<readonly { kid: string; secret: string }[]>;
}

/** A session of the web app, or a link that makes one, as it is kept: never the cookie or the link. */
export interface Session {
  readonly hash: string;
  readonly isLink: boolean;
  /** A key, or a person whom the identity provider knows. */
  readonly of:
    | { readonly keyId: string }
    | { readonly person: Omit<KeyRow, "hash" | "expiresAtMs"> };
  readonly expiresAtMs: number;
}

/** Sessions, by hash. One ends with its key. */
export interface Sessions {
  /** Adds a session, and forgets those that have expired. */
  add(session: Session): Promise<void>;
  /** The rights of a session: those of its key, until the earlier end of both. */
  find(hash: string): Promise<KeyRow | undefined>;
  /** The same of a link, which is gone then: of several who follow it, one gets in. */
  takeLink(hash: string): Promise<KeyRow | undefined>;
  remove(hash: string): Promise<void>;
  /** Which of these are hashes of keys or sessions that exist. */
  living(hashes: readonly string[]): Promise<ReadonlySet<string>>;
}

/** What a step reads of one parent when its `when` is not succeeded. */
export interface ParentOutcome {
  readonly state: string;
  readonly result?: JsonText;
  readonly error?: JsonText;
}

/** One attempt to run. */
export interface Attempt {
  readonly taskId: TaskId;
  readonly plan: Plan;
  readonly step: number;
  readonly attempt: number;
  readonly startedAtMs: number | undefined;
  readonly dueAtMs: number | undefined;
  /** When its task is over, Unix ms; absent: at no set time. The attempt ends then at the latest. */
  readonly deadlineAtMs?: number;
  readonly traceparent: string | undefined;
  /** The system that was chosen for it; absent: the step's owner. */
  readonly system?: string;
  /** The type of its envelope, where a person chose another capability; absent: the step's own. */
  readonly event?: string;
  readonly input: JsonText;
  /** By alias: the parent's result, or its outcome when the step's `when` is not succeeded. */
  readonly needs: Readonly<Record<string, JsonText | ParentOutcome>>;
}

/** Runs attempts: code here, or an envelope to another system. */
export interface Runner {
  /** Whether this node can start the step now; else it waits as `code_not_loaded`. */
  canStart(plan: Plan, step: number): boolean;
  /** Starts an attempt; its result comes back as a command. Repeating a remote one is safe. */
  start(attempt: Attempt): void;
  /**
   * Notifies running code, or the other system, that the attempt is no longer wanted; `system` is the
   * one that was chosen for it, absent: the step's owner.
   */
  stop(taskId: TaskId, plan: Plan, step: number, system?: string): void;
  /** Whether code of this very attempt runs in this process; of other systems it is not known: true. */
  isRunning(taskId: TaskId, plan: Plan, step: number, attempt: number): boolean;
  /** Envelopes of a task that are not yet confirmed by the bus. */
  unconfirmed(taskId: TaskId): number;
}

/** What a handler made of an envelope. A throw is a retry. */
export type Handled =
  | { readonly kind: "ack" }
  | { readonly kind: "retry"; readonly afterMs: number }
  | { readonly kind: "dead"; readonly reason: string };

/** An envelope as it was delivered. `body` is what came, whether it is an envelope or not. */
export interface Delivery {
  readonly body: string;
  /** How often it was delivered, this time included; 1 where the backend does not count. */
  readonly deliveries: number;
}

/** How to consume. */
export interface ConsumeOptions {
  /** The name of all consumers of a channel together. A channel has one group. */
  readonly group: string;
  /** Envelopes that are handled at once. */
  readonly inFlightMax: number;
  /** An envelope not settled for this long goes to another consumer. */
  readonly leaseMs: number;
}

/** What a bus runs on, and what of its work that does itself; the engine does the rest. */
export interface BusServer {
  /** Name and version, as far as the server says: `Redis 7.0.15`. */
  readonly server: string;
  /** Whether retries wait there; else they wait in the node that has them, under its lease. */
  readonly delays: boolean;
  /** Whether it counts deliveries, those to other nodes included. */
  readonly counts: boolean;
  /** Whether `depth` counts what consumers hold. */
  readonly seesHeld: boolean;
}

/** Carries envelopes. It may lose, repeat and reorder anything: journal and timers heal it. */
export interface Bus {
  readonly name: string;
  /**
   * Publishes; resolves when the broker has them all.
   *
   * @throws {TaskerError} bus.unavailable: whether they arrived is unknown
   */
  publish(channel: string, envelopes: readonly Envelope[]): Promise<void>;
  /**
   * Consumes until the result is called, which resolves when what is in hand has settled.
   *
   * A channel is a queue that its consumers share: each envelope goes to one of them, whatever group
   * they name. (On Redis groups are real; two of them must not consume one channel.)
   */
  consume(
    channel: string,
    options: ConsumeOptions,
    handle: (delivery: Delivery) => Promise<Handled>,
  ): Promise<() => Promise<void>>;
  /**
   * Whether anybody has ever consumed a channel, on any node: the broker keeps it.
   *
   * @throws {TaskerError} bus.unavailable
   */
  wasConsumed(channel: string): Promise<boolean>;
  /** Envelopes waiting in a channel, or undefined when the backend cannot say. */
  depth(channel: string): Promise<number | undefined>;
  /**
   * Asks who answers.
   *
   * @throws {TaskerError} bus.unavailable
   */
  ping(): Promise<BusServer>;
  close(): Promise<void>;
}

/** The value of a header: text, or what the guard makes of a secret that it alone knows. */
export type EgressHeader = string | {
  readonly secret: string;
  readonly prefix?: string;
  /** Not the secret is sent, but its signature of this text, a dot and the body. */
  readonly signs?: string;
};

/** An HTTP request of the engine itself: of an `http` step, of a health check. */
export interface EgressRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, EgressHeader>>;
  readonly body?: string;
  /** For all of it: name, connection, head and body. */
  readonly timeoutMs: number;
  /** Bytes of the answer's body. */
  readonly bytesMax: number;
  /**
   * Only the status counts: the body of a success is not read, and that of another answer ends at
   * `bytesMax`, at the time-out, or where the connection breaks.
   */
  readonly isStatusOnly?: boolean;
  readonly signal?: AbortSignal;
}

/** An answer, whatever its status. */
export interface EgressResponse {
  readonly status: number;
  /** By name in lower case; values of the same name are joined by ", ". */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

/**
 * Calls other hosts over HTTP, past a guard: only hosts that the configuration names, no private
 * address unless it lists that, no redirect.
 */
export interface Egress {
  /**
   * Makes one request, once. A redirect is an answer like others.
   *
   * @throws {TaskerError} egress.refused (never), egress.failed (later; whether the request arrived
   *   is unknown), payload.too_large (never; the body is longer than `bytesMax`), egress.unavailable
   *   (later; our own guard ended, or holds all the bytes it may, which is nobody's failure)
   */
  request(request: EgressRequest): Promise<EgressResponse>;
}

/** A text, and what is said to be its signature: HMAC-SHA256 with a secret that the guard alone knows. */
export interface SignedText {
  /** The name of the secret. */
  readonly secret: string;
  readonly text: string;
  /** One of them has to be right. */
  readonly signatures: readonly string[];
  readonly encoding: "base64" | "hex";
  /** Whether the bytes of a secret `whsec_…` are in base64; if not, its text is the key. */
  readonly isKeyEncoded: boolean;
}

/** Checks signatures with secrets of the guard. */
export interface Signatures {
  /**
   * Whether a text is signed with its secret; it is not where the guard does not know the secret.
   *
   * Cost: one request to the guard, with the text.
   *
   * @throws {TaskerError} egress.unavailable (later; the guard ended)
   */
  isSigned(text: SignedText): Promise<boolean>;
}

/** What a dead letter was: an answer to a step, a request, or a command that no worker could use. */
export const DEAD_LETTER_KINDS = ["reply", "inbound", "command"] as const;

/** One of them. */
export type DeadLetterKind = (typeof DEAD_LETTER_KINDS)[number];

/** An envelope that could not be used, without its body. */
export interface DeadLetterSummary {
  readonly id: string;
  /** Whose it is: who sent it, or was to get it. */
  readonly system: string;
  readonly kind: DeadLetterKind;
  /** Where it was, and where a replay puts it. */
  readonly channel: string;
  readonly reason: string;
  /** How often it had been delivered. */
  readonly deliveries: number;
  /** Its own id, if it has one. */
  readonly envelopeId?: string;
  readonly bytes: number;
  readonly atMs: number;
}

/** An envelope that could not be used. */
export interface DeadLetter extends DeadLetterSummary {
  /** As it came, whether it is an envelope or not. */
  readonly body: string;
}

/** Which dead letters, oldest first. */
export interface DeadLetterFilter {
  /** Undefined: all. */
  readonly systems: readonly string[] | undefined;
  readonly kind?: DeadLetterKind;
  readonly sinceMs?: number;
  readonly untilMs?: number;
  /** The last letter of the page before. */
  readonly after?: string;
}

/** Dead letters, kept in the database whatever the bus. */
export interface DeadLetters {
  add(letter: Omit<DeadLetter, "id" | "bytes">): Promise<string>;
  list(filter: DeadLetterFilter, limit: number): Promise<readonly DeadLetterSummary[]>;
  get(id: string): Promise<DeadLetter | undefined>;
  remove(id: string): Promise<boolean>;
  /** Removes at most `limit` of them, the oldest; returns how many. */
  removeAll(filter: DeadLetterFilter, limit: number): Promise<number>;
  /** How many are kept of each system. */
  counts(): Promise<ReadonlyMap<string, number>>;
}

/** One call that may have changed something. */
export interface AuditRow {
  /** Carries the time of the call, in milliseconds, as task ids do. */
  readonly id: string;
  readonly keyId: string;
  /** Who called: the name in the request or of the key, and the id of the key. */
  readonly by: string;
  /** What the client says that it is, with the tool that was called; empty: nothing. */
  readonly agent: string;
  /** As in the table of operations. */
  readonly operation: string;
  /** The scope that the operation asks for. */
  readonly scope: string;
  readonly target: string;
  /** `done`, `unchanged`, or the code of the error. */
  readonly outcome: string;
  readonly isDryRun: boolean;
  /** The command that undoes it, without the name of the program; absent: there is none. */
  readonly undo?: string;
}

/** Which calls, the newest first. */
export interface AuditFilter {
  readonly keyId?: string;
  readonly operation?: string;
  /** A target, or its first words. */
  readonly target?: string;
  readonly outcome?: string;
  readonly sinceMs?: number;
  /** Where the page before has ended. */
  readonly before?: string;
}

/** Calls. A page may have fewer than asked for, or none, and a next one nevertheless. */
export interface AuditPage {
  readonly rows: readonly AuditRow[];
  readonly next?: string;
}

/** The audit, kept in the database. */
export interface Audit {
  /** Safe to repeat: a row that is there is passed over. */
  add(rows: readonly AuditRow[]): Promise<void>;
  list(filter: AuditFilter, limit: number): Promise<AuditPage>;
  /** Removes some that are older; returns whether there may be more. */
  removeOld(beforeMs: number): Promise<boolean>;
}

/**
 * A task in memory, as of its last committed turn. Its actor goes on with the state, so it has to be
 * read before the next await; once the task has ended, nothing changes any more.
 */
export interface ResidentTask {
  readonly plan: Plan;
  readonly state: TaskState;
  /** What the task's row says. */
  readonly row: Pick<TaskChange, "state" | "blockedReason" | "labels">;
}

/** The tasks in the memory of this node. */
export interface ResidentTasks {
  /**
   * Returns what is committed of a task. Undefined: it is not in memory, its actor is ahead of the
   * journal, or this node may not own it any more; then the journal has to be read.
   *
   * Cost: two map look-ups, no query.
   */
  peek(taskId: TaskId): ResidentTask | undefined;
  /**
   * Returns a number that stays the same while this node owns the task without a break: meanwhile
   * the feed has every turn of it. Undefined: another node owns it.
   */
  tenure(taskId: TaskId): number | undefined;
}

/** A committed turn, as who watches gets it. */
export interface CommittedTurn {
  readonly taskId: TaskId;
  readonly namespace: string;
  readonly plan: Plan;
  readonly turn: Turn;
  readonly state: TaskStateName;
  /** The task as of this turn; undefined when its actor has gone on, or is not in memory. */
  readonly resident: ResidentTask | undefined;
  /** The state of its actor, which may be ahead of the journal: only what never changes holds. */
  readonly newest: TaskState | undefined;
}

/** Live turns of the tasks of this node; a hint to look, not a log. */
export interface Feed {
  subscribe(call: (committed: CommittedTurn) => void): Cancel;
}

/** Short texts from any node to all that are there; one that is lost is lost. */
export interface Notes {
  /** Shape: at most 8,000 bytes. Sent once a second at most: each takes a lock of all of Postgres. */
  publish(text: string): Promise<void>;
  /** Calls with each text, own ones too, and with "" after a reconnect. */
  listen(call: (text: string) => void): Promise<Cancel>;
}

/** An instance that registers, or whose lease is renewed. */
export interface NewInstance extends Omit<Registration, "namespaces"> {
  readonly system: string;
  readonly instance: string;
  readonly isDeclared: boolean;
  /** Absent: as they were registered before, none for a new instance. */
  readonly namespaces?: readonly string[];
}

/** Who registers an instance although its capabilities break others, and why. */
export interface ForcedBy {
  readonly by: string;
  readonly reason: string;
}

/** An instance with what only the database knows. */
export interface InstanceRow extends Instance {
  /** Why it is in its state. */
  readonly detail: string;
  readonly sinceMs: number;
  readonly expiresAtMs: number;
}

/** A change of an instance's health. */
export interface HealthChange {
  readonly system: string;
  readonly instance: string;
  readonly healthUrl: string;
  readonly state: "healthy" | "unhealthy";
  readonly detail: string;
}

/** Takes what instances say of themselves. */
export interface Registrar {
  /**
   * Registers an instance, or renews its lease. Steps that wait for it start within a second. What
   * breaks steps that ask for its capabilities is refused, unless it is forced, which is logged.
   *
   * @throws {TaskerError} system.invalid, system.full, payload.too_large, journal.unavailable
   */
  register(of: Omit<NewInstance, "isDeclared">, forced?: ForcedBy): Promise<void>;
  /** Ends an instance's lease; false: there is no such instance. */
  leave(system: string, instance: string): Promise<boolean>;
  /** Removes an instance at once; false: there is no such instance. */
  forget(system: string, instance: string): Promise<boolean>;
}

/** The instances of other systems, shared by nodes. All but renewals counts as a change. */
export interface SystemStore {
  /** Whether an instance of the system has registered this list of capabilities already. */
  isKnown(system: string, capabilities: readonly Capability[]): boolean;
  /**
   * Registers an instance, or renews its lease when it is registered alike. Cost: one statement.
   *
   * @throws {TaskerError} system.full, journal.unavailable
   */
  register(of: NewInstance): Promise<"renewed" | "changed">;
  /**
   * Renews the leases of what manifests declare, where it is registered alike; returns the others.
   * Cost: one statement.
   *
   * @throws {TaskerError} journal.unavailable
   */
  renew(declared: readonly NewInstance[]): Promise<readonly NewInstance[]>;
  /** Ends an instance's lease; false: there is no such instance. */
  leave(system: string, instance: string): Promise<boolean>;
  /** Removes an instance at once; false: there is no such instance. */
  forget(system: string, instance: string): Promise<boolean>;
  /** All instances, and the number of the last change that is certainly in them. */
  read(): Promise<{ readonly version: number; readonly instances: readonly Instance[] }>;
  /** The instances of one system. */
  list(system: string): Promise<readonly InstanceRow[]>;
  /** Ends leases that are over; with `afresh` all leases begin again. Returns whose have ended. */
  endLeases(how: { readonly afresh: boolean }): Promise<readonly string[]>;
  /** Stores what health checks have found, in one statement. */
  report(changes: readonly HealthChange[]): Promise<void>;
}

/** What the bus knows of a system. */
export interface SystemQueue {
  /** Envelopes that wait; undefined: the bus does not count them. */
  readonly queued: number | undefined;
  /** Whether a worker has ever asked for its commands. */
  readonly hasWorker: boolean;
}

/** What this node has in memory of an owner of steps. */
export interface SystemSummary {
  readonly name: string;
  readonly kind: "local" | "remote";
  readonly workflows: readonly string[];
  readonly circuit: "closed" | "open" | "half_open";
  /** In how many milliseconds an open circuit lets an attempt try; absent: it is not open. */
  readonly circuitTriesInMs?: number;
  /** What has registered, and what manifests declare. */
  readonly instances: readonly Instance[];
  /** What is set for the whole system; absent: nothing. */
  readonly limit?: SystemLimit;
  /** How busy it is, as this node sees it; absent: this node has not asked it. */
  readonly saturation?: Saturation;
  readonly schemas?: Readonly<Record<string, JsonSchema>>;
}
