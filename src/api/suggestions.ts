/** What suggestions are made of beside contracts: what other workflows do, and how long it takes. */

import { Sketch } from "../core/sketch.ts";
import type { FollowTable, Suggestion } from "../core/suggestion.ts";
import { compareVersions } from "../core/version.ts";
import { type Definition, type StepDefinition, workflowName } from "../core/workflow.ts";
import { OWN_NAMESPACE } from "../core/incident.ts";
import type { Caller } from "./access.ts";
import type { Services } from "./handler.ts";

/** How far back times are looked at. */
const WINDOW_MS = 30 * 86_400_000;

/** Workflows whose statistics are read for one answer. */
const WORKFLOWS_READ_MAX = 20;

/** The highest version of each workflow that a caller may see. */
export async function newestDefinitions(
  { definitions }: Pick<Services, "definitions">,
  caller: Caller,
): Promise<readonly Definition[]> {
  const newest = new Map<string, Definition>();
  for (const { definition } of await definitions.list()) {
    const { namespace, version } = definition;
    if (namespace === OWN_NAMESPACE || !caller.covers(namespace)) continue;
    const name = workflowName(definition);
    const known = newest.get(name)?.version;
    if (known === undefined || compareVersions(version, known) > 0) newest.set(name, definition);
  }
  return [...newest.values()];
}

/** Counts in how many workflows a capability is followed by which. Cost: O(edges). */
export function followTable(definitions: readonly Definition[]): FollowTable {
  const table = new Map<string, { of: number; next: Map<string, number> }>();
  for (const { steps } of definitions) {
    const byName = new Map(steps.map((step) => [step.name, step]));
    const pairs = new Map<string, Set<string>>();
    for (const step of steps) {
      for (const parent of new Set([...Object.values(step.needs), ...step.after])) {
        const [from, to] = [askedOf(byName.get(parent)), askedOf(step)];
        if (from === undefined || to === undefined || step.when !== "succeeded") continue;
        pairs.set(from, (pairs.get(from) ?? new Set()).add(to));
      }
    }
    for (const [from, all] of pairs) {
      const row = table.get(from) ?? { of: 0, next: new Map<string, number>() };
      row.of++;
      for (const to of all) row.next.set(to, (row.next.get(to) ?? 0) + 1);
      table.set(from, row);
    }
  }
  return table;
}

function askedOf(step: StepDefinition | undefined): string | undefined {
  return step?.capability?.name ?? step?.event;
}

/** Adds how long completed attempts took that did the same; nothing where there are none. */
export async function withTimes(
  suggestions: readonly Suggestion[],
  { statistics, runtime, definitions }: Pick<Services, "statistics" | "runtime"> & {
    readonly definitions: readonly Definition[];
  },
): Promise<Suggestion[]> {
  const untilMs = runtime.now();
  const cells = new Map<string, ReturnType<Services["statistics"]["read"]>>();
  const read = (workflow: string) => {
    const known = cells.get(workflow);
    if (known !== undefined || cells.size >= WORKFLOWS_READ_MAX) return known;
    const reading = statistics.read({ workflow, sinceMs: untilMs - WINDOW_MS, untilMs });
    cells.set(workflow, reading);
    return reading;
  };
  return await Promise.all(suggestions.map(async (one): Promise<Suggestion> => {
    const ran = new Sketch();
    for (const definition of definitions) {
      const names = new Set(
        definition.steps.filter((step) => isSameWork(step, one)).map(({ name }) => name),
      );
      if (names.size === 0) continue;
      for (const { step, counts } of await read(workflowName(definition)) ?? []) {
        if (step !== undefined && names.has(step)) ran.merge(counts.ran);
      }
    }
    const [p50, p95] = [ran.quantile(0.5), ran.quantile(0.95)];
    if (p50 === undefined || p95 === undefined) return one;
    return { ...one, estimated_execution_time: { p50_ms: p50, p95_ms: p95, n: ran.count } };
  }));
}

function isSameWork({ owner, capability, event }: StepDefinition, { edits }: Suggestion): boolean {
  return edits.some((edit) =>
    edit.kind === "add_step" && edit.step["owner"] === owner &&
    edit.step["capability"] === (capability?.name ?? event)
  );
}
