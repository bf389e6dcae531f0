/** How the command line draws incidents: as a colleague would report them. */

import type { OperationResult } from "../client.ts";
import type { EntryOf } from "../client/documents.ts";
import { actionText, SIGNAL_TEXTS } from "../core/incident_text.ts";
import { SYSTEMS_NAMESPACE } from "../core/policy.ts";
import {
  type Cell,
  clockText,
  dateText,
  durationText,
  foldText,
  headOf,
  type Paint,
  plotOf,
  tableLines,
  type Tone,
} from "./format.ts";
import { TASKER } from "./verb.ts";

/** An incident, as the API shows it. */
type Incident = OperationResult<"getIncident">;
type Summary = EntryOf<"listIncidents">;
type Figures = Incident["degradation"]["now"];

/** Draws a list of incidents. */
export function incidentListLines(incidents: readonly Summary[], paint: Paint): string[] {
  if (incidents.length === 0) return ["no incidents"];
  const rows = incidents.map((one): Cell[] => [
    one.id,
    dateText(one.startedAt),
    `${one.workflow} ${one.step}`,
    SIGNAL_TEXTS[one.signal],
    one.proposal === undefined ? "" : one.proposal.kind,
    { text: one.outcome ?? one.phase, tone: toneOf(one.outcome ?? one.phase) },
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
    proposal?.kind ?? "",
    proposal?.tier ?? "",
    { text: outcome ?? phase, tone: toneOf(outcome ?? phase) },
  ]);
  return tableLines([headOf("INCIDENT", "STEP", "CHANGE", "TIER", "STATE"), ...rows], paint);
}

function toneOf(state: string): Tone {
  if (state === "kept" || state === "released") return "good";
  if (state === "failed" || state === "reverted") return "bad";
  return state === "waiting_for_approval" ? "warn" : "plain";
}

/** Draws one incident: what, why, what was done, its effect, and how to take it back. */
export function incidentLines(incident: Incident, paint: Paint): string[] {
  const { degradation: of, id, phase, conclusion } = incident;
  const stands = conclusion === undefined ? phase : `${phase}, ${conclusion.outcome}`;
  return [
    `${paint("bold", `${of.step} of ${of.workflow}`)} ${SIGNAL_TEXTS[of.signal]} than it did`,
    paint("dim", `incident ${id}, ${stands}`),
    "",
    ...section("What", whatLines(incident), paint),
    ...section("Why", whyLines(incident.finding), paint),
    ...section("In a model's words, which decide nothing", adviceLines(incident), paint),
    ...section("Done", doneLines(incident), paint),
    ...section("Effect", effectLines(incident), paint),
    ...section("Next", nextLines(incident), paint),
  ];
}

function section(title: string, lines: readonly string[], paint: Paint): string[] {
  if (lines.length === 0) return [];
  // A command stays in one line, so that it can be copied.
  const shown = lines.flatMap((line) => line.includes(TASKER) ? [line] : foldText(line, COLUMNS));
  return [paint("bold", title), ...shown.map((line) => `  ${paint("plain", line)}`), ""];
}

/** Columns of a report, without those of its margin. */
const COLUMNS = 78;

function whatLines({ degradation: of, startedAt, endedAt }: Incident): string[] {
  const until = endedAt === undefined ? "" : `; concluded at ${clockText(endedAt).slice(0, 8)}`;
  const error = of.error === undefined ? [] : [`mostly as "${of.error}"`];
  return [
    `seen at ${dateText(startedAt)} UTC${until}`,
    `before  ${figuresText(of.before)}`,
    `then    ${figuresText(of.now)}`,
    ...error,
    ...(of.saturated
      ? ["more came in than was done: until that is over, nothing that adds load may be done"]
      : []),
  ];
}

function figuresText(of: Figures): string {
  const took = of.p95Ms === undefined
    ? "none completed"
    : `95 % completed in ${durationText(of.p95Ms)}`;
  return `${percent(of.failedShare)} of ${of.attempts} attempts failed, ${took}`;
}

