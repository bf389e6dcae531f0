/** The verb `watch`: follows a task to its end, as a live tree or as one line per change. */

import type { ClientError, JournalEntry, Task } from "../client.ts";
import { isEnded, isTerminal } from "../core/state.ts";
import { Wakeup } from "../core/wakeup.ts";
import { duration } from "./operation_verb.ts";
import { durationText, type Paint, Screen, tableLines, valueText } from "./format.ts";
import { entryLine } from "./result_lines.ts";
import { outputLines, taskLines } from "./task_lines.ts";
import { waitHints } from "./wait_hints.ts";
import {
  choiceCommands,
  EXIT_BLOCKED,
  EXIT_DONE,
  EXIT_FAILED,
  EXIT_LATE,
  operand,
  TASKER,
  type Verb,
  type VerbContext,
} from "./verb.ts";

/** How often the times in the tree are redrawn. */
const TICK_MS = 500;
/** How often the task is read again when there is no new event: some changes have none. */
const LOOK_MS = 5_000;
/** How long a watch waits for a server that is gone: its task waits, too. */
const RETRY_FOR_MS = 24 * 3_600_000;
/** The most results printed at the end, and the most characters of each. */
const RESULTS_MAX = 20;
const RESULT_LENGTH_MAX = 400;
/** Higher than the number of any event in a turn. */
const NUMBER_MAX = 999_999;

/** How long to watch. */
export const WATCH_TIMEOUT = {
  value: "DURATION",
  summary: "How long to watch: 30s, 10m",
};

/** Follows a task. */
export const watch: Verb = {
  name: "watch",
  operands: ["ID"],
  options: { timeout: WATCH_TIMEOUT },
  summary: "Follows a task until it ends or is blocked, and shows its results",
  isWrite: false,
  run: (context) => watchTask(context, operand(context, 0)),
};

/** Reads `--timeout`, in ms. @throws {UsageError} */
export function timeoutOf({ options }: Pick<VerbContext, "options">): number {
  const typed = options.get("timeout");
  return typed === undefined ? Infinity : duration("timeout", typed);
}

/** How a watch shows a task. */
interface WatchView {
  /** The event after which events are read; undefined: from the first. */
  after(task: Task): string | undefined;
  /** Shows the next event. */
  event(entry: JournalEntry): void;
  /** Shows the task in its current state. */
  draw(task: Task): void;
  /** Shows that the server does not answer. */
  trouble(error: ClientError, delayMs: number): void;
  /** Whether everything up to a turn was shown. */
  hasShown(turn: number): boolean;
  /** Shows the end. */
  close(task: Task): void;
}

/**
 * Follows a task until it ends, is blocked, or `--timeout` is over.
 *
 * @returns 0 when it completed, 1 when it failed or was cancelled, 3 when it is blocked, 4 when the
 * time was over
 */
