/** Verbs of operation: workflows, systems, dead letters. */

import type { DeadLetter, System, Workflow, WorkflowSummary } from "../../client.ts";
import { nearestOf } from "../../core/nearest.ts";
import type { StepDefinition } from "../../core/workflow.ts";
import { UsageError } from "../arguments.ts";
import { TASKER } from "../command_text.ts";
import { CommandError } from "../failure.ts";
import type { Paint } from "../paint.ts";
import { dateText, durationText, namesText, valueText } from "../reading.ts";
import { type Cell, headOf, tableLines } from "../table.ts";
import { layTree } from "../tree.ts";
import { type Call, EXIT_DONE, operand, show, type Verb } from "../verb.ts";

/** Shows workflows. */
export const workflows: Verb = {
  name: "workflows",
  operands: ["[NAME]"],
  options: {},
  summary: "Lists workflows, or shows one with its contracts and steps",
  writes: "never",
  async run(call) {
    const { client, operands: [name], paint, signal } = call;
    const listed = await client.workflows.list({ signal });
    if (name === undefined) {
      show(call, listed, () => workflowListLines(listed, paint));
    } else {
      demandKnown(name, listed);
      const found = await client.workflows.get(name, { signal });
      show(call, found, () => workflowLines(found, paint));
    }
    return EXIT_DONE;
  },
};

/** Who leaves the namespace out is told the whole name. */
function demandKnown(name: string, listed: readonly WorkflowSummary[]): void {
  const names = listed.map((one) => `${one.namespace}/${one.name}`);
  if (names.includes(name)) return;
  const meant = names.find((one) => one.endsWith(`/${name}`)) ?? nearestOf(name, names);
  throw new CommandError(
    `Cannot show workflow "${name}": it is not loaded`,
    "nothing was changed",
    meant === undefined ? `see ${TASKER} workflows` : `try ${TASKER} workflows ${meant}`,
    "definition.unknown",
  );
}

/** Draws a list of workflows. */
export function workflowListLines(found: readonly WorkflowSummary[], paint: Paint): string[] {
  if (found.length === 0) return ["no workflows; write one: deno task new NAME"];
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
  writes: "never",
  async run(call) {
    const found = await call.client.systems({ signal: call.signal });
    show(call, found, () => systemLines(found, call.paint));
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

/** Shows dead letters, replays or discards one. */
export const dead: Verb = {
  name: "dead",
  operands: ["[replay|discard]", "[ID]"],
  options: {},
  summary: "Lists dead letters, puts one back into its channel, or discards it",
  writes: "with operands",
  async run(call) {
    const { client, operands: [act, id], paint, signal } = call;
    if (act === undefined) {
      const letters = await Array.fromAsync(client.dead.list({ signal }));
      show(call, letters, () => deadLines(letters, paint));
      return EXIT_DONE;
    }
    if (act !== "replay" && act !== "discard") {
      throw new UsageError(`Cannot "${act}" a dead letter: expected replay or discard`);
    }
    if (id === undefined) throw new UsageError(`Cannot ${act} a dead letter: ID is missing`);
    await actOn(call, act);
    return EXIT_DONE;
  },
};

async function actOn(call: Call, act: "replay" | "discard"): Promise<void> {
  const { client, signal } = call;
  const id = operand(call, 1);
  if (act === "replay") {
    const { channel } = await client.dead.replay(id, { signal });
    show(call, { id, channel }, () => [`Dead letter ${id} is back in ${channel}`]);
  } else {
    await client.dead.discard(id, { signal });
    show(call, { id }, () => [`Dead letter ${id} is gone`]);
  }
}

/** Draws dead letters. */
export function deadLines(letters: readonly DeadLetter[], paint: Paint): string[] {
  if (letters.length === 0) return ["no dead letters"];
  const rows = letters.flatMap((
    { id, at, channel, reason },
  ) => [[id, dateText(at), channel, reason]]);
  return [
    ...tableLines([headOf("ID", "AT (UTC)", "CHANNEL", "REASON"), ...rows], paint),
    paint("dim", `→ ${TASKER} dead replay|discard ID; --json shows their bodies`),
  ];
}
