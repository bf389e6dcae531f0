/** The verb `watch`: follows a task to its end, as a live tree or as lines of changes. */

import { Follower } from "../../api/watch.ts";
import type { ClientError, JournalEntry, Task } from "../../client.ts";
import { isSettled, isTerminal } from "../../core/state.ts";
import { choiceCommands } from "../command_text.ts";
import { entryLine } from "../journal_lines.ts";
import type { Paint } from "../paint.ts";
import { durationText } from "../reading.ts";
import { Screen } from "../screen.ts";
import { taskLines } from "../task_lines.ts";
import { type Call, EXIT_DONE, EXIT_FAILED, operand, type Verb } from "../verb.ts";

/** Times go on in the picture this often. */
const TICK_MS = 500;
/** The task is read again this often without news, for what is in no event. */
const LOOK_MS = 5_000;
/** How long a watch outlives its server: a task does, too. */
const PATIENCE_MS = 24 * 3_600_000;
/** An id after every event of a turn. */
const NUMBER_MAX = 999_999;

/** Follows a task. */
export const watch: Verb = {
  name: "watch",
  operands: ["ID"],
  options: {},
  summary: "Follows a task to its end; exit code 0 when it completed",
  writes: "never",
  run: (call) => watchTask(call, operand(call, 0)),
};

/** Follows a task to its end. Returns 0 when it completed, else 1. */
export async function watchTask(call: Call, id: string): Promise<number> {
  const isLive = !call.isJson && call.terminal.size() !== undefined;
  const end = isLive ? await watchLive(call, id) : await watchPlainly(call, id);
  return end === "completed" ? EXIT_DONE : EXIT_FAILED;
}

/** One line a change, for files, pipes and programs. */
async function watchPlainly(call: Call, id: string): Promise<unknown> {
  const { terminal, paint, isJson, signal } = call;
  await call.client.get(id, { signal }); // a wrong id is told at once
  const client = call.open({
    patienceMs: PATIENCE_MS,
    onRetry: (error, restMs) => terminal.warn(troubleText(error, restMs)),
  });
  let end: unknown;
  for await (const entry of client.events(id, { signal })) {
    const lines = isJson ? [JSON.stringify(entry)] : changeLines(id, entry, paint);
    for (const line of lines) terminal.print(line);
    if (entry.kind === "TaskEnded") end = entry.end;
  }
  return end;
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
async function watchLive(call: Call, id: string): Promise<string> {
  const { terminal, paint, runtime, signal } = call;
  let task = await call.client.get(id, { signal });
  let trouble: string | undefined;
  const screen = new Screen(terminal);
  const draw = () => {
    const foot = liveFoot(task, { paint, trouble });
    const options = { paint, nowMs: runtime.now(), rowsMax: screen.rowsMax - foot.length };
    screen.draw([...taskLines(task, options), ...foot]);
  };
  const client = call.open({
    patienceMs: PATIENCE_MS,
    onRetry(error, restMs) {
      trouble = troubleText(error, restMs);
      draw();
    },
  });
  const leave = new AbortController();
  const news = new News(call);
  const events = client.events(id, {
    after: `${task.turn}.${NUMBER_MAX}`,
    signal: AbortSignal.any([signal, leave.signal]),
  });
  void news.follow(events);
  try {
    while (!isTerminal(task.state)) {
      draw();
      if (!await news.next()) continue;
      task = await client.get(id, { signal });
      trouble = undefined;
    }
    screen.draw(taskLines(task, { paint, nowMs: runtime.now(), rowsMax: screen.rowsMax }));
    return task.state;
  } finally {
    leave.abort();
    screen.close();
  }
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

  async follow(events: AsyncIterable<unknown>): Promise<void> {
    try {
      for await (const _ of events) {
        this.#isNews = true;
        this.#follower.tell();
      }
    } catch (error) {
      this.#failure = { error };
    }
  }

  /** Waits for news, at most a tick; true: read the task again. */
  async next(): Promise<boolean> {
    const { runtime, signal } = this.call;
    await this.#follower.next(signal, TICK_MS);
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
