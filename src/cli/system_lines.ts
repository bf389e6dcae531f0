/** How the command line draws systems. */

import type { System, SystemDetail } from "../client.ts";
import { instancesText, systemStateOf } from "../operations/system_state.ts";
import { type Cell, dateText, headOf, namesText, type Paint, tableLines } from "./format.ts";

/** Workflows of one system that are named. */
const WORKFLOWS_MAX = 20;

/** Draws systems. */
export function systemLines(found: readonly System[], paint: Paint): string[] {
  if (found.length === 0) return ["no systems: no workflow is loaded"];
  const rows = found.map((system): Cell[] => [
    system.name,
    system.kind,
    stateCell(system),
    hasRegistered(system) ? instancesText(system) : "",
    system.queued === undefined ? "" : String(system.queued),
    namesText(system.workflows),
  ]);
  const head = headOf("SYSTEM", "KIND", "STATE", "INSTANCES", "QUEUED", "WORKFLOWS");
  return tableLines([head, ...rows], paint);
}

/** Draws one system, with what it offers and its instances. */
export function systemDetailLines(system: SystemDetail, paint: Paint): string[] {
  const { name, kind, queued, capabilities, registered, workflows } = system;
  const state = stateCell(system);
  const offers = capabilities.map((
    { name, version = "any version", timeoutMs, effect, description },
  ): Cell[] => [
    name,
    version,
    effect ?? "",
    timeoutMs === undefined ? "" : `${timeoutMs} ms`,
    description ?? "",
  ]);
  const instances = (registered ?? []).map((one): Cell[] => [
    one.instance,
    one.version,
    one.ejectedUntil === undefined
      ? instanceCell(one)
      : { text: `ejected until ${dateText(one.ejectedUntil)}`, tone: "bad" },
    dateText(one.since),
    one.detail,
  ]);
  return [
    `${paint("bold", name)}  ${kind}, ${paint(state.tone, state.text)}`,
    `instances  ${instancesText(system)}`,
    ...(queued === undefined ? [] : [`queued     ${queued}`]),
    ...loadLines(system),
    `workflows  ${namesText(workflows, WORKFLOWS_MAX) || "none"}`,
    ...(offers.length === 0 ? [] : ["", ...tableLines([OFFER_HEAD, ...offers], paint)]),
    ...(instances.length === 0 ? [] : ["", ...tableLines([INSTANCE_HEAD, ...instances], paint)]),
  ];
}

/** How busy it is, in words; nothing while nobody asks it. */
function loadLines({ saturation }: SystemDetail): string[] {
  if (saturation === undefined || saturation.throughputPerS + saturation.queueAgeMs === 0) {
    return [];
  }
  const { goodputPerS, throughputPerS, attemptsPerStep, queueAgeMs, adaptiveMax } = saturation;
  const parts = [
    `${goodputPerS.toFixed(1)} answered in time of ${throughputPerS.toFixed(1)} a second`,
    `${attemptsPerStep.toFixed(2)} attempts a step`,
    ...(queueAgeMs > 0 ? [`the first step waits since ${(queueAgeMs / 1_000).toFixed(1)} s`] : []),
    ...(adaptiveMax === undefined ? [] : [`at most ${adaptiveMax} attempts at once for now`]),
  ];
  return [`load       ${parts.join(", ")}`];
}

const OFFER_HEAD = headOf("CAPABILITY", "VERSION", "EFFECT", "TIMEOUT", "DESCRIPTION");
const INSTANCE_HEAD = headOf("INSTANCE", "VERSION", "STATE", "SINCE (UTC)", "WHY");

/** What a manifest declares is no instance: nobody knows whether one is healthy. */
function instanceCell(
  { state, isDeclared }: { readonly state: string; readonly isDeclared: boolean },
): Exclude<Cell, string> {
  if (isDeclared) return { text: "declared", tone: "plain" };
  return { text: state, tone: state === "healthy" ? "good" : "bad" };
}

function hasRegistered({ instances }: System): boolean {
  return Object.values(instances).some((count) => count > 0);
}

/** Its state in the words of the table, where the state of a circuit stands for that of its system. */
function stateCell(system: System): Exclude<Cell, string> {
  const state = systemStateOf(system);
  if (state === "in_order") return { text: "closed", tone: "good" };
  const text = state === "held" && system.heldUntil !== undefined
    ? `held until ${dateText(system.heldUntil)}`
    : state.replace("circuit_", "").replaceAll("_", " ");
  return { text, tone: "bad" };
}
