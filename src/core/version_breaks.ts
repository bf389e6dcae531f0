/** Version breaks: what a new version of a workflow changes for those who rely on the one before. */

import { compareSchemas } from "./compatibility.ts";
import {
  type Definition,
  type JsonSchema,
  type StepContract,
  type StepDefinition,
  workflowName,
} from "./workflow.ts";

/** One change that may break somebody. */
export interface VersionBreak {
  /** Whether an example proves it, or it is not clear. */
  readonly verdict: "breaks" | "unclear";
  /** `input.items[].sku`, `steps.reserve.success`. */
  readonly path: string;
  readonly detail: string;
  /** Who is affected. */
  readonly affected: string;
  /** A value that was accepted before, and is not any more. */
  readonly example?: unknown;
}

/**
 * Compares a version with the one that starts without a version took before it.
 *
 * Checked are those who do not choose the version: who starts the workflow, the systems that its
 * remote steps ask, and who sends its signals. Tasks keep their version, so nothing here is about
 * tasks in flight. A contract that was open promised nothing. Not seen: checks that only code does,
 * what steps compute, policies, and whoever reads results by a step's name.
 */
export function versionBreaks(before: Definition, after: Definition): readonly VersionBreak[] {
  const name = workflowName(after);
  const starts = before.input === undefined
    ? []
    : compare(before.input, after.input, { path: "input", affected: `who starts ${name}` });
  const output = before.output?.success;
  const gives = output === undefined ? [] : compare(after.output?.success, output, {
    path: "output",
    affected: `who reads what ${name} gives`,
  });
  return [...starts, ...gives, ...after.steps.flatMap((step) => stepBreaks(step, before.steps))];
}

function stepBreaks(
  step: StepDefinition,
  before: readonly StepDefinition[],
): readonly VersionBreak[] {
  if (step.kind === "signal") {
    const known = before.find(({ name, kind }) => name === step.name && kind === "signal");
    const accepted = known?.contract.success;
    if (accepted === undefined) return [];
    const affected = `who sends signal "${step.name}"`;
    return compare(accepted, step.contract.success, place(step, "success", affected));
  }
  if (step.kind !== "remote") return [];
  // The same request may come from several steps: what one of them promised, the system relies on.
  const known = before.find((one) => one.name === step.name && asksAlike(one, step)) ??
    before.find((one) => asksAlike(one, step));
  return known === undefined ? [] : systemBreaks(known.contract, step);
}

/** A system takes what it took, and replies as it replied. */
function systemBreaks(known: StepContract, step: StepDefinition): readonly VersionBreak[] {
  const affected = `system "${step.owner}", asked for "${step.event ?? step.name}"`;
  const { input, success, error } = step.contract;
  return [
    ...(known.input === undefined
      ? []
      : compare(input, known.input, place(step, "input", affected))),
    ...(known.success === undefined
      ? []
      : compare(known.success, success, place(step, "success", affected))),
    ...(known.error === undefined
      ? []
      : compare(known.error, error, place(step, "error", affected))),
  ];
}

function asksAlike(one: StepDefinition, other: StepDefinition): boolean {
  return one.kind === "remote" && one.owner === other.owner &&
    (one.event ?? one.name) === (other.event ?? other.name);
}

interface Place {
  readonly path: string;
  readonly affected: string;
}

function place(step: StepDefinition, part: keyof StepContract, affected: string): Place {
  return { path: `steps.${step.name}.${part}`, affected };
}

/** Compares what is sent with what is accepted: one of the two is of the version before. */
function compare(
  from: JsonSchema | undefined,
  to: JsonSchema | undefined,
  { path, affected }: Place,
): readonly VersionBreak[] {
  const found = compareSchemas(from, to);
  if (found.kind === "compatible") return [];
  const example = found.kind === "breaks" ? { example: found.example } : {};
  return found.misfits.map((misfit) => ({
    verdict: found.kind,
    path: misfit.path === "" ? path : `${path}.${misfit.path}`,
    detail: misfit.detail,
    affected,
    ...example,
  }));
}
