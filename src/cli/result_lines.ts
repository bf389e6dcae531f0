/** Result lines: answers of operations, and events, as people read them. */

import type {
  AuditedCall,
  DeadLetter,
  DeadLetterDetail,
  JournalEntry,
  OperationResult,
  TaskSummary,
  VersionBreak,
  Workflow,
  WorkflowSummary,
} from "../client.ts";
import { SLOTS } from "../core/ids.ts";
import { TASK_STATES } from "../core/state.ts";
import type { StepDefinition } from "../core/workflow.ts";
import {
  type Cell,
  clockText,
  dateText,
  durationText,
  failureText,
  headOf,
  namesText,
  type Paint,
  tableLines,
  taskLook,
  type Tone,
  valueText,
  wordsOf,
} from "./format.ts";
import { layTree } from "./task_lines.ts";
import { TASKER } from "./verb.ts";

/** Columns of a table without a renderer of its own, and the most characters of a cell. */
const COLUMNS_MAX = 6;
const CELL_LENGTH_MAX = 60;

/** Draws any value: text by line, a list as a table, an object as a field per line. */
export function valueLines(value: unknown, paint: Paint): readonly string[] {
  if (typeof value === "string") return value.trimEnd().split("\n");
  if (Array.isArray(value)) return listTableLines(value, paint);
  if (typeof value !== "object" || value === null) return [valueText(value)];
  const lists = Object.entries(value).filter(([, inner]) => isListOfObjects(inner));
  const rows = Object.entries(value).filter(([, inner]) => !isListOfObjects(inner))
    .map(([name, inner]): Cell[] => [{ text: wordsOf(name), tone: "dim" }, cellText(inner)]);
  const tables = lists.flatMap(([name, list]) => [
    "",
    paint("dim", wordsOf(name)),
    ...listTableLines(list, paint),
  ]);
  return [...tableLines(rows, paint), ...tables];
}

function isListOfObjects(value: unknown): value is readonly object[] {
  return Array.isArray(value) && value.some((one) => typeof one === "object" && one !== null);
}

function listTableLines(list: readonly unknown[], paint: Paint): string[] {
  if (list.length === 0) return ["nothing found"];
  const rows = list.map((one) => typeof one === "object" && one !== null ? one : { value: one });
  const names = [...new Set(rows.flatMap(Object.keys))].slice(0, COLUMNS_MAX);
  const cells = rows.map((row) => {
    const fields = new Map<string, unknown>(Object.entries(row));
    return names.map((name) => cellText(fields.get(name), CELL_LENGTH_MAX));
  });
  return tableLines([headOf(...names.map((name) => wordsOf(name).toUpperCase())), ...cells], paint);
}

/** A time as answers have it. */
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

function cellText(value: unknown, lengthMax = Infinity): string {
  if (value === undefined || value === null) return "";
  if (typeof value === "string") return TIME.test(value) ? `${dateText(value)} UTC` : value;
  const isPlain = Array.isArray(value) && value.every((one) => typeof one === "string");
  return isPlain ? value.join(", ") || "none" : valueText(value, lengthMax);
}

/** Draws a list of tasks. */
export function listLines(tasks: readonly TaskSummary[], paint: Paint): string[] {
  if (tasks.length === 0) return [`no tasks; see which can be started: ${TASKER} workflows`];
  const rows = tasks.map((task): Cell[] => {
    const { symbol, tone } = taskLook(task.state);
    return [
      task.id,
      { text: `${symbol} ${task.state}`, tone },
      `${task.namespace}/${task.workflow} ${task.version}`,
      dateText(task.createdAt),
      { text: noteOf(task), tone: "dim" },
    ];
  });
  return tableLines([headOf("ID", "STATE", "WORKFLOW", "CREATED (UTC)", ""), ...rows], paint);
}

/** What else is known of a task: why it stands, its tags, its search attributes. */
function noteOf({ blockedReason, tags, attributes = {} }: TaskSummary): string {
  const values = Object.entries(attributes).map(([name, value]) => `${name}=${value}`);
  return [blockedReason, tags.join(", "), values.join(", ")].filter(Boolean).join(" · ");
}

/** Draws how many tasks are in each state. */
export function countLines(
  states: OperationResult<"countTasks">["states"],
  paint: Paint,
): string[] {
  const rows = TASK_STATES.map((state): Cell[] => {
    const { count = 0, isExact = true } = states[state] ?? {};
    const { symbol, tone } = taskLook(state);
    return [{ text: `${symbol} ${state}`, tone }, isExact ? String(count) : `≥ ${count}`];
  });
  return tableLines([headOf("STATE", "TASKS"), ...rows], paint);
}

