/** The report of the bench: what the runs of all scenarios say together. Pure. */

import { wilson } from "../../src/core/intervals.ts";
import { Draw } from "../../src/simulation/draw.ts";
import type { ArmResult, ScoredDiagnosis } from "./arm.ts";
import type { OptimiserScore } from "./optimiser_bench.ts";

/** A share with its 95 % interval. */
export interface Share {
  readonly count: number;
  readonly of: number;
  readonly low: number;
  readonly high: number;
}

/** A figure over scenarios with its 95 % interval, by a bootstrap. */
export interface Estimate {
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

/** A scenario under all its seeds, without and with healing. */
export interface ScenarioReport {
  readonly name: string;
  readonly isControl: boolean;
  readonly seeds: number;
  /** Means over the seeds: minutes in which the objective was missed. */
  readonly breach: Pair;
  readonly goodput: Pair;
  readonly touches: Pair;
  /** How much of the breach healing cuts. */
  readonly cut: number;
  /** There is next to no breach even without healing: limits and circuits hold it. */
  readonly isHeld: boolean;
  /** Kinds of action, and how often each was put. */
  readonly actions: Readonly<Record<string, number>>;
  readonly unsafe: readonly string[];
}

interface Pair {
  readonly without: number;
  readonly with: number;
}

/** Everything. */
export interface Report {
  readonly scenarios: readonly ScenarioReport[];
  /** Of the faults that limits and circuits do not hold. */
  readonly healed: Share;
  /** Of all faults. */
  readonly held: Share;
  /** Of all faults: healed or held. */
  readonly good: Share;
  /** Of the faults that are not held. */
  readonly cut: Estimate;
  readonly goodput: Pair;
  /** Part of the touches that healing saves. */
  readonly touchesSaved: Estimate;
  readonly actionsInControls: number;
  /** Proposals that a person refused, because they would be wrong. */
  readonly refused: number;
  readonly unsafe: readonly string[];
  readonly diagnosis: DiagnosisReport;
  /** Absent: it was not measured. */
  readonly optimiser?: OptimiserReport;
  /** By budget of attempts, the same without and with healing: means over runs. */
  readonly sweep: readonly {
    readonly attemptsMax: number;
    readonly runs: number;
    readonly breach: Pair;
    readonly goodput: Pair;
  }[];
  /** Goals that were missed, in words. */
  readonly missed: readonly string[];
}

/** How good the diagnoses were. */
export interface DiagnosisReport {
  readonly right: Share;
  readonly atStep: Share;
  /** Diagnoses that miss no cause. */
  readonly complete: Share;
  /** How well they say where it comes from: 0 where a cause is missed, else their precision. */
  readonly path: Estimate;
  /** Causes that were missed, and what was named that is none, with how often. */
  readonly missed: Readonly<Record<string, number>>;
  readonly wrong: Readonly<Record<string, number>>;
  /** Of the failures of unknown kind, those that were called novel. */
  readonly novel: Share;
  /** Expected calibration error, ten bins. Source: Guo et al., ICML 2017. */
  readonly ece: number;
}

/** How good the optimiser was. */
export interface OptimiserReport {
  /** Of its suggestions, those that were planted. */
  readonly precision: Share;
  /** Of what was planted, that it suggests. */
  readonly recall: Share;
}

/** A scenario counts as healed when this much of its breach is cut. */
const CUT_MIN = 0.8;

/** It is held when its breach is at most this part of the fault, or a minute, with and without. */
const HELD_MAX = 0.05;

/** What the mission asks for. */
const GOALS = {
  goodShare: 37 / 40,
  touchesSaved: 0.6,
  top1: 0.85,
  ece: 0.1,
  novel: 0.9,
  recall: 0.8,
};

const RESAMPLES = 1_000;

/** Sums up the results of all arms. */
export function reportOf(results: readonly ArmResult[], optimiser?: OptimiserScore): Report {
  const plain = results.filter(({ attemptsMax }) => attemptsMax === undefined);
  const scenarios = [...Map.groupBy(plain, ({ name }) => name)].map(([name, of]) =>
    scenarioReport(name, of)
  );
  const faulty = scenarios.filter(({ isControl }) => !isControl);
  const controls = scenarios.filter(({ isControl }) => isControl);
  const open = faulty.filter(({ isHeld }) => !isHeld);
  const healed = open.filter(({ cut }) => cut >= CUT_MIN).length;
  const held = faulty.length - open.length;
  const saved = (of: readonly ScenarioReport[]) => {
    const touches = (arm: keyof Pair) => sum(of.map((one) => one.touches[arm]));
    return touches("without") === 0 ? 0 : 1 - touches("with") / touches("without");
  };
  const goodput = (arm: keyof Pair) => mean(faulty.map((of) => of.goodput[arm]));
  const report = {
    scenarios,
    healed: shareOf(healed, open.length),
    held: shareOf(held, faulty.length),
    good: shareOf(healed + held, faulty.length),
    cut: bootstrap(open, (of) => mean(of.map(({ cut }) => cut))),
    goodput: { without: goodput("without"), with: goodput("with") },
    touchesSaved: bootstrap(faulty, saved),
    actionsInControls: sum(controls.map(({ actions }) => sum(Object.values(actions)))),
    refused: sum(plain.map(({ refused }) => refused)),
    unsafe: scenarios.flatMap(({ name, unsafe }) => unsafe.map((why) => `${name}: ${why}`)),
    diagnosis: diagnosisReport(plain),
    ...(optimiser !== undefined && { optimiser: optimiserReport(optimiser) }),
    sweep: sweepOf(results),
  };
  return { ...report, missed: missedOf(report) };
}

function scenarioReport(name: string, results: readonly ArmResult[]): ScenarioReport {
  const healed = results.filter(({ heals }) => heals);
  const plain = results.filter(({ heals }) => !heals);
  const pairOf = (value: (result: ArmResult) => number): Pair => ({
    without: mean(plain.map(value)),
    with: mean(healed.map(value)),
  });
  const breach = pairOf(({ breachMinutes }) => breachMinutes);
  const heldMax = Math.max(1, HELD_MAX * mean(results.map(({ faultMinutes }) => faultMinutes)));
  const seen = healed.flatMap(({ actions }) => actions);
  return {
    name,
    isControl: results.some(({ isControl }) => isControl),
    seeds: plain.length,
    breach,
    goodput: pairOf(({ goodput }) => goodput),
    touches: pairOf(({ touches }) => touches),
    cut: breach.without === 0 ? 0 : 1 - breach.with / breach.without,
    isHeld: Math.max(breach.without, breach.with) <= heldMax,
    actions: countsOf(seen.filter(({ isReturn }) => !isReturn).flatMap(({ kinds }) => kinds)),
    unsafe: seen.flatMap(({ unsafe }) => unsafe),
  };
}

function diagnosisReport(results: readonly ArmResult[]): DiagnosisReport {
  const all = results.flatMap(({ diagnoses }) => diagnoses);
  const count = (of: readonly ScoredDiagnosis[], is: (one: ScoredDiagnosis) => boolean) =>
    shareOf(of.filter(is).length, of.length);
  const placed = all.filter(({ isAtStep }) => isAtStep !== undefined);
  const unknown = all.filter(({ isUnknown }) => isUnknown);
  const byScenario = [...Map.groupBy(results, ({ name }) => name).values()];
  return {
    right: count(all, ({ isRight }) => isRight),
    atStep: count(placed, ({ isAtStep }) => isAtStep === true),
    complete: count(all, ({ path }) => path.missed.length === 0),
    // Those of one scenario resemble each other: scenarios are what is drawn again.
    path: bootstrap(
      byScenario,
      (of) => mean(of.flat().flatMap(({ diagnoses }) => diagnoses.map(({ path }) => path.score))),
    ),
    missed: countsOf(all.flatMap(({ path }) => path.missed)),
    wrong: countsOf(all.flatMap(({ path }) => path.wrong)),
    novel: count(unknown, ({ isRight }) => isRight),
    ece: calibrationError(all),
  };
}

function countsOf(words: readonly string[]): Readonly<Record<string, number>> {
  const counts = [...Map.groupBy(words, (word) => word)].map(([word, of]) => [word, of.length]);
  return Object.fromEntries(counts);
}

function optimiserReport({ suggested, planted, wrong, missed }: OptimiserScore): OptimiserReport {
  return {
    precision: shareOf(suggested - wrong.length, suggested),
    recall: shareOf(planted - missed.length, planted),
  };
}

function calibrationError(all: readonly ScoredDiagnosis[]): number {
  const bins = Map.groupBy(all, ({ confidence }) => Math.min(9, Math.floor(confidence * 10)));
  return sum([...bins.values()].map((of) => {
    const right = of.filter(({ isRight }) => isRight).length / of.length;
    return of.length / all.length * Math.abs(right - mean(of.map(({ confidence }) => confidence)));
  }));
}

function sweepOf(results: readonly ArmResult[]): Report["sweep"] {
  const swept = results.filter(({ attemptsMax }) => attemptsMax !== undefined);
  return [...Map.groupBy(swept, ({ attemptsMax }) => attemptsMax as number)].map(
    ([attemptsMax, of]) => {
      const pairOf = (value: (one: ArmResult) => number): Pair => {
        const arm = (heals: boolean) => mean(of.filter((one) => one.heals === heals).map(value));
        return { without: arm(false), with: arm(true) };
      };
      return {
        attemptsMax,
        runs: of.length / 2,
        breach: pairOf(({ breachMinutes }) => breachMinutes),
        goodput: pairOf(({ goodput }) => goodput),
      };
    },
  );
}

function missedOf(report: Omit<Report, "missed">): readonly string[] {
  const { good, touchesSaved, diagnosis, actionsInControls, unsafe, optimiser } = report;
  const goals: readonly (readonly [boolean, string])[] = [
    [
      isAtLeast(good, GOALS.goodShare),
      "37 of 40 faults cut by 80 %, or held by limits and circuits",
    ],
    [touchesSaved.value >= GOALS.touchesSaved, "60 % fewer touches by people"],
    [actionsInControls === 0, "no action where nothing is wrong"],
    [unsafe.length === 0, "no unsafe action"],
    [isAtLeast(diagnosis.right, GOALS.top1), "85 % of the diagnoses right"],
    [diagnosis.ece <= GOALS.ece, "a calibration error of at most 0.10"],
    [isAtLeast(diagnosis.novel, GOALS.novel), "90 % of unknown kinds called novel"],
    [optimiser === undefined || isAtLeast(optimiser.precision, 1), "no wrong suggestion"],
    [
      optimiser === undefined || isAtLeast(optimiser.recall, GOALS.recall),
      "80 % of what was planted suggested",
    ],
  ];
  return goals.flatMap(([isMet, goal]) => isMet ? [] : [goal]);
}

function isAtLeast({ count, of }: Share, share: number): boolean {
  return count >= of * share;
}

function shareOf(count: number, of: number): Share {
  return { count, of, ...wilson(count, of) };
}

/** A figure over scenarios, with its 95 % interval. Source: Efron, Ann. Statist. 7 (1979). */
function bootstrap<T>(of: readonly T[], figure: (of: readonly T[]) => number): Estimate {
  const [first, ...rest] = of;
  if (first === undefined) return { value: 0, low: 0, high: 0 };
  const draw = new Draw("bootstrap");
  const figures = Array.from(
    { length: RESAMPLES },
    () => figure(of.map(() => draw.pick([first, ...rest]))),
  ).sort((a, b) => a - b);
  const at = (share: number) => figures[Math.floor(share * (RESAMPLES - 1))] ?? 0;
  return { value: figure(of), low: at(0.025), high: at(0.975) };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function mean(values: readonly number[]): number {
  return values.length === 0 ? 0 : sum(values) / values.length;
}
