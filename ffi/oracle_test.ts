/** The Rust core and the oracle answer the same: on random histories, and on workflows of the world. */

import { deepStrictEqual as assertEquals } from "node:assert/strict";

import fc from "fast-check";

import { type Graph, packGraph, WHENS } from "../src/core/graph.ts";
import {
  type Instance,
  type Readiness,
  ReadinessInput,
  ReadinessOutput,
} from "../src/core/readiness.ts";
import { buildLibrary } from "./build.ts";
import { openOracle } from "./oracle.ts";
import { openRustReadiness } from "./readiness.ts";

const RUNS = Number(Deno.env.get("TWIN_RUNS") ?? 150);
const SEED = Number(Deno.env.get("TWIN_SEED") ?? Date.now() % 2 ** 31);

/** Steps of a random graph: both sides of the 64 that fit into a word. */
const STEPS_MAX = 300;

/** Tasks that one history is about; handles of closed ones get inputs too. */
const TASKS = 4;

const library = await buildLibrary();
if (library.kind === "absent") console.log(`The twins are not compared: ${library.reason}`);

/** One thing that is done to both twins; numbers are taken modulo what there is. */
type Deed =
  | { readonly kind: "push"; readonly task: number; readonly input: number; readonly step: number }
  | { readonly kind: "tick" }
  | { readonly kind: "close"; readonly task: number }
  | { readonly kind: "open"; readonly graph: number }
  | { readonly kind: "extend"; readonly task: number; readonly graph: number };

type Answer = readonly [Instance, number, number, number];

/** A graph, and the same with more steps: a task of the first may be extended to the second. */
interface Growth {
  readonly short: Graph;
  readonly long: Graph;
}

/** Random graphs; parents come before their children, so that a beginning is a graph too. */
function growths(): fc.Arbitrary<Growth> {
  const size = fc.oneof(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 50, max: STEPS_MAX }));
  const picks = fc.array(fc.nat(), { maxLength: 12 });
  const step = fc.record({ picks, when: fc.integer({ min: 0, max: 9 }), isWide: fc.nat(30) });
  return size.chain((steps) =>
    fc.record({
      lines: fc.array(step, { minLength: steps, maxLength: steps }),
      beginning: fc.integer({ min: 1, max: steps }),
    })
  ).map(({ lines, beginning }) => {
    const steps = lines.map(({ picks, when, isWide }, index) => {
      const all = isWide === 0 ? Array.from({ length: index }, (_, parent) => parent) : [];
      const parents = index === 0 ? [] : [...picks.map((pick) => pick % index), ...all];
      // Most wait for a success, as in workflows.
      const name = parents.length === 0 ? "succeeded" : WHENS[when] ?? "succeeded";
      return { name: `s${index}`, parents, when: name } as const;
    });
    return { short: packGraph(steps.slice(0, beginning)), long: packGraph(steps) };
  });
}

function deeds(): fc.Arbitrary<Deed> {
  const task = fc.nat(TASKS * 2);
  return fc.oneof(
    {
      weight: 30,
      arbitrary: fc.record({
        kind: fc.constant("push" as const),
        task,
        input: fc.integer({ min: 0, max: 9 }),
        step: fc.nat(STEPS_MAX + 1),
      }),
    },
    { weight: 6, arbitrary: fc.record({ kind: fc.constant("tick" as const) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant("close" as const), task }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant("open" as const), graph: fc.nat(3) }) },
    {
      weight: 2,
      arbitrary: fc.record({ kind: fc.constant("extend" as const), task, graph: fc.nat(3) }),
    },
  );
}

