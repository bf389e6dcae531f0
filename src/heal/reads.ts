/**
 * Reads: which of its parents a step's input is made of. A mapping says so itself; of code it is found
 * by running `with` again over the inputs that tasks had, which is pure by its contract. Nothing is
 * recorded while tasks run.
 */

import { foldTask } from "../core/evolve.ts";
import { givenOf, needsOf } from "../core/given.ts";
import { pathText, referencesOf } from "../core/mapping.ts";
import type { PlannedStep } from "../core/plan.ts";
import { hasResult } from "../core/state.ts";
import type { Given, WorkflowCode } from "../core/workflow.ts";
import type { StoredTask } from "./trace.ts";

/** What a step reads of one parent. */
export interface ParentReads {
  /** Tasks in which something of the parent was read; those of a mapping read always the same. */
  readonly tasks: number;
  /** Such as `order.items`; a few of them. */
  readonly paths: readonly string[];
}

/** What a step reads. */
export type StepReads =
  | {
    readonly kind: "known";
    /** Mapping: it was read as data. Code: it was run. */
    readonly by: "mapping" | "code";
    /** Tasks that it was run for; of a mapping all. */
    readonly tasks: number;
    /** By parent; one that is absent was never read. */
    readonly parents: ReadonlyMap<number, ParentReads>;
  }
  | { readonly kind: "unknown"; readonly why: string };

/** Tasks that `with` is run for: what is never read in 300 is read in 1 % of all at most. */
const TASKS_MAX = 300;

/** Paths that are kept of one parent. */
const PATHS_MAX = 5;

/** Finds what a step reads. Cost: O(template), or one run of `with` and some JSON for each task. */
export function readsOf(
  step: PlannedStep,
  code: WorkflowCode | undefined,
  tasks: readonly StoredTask[],
): StepReads {
  const { mapping, needs } = step;
  if (mapping !== undefined) {
    const references = referencesOf(mapping).map(({ reference }) => reference);
    const parents = needs.flatMap(([alias, parent]): [number, ParentReads][] => {
      const paths = references.filter(({ root }) => root === alias).map(pathText);
      return paths.length === 0
        ? []
        : [[parent, { tasks: tasks.length, paths: paths.slice(0, PATHS_MAX) }]];
    });
    return { kind: "known", by: "mapping", tasks: tasks.length, parents: new Map(parents) };
  }
  if (needs.length === 0) {
    return { kind: "known", by: "mapping", tasks: tasks.length, parents: new Map() };
  }
  if (code === undefined) return { kind: "unknown", why: "its code is not loaded here" };
  const of = code.steps.get(step.name);
  return trackReads(step, of?.with ?? of?.sleepMs, tasks);
}

function trackReads(
  step: PlannedStep,
  map: ((given: Given) => unknown) | undefined,
  tasks: readonly StoredTask[],
): StepReads {
  const counts = new Map<number, { tasks: number; paths: Set<string> }>();
  let ran = 0;
  for (const task of tasks.slice(0, TASKS_MAX)) {
    const given = givenIn(step, task);
    if (given === undefined) continue;
    const paths = pathsRead(map, given);
    if (paths === undefined) return { kind: "unknown", why: "`with` threw when it was run again" };
    ran++;
    for (const [alias, parent] of step.needs) {
      const read = [...paths].filter((path) => path === alias || path.startsWith(`${alias}.`));
      if (read.length === 0) continue;
      const count = counts.get(parent) ?? { tasks: 0, paths: new Set() };
      counts.set(parent, count);
      count.tasks++;
      for (const path of read) if (count.paths.size < PATHS_MAX) count.paths.add(path);
    }
  }
  const parents = new Map(
    [...counts].map(([parent, { tasks, paths }]) => [parent, { tasks, paths: [...paths] }]),
  );
  return { kind: "known", by: "code", tasks: ran, parents };
}

/** What a step of a task was given; undefined: it did not run with the results that are there now. */
function givenIn(step: PlannedStep, { taskId, plan, turns }: StoredTask): Given | undefined {
  const state = foldTask(taskId, plan, turns);
  if (state === undefined || state.steps[step.index]?.startedAtMs === undefined) return undefined;
  const isWhole = step.needs.every(([, parent]) => {
    const end = state.steps[parent];
    return end !== undefined && (step.definition.when !== "succeeded" || hasResult(end));
  });
  return isWhole ? givenOf({ input: state.input, needs: needsOf(step, state) }) : undefined;
}

/** The paths that a function reads, and those that what it returns leads to. Undefined: it threw. */
function pathsRead(
  map: ((given: Given) => unknown) | undefined,
  given: Given,
): ReadonlySet<string> | undefined {
  const paths = new Set<string>();
  if (map === undefined) return paths;
  try {
    // What is passed on as a whole is read by whoever writes it down.
    JSON.stringify(map(watched(given, "", paths) as Given));
    return paths;
  } catch {
    return undefined;
  }
}

/** An object that notes which of its fields are looked at, and theirs. */
function watched(value: object, path: string, paths: Set<string>): object {
  const note = (key: string | symbol) => {
    if (typeof key === "string" && key !== "toJSON") {
      paths.add(path === "" ? key : `${path}.${key}`);
    }
  };
  return new Proxy(value, {
    get(target, key, receiver) {
      const found: unknown = Reflect.get(target, key, receiver);
      note(key);
      if (typeof found !== "object" || found === null || typeof key === "symbol") return found;
      return watched(found, path === "" ? key : `${path}.${key}`, paths);
    },
    has(target, key) {
      note(key);
      return Reflect.has(target, key);
    },
    ownKeys(target) {
      for (const key of Reflect.ownKeys(target)) note(key);
      return Reflect.ownKeys(target);
    },
    getOwnPropertyDescriptor(target, key) {
      note(key);
      return Reflect.getOwnPropertyDescriptor(target, key);
    },
  });
}
