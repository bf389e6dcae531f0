/** Version lines: what was put, when, by whom and why, one version below the other. */

import type { OperationResult } from "../client.ts";
import { type Cell, dateText, foldText, headOf, type Paint, tableLines } from "./format.ts";

/** Columns of a reason, and of what a version holds. */
const COLUMNS = 76;

interface Version {
  readonly version: number;
  readonly by: string;
  readonly reason: string;
  readonly at: string;
}

/** Draws the versions of a workflow's policy, the newest first. */
export function policyLines(
  { namespace, workflow, versions }: OperationResult<"getPolicy">,
  paint: Paint,
): string[] {
  const name = paint("bold", `${namespace}/${workflow}`);
  if (versions.length === 0) return [`${name}  no overlay: the definition alone holds`];
  return [
    name,
    ...versions.flatMap((one, at) => [
      ...headLines(one, { paint, isInForce: at === 0 }),
      ...(one.canary === undefined ? [] : [
        `    for ${one.canary.percent} % of the tasks, the others are under version ${one.canary.base}`,
      ]),
      ...Object.entries(one.steps).map(([step, policy]) =>
        `    ${step}  ${JSON.stringify(policy)}`
      ),
      ...(one.starts === undefined ? [] : [`    starts  ${JSON.stringify(one.starts)}`]),
    ]),
  ];
}

/** Draws the limits of a system, the newest first, and what each node uses of them. */
export function limitLines(
  { system, shares, versions }: OperationResult<"getSystemLimits">,
  paint: Paint,
): string[] {
  const name = paint("bold", system);
  if (versions.length === 0) return [`${name}  no limits: it gets as much as its steps ask for`];
  const rows = shares.map(({ limit, node, places, waiting, waitsSince }): Cell[] => [
    ...[limit, node, String(places), String(waiting)],
    waitsSince === null ? "" : dateText(waitsSince),
  ]);
  const head = headOf("LIMIT", "NODE", "PLACES", "WAITING", "SINCE (UTC)");
  return [
    name,
    ...versions.flatMap((one, at) => [
      ...headLines(one, { paint, isInForce: at === 0 }),
      ...Object.entries(one.limits).map(([of, limit]) => `    ${of}  ${JSON.stringify(limit)}`),
    ]),
    ...(rows.length === 0 ? [] : ["", ...tableLines([head, ...rows], paint)]),
  ];
}

/** Draws how far the healer may go, and who said so. */
export function healingLines(
  { settings, versions }: OperationResult<"getHealing">,
  paint: Paint,
): string[] {
  const modes = {
    off: "off: nothing is looked at, and nothing is changed",
    observe: "observe: changes are proposed, and not made",
    on: "on: changes are made, as far as each workflow allows",
  };
  return [
    `mode      ${modes[settings.mode]}`,
    `at most   ${settings.actionsPerHour} changes in an hour`,
    ...settings.silences.map(({ fromMs, untilMs, workflow = "all workflows" }) =>
      `silence   ${timeText(fromMs)} to ${timeText(untilMs)} UTC, ${workflow}`
    ),
    ...(versions.length === 0 ? ["this is the default: nobody has set it"] : []),
    ...versions.flatMap((one, at) => [
      ...headLines(one, { paint, isInForce: at === 0 }),
      `    ${JSON.stringify(one.settings)}`,
    ]),
  ];
}

function headLines(
  { version, by, reason, at }: Version,
  { paint, isInForce }: { readonly paint: Paint; readonly isInForce: boolean },
): string[] {
  const note = isInForce ? ", in force" : "";
  return [
    "",
    `${paint("bold", `version ${version}`)}  ${dateText(at)} UTC  ${paint("plain", by)}${note}`,
    ...foldText(reason, COLUMNS).map((line) => `    ${paint("plain", line)}`),
  ];
}

function timeText(ms: number): string {
  return dateText(new Date(ms).toISOString());
}
