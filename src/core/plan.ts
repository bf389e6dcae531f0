/** Plans: definitions prepared for deciding, once for each hash. */

import { type Check, checkOf } from "./contract.ts";
import { TaskerError } from "./errors.ts";
import { type Graph, packGraph } from "./graph.ts";
import { type Mapping, parseMapping, type Template } from "./mapping.ts";
import {
  type Definition,
  type StepCode,
  type StepDefinition,
  type WorkflowCode,
  workflowName,
} from "./workflow.ts";

/** One step as `decide` sees it. */
export interface PlannedStep {
  readonly index: number;
  readonly name: string;
  readonly definition: StepDefinition;
  /** Distinct parents, needs first. */
  readonly parents: readonly number[];
  /** Alias → index of the parent. */
  readonly needs: readonly (readonly [alias: string, step: number])[];
  /** Whether a later step reads this one's result. */
  readonly isNeeded: boolean;
  /** Makes the step's input; absent: code does, or the step takes the task's input. */
  readonly mapping: Mapping | undefined;
  /** Checks a value by one of the step's contracts, and fills in its defaults. */
  check(part: "input" | "success" | "error"): Check;
}

/** A definition with its graph, indexes and checks. */
export interface Plan {
  readonly hash: string;
  /** `namespace/name`. */
  readonly workflow: string;
  readonly definition: Definition;
  readonly graph: Graph;
  readonly steps: readonly PlannedStep[];
  readonly indexOf: ReadonlyMap<string, number>;
  readonly checkInput: Check;
  /** Absent: the task gives nothing but the results of its steps. */
  readonly output?: PlannedOutput;
}

/** What a task gives, as `decide` sees it. */
export interface PlannedOutput {
  readonly mapping: Mapping;
  /** Alias → index of the step. */
  readonly needs: readonly (readonly [alias: string, step: number])[];
  /** Checks the value, and fills in its defaults. */
  readonly check: Check;
}

/**
 * Plans a definition. With `code`, where it is loaded, its own schemas check values.
 *
 * Cost: O(steps + edges); stored schemas are compiled when they are first used.
 *
 * @throws {TaskerError} graph.cycle, graph.invalid, definition.invalid (a name twice or unknown, or
 *   a mapping that is not valid)
 */
export function planOf(hash: string, definition: Definition, code?: WorkflowCode): Plan {
  const indexOf = new Map<string, number>();
  for (const step of definition.steps) {
    if (indexOf.has(step.name)) {
      throw new TaskerError(
        "definition.invalid",
        `Cannot plan "${workflowName(definition)}": two steps are named "${step.name}"`,
      );
    }
    indexOf.set(step.name, indexOf.size);
  }
  const { output } = definition;
  const needed = new Set(
    [...definition.steps, ...output ? [output] : []].flatMap(({ needs }) => Object.values(needs)),
  );
  const steps = definition.steps.map((step, index) =>
    planStep(step, { index, indexOf, isNeeded: needed.has(step.name) }, code?.steps.get(step.name))
  );
  const graph = packGraph(
    steps.map(({ name, parents, definition: { when } }) => ({ name, parents, when })),
  );
  return {
    hash,
    workflow: workflowName(definition),
    definition,
    graph,
    steps,
    indexOf,
    checkInput: checkOf(code?.input, definition.input),
    ...(output !== undefined && {
      output: {
        mapping: mappingOf(output.with, "output"),
        needs: needsIn(output.needs, { name: "output", indexOf }),
        check: checkOf(code?.output, output.success),
      },
    }),
  };
}

function needsIn(
  needs: StepDefinition["needs"],
  of: { readonly name: string } & Pick<Plan, "indexOf">,
): PlannedStep["needs"] {
  return Object.entries(needs).map(([alias, name]) => [alias, indexIn(name, of)] as const);
}

function indexIn(
  name: string,
  of: { readonly name: string } & Pick<Plan, "indexOf">,
): number {
  const found = of.indexOf.get(name);
  if (found !== undefined) return found;
  throw new TaskerError(
    "definition.invalid",
    `Cannot plan step "${of.name}": no step is named "${name}"`,
  );
}

function planStep(
  definition: StepDefinition,
  { index, indexOf, isNeeded }: Pick<PlannedStep, "index" | "isNeeded"> & Pick<Plan, "indexOf">,
  code: StepCode | undefined,
): PlannedStep {
  const find = (name: string) => indexIn(name, { name: definition.name, indexOf });
  const needs = needsIn(definition.needs, { name: definition.name, indexOf });
  const parents = [...new Set([...needs.map(([, step]) => step), ...definition.after.map(find)])];
  const { contract } = definition;
  const checks = {
    input: checkOf(code?.input, contract.input),
    success: checkOf(code?.success, contract.success),
    error: checkOf(code?.error, contract.error),
  };
  return {
    index,
    name: definition.name,
    definition,
    parents,
    needs,
    isNeeded,
    mapping: definition.with === undefined
      ? undefined
      : mappingOf(definition.with, definition.name),
    check: (part) => checks[part],
  };
}

function mappingOf(template: Template, name: string): Mapping {
  const read = parseMapping(template);
  if (read.ok) return read.mapping;
  throw new TaskerError(
    "definition.invalid",
    `Cannot plan step "${name}": its mapping ${read.faults[0]?.detail}`,
  );
}
