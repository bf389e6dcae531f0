/** How the command line draws incidents: as a colleague would report them. */

import type { OperationResult } from "../client.ts";
import type { EntryOf } from "../client/documents.ts";
import {
  type Cell,
  clockText,
  dateText,
  durationText,
  headOf,
  type Paint,
  tableLines,
  type Tone,
  wordsOf,
} from "./format.ts";
import { TASKER } from "./verb.ts";

/** An incident, as the API shows it. */
type Incident = OperationResult<"getIncident">;
type Summary = EntryOf<"listIncidents">;
type Figures = Incident["degradation"]["now"];

/** One character a value, higher for more. */
const BARS = "▁▂▃▄▅▆▇█";

/** Draws values as a line of bars; the highest one is the highest bar. */
function sparkline(values: readonly number[], max = Math.max(...values)): string {
  return values.map((value) => {
    const level = max <= 0 ? 0 : Math.min(BARS.length - 1, Math.round(value / max * 7));
    return BARS[level];
  }).join("");
}

/** Draws a list of incidents. */
export function incidentListLines(incidents: readonly Summary[], paint: Paint): string[] {
  if (incidents.length === 0) return ["no incidents: no step does worse than it did"];
  const rows = incidents.map((one): Cell[] => [
    one.id,
    dateText(one.startedAt),
    `${one.workflow} ${one.step}`,
    SIGNALS[one.signal],
    one.proposal === undefined ? "" : wordsOf(one.proposal.kind),
    { text: wordsOf(one.outcome ?? one.phase), tone: toneOf(one.outcome ?? one.phase) },
  ]);
  const head = headOf("INCIDENT", "SINCE (UTC)", "STEP", "WHAT", "CHANGE", "STATE");
  return tableLines([head, ...rows], paint);
}

/** Draws those incidents that propose something. */
export function proposalListLines(incidents: readonly Summary[], paint: Paint): string[] {
  const proposing = incidents.filter(({ proposal }) => proposal !== undefined);
  if (proposing.length === 0) return ["no proposals"];
  const rows = proposing.map(({ id, workflow, step, proposal, outcome, phase }): Cell[] => [
    id,
    `${workflow} ${step}`,
    wordsOf(proposal?.kind ?? ""),
    proposal?.tier ?? "",
    { text: wordsOf(outcome ?? phase), tone: toneOf(outcome ?? phase) },
  ]);
  return tableLines([headOf("INCIDENT", "STEP", "CHANGE", "TIER", "STATE"), ...rows], paint);
}

const SIGNALS: Readonly<Record<Summary["signal"], string>> = {
  failures: "fails more often",
  timeouts: "times out more often",
  latency: "takes longer",
  waiting: "waits longer",
  parked: "waits for people",
};

function toneOf(state: string): Tone {
  if (state === "kept" || state === "released") return "good";
  if (state === "failed" || state === "reverted") return "bad";
  return state === "waiting_for_approval" ? "warn" : "plain";
}

/** Draws one incident: what, why, what was done, its effect, and how to take it back. */
export function incidentLines(incident: Incident, paint: Paint): string[] {
  const { degradation: of, finding } = incident;
  const head = `${paint("bold", `${of.step} of ${of.workflow}`)} ${SIGNALS[of.signal]} than it did`;
  return [
    head,
    paint("dim", `incident ${incident.id}, ${wordsOf(incident.phase)}`),
    "",
    ...section("What", whatLines(incident), paint),
    ...section("Why", whyLines(finding), paint),
    ...section("In a model's words, which decide nothing", adviceLines(incident), paint),
    ...section("Done", doneLines(incident), paint),
    ...section("Effect", effectLines(incident), paint),
    ...section("Next", nextLines(incident), paint),
  ];
}

function section(title: string, lines: readonly string[], paint: Paint): string[] {
  if (lines.length === 0) return [];
  return [paint("bold", title), ...lines.map((line) => `  ${paint("plain", line)}`), ""];
}

function whatLines({ degradation: of, startedAt, endedAt }: Incident): string[] {
  const until = endedAt === undefined ? "until now" : `until ${clockText(endedAt)}`;
  const error = of.error === undefined ? [] : [`mostly as "${of.error}"`];
  return [
    `seen ${dateText(startedAt)} UTC, ${until}`,
    `then    ${figuresText(of.now)}`,
    `before  ${figuresText(of.before)}`,
    ...error,
    ...(of.saturated ? ["more comes in than is done: nothing that adds load may be done"] : []),
  ];
}

