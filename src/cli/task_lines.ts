/** Task lines: a task and its steps, as a tree that shows which step waits for which. */

import type { Step, Task } from "../client.ts";
import type { When } from "../core/graph.ts";
import { TUNABLE_WAITS } from "../core/policy.ts";
import { isEnded, isTerminal } from "../core/state.ts";
import {
  type Cell,
  clockText,
  dateText,
  durationText,
  failureText,
  namesText,
  type Paint,
  stepLook,
  tableLines,
  taskLook,
  valueText,
} from "./format.ts";
import { choiceCommands, TASKER } from "./verb.ts";
import { systemOf, waitHints } from "./wait_hints.ts";

/** How to draw. */
export interface DrawOptions {
  readonly paint: Paint;
  /** Unix ms, for what is still going on. */
  readonly nowMs: number;
  /** The most lines to draw. Steps that do not fit are counted: ended ones are left out first. */
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
  const ended = task.steps.filter(({ state }) => isEnded(state)).length;
  const fromMs = Date.parse(task.createdAt);
  const age = task.endedAt === undefined
    ? `started ${durationText(nowMs - fromMs)} ago`
    : `took ${durationText(Date.parse(task.endedAt) - fromMs)}, ended ${
      dateText(task.endedAt)
    } UTC`;
  const facts = [
    `${ended} of ${task.steps.length} steps ended`,
    age,
    ...(isTerminal(task.state) || task.deadlineAt === undefined
      ? []
      : [`deadline in ${durationText(Date.parse(task.deadlineAt) - nowMs)}`]),
    ...(task.tags.length === 0 ? [] : [`tags ${task.tags.join(", ")}`]),
  ];
  const why = task.blockedReason === undefined ? [] : [
    `  ${paint(tone, task.blockedReason)}`,
    ...waitHints(task).map((hint) => paint("dim", `  → ${hint}`)),
  ];
  return [
    `${paint("bold", `${task.namespace}/${task.workflow}`)} ${task.version}  ${
      paint("dim", task.id)
    }`,
    `${paint(tone, `${symbol} ${task.state}`)}  ${paint("plain", facts.join(" · "))}`,
    ...why,
    ...outputLines(task, paint),
  ];
}

/** The most characters of an output that are drawn. */
const OUTPUT_LENGTH_MAX = 1_000;

/** Draws what a task gave, or why it could not. */
export function outputLines({ output, error, errorClass }: Task, paint: Paint): string[] {
  if (errorClass !== undefined) return [`  ${paint("bad", failureText(errorClass, error))}`];
  if (output === undefined) return [];
  return [`${paint("bold", "output")}  ${valueText(output, OUTPUT_LENGTH_MAX)}`];
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
  return left === 0 ? lines : [...lines, options.paint("dim", `… and ${left} more steps`)];
}

/** Keeps steps that need attention or are running, then pending ones, then ended ones. */
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
  return isEnded(state) ? 0 : 2;
}

function drawStep(task: Task, branch: Branch<Step>, options: DrawOptions): Drawn {
  const { node: step, first, rest } = branch;
  const { symbol, tone } = stepLook(step.state);
  const attempts = step.attempt === 0 ? "" : attemptText(step);
  const row: Cell[] = [
    { text: `${first}${symbol} ${step.name}`, tone },
    { text: step.state, tone },
    systemOf(step),
    attempts,
    {
      text: [timeNote(step, options.nowMs), orderNote(branch)].filter(Boolean).join("; "),
      tone: "dim",
    },
  ];
  const below = belowLines(task, step).map((line) => `${rest}  ${options.paint("plain", line)}`);
  return { step, row, below };
}

/** Steps that do no work have one attempt and no more. */
function attemptText({ kind, attempt, attemptsMax }: Step): string {
  return kind in TUNABLE_WAITS ? "" : `attempt ${attempt}/${attemptsMax}`;
}

