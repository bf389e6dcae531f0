/** The gate: what a new version of a workflow breaks is refused, unless a person has decided. */

import { compareVersions } from "../core/version.ts";
import { type VersionBreak, versionBreaks } from "../core/version_breaks.ts";
import { type Definition, type StepDefinition, workflowName } from "../core/workflow.ts";
import type { BuiltWorkflow } from "./build.ts";
import type { Faults } from "./fault.ts";
import { show } from "./field_checks.ts";
import type { StoredDefinition } from "./workflows.ts";

/** Who let a version in that breaks others, and why. */
export interface Forced {
  readonly by: string;
  readonly reason: string;
}

/** What the gate works with. */
export interface Gate {
  /** Decisions by `namespace/name@version`. */
  readonly forced: ReadonlyMap<string, Forced>;
  /** In development: what breaks is only shown. */
  readonly isAdvice: boolean;
  /** Counts the tasks of a definition that have not ended. */
  openTasks(hash: string, definition: Definition): Promise<number>;
  record(definition: Definition, forced: Forced & { breaks: readonly string[] }): Promise<void>;
}

/** What the gate looks at. */
interface Versions {
  readonly built: readonly BuiltWorkflow[];
  readonly stored: readonly StoredDefinition[];
}

/**
 * Checks each version that will be what a start without a version takes, and is new here: against the
 * one that is taken now, and against the tasks in flight whose code it replaces. What breaks becomes a
 * fault, unless it is forced; what is unclear is a warning.
 *
 * @returns records the decisions that were needed; call it once nothing else is wrong
 * @throws {TaskerError} journal.unavailable
 */
export async function guardVersions(
  { built, stored }: Versions,
  { gate, faults, onWarning }: {
    readonly gate: Gate;
    readonly faults: Faults;
    onWarning(text: string): void;
  },
): Promise<() => Promise<void>> {
  const records: (() => Promise<void>)[] = [];
  for (const one of newestOf(built)) {
    const { definition, at } = one;
    const older = stored.filter((other) =>
      workflowName(other.definition) === workflowName(definition)
    ).sort((a, b) => compareVersions(b.definition.version, a.definition.version));
    const [before] = older;
    if (before === undefined) continue;
    if (compareVersions(before.definition.version, definition.version) >= 0) continue;
    const loaded = new Set(built.map(({ hash }) => hash));
    const found = [
      ...versionBreaks(before.definition, definition),
      ...await strandedTasks(older, {
        loaded,
        openTasks: (hash, of) => gate.openTasks(hash, of),
      }),
    ];
    const [breaks, unclear] = [linesOf(found, "breaks"), linesOf(found, "unclear")];
    const name = `${workflowName(definition)}@${definition.version}`;
    if (unclear.length > 0) {
      onWarning(`${name} may break others, which is not clear from its schemas:${listOf(unclear)}`);
    }
    if (breaks.length === 0) continue;
    const decision = gate.forced.get(name);
    if (decision === undefined && !gate.isAdvice) {
      const detail = `breaks others:${listOf(breaks)}\n    keep what they rely on, or decide by ` +
        `TASKER_FORCE="${name} by NAME: REASON"`;
      faults.add({ path: name, at }, "breaks_others", detail);
      continue;
    }
    const why = decision === undefined ? "" : `, forced by ${decision.by} (${decision.reason})`;
    onWarning(`${name} breaks others${why}:${listOf(breaks)}`);
    if (decision !== undefined) {
      records.push(() => gate.record(definition, { ...decision, breaks }));
    }
  }
  return async () => {
    for (const record of records) await record();
  };
}

/** The highest version of each workflow. */
function newestOf(built: readonly BuiltWorkflow[]): readonly BuiltWorkflow[] {
  const highest = new Map<string, BuiltWorkflow>();
  for (const one of built) {
    const name = workflowName(one.definition);
    const known = highest.get(name)?.definition.version;
    if (known === undefined || compareVersions(known, one.definition.version) < 0) {
      highest.set(name, one);
    }
  }
  return [...highest.values()];
}

/** Tasks keep their version: they need its code as long as they have not ended. */
export async function strandedTasks(
  older: readonly StoredDefinition[],
  { loaded, openTasks }: Pick<Gate, "openTasks"> & { readonly loaded: ReadonlySet<string> },
): Promise<readonly VersionBreak[]> {
  const found: VersionBreak[] = [];
  for (const { hash, definition } of older) {
    const steps = definition.steps.filter(needsCode).map(({ name }) => name);
    if (loaded.has(hash) || steps.length === 0) continue;
    const count = await openTasks(hash, definition);
    if (count === 0) continue;
    const named = `${steps.slice(0, 5).join(", ")}${steps.length > 5 ? ", …" : ""}`;
    found.push({
      verdict: "breaks",
      path: `version ${definition.version}`,
      detail: `is not here any more, and its steps need code: ${named}`,
      affected: count === 1 ? "1 task in flight" : `${count} tasks in flight`,
    });
  }
  return found;
}

/** Code runs a local step, and makes what a step takes where no mapping says it. */
function needsCode({ kind, needs, with: mapping }: StepDefinition): boolean {
  return kind === "local" || (mapping === undefined && Object.keys(needs).length > 0);
}

/** What breaks, or may break, one line each. */
export function linesOf(
  found: readonly VersionBreak[],
  verdict: VersionBreak["verdict"],
): readonly string[] {
  return found.filter((broken) => broken.verdict === verdict).map(lineOf);
}

function lineOf({ path, detail, affected, example }: VersionBreak): string {
  const such = example === undefined ? "" : `, such as ${show(example)}`;
  return `${path} ${detail}; affects ${affected}${such}`;
}

function listOf(lines: readonly string[]): string {
  return lines.map((line) => `\n    ${line}`).join("");
}
