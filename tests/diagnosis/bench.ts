/** Measures diagnoses of labelled failures: `deno run tests/diagnosis/bench.ts [--wrong]`. */

import { calibrationOf } from "../../src/heal/confidence.ts";
import { diagnose } from "../../src/heal/diagnosis.ts";
import { wilson } from "../../src/core/intervals.ts";
import { type Case, CASES } from "./cases.ts";
import { drawScene } from "./scenes.ts";

/** One diagnosis of one scene. */
interface Answer {
  readonly of: Case;
  readonly seed: number;
  readonly said: string;
  readonly confidence: number;
  readonly isInThree: boolean;
  readonly step: string;
}

/** What a set of cases came to. */
export interface Score {
  readonly count: number;
  readonly right: number;
  readonly inThree: number;
  /** Cases of no known type, and how many of them were called novel. */
  readonly unknown: number;
  readonly novel: number;
  readonly ece: number;
  readonly brier: number;
  readonly rightStep: number;
}

/** Diagnoses each case in a scene of each seed. */
export function answers(isHeldOut: boolean, seeds: readonly number[]): Answer[] {
  return CASES.filter((one) => one.isHeldOut === isHeldOut).flatMap((of) =>
    seeds.map((seed) => {
      const { failure_type, confidence, alternatives, began } = diagnose(drawScene(of, seed));
      const three = [failure_type, ...alternatives.slice(0, 2).map((one) => one.failure_type)];
      const isInThree = three.includes(of.type);
      return { of, seed, said: failure_type, confidence, isInThree, step: began.step };
    })
  );
}

/** Counts answers. */
export function scoreOf(all: readonly Answer[]): Score {
  const isRight = ({ of, said }: Answer) => of.type === said;
  const unknown = all.filter(({ of }) => of.type === "novel");
  const { ece = 0, brier = 0 } = calibrationOf(
    all.map((one) => ({ confidence: one.confidence, isRight: isRight(one) })),
  );
  return {
    count: all.length,
    right: all.filter(isRight).length,
    inThree: all.filter(({ isInThree }) => isInThree).length,
    unknown: unknown.length,
    novel: unknown.filter(isRight).length,
    ece,
    brier,
    rightStep: all.filter(({ step }) => step === "call").length,
  };
}

/** Seeds that are run by default. */
export const SEEDS = [1, 2, 3, 4, 5];

function print(name: string, all: readonly Answer[]): void {
  const { count, right, inThree, unknown, novel, ece, brier, rightStep } = scoreOf(all);
  const share = (of: number, n: number) => {
    const { low, high } = wilson(of, n);
    return `${(of / n).toFixed(3)} (${low.toFixed(2)} to ${high.toFixed(2)}, n = ${n})`;
  };
  console.log(`${name}
  right at first         ${share(right, count)}
  right among three      ${share(inThree, count)}
  unknown called novel   ${share(novel, unknown)}
  step where it begins   ${share(rightStep, count)}
  calibration error      ${ece.toFixed(3)}
  Brier score            ${brier.toFixed(3)}`);
}

if (import.meta.main) {
  for (const isHeldOut of [false, true]) {
    const all = answers(isHeldOut, SEEDS);
    print(isHeldOut ? "held out" : "used for tuning", all);
    if (!Deno.args.includes("--wrong") || (isHeldOut && !Deno.args.includes("--held-out"))) {
      continue;
    }
    for (const { of, seed, said, confidence } of all.filter((one) => one.of.type !== one.said)) {
      console.log(
        `  ${of.type} (${of.hits}) called ${said} ${confidence}, seed ${seed}: ${of.message}`,
      );
    }
  }
}
