/**
 * Measures the optimiser: 30 workflows with planted faults, of which it has to find most, and with traps,
 * into none of which it may fall. `deno run -A tests/heal/optimiser_bench.ts` prints the figures.
 */

import type { Optimisation } from "../../src/core/optimisation.ts";
import { mulberry32 } from "../../src/heal/bootstrap.ts";
import { optimise } from "../../src/heal/optimise.ts";
import { traceOf } from "../../src/heal/trace.ts";
import { openPlayback } from "../../src/server/playback.ts";
import { plant, type PlantedStep } from "./planted.ts";
import { PATTERNS, type Piece, TRAPS } from "./planted_patterns.ts";

/** How the optimiser did. */
export interface OptimiserScore {
  readonly workflows: number;
  /** Bottlenecks that are the first on the critical path. */
  readonly bottlenecks: number;
  readonly suggested: number;
  readonly planted: number;
  /** What it suggests and nobody planted. */
  readonly wrong: readonly string[];
  /** What was planted and it does not suggest. */
  readonly missed: readonly string[];
}

const WORKFLOWS = 30;
const TASKS = 420;

/** Suggestions may touch everything that has bounds. */
const HEAL = { tier: "T1", timeoutMs: [1, 3_600_000], attemptsMax: [1, 20] } as const;

/** Plants workflows, optimises each, and compares. Takes about a minute of CPU. */
export async function optimiserBench(
  { seed = 1, workflows = WORKFLOWS, onWorkflow = () => {} }: {
    readonly seed?: number;
    readonly workflows?: number;
    readonly onWorkflow?: (
      name: string,
      wrong: readonly string[],
      missed: readonly string[],
    ) => void;
  } = {},
): Promise<OptimiserScore> {
  const wrong: string[] = [];
  const missed: string[] = [];
  const counts = { suggested: 0, planted: 0, bottlenecks: 0 };
  for (let number = 0; number < workflows; number++) {
    const { name, steps, expected, bottleneck, startMs } = draw(number, seed);
    const found = await optimised(name, steps, { seed: seed * 1_000 + number, startMs });
    const suggested = found.suggested_optimizations.map(keyOf);
    const not = suggested.filter((key) => !expected.has(key)).map((key) => `${name} ${key}`);
    const open = [...expected].filter((key) => !suggested.includes(key))
      .map((key) => `${name} ${key}`);
    wrong.push(...not);
    missed.push(...open);
    counts.suggested += suggested.length;
    counts.planted += expected.size;
    if (found.bottlenecks[0]?.step === bottleneck) counts.bottlenecks++;
    onWorkflow(name, not, open);
  }
  return { workflows, ...counts, bottlenecks: counts.bottlenecks / workflows, wrong, missed };
}

function keyOf({ kind, step, edge }: Optimisation["suggested_optimizations"][number]): string {
  return edge === undefined ? `${kind}:${step}` : `edge:${edge.from}:${edge.to}`;
}

async function optimised(
  name: string,
  steps: readonly PlantedStep[],
  { seed, startMs }: { readonly seed: number; readonly startMs: Piece["startMs"] },
): Promise<Optimisation> {
  const { plan, code, tasks } = await plant({
    name,
    steps,
    tasks: TASKS,
    seed,
    heal: HEAL,
    ...(startMs && { startMs }),
  });
  const traces = tasks.flatMap((task) => traceOf(task) ?? []);
  const effects = new Map(steps.map((step) => [step.name, step.effect]));
  return await optimise({
    sample: { plan, policyVersion: 0, steps: {}, tasks, traces, leftOut: 0, isSample: false },
    playback: openPlayback(),
    code,
    effectOf: (step) => effects.get(step.name),
  });
}

/** Puts faults and traps into one workflow, one after the other, and a step that dominates. */
function draw(number: number, seed: number) {
  const random = mulberry32(seed * 7_919 + number);
  const pieces = [
    pick(PATTERNS, number),
    pick(PATTERNS, number * 3 + 1),
    pick(TRAPS, number),
    ...(random() < 0.5 ? [pick(TRAPS, number * 5 + 2)] : []),
  ].map((make, at) => make(`p${at}`, random));
  const steps: PlantedStep[] = [];
  for (const piece of pieces) {
    const last = steps.at(-1)?.name;
    for (const step of piece.steps) {
      // The first step of a piece follows the piece before, and reads its result.
      const isFirst = step === piece.steps[0] && last !== undefined;
      steps.push(isFirst ? { ...step, needs: [last] } : step);
    }
  }
  const last = steps.at(-1)?.name as string;
  const heavy = 120_000 + 60_000 * random();
  steps.push({
    name: "heavy",
    needs: [last],
    policy: { timeoutMs: 3_600_000 },
    behaves: ({ random }) => ({ ms: heavy * (0.9 + 0.2 * random()) }),
  });
  return {
    name: `w${number}`,
    steps,
    expected: new Set(pieces.flatMap(({ expected = [] }) => expected)),
    bottleneck: "heavy",
    startMs: pieces.find(({ startMs }) => startMs !== undefined)?.startMs,
  };
}

function pick<T>(from: readonly T[], at: number): T {
  return from[at % from.length] as T;
}

if (import.meta.main) {
  const score = await optimiserBench({
    seed: Number(Deno.args[0] ?? 1),
    onWorkflow: (name, wrong, missed) =>
      console.log(name.padEnd(4), wrong.length + missed.length === 0 ? "ok" : { wrong, missed }),
  });
  console.log(score);
}