function whyLines(finding: Incident["finding"]): string[] {
  if (finding === undefined) return [];
  const sure = finding.confidence > 0 ? `, ${percent(finding.confidence)} sure` : "";
  return [
    `${finding.failureType}${sure}: ${finding.says}`,
    ...finding.evidence.map(({ id, says }) => `- ${says} (${id})`),
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
  const { proposals, chosen, notes, verdict, conclusion } = incident;
  const proposal = proposals.find(({ id }) => id === chosen);
  const others = proposals.filter(({ id }) => id !== chosen);
  const isCompared = verdict !== undefined && verdict.verdict !== "none";
  const isConcluded = conclusion !== undefined && conclusion.outcome !== "not_applied";
  const why = conclusion?.says === verdict?.says ? "" : `: ${conclusion?.says}`;
  return [
    ...(proposal === undefined ? ["nothing was chosen"] : [
      `chosen: ${actionText(proposal.action)} (tier ${proposal.tier})`,
      `because ${proposal.expected}`,
    ]),
    ...others.map(({ action, tier }) => `or else: ${actionText(action)} (tier ${tier})`),
    ...notes.map((note) => `not done: ${note}`),
    ...appliedLines(incident),
    ...(isCompared ? [`judged ${verdict.verdict}: ${verdict.says}`] : []),
    ...(isConcluded ? [`${conclusion.outcome}${why}`] : []),
  ];
}

function appliedLines({ approval, applied, triedPercent }: Incident): string[] {
  if (applied?.isApplied === false) {
    const by = approval?.approved === false ? ` (${approval.by})` : "";
    return [`nothing was changed: ${applied.says}${by}`];
  }
  const version = applied?.version === undefined ? "" : `version ${applied.version}, `;
  return [
    ...(approval === undefined ? [] : [`approved by ${approval.by}: ${approval.reason}`]),
    ...(applied === undefined ? [] : [`changed: ${version}${applied.says}`]),
    ...(triedPercent === undefined
      ? []
      : [`${triedPercent} % of the tasks try it now, and are compared with the others`]),
  ];
}

function effectLines({ lesson, degradation, applied }: Incident): string[] {
  if (lesson === undefined) return [];
  const { minutes, before, during, after } = lesson;
  const marks = minutes.map(({ atMs }, at) => {
    const nextMs = minutes[at + 1]?.atMs ?? Infinity;
    const isIn = (ms: number | undefined) => ms !== undefined && ms >= atMs && ms < nextMs;
    if (applied?.isApplied && isIn(applied.atMs)) return "↑";
    return isIn(degradation.sinceMs) ? "!" : " ";
  }).join("").trimEnd();
  const worst = Math.max(...minutes.map(({ failedShare }) => failedShare));
  const slowest = Math.max(...minutes.map(({ p95Ms }) => p95Ms));
  return [
    `failed  ${plotOf(minutes.map(({ failedShare }) => failedShare))}  █ is ${percent(worst)}`,
    `took    ${plotOf(minutes.map(({ p95Ms }) => p95Ms))}  █ is ${durationText(slowest)}`,
    `        ${marks}`,
    `        ! it began${applied?.isApplied ? ", ↑ it was changed" : ""}`,
    `before  ${figuresText(before)}`,
    `then    ${figuresText(during)}`,
    ...(after === undefined ? [] : [`after   ${figuresText(after)}`]),
  ];
}

/** What a person can do now, as commands. */
function nextLines(incident: Incident): string[] {
  const { id, phase, applied, conclusion, degradation: of, proposals, chosen } = incident;
  const proposal = proposals.find((one) => one.id === chosen);
  if (phase === "waiting_for_approval") {
    return [
      "it waits a day for a person; without an answer, nothing is changed",
      `do it:           ${TASKER} proposals approve ${id}`,
      `do not:          ${TASKER} proposals reject ${id}`,
    ];
  }
  const isInForce = applied?.isApplied === true && (conclusion?.outcome ?? "kept") === "kept";
  return [
    ...(isInForce ? [`take it back:    ${TASKER} proposals revert ${id}`] : []),
    ...(applied?.isApplied ? versionsLines(proposal) : []),
    `how it does now: ${TASKER} stats ${of.workflow} --step ${of.step} --since 30m`,
  ];
}

/** Where the change is shown, with all that was changed there before and since. */
function versionsLines(proposal: Incident["proposals"][number] | undefined): string[] {
  const { change, action } = proposal ?? {};
  if (change === undefined) {
    const { taskId } = (action ?? {}) as { readonly taskId?: string };
    return taskId === undefined ? [] : [`the task:        ${TASKER} show ${taskId}`];
  }
  return change.namespace === SYSTEMS_NAMESPACE
    ? [`all versions:    ${TASKER} limits ${change.name}`]
    : [`all versions:    ${TASKER} policies ${change.namespace}/${change.name}`];
}

function percent(share: number): string {
  return `${Math.round(share * 1_000) / 10} %`;
}