function figuresText(of: Figures): string {
  const took = of.p95Ms === undefined ? "none completed" : `95 % took ${durationText(of.p95Ms)}`;
  return `${percent(of.failedShare)} of ${of.attempts} attempts failed, ${took} at most`;
}

function whyLines(finding: Incident["finding"]): string[] {
  if (finding === undefined) return [];
  const sure = finding.confidence > 0 ? `, ${percent(finding.confidence)} sure` : "";
  return [
    `${wordsOf(finding.failureType)}${sure}: ${finding.says}`,
    ...finding.evidence.map(({ id, says }) => `${id}: ${says}`),
  ];
}

function adviceLines({ advice }: Incident): string[] {
  if (advice === undefined) return [];
  return [
    advice.name,
    ...advice.explanation.map(({ text, evidence }) => `${text} (${evidence.join(", ")})`),
  ];
}

function doneLines(incident: Incident): string[] {
  const { proposals, chosen, notes, approval, applied, verdict, conclusion } = incident;
  const proposal = proposals.find(({ id }) => id === chosen);
  const others = proposals.filter(({ id }) => id !== chosen);
  return [
    ...(proposal === undefined ? [] : [
      `proposed: ${actionText(proposal.action)} (tier ${proposal.tier})`,
      `because ${proposal.expected}`,
    ]),
    ...others.map(({ action, tier }) => `else: ${actionText(action)} (tier ${tier})`),
    ...notes.map((note) => `not: ${note}`),
    ...(approval === undefined ? [] : [
      `${approval.approved ? "approved" : "not approved"} by ${approval.by}: ${approval.reason}`,
    ]),
    ...(applied === undefined ? [] : [appliedText(applied)]),
    ...(verdict === undefined ? [] : [`judged ${verdict.verdict}: ${verdict.says}`]),
    ...(conclusion === undefined ? [] : [`${wordsOf(conclusion.outcome)}: ${conclusion.says}`]),
  ];
}

function appliedText({ isApplied, says, version }: NonNullable<Incident["applied"]>): string {
  if (!isApplied) return `nothing was changed: ${says}`;
  return version === undefined ? says : `put as version ${version}, ${says}`;
}

function actionText({ kind, ...fields }: { readonly kind: string }): string {
  const shown = Object.entries(fields).filter(([name]) => name !== "workflow")
    .map(([name, value]) => `${wordsOf(name)} ${shownValue(name, value)}`);
  return `${wordsOf(kind)}: ${shown.join(", ")}`;
}

function shownValue(name: string, value: unknown): string {
  if (name === "untilMs" && typeof value === "number") return new Date(value).toISOString();
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

function effectLines({ lesson, degradation, applied }: Incident): string[] {
  if (lesson === undefined) return [];
  const { minutes, before, during, after } = lesson;
  const marks = minutes.map(({ atMs }, at) => {
    const nextMs = minutes[at + 1]?.atMs ?? Infinity;
    const isIn = (ms: number | undefined) => ms !== undefined && ms >= atMs && ms < nextMs;
    if (applied?.isApplied && isIn(applied.atMs)) return "↑";
    return isIn(degradation.sinceMs) ? "!" : " ";
  }).join("");
  const worst = Math.max(...minutes.map(({ failedShare }) => failedShare));
  const slowest = Math.max(...minutes.map(({ p95Ms }) => p95Ms));
  return [
    `failed   ${sparkline(minutes.map(({ failedShare }) => failedShare))}  ` +
    `at most ${percent(worst)}`,
    `took     ${sparkline(minutes.map(({ p95Ms }) => p95Ms))}  ` +
    `95 % at most ${durationText(slowest)}`,
    `         ${marks}  ! it began, ↑ it was changed`,
    `before   ${figuresText(before)}`,
    `then     ${figuresText(during)}`,
    ...(after === undefined ? [] : [`after    ${figuresText(after)}`]),
  ];
}

function nextLines({ id, phase, applied, conclusion, degradation, chosen }: Incident): string[] {
  if (phase === "waiting_for_approval") {
    return [`${TASKER} proposals approve ${id}`, `${TASKER} proposals reject ${id}`];
  }
  const isOver = conclusion !== undefined && conclusion.outcome !== "kept";
  const revert = applied?.isApplied === true && !isOver && chosen !== undefined
    ? [`to take it back: ${TASKER} proposals revert ${id}`]
    : [];
  return [...revert, `all versions: ${TASKER} policies ${degradation.workflow}`];
}

function percent(share: number): string {
  return `${Math.round(share * 1_000) / 10} %`;
}
