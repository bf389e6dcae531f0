/** Verbs that show workflows and systems, and handle dead letters. */

import type { DeadLetter, System, Workflow, WorkflowSummary } from "../client.ts";
import { nearestOf } from "../core/nearest.ts";
import type { StepDefinition } from "../core/workflow.ts";
import { CommandError } from "./failure.ts";
import {
  type Cell,
  dateText,
  durationText,
  headOf,
  namesText,
  tableLines,
  valueText,
} from "./format.ts";
import type { Paint } from "./paint.ts";
import { layTree } from "./task_lines.ts";
import { EXIT_DONE, operand, show, TASKER, type Verb } from "./verb.ts";

/** Shows workflows. */
export const workflows: Verb = {
  name: "workflows",
  operands: ["[NAME]"],
  options: {},
  summary: "Lists workflows, or shows one with its contracts and steps",
  isWrite: false,
  async run(context) {
    const { client, operands: [name], paint, signal } = context;
    const listed = await client.workflows.list({ signal });
    if (name === undefined) {
      show(context, listed, () => workflowListLines(listed, paint));
    } else {
      demandKnown(name, listed);
      const found = await client.workflows.get(name, { signal });
      show(context, found, () => workflowLines(found, paint));
    }
    return EXIT_DONE;
  },
};

/** Suggests the full name when the namespace was left out. */
function demandKnown(name: string, listed: readonly WorkflowSummary[]): void {
  const names = listed.map((one) => `${one.namespace}/${one.name}`);
  if (names.includes(name)) return;
  const meant = names.find((one) => one.endsWith(`/${name}`)) ?? nearestOf(name, names);
  throw new CommandError(
    `Cannot show workflow "${name}": no workflow of that name is loaded`,
    "nothing was changed",
    meant === undefined
      ? `run ${TASKER} workflows to see which workflows are loaded`
      : `run ${TASKER} workflows ${meant}`,
    "definition.unknown",
  );
}

/** Draws a list of workflows. */
export function workflowListLines(found: readonly WorkflowSummary[], paint: Paint): string[] {
  if (found.length === 0) return ["no workflows; create one: deno task new NAME"];
  const rows = found.map(({ namespace, name, versions, steps }) => [
    `${namespace}/${name}`,
    String(steps),
    versions.join(", "),
  ]);
  return tableLines([headOf("WORKFLOW", "STEPS", "VERSIONS (highest first)"), ...rows], paint);
}

/** Draws the highest version of a workflow, and names the others. */
export function workflowLines({ namespace, name, versions }: Workflow, paint: Paint): string[] {
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
    `input  ${paint("plain", valueText(definition.input ?? {}, 1_000))}`,
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

/** Shows systems. */
export const systems: Verb = {
  name: "systems",
  operands: [],
  options: {},
  summary: "Lists owners of steps, with circuit and queue",
  isWrite: false,
  async run(context) {
    const found = await context.client.systems({ signal: context.signal });
    show(context, found, () => systemLines(found, context.paint));
    return EXIT_DONE;
  },
};

/** Draws systems. */
export function systemLines(found: readonly System[], paint: Paint): string[] {
  if (found.length === 0) return ["no systems: no workflow is loaded"];
  const rows = found.map(({ name, kind, circuit, queued, hasWorker, workflows }): Cell[] => [
    name,
    kind,
    hasWorker === false
      ? { text: "no worker yet", tone: "bad" }
      : { text: circuit, tone: circuit === "closed" ? "good" : "bad" },
    queued === undefined ? "" : String(queued),
    workflows.join(", "),
  ]);
  return tableLines([headOf("SYSTEM", "KIND", "CIRCUIT", "QUEUED", "WORKFLOWS"), ...rows], paint);
}

/** Shows dead letters. */
export const dead: Verb = {
  name: "dead",
  operands: [],
  options: {},
  summary: "Lists dead letters: envelopes that could not be used",
  isWrite: false,
  async run(context) {
    const { client, paint, signal } = context;
    const letters = await Array.fromAsync(client.dead.list({ signal }));
    show(context, letters, () => deadLines(letters, paint));
    return EXIT_DONE;
  },
};

/** Puts a dead letter back. */
export const deadReplay: Verb = {
  name: "dead replay",
  operands: ["ID"],
  options: {},
  summary: "Puts a dead letter back into its channel",
  isWrite: true,
  async run(context) {
    const id = operand(context, 0);
    const { channel } = await context.client.dead.replay(id, { signal: context.signal });
    show(context, { id, channel }, () => [`Dead letter ${id} is back in ${channel}`]);
    return EXIT_DONE;
  },
};

/** Discards a dead letter. */
export const deadDiscard: Verb = {
  name: "dead discard",
  operands: ["ID"],
  options: {},
  summary: "Discards a dead letter",
  isWrite: true,
  async run(context) {
    const id = operand(context, 0);
    await context.client.dead.discard(id, { signal: context.signal });
    show(context, { id }, () => [`Dead letter ${id} is discarded`]);
    return EXIT_DONE;
  },
};

/** Draws dead letters. */
export function deadLines(letters: readonly DeadLetter[], paint: Paint): string[] {
  if (letters.length === 0) return ["no dead letters"];
  const rows = letters.flatMap((
    { id, at, channel, reason },
  ) => [[id, dateText(at), channel, reason]]);
  return [
    ...tableLines([headOf("ID", "AT (UTC)", "CHANNEL", "REASON"), ...rows], paint),
    paint("dim", `→ ${TASKER} dead replay ID, ${TASKER} dead discard ID; --json shows the bodies`),
  ];
}
