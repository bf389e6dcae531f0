/** The verb `watch`: follows a task to its end, as a live tree or as lines of changes. */

import { Follower } from "../../api/watch.ts";
import type { ClientError, JournalEntry, Task } from "../../client.ts";
import { DURATION_FORMS, parseDuration } from "../../core/duration.ts";
import { isSettled, isTerminal } from "../../core/state.ts";
import { UsageError } from "../arguments.ts";
import { choiceCommands, TASKER } from "../command_text.ts";
import { entryLine } from "../journal_lines.ts";
import type { Paint } from "../paint.ts";
import { durationText, valueText } from "../reading.ts";
import { Screen } from "../screen.ts";
import { tableLines } from "../table.ts";
import { taskLines } from "../task_lines.ts";
import {
  type Call,
  EXIT_BLOCKED,
  EXIT_DONE,
  EXIT_FAILED,
  EXIT_LATE,
  operand,
  type Verb,
} from "../verb.ts";

/** Times go on in the picture this often. */
const TICK_MS = 500;
/** The task is read again this often without news, for what is in no event. */
const LOOK_MS = 5_000;
/** How long a watch outlives its server: a task does, too. */
const RETRY_FOR_MS = 24 * 3_600_000;
/** Results printed at the end, and characters of each. */
const RESULTS_MAX = 20;
const RESULT_LENGTH_MAX = 400;
/** An id after every event of a turn. */
const NUMBER_MAX = 999_999;

/** Follows a task. */
export const watch: Verb = {
  name: "watch",
  operands: ["ID"],
  options: { timeout: "DURATION" },
  summary: "Follows a task until it ends or is blocked, and shows its results",
  writes: "never",
  run: (call) => watchTask(call, operand(call, 0)),
};

/** Reads `--timeout` in ms; undefined when it was not given. @throws {UsageError} */
function timeoutOf({ options }: Pick<Call, "options">): number | undefined {
  const typed = options.get("timeout");
  const ms = typed === undefined ? undefined : parseDuration(typed);
  if (typed === undefined || ms !== undefined) return ms;
  throw new UsageError(`Cannot wait for "${typed}": write it as ${DURATION_FORMS}`);
}

/** What a watch shows of a task. */
interface View {
  /** The id of the event after which events are asked for; undefined: from the beginning. */
  after(task: Task): string | undefined;
  /** Takes the next event. */
  event(entry: JournalEntry): void;
  /** Takes the task as it stands now. */
  draw(task: Task): void;
  /** The server does not answer. */
  trouble(error: ClientError, restMs: number): void;
  /** Whether everything up to a turn was shown. */
  hasShown(turn: number): boolean;
  /** Shows how the task was left. */
  close(task: Task): void;
}

/**
 * Follows a task until it ends, is blocked, or `--timeout` is over.
 *
 * @returns 0 when it completed, 1 when it failed or was cancelled, 3 when it is blocked, 4 when the
 * time was over
 */
export async function watchTask(call: Call, id: string): Promise<number> {
  const { client, runtime, signal } = call;
  const untilMs = runtime.now() + (timeoutOf(call) ?? Infinity);
  let task = await client.get(id, { signal }); // an id that does not exist is reported at once
  const isLive = !call.isJson && call.terminal.size() !== undefined;
  const view = isLive ? new TreeView(call) : new LineView(call, id);
  const patient = call.open({
    retryForMs: RETRY_FOR_MS,
    onRetry: (error, restMs) => view.trouble(error, restMs),
  });
  const leave = new AbortController();
  const after = view.after(task);
  const events = patient.events(id, {
    ...(after === undefined ? {} : { after }),
    signal: AbortSignal.any([signal, leave.signal]),
  });
  const news = new News(call);
  void news.follow(events, (entry) => view.event(entry));
  try {
    for (;;) {
      view.draw(task);
      if (isOver(task) && view.hasShown(task.turn)) return exitCodeOf(call, task);
      if (runtime.now() >= untilMs) return lateExit(call, task);
      if (await news.next(untilMs)) task = await patient.get(id, { signal });
    }
  } finally {
    leave.abort();
    view.close(task);
  }
}

/** Whether nothing more happens to a task until somebody does something. */
function isOver({ state }: Task): boolean {
  return isTerminal(state) || state === "blocked";
}

function exitCodeOf({ terminal }: Call, { id, state, blockedReason }: Task): number {
  if (state === "completed") return EXIT_DONE;
  if (state !== "blocked") return EXIT_FAILED;
  terminal.warn(`blocked: ${blockedReason}; it waits until you act, see ${TASKER} show ${id}`);
  return EXIT_BLOCKED;
}

function lateExit({ terminal, options }: Call, { id, state }: Task): number {
  terminal.warn(
    `${state} after ${options.get("timeout")}; the task goes on, see ${TASKER} watch ${id}`,
  );
  return EXIT_LATE;
}

/** One line a change, for files, pipes and programs. */
class LineView implements View {
  #turn = 0;

  constructor(private readonly call: Call, private readonly id: string) {}

  after(): undefined {}

