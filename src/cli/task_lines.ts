/** Task lines: a task and its tree of steps, drawn. */

import type { Step, Task } from "../client.ts";
import type { When } from "../core/graph.ts";
import { isSettled, isTerminal } from "../core/state.ts";
import { choiceCommands, TASKER } from "./command_text.ts";
import type { Paint } from "./paint.ts";
import { clockText, dateText, durationText, failureText, namesText } from "./reading.ts";
import { stepLook, taskLook } from "./symbols.ts";
import { type Cell, tableLines } from "./table.ts";
import { type Branch, layTree } from "./tree.ts";

/** How to draw. */
export interface DrawOptions {
  readonly paint: Paint;
  /** Unix ms, for what is still going on. */
  readonly nowMs: number;
  /** Lines there is room for; the least telling steps are left out, and counted. */
  readonly rowsMax?: number;
}

/** Draws a task: what it is, how far it is, and each step in its place. */
export function taskLines(task: Task, options: DrawOptions): string[] {
  const head = [...headLines(task, options), ""];
  const { rowsMax = Infinity } = options;
  return [...head, ...stepLines(task, { ...options, rowsMax: rowsMax - head.length })];
}

function headLines(task: Task, { paint, nowMs }: DrawOptions): string[] {
  const { symbol, tone } = taskLook(task.state);
  const settled = task.steps.filter(({ state }) => isSettled(state)).length;
  const fromMs = Date.parse(task.createdAt);
  const age = task.endedAt === undefined
    ? `started ${durationText(nowMs - fromMs)} ago`
    : `took ${durationText(Date.parse(task.endedAt) - fromMs)}, ended ${
      dateText(task.endedAt)
    } UTC`;
  const facts = [
    `${settled} of ${task.steps.length} steps ended`,
    age,
    ...(isTerminal(task.state) || task.deadlineAt === undefined
      ? []
      : [`deadline in ${durationText(Date.parse(task.deadlineAt) - nowMs)}`]),
    ...(task.tags.length === 0 ? [] : [`tags ${task.tags.join(", ")}`]),
  ];
  const why = task.blockedReason === undefined ? [] : [`  ${paint(tone, task.blockedReason)}`];
  return [
    `${paint("bold", `${task.namespace}/${task.workflow}`)} ${task.version}  ${
      paint("dim", task.id)
    }`,
    `${paint(tone, `${symbol} ${task.state}`)}  ${paint("plain", facts.join(" · "))}`,
    ...why,
  ];
}

/** A step's row, and the lines under it. */
interface Drawn {
  readonly step: Step;
  readonly row: readonly Cell[];
  readonly below: readonly string[];
}

/** Draws the steps alone. */
export function stepLines(task: Task, options: DrawOptions): string[] {
  const drawn = layTree(task.steps).map((branch) => drawStep(task, branch, options));
  const kept = fit(drawn, options.rowsMax ?? Infinity);
  const rows = tableLines(kept.map(({ row }) => row), options.paint);
  const lines = kept.flatMap(({ below }, index) => [rows[index] ?? "", ...below]);
  const left = drawn.length - kept.length;
  return left === 0 ? lines : [...lines, options.paint("dim", `… and ${left} steps more`)];
}

/** Keeps what is going on, then what is to come, then what is over; in their old order. */
function fit(drawn: readonly Drawn[], rowsMax: number): readonly Drawn[] {
  const size = drawn.reduce((sum, { below }) => sum + 1 + below.length, 0);
  if (size <= rowsMax) return drawn;
  let room = rowsMax - 1; // the line that counts the others
  const kept = new Map<Drawn, Drawn>();
  for (const one of drawn.toSorted((a, b) => weightOf(b.step) - weightOf(a.step))) {
    if (room < 1) break;
    const below = one.below.slice(0, room - 1);
    kept.set(one, { ...one, below });
    room -= 1 + below.length;
  }
  return drawn.flatMap((one) => kept.get(one) ?? []);
}

function weightOf({ state }: Step): number {
  if (state === "parked" || state === "failed") return 3;
  if (state === "pending") return 1;
  return isSettled(state) ? 0 : 2;
}

function drawStep(task: Task, branch: Branch<Step>, options: DrawOptions): Drawn {
  const { node: step, first, rest } = branch;
  const { symbol, tone } = stepLook(step.state);
  const attempts = step.attempt === 0 ? "" : attemptText(step);
  const row: Cell[] = [
    { text: `${first}${symbol} ${step.name}`, tone },
    { text: step.state, tone },
    step.owner,
    attempts,
    {
      text: [timeNote(step, options.nowMs), orderNote(branch)].filter(Boolean).join("; "),
      tone: "dim",
    },
  ];
  const below = belowLines(task, step).map((line) => `${rest}  ${options.paint("plain", line)}`);
  return { step, row, below };
}

/** Sleeps and signals have one attempt and no more. */
function attemptText({ kind, attempt, attemptsMax }: Step): string {
  return kind === "sleep" || kind === "signal" ? "" : `attempt ${attempt}/${attemptsMax}`;
}

function timeNote(step: Step, nowMs: number): string {
  const { startedAt, endedAt, dueAt, nextAttemptAt, unreachedBecause } = step;
  if (unreachedBecause !== undefined) return `because of how ${unreachedBecause} ended`;
  if (isSettled(step.state)) {
    if (startedAt === undefined || endedAt === undefined) return "";
    return durationText(Date.parse(endedAt) - Date.parse(startedAt));
  }
  if (nextAttemptAt !== undefined) {
    const leftMs = Date.parse(nextAttemptAt) - nowMs;
    const when = leftMs > 0 ? `in ${durationText(leftMs)}` : "now";
    return `next attempt ${when} (${clockText(nextAttemptAt)} UTC)`;
  }
  if (step.state !== "running" && step.state !== "waiting_for_reply") return "";
  const since = startedAt === undefined ? "" : `for ${durationText(nowMs - Date.parse(startedAt))}`;
  if (dueAt === undefined) return since;
  const left = durationText(Date.parse(dueAt) - nowMs);
  return `${since}, ${step.kind === "sleep" ? "wakes" : "times out"} in ${left}`;
}

/** What the tree alone does not tell about when a step runs. */
function orderNote({ node: { state, when, after }, others }: Branch<Step>): string {
  const parents = after.length === 1 ? `${after[0]}` : `one of ${namesText(after)}`;
  const conditions: Readonly<Record<When, string>> = {
    succeeded: "",
    failed: `only if ${parents} fails`,
    cancelled: `only if ${parents} is cancelled`,
    always: "however they end",
  };
  const also = others.length === 0 ? "" : `also after ${namesText(others)}`;
  return [also, state === "pending" ? conditions[when] : ""].filter(Boolean).join(", ");
}

function belowLines({ id }: Task, step: Step): string[] {
  const error = step.error === undefined
    ? []
    : [failureText(step.errorClass ?? "failed", step.error)];
  switch (step.state) {
    case "parked":
      return [
        `it waits for a person: ${step.parkedReason ?? "no reason given"}`,
        ...error,
        ...choiceCommands(id, step.name, step.choices ?? []).map((command) => `→ ${command}`),
      ];
    case "failed":
    case "waiting_for_retry":
      return error;
    case "waiting_for_reply":
      return step.kind === "signal" ? [`→ ${TASKER} signal ${id} ${step.name} --payload JSON`] : [];
    default:
      return [];
  }
}
