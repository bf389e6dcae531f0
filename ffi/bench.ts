/** Measures readiness: `deno run -A ffi/bench.ts` prints one figure a line. */

import { type Graph, packGraph } from "../src/core/graph.ts";
import { type Instance, type Readiness, ReadinessInput } from "../src/core/readiness.ts";
import { buildLibrary } from "./build.ts";
import { openOracle } from "./oracle.ts";
import { openRustReadiness } from "./readiness.ts";

/** Records of one tick, and rounds of which the fastest counts. */
const TICK_RECORDS = 1_000;
const ROUNDS = 30;

/** One measured number. */
export interface Figure {
  readonly bench: string;
  readonly metric: string;
  readonly value: number;
  readonly unit: string;
}

/**
 * Measures completions through FFI and in the oracle, and has cargo measure the rest. Without a
 * library, or without cargo, the figures of these are left out.
 *
 * Cost: some seconds, and a minute more where the benches are built for the first time.
 */
export async function benchReadiness(): Promise<Figure[]> {
  const figures = [figure("completion_oracle_ns", completionNs(openOracle()))];
  const library = await buildLibrary();
  if (library.kind === "absent") return figures;
  using rust = openRustReadiness(library.libraryPath);
  return [figure("completion_ffi_ns", completionNs(rust)), ...figures, ...await cargoFigures()];
}

function figure(metric: string, value: number): Figure {
  return { bench: "readiness", metric, value, unit: "ns" };
}

/** Measures a completion where each tick holds one step of each of 1,000 tasks of ten steps. */
function completionNs(readiness: Readiness): number {
  const graph = layeredGraph();
  const template = readiness.intern("bench", graph);
  let bestMs = Infinity;
  for (let round = 0; round < ROUNDS; round++) {
    const tasks = Array.from({ length: TICK_RECORDS }, () => readiness.open(template));
    pushAll(readiness, tasks, ReadinessInput.opened, 0);
    const beganAtMs = performance.now();
    for (let step = 0; step < graph.stepCount; step++) {
      pushAll(readiness, tasks, ReadinessInput.succeeded, step);
    }
    bestMs = Math.min(bestMs, performance.now() - beganAtMs);
    for (const task of tasks) readiness.close(task);
  }
  return bestMs * 1e6 / (TICK_RECORDS * graph.stepCount);
}

function pushAll(
  readiness: Readiness,
  tasks: readonly Instance[],
  input: ReadinessInput,
  step: number,
): void {
  for (const task of tasks) readiness.push(task, input, step);
  readiness.tick(ignoreAnswer);
}

function ignoreAnswer(): void {}

/** Ten steps, three in a layer, each with two parents. */
function layeredGraph(): Graph {
  return packGraph(
    Array.from({ length: 10 }, (_, step) => ({
      name: `s${step}`,
      parents: step < 3 ? [] : [step - 3, step - step % 3 - 1],
      when: "succeeded",
    })),
  );
}

async function cargoFigures(): Promise<Figure[]> {
  const command = new Deno.Command("cargo", {
    args: ["run", "--release", "--locked", "--quiet", "--bin", "bench"],
    cwd: new URL("proof/", import.meta.url),
    stdin: "null",
    stderr: "inherit",
  });
  try {
    const { stdout } = await command.output();
    const lines = new TextDecoder().decode(stdout).split("\n");
    return lines.filter((line) => line !== "").map((line) => JSON.parse(line));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

if (import.meta.main) {
  for (const figure of await benchReadiness()) console.log(JSON.stringify(figure));
}
