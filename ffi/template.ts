/** A graph checked and turned around for the oracle: what each step waits for, and who waits for it. */

import { TaskerError } from "../src/core/errors.ts";
import { type Graph, parentsOf, STEPS_MAX, type When, WHENS } from "../src/core/graph.ts";

/** A checked graph with the edges of both directions, each list in ascending order. */
export interface CheckedGraph {
  readonly stepCount: number;
  readonly when: readonly When[];
  readonly parents: readonly Uint32Array[];
  readonly children: readonly (readonly number[])[];
}

/**
 * Checks a graph and turns it around.
 *
 * Cost: O(steps + edges).
 *
 * @throws {TaskerError} graph.invalid when it breaks the shape of `Graph`
 * @throws {TaskerError} graph.cycle
 */
export function checkGraph(hash: string, graph: Graph): CheckedGraph {
  if (!hasSoundShape(graph)) throw invalid(hash, "the graph breaks its shape");
  const checked = {
    stepCount: graph.stepCount,
    when: Array.from(graph.when, (number) => WHENS[number] as When),
    parents: Array.from(
      { length: graph.stepCount },
      (_, step) => parentsOf(graph, step).toSorted(),
    ),
    children: Array.from({ length: graph.stepCount }, (): number[] => []),
  };
  checked.parents.forEach((parents, step) => {
    if (!hasSoundParents(parents, checked.when[step] as When, graph.stepCount)) {
      throw invalid(hash, `the parents of step ${step} are not valid`);
    }
    for (const parent of parents) checked.children[parent]?.push(step);
  });
  if (!canBeOrdered(checked)) {
    throw new TaskerError(
      "graph.cycle",
      `Cannot intern the graph "${hash}": the steps depend on each other in a cycle`,
    );
  }
  return checked;
}

/** Whether the first steps of `longer` are exactly those of `shorter`. */
export function extendsGraph(longer: CheckedGraph, shorter: CheckedGraph): boolean {
  return shorter.parents.every((parents, step) => {
    const others = longer.parents[step];
    return longer.when[step] === shorter.when[step] && parents.length === others?.length &&
      parents.every((parent, place) => parent === others[place]);
  });
}

/** Whether lengths, offsets and numbers allow to slice every row. */
function hasSoundShape({ stepCount, when, parentOffsets, parents }: Graph): boolean {
  return stepCount <= STEPS_MAX && when.length === stepCount &&
    parentOffsets.length === stepCount + 1 && parentOffsets[0] === 0 &&
    parentOffsets[stepCount] === parents.length &&
    when.every((number) => number < WHENS.length) &&
    parentOffsets.every((offset, place) =>
      place === 0 || offset >= (parentOffsets[place - 1] ?? 0)
    );
}

/** Whether parents are steps, each named once, and a root waits neither for a failure nor a cancel. */
function hasSoundParents(parents: Uint32Array, when: When, stepCount: number): boolean {
  if (parents.length === 0) return when === "succeeded" || when === "always";
  return new Set(parents).size === parents.length &&
    parents.every((parent) => parent < stepCount);
}

/** Whether taking away roots again and again leaves no step. */
function canBeOrdered({ parents, children }: CheckedGraph): boolean {
  const left = parents.map((row) => row.length);
  const free = [...left.keys()].filter((step) => left[step] === 0);
  for (let next = 0; next < free.length; next++) {
    for (const child of children[free[next] as number] ?? []) {
      left[child] = (left[child] as number) - 1;
      if (left[child] === 0) free.push(child);
    }
  }
  return free.length === parents.length;
}

function invalid(hash: string, reason: string): TaskerError {
  return new TaskerError("graph.invalid", `Cannot intern the graph "${hash}": ${reason}`);
}