function timeNote(step: Step, nowMs: number): string {
  const { startedAt, endedAt, dueAt, nextAttemptAt, unreachedBecause } = step;
  if (unreachedBecause !== undefined) return `because of how ${unreachedBecause} ended`;
  if (isEnded(step.state)) {
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

/** What the tree alone does not show about when a step runs. */
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
        `waits for a person: ${step.parkedReason ?? "no reason given"}`,
        ...error,
        ...choiceCommands(id, step.name, step.choices ?? []).map((command) => `→ ${command}`),
        ...alternativeCommands(id, step),
      ];
    case "failed":
    case "waiting_for_retry":
      return error;
    case "waiting_for_reply":
      return step.kind === "signal" ? signalLines(id, step) : [];
    default:
      return [];
  }
}

/** The alternatives of a parked step, and where its diagnosis is. */
function alternativeCommands(id: string, { name, choices = [], options = [], diagnosis }: Step) {
  const known: readonly string[] = choices;
  const alternatives = options.filter(({ choice }) => !known.includes(choice));
  return [
    ...alternatives.map(({ choice, label, takesResult }) =>
      `→ ${TASKER} choose ${id} ${name} ${choice}${takesResult ? " --result JSON" : ""}: ${label}`
    ),
    ...(diagnosis === undefined ? [] : [`→ ${TASKER} diagnose ${id} --step ${name}`]),
  ];
}

/** The most characters of a form that are drawn. */
const FORM_LENGTH_MAX = 400;

/** How to send a signal, and what its payload has to be. */
function signalLines(id: string, { name, form }: Step): string[] {
  return [
    `→ ${TASKER} signal ${id} ${name} --payload JSON`,
    ...(form === undefined ? [] : [`  payload ${valueText(form, FORM_LENGTH_MAX)}`]),
  ];
}

/** What the tree needs of a step. */
export interface TreeNode {
  readonly name: string;
  /** Its parents. */
  readonly after: readonly string[];
}

/** A place in the tree. */
export interface Branch<N> {
  readonly node: N;
  /** What stands before its symbol: `│ └ `. */
  readonly first: string;
  /** What stands before its further lines: `  │ ` where children follow. */
  readonly rest: string;
  /** Parents beside the one it hangs under. */
  readonly others: readonly string[];
}

/** Deeper steps stay in this column: a long chain still fits a terminal. */
const DEPTH_MAX = 16;

/**
 * Lays a graph out as a tree: each step once, under that parent which is farthest from the roots,
 * the last one of several. So whoever waits for many stands below all of them.
 *
 * Shape: parents stand before their children in `nodes`, as they do in a workflow. Cost: O(edges).
 */
export function layTree<N extends TreeNode>(nodes: readonly N[]): Branch<N>[] {
  const depths = new Map<string, number>();
  const children = new Map<string | undefined, N[]>();
  const others = new Map<string, readonly string[]>();
  for (const node of nodes) {
    const parent = node.after.reduce<string | undefined>(
      (best, name) => best === undefined || depthOf(name) >= depthOf(best) ? name : best,
      undefined,
    );
    depths.set(node.name, parent === undefined ? 0 : depthOf(parent) + 1);
    others.set(node.name, node.after.filter((name) => name !== parent));
    const siblings = children.get(parent);
    if (siblings === undefined) children.set(parent, [node]);
    else siblings.push(node);
  }
  return branches();

  function depthOf(name: string): number {
    return depths.get(name) ?? 0;
  }

  /** Not recursive: a chain may be as long as a workflow. */
  function branches(): Branch<N>[] {
    const laid: Branch<N>[] = [];
    const waiting = (children.get(undefined) ?? []).map((node) => ({
      node,
      before: "",
      last: true,
    }))
      .reverse();
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      const { node, before, last } = next;
      const depth = depthOf(node.name);
      const isRoot = depth === 0;
      const isDeep = depth > DEPTH_MAX;
      const first = isRoot || isDeep ? before : before + (last ? "└ " : "├ ");
      const rest = isRoot || isDeep ? before : before + (last ? "  " : "│ ");
      const under = children.get(node.name) ?? [];
      const below = under.length === 0 ? `${rest}  ` : `${rest}│ `;
      laid.push({ node, first, rest: below, others: others.get(node.name) ?? [] });
      for (const [index, child] of [...under.entries()].reverse()) {
        waiting.push({ node: child, before: rest, last: index === under.length - 1 });
      }
    }
    return laid;
  }
}