/** Draws a list of workflows. */
export function workflowListLines(found: readonly WorkflowSummary[], paint: Paint): string[] {
  if (found.length === 0) return ["no workflows; create one: deno task new NAME"];
  const rows = found.map(({ namespace, name, versions, steps, starts, file }) => [
    `${namespace}/${name}`,
    String(steps),
    versions.map((one) => one === starts && one !== versions[0] ? `${one} (starts)` : one).join(
      ", ",
    ),
    file ?? (starts === undefined ? "not loaded here" : "a deployment"),
  ]);
  const head = headOf("WORKFLOW", "STEPS", "VERSIONS (highest first)", "DEFINED BY");
  return tableLines([head, ...rows], paint);
}

/** Draws the highest version of a workflow, and names the others and the one that starts take. */
export function workflowLines(
  { namespace, name, versions, starts }: Workflow,
  paint: Paint,
): string[] {
  const [highest, ...others] = versions;
  if (highest === undefined) return [`${namespace}/${name} has no versions`];
  const { definition } = highest;
  const steps = definition.steps.map((step) => ({
    ...step,
    after: [...new Set([...Object.values(step.needs), ...step.after])],
  }));
  const rows = layTree(steps).map(({ node, first, others }): Cell[] => [
    `${first}${node.name}`,
    node.kind,
    node.owner,
    { text: stepNote(node, others), tone: "dim" },
  ]);
  return [
    `${paint("bold", `${namespace}/${name}`)} ${definition.version}  ${paint("dim", highest.hash)}`,
    ...(others.length === 0 ? [] : [`also ${others.map(({ version }) => version).join(", ")}`]),
    ...(starts === undefined || starts === definition.version
      ? []
      : [paint("warn", `starts take ${starts}; what follows is ${definition.version}`)]),
    `input  ${paint("plain", valueText(definition.input ?? {}, 1_000))}`,
    ...(definition.output === undefined
      ? []
      : [`output  ${paint("plain", valueText(definition.output.success ?? {}, 1_000))}`]),
    "",
    ...tableLines(rows, paint),
  ];
}

function stepNote(step: StepDefinition, others: readonly string[]): string {
  const { contract, kind, sleepMs, event, when } = step;
  return [
    ...(others.length === 0 ? [] : [`also after ${namesText(others)}`]),
    ...(when === "succeeded" ? [] : [`when ${when}`]),
    ...(event === undefined ? [] : [event]),
    ...(sleepMs === undefined ? [] : [durationText(sleepMs)]),
    ...(kind === "signal" ? [`payload ${valueText(contract.success ?? {})}`] : []),
  ].join("; ");
}

/** Draws dead letters. */
export function deadLines(letters: readonly DeadLetter[], paint: Paint): string[] {
  if (letters.length === 0) return ["no dead letters"];
  const rows = letters.map(({ id, at, channel, deliveries, reason }): Cell[] => [
    id,
    dateText(at),
    channel,
    String(deliveries),
    reason,
  ]);
  return [
    ...tableLines([headOf("ID", "AT (UTC)", "CHANNEL", "DELIVERED", "REASON"), ...rows], paint),
    paint("dim", `→ ${TASKER} dead show ID, ${TASKER} dead replay ID, ${TASKER} dead discard ID`),
  ];
}

/** Draws the nodes of the database. */
export function nodeLines(
  nodes: OperationResult<"listNodes">["nodes"],
  paint: Paint,
): readonly string[] {
  const rows = nodes.map(({ name, isThis, version, since, renewedAgoMs, isExpired, slots }) => [
    `${name}${isThis ? " (answers)" : ""}`,
    isExpired
      ? { text: `silent for ${durationText(renewedAgoMs)}`, tone: "bad" as const }
      : { text: "alive", tone: "good" as const },
    version ?? "an earlier one",
    since === undefined ? "" : dateText(since),
    `${Math.round(slots / SLOTS * 100)} %`,
  ]);
  return tableLines([
    headOf("NODE", "STATE", "VERSION", "STARTED (UTC)", "SHARE OF TASKS"),
    ...rows,
  ], paint);
}

/** Draws the audit. */
export function auditLines(calls: readonly AuditedCall[], paint: Paint): string[] {
  if (calls.length === 0) return ["no calls that changed something"];
  const rows = calls.map((
    { at, by, agent, operation, target, outcome, isDryRun, undo },
  ): Cell[] => [
    dateText(at),
    by,
    operation,
    target,
    {
      text: isDryRun ? `${outcome} (dry run)` : outcome,
      tone: outcome === "done" ? "good" : outcome === "unchanged" ? "dim" : "bad",
    },
    { text: agent, tone: "dim" },
    { text: undo === undefined ? "" : `${TASKER} ${undo}`, tone: "dim" },
  ]);
  const head = headOf("AT (UTC)", "BY", "OPERATION", "TARGET", "OUTCOME", "CLIENT", "UNDO");
  return tableLines([head, ...rows], paint);
}

