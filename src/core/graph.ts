/** Graphs: the steps of a workflow and their parents, packed for readiness. */

import { TaskerError } from "./errors.ts";

/** Which end of its parents lets a step run; the index is the number in the packed graph. */
export const WHENS = ["succeeded", "failed", "cancelled", "always"] as const;

/** Which end of its parents lets a step run. */
export type When = (typeof WHENS)[number];

/**
 * A packed graph (compressed sparse rows).
 *
 * Shape: the parents of step `i` are `parents[parentOffsets[i] .. parentOffsets[i + 1]]`, distinct,
 * each below `stepCount`; `when[i]` indexes `WHENS`. A step without parents has `when` 0 or 3.
 */
export interface Graph {
  readonly stepCount: number;
  readonly when: Uint8Array;
  readonly parentOffsets: Uint32Array;
  readonly parents: Uint32Array;
}

/** One step as the packer wants it: the indexes of its parents. */
export interface GraphStep {
  readonly name: string;
  readonly parents: readonly number[];
  readonly when: When;
}

/** More steps than this in one workflow are refused. */
export const STEPS_MAX = 200_000;

/**
 * Packs steps into a graph.
 *
 * Cost: O(steps + edges).
 *
 * @throws {TaskerError} graph.cycle, naming the steps of one cycle
 * @throws {TaskerError} graph.invalid
 */
export function packGraph(steps: readonly GraphStep[]): Graph {
  if (steps.length > STEPS_MAX) {
    throw new TaskerError(
      "graph.invalid",
      `Cannot pack a graph of ${steps.length} steps: at most ${STEPS_MAX} are allowed`,
    );
  }
  const parentOffsets = new Uint32Array(steps.length + 1);
  const when = new Uint8Array(steps.length);
  const parents: number[] = [];
  steps.forEach((step, index) => {
    for (const parent of new Set(step.parents)) {
      if (!(parent >= 0 && parent < steps.length)) {
        throw new TaskerError(
          "graph.invalid",
          `Cannot connect step "${step.name}": no step has index ${parent}`,
        );
      }
      parents.push(parent);
    }
    when[index] = WHENS.indexOf(step.when);
    parentOffsets[index + 1] = parents.length;
  });
  const graph = {
    stepCount: steps.length,
    when,
    parentOffsets,
    parents: Uint32Array.from(parents),
  };
  const cycle = findCycle(graph);
  if (cycle !== undefined) {
    const names = cycle.map((index) => `"${steps[index]?.name}"`).join(" → ");
    throw new TaskerError(
      "graph.cycle",
      `Cannot order the steps: they depend on each other in a cycle: ${names}`,
    );
  }
  return graph;
}

/** Returns the parents of a step as a view, not a copy. */
export function parentsOf(graph: Graph, step: number): Uint32Array {
  return graph.parents.subarray(graph.parentOffsets[step], graph.parentOffsets[step + 1]);
}

/** Returns one cycle as a closed list of steps, or undefined when the graph has none. */
function findCycle(graph: Graph): number[] | undefined {
  const left = new Uint32Array(graph.stepCount);
  const children: number[][] = Array.from({ length: graph.stepCount }, () => []);
  for (let step = 0; step < graph.stepCount; step++) {
    const parents = parentsOf(graph, step);
    left[step] = parents.length;
    for (const parent of parents) children[parent]?.push(step);
  }
  const free: number[] = [];
  left.forEach((count, step) => count === 0 && free.push(step));
  for (let head = 0; head < free.length; head++) {
    for (const child of children[free[head] as number] ?? []) {
      left[child] = (left[child] as number) - 1;
      if (left[child] === 0) free.push(child);
    }
  }
  if (free.length === graph.stepCount) return undefined;
  return walkBack(graph, left);
}

/** Follows parents that are still blocked until a step repeats: the steps in between are a cycle. */
function walkBack(graph: Graph, left: Uint32Array): number[] {
  const path: number[] = [];
  let step = left.findIndex((count) => count > 0);
  while (!path.includes(step)) {
    path.push(step);
    step = parentsOf(graph, step).find((parent) => (left[parent] as number) > 0) as number;
  }
  return [...path.slice(path.indexOf(step)), step].reverse();
}
