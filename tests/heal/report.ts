/** The report of the bench: what the runs of all scenarios say together. Pure. */

import { wilson } from "../../src/core/intervals.ts";
import { Draw } from "../../src/simulation/draw.ts";
import type { ArmResult, ScoredDiagnosis } from "./arm.ts";

/** A share with its 95 % interval. */
export interface Share {
  readonly count: number;
  readonly of: number;
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
  readonly healed: Share;
  /** Mean of the cuts, with the interval of a bootstrap over scenarios. */
  readonly cut: { readonly mean: number; readonly low: number; readonly high: number };
  readonly goodput: Pair;
  /** Part of the touches that healing saves. */
  readonly touchesSaved: { readonly share: number; readonly low: number; readonly high: number };
  readonly actionsInControls: number;
  readonly unsafe: readonly string[];
  readonly diagnosis: DiagnosisReport;
  /** By budget of attempts: minutes breached a run. */
  readonly sweep: readonly {
    readonly attemptsMax: number;
    readonly runs: number;
    readonly breach: Pair;
  }[];
  /** Goals that were missed, in words. */
  readonly missed: readonly string[];
}

/** How good the diagnoses were. */
export interface DiagnosisReport {
  readonly right: Share;
  readonly atStep: Share;
  readonly withEvidence: Share;
  /** Of the failures of unknown kind, those that were called novel. */
  readonly novel: Share;
  /** Expected calibration error, ten bins. Source: Guo et al., ICML 2017. */
  readonly ece: number;
}

/** A scenario counts as healed when this much of its breach is cut. */
const CUT_MIN = 0.8;

/** What the mission asks for. */
const GOALS = { healedShare: 37 / 40, touchesSaved: 0.6, top1: 0.85, ece: 0.1, novel: 0.9 };

const RESAMPLES = 1_000;

/** Sums up the results of all arms. */
export function reportOf(results: readonly ArmResult[]): Report {
  const plain = results.filter(({ attemptsMax }) => attemptsMax === undefined);
  const scenarios = [...Map.groupBy(plain, ({ name }) => name)].map(([name, of]) =>
    scenarioReport(name, of)
  );
  const faulty = scenarios.filter(({ isControl }) => !isControl);
  const controls = scenarios.filter(({ isControl }) => isControl);
  const pairOf = (value: (of: ScenarioReport) => Pair): Pair => ({
    without: mean(faulty.map((of) => value(of).without)),
    with: mean(faulty.map((of) => value(of).with)),
  });
  const saved = (of: readonly ScenarioReport[]) =>
    1 - sum(of.map(({ touches }) => touches.with)) /
      Math.max(1, sum(of.map(({ touches }) => touches.without)));
  const report = {
    scenarios,
    healed: shareOf(faulty.filter(({ cut }) => cut >= CUT_MIN).length, faulty.length),
    cut: {
      mean: mean(faulty.map(({ cut }) => cut)),
      ...bootstrap(faulty, (of) => mean(of.map(({ cut }) => cut))),
    },
    goodput: pairOf(({ goodput }) => goodput),
    touchesSaved: { share: saved(faulty), ...bootstrap(faulty, saved) },
    actionsInControls: sum(controls.map(({ actions }) => sum(Object.values(actions)))),
    unsafe: scenarios.flatMap(({ name, unsafe }) => unsafe.map((why) => `${name}: ${why}`)),
    diagnosis: diagnosisReport(plain.flatMap(({ diagnoses }) => diagnoses)),
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
  const seen = healed.flatMap(({ actions }) => actions);
  const kinds = Map.groupBy(
    seen.filter(({ isReturn }) => !isReturn).flatMap(({ kinds }) => kinds),
    (kind) => kind,
  );
  return {
    name,
    isControl: results.some(({ isControl }) => isControl),
    seeds: plain.length,
    breach,
    goodput: pairOf(({ goodput }) => goodput),
    touches: pairOf(({ touches }) => touches),
    cut: breach.without === 0 ? 0 : 1 - breach.with / breach.without,
    actions: Object.fromEntries([...kinds].map(([kind, of]) => [kind, of.length])),
    unsafe: seen.flatMap(({ unsafe }) => unsafe),
  };
}

function diagnosisReport(all: readonly ScoredDiagnosis[]): DiagnosisReport {
  const count = (of: readonly ScoredDiagnosis[], is: (one: ScoredDiagnosis) => boolean) =>
    shareOf(of.filter(is).length, of.length);
  const placed = all.filter(({ isAtStep }) => isAtStep !== undefined);
  const unknown = all.filter(({ isUnknown }) => isUnknown);
  return {
    right: count(all, ({ isRight }) => isRight),
    atStep: count(placed, ({ isAtStep }) => isAtStep === true),
    withEvidence: count(all, ({ hasEvidence }) => hasEvidence),
    novel: count(unknown, ({ isRight }) => isRight),
    ece: calibrationError(all),
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
      const breach = (heals: boolean) =>
        mean(of.filter((one) => one.heals === heals).map(({ breachMinutes }) => breachMinutes));
      return {
        attemptsMax,
        runs: of.length,
        breach: { without: breach(false), with: breach(true) },
      };
    },
  );
}

function missedOf(report: Omit<Report, "missed">): readonly string[] {
  const { healed, touchesSaved, diagnosis, actionsInControls, unsafe } = report;
  const goals: readonly (readonly [boolean, string])[] = [
    [healed.count >= healed.of * GOALS.healedShare, "37 of 40 scenarios cut the breach by 80 %"],
    [touchesSaved.share >= GOALS.touchesSaved, "60 % fewer touches by people"],
    [actionsInControls === 0, "no action where nothing is wrong"],
    [unsafe.length === 0, "no unsafe action"],
    [isAtLeast(diagnosis.right, GOALS.top1), "85 % of the diagnoses right"],
    [diagnosis.ece <= GOALS.ece, "a calibration error of at most 0.10"],
    [isAtLeast(diagnosis.novel, GOALS.novel), "90 % of unknown kinds called novel"],
  ];
  return goals.flatMap(([isMet, goal]) => isMet ? [] : [goal]);
}

function isAtLeast({ count, of }: Share, share: number): boolean {
  return count >= of * share;
}

function shareOf(count: number, of: number): Share {
  return { count, of, ...wilson(count, of) };
}

/** The 95 % interval of a figure over scenarios. Source: Efron, Ann. Statist. 7 (1979). */
function bootstrap(
  of: readonly ScenarioReport[],
  figure: (of: readonly ScenarioReport[]) => number,
): { readonly low: number; readonly high: number } {
  const [first, ...rest] = of;
  if (first === undefined) return { low: 0, high: 0 };
  const draw = new Draw("bootstrap");
  const figures = Array.from(
    { length: RESAMPLES },
    () => figure(of.map(() => draw.pick([first, ...rest]))),
  ).sort((a, b) => a - b);
  const at = (share: number) => figures[Math.floor(share * (RESAMPLES - 1))] ?? 0;
  return { low: at(0.025), high: at(0.975) };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function mean(values: readonly number[]): number {
  return values.length === 0 ? 0 : sum(values) / values.length;
}
