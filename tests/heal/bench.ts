/**
 * Root of `deno task heal:bench`: every scenario under several seeds, with and without healing, and
 * what that says about the healer.
 */

import { parseArgs } from "node:util";
import { Draw } from "../../src/simulation/draw.ts";
import { loadScenario, unknownNames } from "../../src/simulation/scenario_file.ts";
import type { ArmOf, ArmResult } from "./arm.ts";
import type { Piece, WorkerAnswer } from "./bench_worker.ts";
import type { OptimiserScore } from "./optimiser_bench.ts";
import { printReport } from "./print_report.ts";
import { reportOf } from "./report.ts";

const USAGE = `Usage: deno task heal:bench [options]

  --scenarios DIR  scenarios, one a file (tests/heal/scenarios)
  --seeds N        seeds a scenario (5)
  --only NAME      the scenarios whose name contains this, and not the optimiser
  --sweep          also with 1, 2 and 3 attempts a step, with and without healing
  --workers N      threads (2)
  --out FILE       keeps each result there, and skips what is there already
  --json           one JSON document at the end`;

/** Budgets of attempts that are compared, and of how many scenarios: each third. */
const BUDGETS = [1, 2, 3] as const;
const SWEPT_EACH = 3;

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      scenarios: { type: "string", default: new URL("scenarios", import.meta.url).pathname },
      seeds: { type: "string", default: "5" },
      only: { type: "string" },
      sweep: { type: "boolean", default: false },
      workers: { type: "string", default: "2" },
      out: { type: "string" },
      json: { type: "boolean", default: false },
      help: { type: "boolean", short: "h", default: false },
    },
  });
  const [seeds, workers] = [Number(values.seeds), Number(values.workers)];
  if (values.help || !(seeds >= 1) || !(workers >= 1)) {
    console.log(USAGE);
    return values.help ? 0 : 2;
  }
  const paths = scenariosIn(values.scenarios).filter((path) => path.includes(values.only ?? ""));
  if (paths.length === 0) {
    const named = values.only === undefined ? "" : ` whose name contains "${values.only}"`;
    throw new Error(`Cannot run scenarios: there is none in "${values.scenarios}"${named}`);
  }
  await noteUnknownNames(paths);
  const arms = armsOf(paths, { seeds, isSwept: values.sweep });
  const { results, broken, score } = await runAll(arms, {
    workers,
    out: values.out,
    isOptimised: values.only === undefined,
  });
  const report = reportOf(results, score);
  if (values.json) console.log(JSON.stringify(report));
  else printReport(report);
  for (const text of broken) console.error(`Cannot run ${text}`);
  return report.missed.length === 0 && broken.length === 0 ? 0 : 1;
}

/** Says on stderr which names of scenarios nothing has. */
async function noteUnknownNames(paths: readonly string[]): Promise<void> {
  for (const path of paths) {
    const scenario = (await loadScenario(path))(new Draw("1/magnitudes"));
    for (const text of unknownNames(scenario)) {
      console.error(`Note on ${path.split("/").at(-1)}: ${text}`);
    }
  }
}

/** Files of scenarios, by name. */
function scenariosIn(folder: string): readonly string[] {
  return [...Deno.readDirSync(folder)].filter(({ isFile, name }) => isFile && name.endsWith(".ts"))
    .map(({ name }) => `${Deno.realPathSync(folder)}/${name}`).sort();
}

function armsOf(
  paths: readonly string[],
  { seeds, isSwept }: { readonly seeds: number; readonly isSwept: boolean },
): readonly ArmOf[] {
  const both = (of: Omit<ArmOf, "heals">) => [{ ...of, heals: false }, { ...of, heals: true }];
  const all = Array.from({ length: seeds }, (_, index) => index + 1)
    .flatMap((seed) => paths.flatMap((path) => both({ path, seed })));
  if (!isSwept) return all;
  const swept = paths.filter((path, index) =>
    index % SWEPT_EACH === 0 && !path.includes("control")
  );
  return [
    ...all,
    ...BUDGETS.flatMap((attemptsMax) =>
      swept.flatMap((path) => both({ path, seed: 1, attemptsMax }))
    ),
  ];
}

/** Runs what is not known yet; prints how far it is on stderr. */
async function runAll(
  arms: readonly ArmOf[],
  { workers, out, isOptimised }: {
    readonly workers: number;
    readonly out: string | undefined;
    readonly isOptimised: boolean;
  },
): Promise<{
  readonly results: readonly ArmResult[];
  /** What has no result, and why. */
  readonly broken: readonly string[];
  readonly score?: OptimiserScore;
}> {
  const known = new Map(knownIn(out).map((result) => [keyOf(result), result]));
  const open = arms.filter((arm) => !known.has(keyOf(arm)));
  // The optimiser takes longest: it comes first, so that the workers end together.
  const pieces: readonly Piece[] = isOptimised ? ["optimiser", ...open] : open;
  const progress = new Progress(pieces.length);
  let next = 0;
  let score: OptimiserScore | undefined;
  const broken: string[] = [];
  const work = async () => {
    const url = new URL("bench_worker.ts", import.meta.url);
    const worker = new Worker(url, { type: "module" });
    for (let piece = pieces[next++]; piece !== undefined; piece = pieces[next++]) {
      const answer = await ask(worker, piece);
      if (answer.kind === "broke") broken.push(`${nameOf(piece)}: ${answer.error}`);
      else if (answer.kind === "optimised") score = answer.score;
      else {
        known.set(keyOf(answer.result), answer.result);
        if (out !== undefined) {
          Deno.writeTextFileSync(out, `${JSON.stringify(answer.result)}\n`, { append: true });
        }
      }
      progress.note();
    }
    worker.terminate();
  };
  await Promise.all(Array.from({ length: Math.min(workers, pieces.length) }, work));
  // One of two arms says nothing without the other.
  const results = arms.flatMap((arm) =>
    known.has(keyOf({ ...arm, heals: !arm.heals })) ? known.get(keyOf(arm)) ?? [] : []
  );
  return { results, broken, ...(score !== undefined && { score }) };
}

/** Says on stderr how far the bench is, and how long it will take. */
class Progress {
  readonly #beganMs = performance.now();
  #done = 0;

  constructor(readonly all: number) {}

  note(): void {
    if (++this.#done % 10 !== 0) return;
    const leftMs = (performance.now() - this.#beganMs) * (this.all / this.#done - 1);
    console.error(`${this.#done} of ${this.all} runs, ${Math.ceil(leftMs / 60_000)} min left`);
  }
}

function ask(worker: Worker, piece: Piece): Promise<WorkerAnswer> {
  return new Promise((resolve, reject) => {
    worker.onmessage = ({ data }: MessageEvent<WorkerAnswer>) => resolve(data);
    worker.onerror = (event) => reject(new Error(event.message));
    worker.postMessage(piece);
  });
}

function nameOf(piece: Piece): string {
  return piece === "optimiser" ? piece : keyOf(piece);
}

function keyOf({ path, seed, heals, attemptsMax }: ArmOf): string {
  return [path.split("/").at(-1), seed, heals, attemptsMax ?? ""].join("/");
}

function knownIn(out: string | undefined): readonly ArmResult[] {
  if (out === undefined) return [];
  try {
    const lines = Deno.readTextFileSync(out).split("\n");
    return lines.filter((line) => line !== "").map((line) => JSON.parse(line) as ArmResult);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
}

try {
  Deno.exit(await main());
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  Deno.exit(1);
}