  event(entry: JournalEntry): void {
    const { isJson, paint, terminal } = this.call;
    const lines = isJson ? [JSON.stringify(entry)] : changeLines(this.id, entry, paint);
    for (const line of lines) terminal.print(line);
    this.#turn = entry.turn;
  }

  draw(): void {}

  trouble(error: ClientError, restMs: number): void {
    this.call.terminal.warn(troubleText(error, restMs));
  }

  hasShown(turn: number): boolean {
    return this.#turn >= turn;
  }

  close(): void {}
}

/** Draws one change; a parked step says what a person can do. */
export function changeLines(id: string, entry: JournalEntry, paint: Paint): string[] {
  const choices = entry.kind === "StepParked" && Array.isArray(entry.choices) ? entry.choices : [];
  return [
    entryLine(entry, paint),
    ...choiceCommands(id, entry.step ?? "", choices).map((line) => `    → ${paint("plain", line)}`),
  ];
}

/** The tree, drawn over and over. */
class TreeView implements View {
  readonly #screen: Screen;
  #trouble: string | undefined;
  #task: Task | undefined;

  constructor(private readonly call: Call) {
    this.#screen = new Screen(call.terminal);
  }

  after({ turn }: Task): string {
    return `${turn}.${NUMBER_MAX}`;
  }

  event(): void {
    this.#trouble = undefined;
  }

  draw(task: Task): void {
    const { paint } = this.call;
    this.#task = task;
    this.#draw(task, isOver(task) ? [] : liveFoot(task, { paint, trouble: this.#trouble }));
  }

  trouble(error: ClientError, restMs: number): void {
    this.#trouble = troubleText(error, restMs);
    if (this.#task !== undefined) this.draw(this.#task);
  }

  hasShown(): boolean {
    return true;
  }

  close(task: Task): void {
    this.#screen.close();
    if (!isOver(task)) return;
    for (const line of resultLines(task, this.call.paint)) this.call.terminal.print(line);
  }

  #draw(task: Task, foot: readonly string[]): void {
    const { paint, runtime } = this.call;
    const rowsMax = this.#screen.rowsMax - foot.length;
    this.#screen.draw([...taskLines(task, { paint, nowMs: runtime.now(), rowsMax }), ...foot]);
  }
}

/** Draws what the steps answered; a long result is cut. */
function resultLines({ id, steps }: Task, paint: Paint): string[] {
  const answered = steps.filter(({ result }) => result !== undefined && result !== null);
  if (answered.length === 0) return [];
  const shown = answered.slice(-RESULTS_MAX);
  const more = answered.length - shown.length;
  const rows = shown.map(({ name, result }) => [name, valueText(result, RESULT_LENGTH_MAX)]);
  return [
    "",
    paint("dim", "results"),
    ...(more === 0 ? [] : [paint("dim", `… ${more} more: ${TASKER} show ${id} --json`)]),
    ...tableLines(rows, paint),
  ];
}

/** Says when it is time to read the task again. */
class News {
  readonly #follower: Follower;
  #isNews = false;
  #failure: { readonly error: unknown } | undefined;
  #readAtMs: number;

  constructor(private readonly call: Pick<Call, "runtime" | "signal">) {
    this.#follower = new Follower(call.runtime, () => {});
    this.#readAtMs = call.runtime.now();
  }

  /** Calls with each event; resolves when there is no more. */
  async follow(
    events: AsyncIterable<JournalEntry>,
    call: (entry: JournalEntry) => void,
  ): Promise<void> {
    try {
      for await (const entry of events) {
        call(entry);
        this.#isNews = true;
        this.#follower.tell();
      }
    } catch (error) {
      this.#failure = { error };
    }
  }

  /** Waits for news, at most a tick, and no longer than a time; true: read the task again. */
  async next(untilMs: number): Promise<boolean> {
    const { runtime, signal } = this.call;
    await this.#follower.next(signal, Math.min(TICK_MS, Math.max(0, untilMs - runtime.now())));
    signal.throwIfAborted();
    if (this.#failure !== undefined) throw this.#failure.error;
    if (!this.#isNews && runtime.now() - this.#readAtMs < LOOK_MS) return false;
    this.#isNews = false;
    this.#readAtMs = runtime.now();
    return true;
  }
}

const BAR_WIDTH = 30;

/** Draws how far a task is, and what to do to leave. */
export function liveFoot(
  { steps }: Pick<Task, "steps">,
  { paint, trouble }: { readonly paint: Paint; readonly trouble: string | undefined },
): string[] {
  const settled = steps.filter(({ state }) => isSettled(state)).length;
  const full = Math.floor(BAR_WIDTH * settled / Math.max(1, steps.length));
  const bar = "█".repeat(full) + "░".repeat(BAR_WIDTH - full);
  return [
    "",
    `${paint("busy", bar)} ${settled}/${steps.length}`,
    trouble === undefined
      ? paint("dim", "Ctrl-C leaves; the task goes on")
      : paint("warn", trouble),
  ];
}

function troubleText({ title }: ClientError, restMs: number): string {
  return `${title}; asking again in ${durationText(restMs)}, tasks wait in the journal`;
}