export async function watchTask(context: VerbContext, id: string): Promise<number> {
  const { client, runtime, signal } = context;
  const untilMs = runtime.now() + timeoutOf(context);
  let task = await client.get(id, { signal }); // an id that does not exist is reported at once
  const isLive = !context.isJson && context.terminal.size() !== undefined;
  const view = isLive ? new TreeView(context) : new LineView(context, id);
  const persistent = context.open({
    retryForMs: RETRY_FOR_MS,
    onRetry: (error, delayMs) => view.trouble(error, delayMs),
  });
  const leave = new AbortController();
  const after = view.after(task);
  const events = persistent.events(id, {
    ...(after === undefined ? {} : { after }),
    signal: AbortSignal.any([signal, leave.signal]),
  });
  const news = new News(context);
  void news.follow(events, (entry) => view.event(entry));
  try {
    for (;;) {
      view.draw(task);
      if (isOver(task) && view.hasShown(task.turn)) return exitCodeOf(context, task);
      if (runtime.now() >= untilMs) return lateExit(context, task);
      if (await news.next(untilMs)) task = await persistent.get(id, { signal });
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

function exitCodeOf({ terminal, paint }: VerbContext, task: Task): number {
  const { id, state, blockedReason } = task;
  if (state === "completed") return EXIT_DONE;
  if (state !== "blocked") return EXIT_FAILED;
  const next = `the task waits for you: ${TASKER} show ${id}`;
  terminal.warn(paint("plain", `blocked: ${blockedReason}; ${next}`));
  return EXIT_BLOCKED;
}

function lateExit({ terminal, options }: VerbContext, { id, state }: Task): number {
  terminal.warn(
    `the task is still ${state} after ${options.get("timeout")}; it goes on: ${TASKER} watch ${id}`,
  );
  return EXIT_LATE;
}

/** One line per change, for files, pipes and programs; what the task waits for is no change, and a warning. */
class LineView implements WatchView {
  #turn = 0;
  #blockedReason: string | undefined;

  constructor(private readonly context: VerbContext, private readonly id: string) {}

  after(): undefined {}

  event(entry: JournalEntry): void {
    const { isJson, paint, terminal } = this.context;
    const lines = isJson ? [JSON.stringify(entry)] : changeLines(this.id, entry, paint);
    for (const line of lines) terminal.print(line);
    this.#turn = entry.turn;
  }

  draw(task: Task): void {
    const { blockedReason } = task;
    const isNew = blockedReason !== this.#blockedReason;
    this.#blockedReason = blockedReason;
    if (!isNew || blockedReason === undefined || isOver(task)) return;
    const hints = waitHints(task).map((hint) => `\n  → ${hint}`);
    this.context.terminal.warn(`${task.state}: ${blockedReason}${hints.join("")}`);
  }

  trouble(error: ClientError, delayMs: number): void {
    this.context.terminal.warn(troubleText(error, delayMs));
  }

  hasShown(turn: number): boolean {
    return this.#turn >= turn;
  }

  close(): void {}
}

/** Draws one change; a parked step says what a person can do. */
function changeLines(id: string, entry: JournalEntry, paint: Paint): string[] {
  const choices = entry.kind === "StepParked" && Array.isArray(entry.choices) ? entry.choices : [];
  return [
    entryLine(entry, paint),
    ...choiceCommands(id, entry.step ?? "", choices).map((line) => `    → ${paint("plain", line)}`),
  ];
}

/** The tree, redrawn in place. */
class TreeView implements WatchView {
  readonly #screen: Screen;
  #trouble: string | undefined;
  #task: Task | undefined;

  constructor(private readonly context: VerbContext) {
    this.#screen = new Screen(context.terminal);
  }

  after({ turn }: Task): string {
    return `${turn}.${NUMBER_MAX}`;
  }

  event(): void {
    this.#trouble = undefined;
  }

  draw(task: Task): void {
    const { paint } = this.context;
    this.#task = task;
    this.#draw(task, isOver(task) ? [] : liveFoot(task, { paint, trouble: this.#trouble }));
  }

  trouble(error: ClientError, delayMs: number): void {
    this.#trouble = troubleText(error, delayMs);
    if (this.#task !== undefined) this.draw(this.#task);
  }

  hasShown(): boolean {
    return true;
  }

  close(task: Task): void {
    this.#screen.close();
    if (!isOver(task)) return;
    const { paint, terminal } = this.context;
    for (const line of [...resultLines(task, paint), ...outputLines(task, paint)]) {
      terminal.print(line);
    }
  }

  #draw(task: Task, foot: readonly string[]): void {
    const { paint, runtime } = this.context;
    const rowsMax = this.#screen.rowsMax - foot.length;
    this.#screen.draw([...taskLines(task, { paint, nowMs: runtime.now(), rowsMax }), ...foot]);
  }
}

/** Draws the results of the steps; a long result is cut. */
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
  readonly #wakeup: Wakeup;
  #isNews = false;
  #failure: { readonly error: unknown } | undefined;
  #readAtMs: number;

  constructor(private readonly context: Pick<VerbContext, "runtime" | "signal">) {
    this.#wakeup = new Wakeup(context.runtime);
    this.#readAtMs = context.runtime.now();
  }

  /** Hands each event on; resolves when there are no more. */
  async follow(
    events: AsyncIterable<JournalEntry>,
    take: (entry: JournalEntry) => void,
  ): Promise<void> {
    try {
      for await (const entry of events) {
        take(entry);
        this.#isNews = true;
        this.#wakeup.set();
      }
    } catch (error) {
      this.#failure = { error };
    }
  }

  /** Waits for news, at most a tick, and no longer than a time; true: read the task again. */
  async next(untilMs: number): Promise<boolean> {
    const { runtime, signal } = this.context;
    await this.#wakeup.next(signal, Math.min(TICK_MS, Math.max(0, untilMs - runtime.now())));
    signal.throwIfAborted();
    if (this.#failure !== undefined) throw this.#failure.error;
    if (!this.#isNews && runtime.now() - this.#readAtMs < LOOK_MS) return false;
    this.#isNews = false;
    this.#readAtMs = runtime.now();
    return true;
  }
}

const BAR_WIDTH = 30;

/** Draws the progress of a task, and how to stop watching. */
function liveFoot(
  { steps }: Pick<Task, "steps">,
  { paint, trouble }: { readonly paint: Paint; readonly trouble: string | undefined },
): string[] {
  const ended = steps.filter(({ state }) => isEnded(state)).length;
  const full = Math.floor(BAR_WIDTH * ended / Math.max(1, steps.length));
  const bar = "█".repeat(full) + "░".repeat(BAR_WIDTH - full);
  return [
    "",
    `${paint("busy", bar)} ${ended}/${steps.length}`,
    trouble === undefined
      ? paint("dim", "Ctrl-C stops watching; the task goes on")
      : paint("warn", trouble),
  ];
}

function troubleText({ title }: ClientError, delayMs: number): string {
  return `${title}; trying again in ${durationText(delayMs)}; no task is lost`;
}