/** Does deeds to a readiness and returns all that it answered or refused. */
function play(readiness: Readiness, growth: Growth, script: readonly Deed[]): unknown[] {
  const graphs = [growth.short, growth.long];
  const templates = graphs.map((graph, index) => readiness.intern(`graph ${index}`, graph));
  const tasks: Instance[] = [];
  const seen: unknown[] = [];
  for (const deed of [{ kind: "open", graph: 0 } as const, ...script]) {
    const task = "task" in deed ? tasks[deed.task % tasks.length] as Instance : 0;
    try {
      switch (deed.kind) {
        case "push":
          readiness.push(task, deed.input as ReadinessInput, deed.step);
          break;
        case "tick":
          seen.push(answersOf(readiness));
          break;
        case "close":
          readiness.close(task);
          break;
        case "open":
          tasks.push(readiness.open(templates[deed.graph % templates.length] as number));
          readiness.push(tasks.at(-1) as Instance, ReadinessInput.opened, 0);
          break;
        case "extend":
          // Graph 2 and 3: there is no such template.
          readiness.extend(task, templates[deed.graph] ?? 99);
          readiness.push(task, ReadinessInput.opened, 0);
      }
    } catch (error) {
      seen.push((error as { code?: string }).code ?? error);
    }
  }
  return [...seen, tasks, answersOf(readiness)];
}

function answersOf(readiness: Readiness): Answer[] {
  const answers: Answer[] = [];
  readiness.tick((...answer) => answers.push(answer));
  return answers;
}

Deno.test({
  name: "the twins answer every tick alike, whatever is done to them",
  ignore: library.kind === "absent",
  fn: () => {
    if (library.kind === "absent") return;
    const { libraryPath } = library;
    console.log(`seed ${SEED}: repeat with TWIN_SEED=${SEED}`);
    const script = fc.array(deeds(), { maxLength: 250, size: "max" });
    const alike = fc.property(growths(), script, (growth, script) => {
      using rust = openRustReadiness(libraryPath);
      assertEquals(play(rust, growth, script), play(openOracle(), growth, script));
    });
    fc.assert(alike, { numRuns: RUNS, seed: SEED });
  },
});

/** A workflow that was run in the world: its steps, with the ids of their parents. */
interface WorldWorkflow {
  readonly tasks: readonly { readonly id: string; readonly parents: readonly string[] }[];
}

const WORLD = new URL("../../shared/data/wfinstances/", import.meta.url);
const worldFiles = listWorld();
if (worldFiles.length === 0) console.log("Workflows of the world are not played: none are here");

for (const implementation of ["oracle", "rust"]) {
  Deno.test({
    name: `${implementation} starts every step of the world's workflows once, after its parents`,
    ignore: worldFiles.length === 0 || (implementation === "rust" && library.kind === "absent"),
    fn: () => {
      for (const file of worldFiles) {
        const graph = graphOf(JSON.parse(Deno.readTextFileSync(new URL(file, WORLD))));
        if (implementation === "oracle") playWorld(openOracle(), graph);
        else if (library.kind === "built") {
          using rust = openRustReadiness(library.libraryPath);
          playWorld(rust, graph);
        }
      }
    },
  });
}

function listWorld(): string[] {
  try {
    return [...Deno.readDirSync(WORLD)].map(({ name }) => name).filter((name) =>
      name.endsWith(".json")
    );
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

function graphOf(workflow: WorldWorkflow): Graph {
  const index = new Map(workflow.tasks.map(({ id }, step) => [id, step]));
  return packGraph(workflow.tasks.map(({ id, parents }) => ({
    name: id,
    parents: parents.map((parent) => index.get(parent) ?? -1),
    when: "succeeded",
  })));
}

/** Ends each step in the tick after the one that answered it; asserts order and completeness. */
function playWorld(readiness: Readiness, graph: Graph): void {
  const task = readiness.open(readiness.intern("world", graph));
  const endedAt = new Array<number>(graph.stepCount).fill(Infinity);
  readiness.push(task, ReadinessInput.opened, 0);
  let ready = answersOf(readiness);
  for (let tick = 1; ready.length > 0; tick++) {
    for (const [, kind, step] of ready) {
      const parents = graph.parents.slice(graph.parentOffsets[step], graph.parentOffsets[step + 1]);
      assertEquals(kind, ReadinessOutput.ready);
      assertEquals(endedAt[step], Infinity);
      assertEquals(parents.every((parent) => (endedAt[parent] as number) < tick), true);
      endedAt[step] = tick;
      readiness.push(task, ReadinessInput.started, step);
      readiness.push(task, ReadinessInput.succeeded, step);
    }
    ready = answersOf(readiness);
  }
  assertEquals(endedAt.includes(Infinity), false);
}