/** Draws one dead letter with its body. */
export function deadLetterLines(letter: DeadLetterDetail, paint: Paint): string[] {
  const { id, at, channel, system, kind, deliveries, envelopeId, reason, bytes, body } = letter;
  const times = deliveries === 1 ? "once" : `${deliveries} times`;
  return [
    `${id}  ${dateText(at)}  ${kind} of ${system} in ${channel}, delivered ${times}`,
    ...(envelopeId === undefined ? [] : [`envelope ${envelopeId}`]),
    paint("bad", reason),
    paint("dim", `${bytes} bytes:`),
    body,
  ];
}

/** Says what became of many dead letters. */
export function doneLines(
  { done, refused, isMore }: OperationResult<"replayManyDead">,
  what: string,
  again = "run it again",
): string[] {
  return [
    `${done} dead letters are ${what}`,
    ...(refused === 0 ? [] : [`${refused} stay: they never were envelopes`]),
    ...(isMore ? [`there are more: ${again}`] : []),
  ];
}

/** Draws a journal, or a part of it. */
export function journalLines(entries: readonly JournalEntry[], paint: Paint): string[] {
  return tableLines(entries.map(rowOf), paint);
}

/** Column widths that fit most events, for lines that are printed one by one. */
const PLACE_WIDTH = 6;
const KIND_WIDTH = 17;

/** Draws one event. */
export function entryLine(entry: JournalEntry, paint: Paint): string {
  const { place, clock, fields } = partsOf(entry);
  const what = [entry.step ?? "", fields].filter(Boolean).join("  ");
  return [
    paint("dim", place.padEnd(PLACE_WIDTH)),
    paint("dim", clock),
    paint(toneOf(entry.kind), entry.kind.padEnd(KIND_WIDTH)),
    paint("plain", what),
  ].join("  ").trimEnd();
}

function rowOf(entry: JournalEntry): Cell[] {
  const { place, clock, fields } = partsOf(entry);
  return [
    { text: place, tone: "dim" },
    { text: clock, tone: "dim" },
    { text: entry.kind, tone: toneOf(entry.kind) },
    entry.step ?? "",
    fields,
  ];
}

function partsOf(entry: JournalEntry): { place: string; clock: string; fields: string } {
  const { turn, number, kind: _, at, step: __, ...rest } = entry;
  const fields = Object.entries(rest).flatMap(([name, value]) => fieldText(name, value, at));
  return { place: `${turn}.${number}`, clock: clockText(at), fields: fields.join(" · ") };
}

/** Fields that are left out: they say nothing to most readers. */
const HIDDEN: readonly string[] = ["policyVersion", "definitionHash", "traceparent"];

/** A newer server may add fields: any name is split into words. `at` is the time of the event. */
function fieldText(name: string, value: unknown, at: string): string[] {
  if (HIDDEN.includes(name) || value === "" || (Array.isArray(value) && value.length === 0)) {
    return [];
  }
  const words = wordsOf(name);
  if (name.endsWith("Ms") && typeof value === "number") {
    return [`${words.replace(/ ms$/, "")} ${durationText(value)}`];
  }
  if (name.endsWith("At") && typeof value === "string") {
    const day = value.slice(0, 10);
    return [`${words} ${at.startsWith(day) ? "" : `${day} `}${clockText(value)}`];
  }
  if (name === "failure") return [failureField(value)];
  if (name === "choices" && Array.isArray(value)) return [`choices ${value.join(", ")}`];
  const isWord = typeof value === "string" &&
    !["result", "payload", "input", "output"].includes(name);
  return [`${words} ${isWord ? value : valueText(value)}`];
}

function failureField(value: unknown): string {
  if (typeof value !== "object" || value === null || !("class" in value)) return valueText(value);
  return failureText(String(value.class), "error" in value ? value.error : undefined);
}

function toneOf(kind: string): Tone {
  if (/Completed|Resolved$/.test(kind)) return "good";
  if (/Failed|Parked|Aborted|Interrupted/.test(kind)) return "bad";
  if (/Cancel|Skipped|Paused|Unreached/.test(kind)) return "warn";
  return "plain";
}

/** Draws what a version of a workflow breaks. */
export function breakLines(breaks: readonly VersionBreak[], paint: Paint): string[] {
  if (breaks.length === 0) return ["nothing is broken"];
  return breaks.flatMap(({ verdict, path, detail, affected, example }) => [
    `${verdict === "breaks" ? paint("bad", "✗") : paint("warn", "?")} ${path}: ${detail}`,
    paint("dim", `  affects ${affected}`),
    ...(example === undefined ? [] : [paint("dim", `  such as ${JSON.stringify(example)}`)]),
  ]);
}
