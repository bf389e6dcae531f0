/**
 * Measures the planner: `deno task generate:bench [--cases DIR] [--wrong] [--held-out] [--only ID]
 * [--model knowing|careless]`. With --model, a scripted model completes each plan, over HTTP.
 * Each description is planned by the systems of its case, and the plan compared with the gold graph.
 */

import { wilson } from "../../src/core/intervals.ts";
import { type Answer, answerTo } from "./answer.ts";
import { type Case, isHeldOut, readCases } from "./case.ts";

const OWN_CASES = new URL("cases/", import.meta.url);

/** How a number is read: a share of cases, or the mean of a score. */
interface Row {
  readonly name: string;
  readonly values: readonly number[];
  readonly isShare: boolean;
}

/** What a set of answers comes to, number by number. */
function rowsOf(answers: readonly Answer[]): readonly Row[] {
  const wanted = answers.filter(({ of }) => !of.gold.abstain);
  const share = (name: string, values: readonly boolean[]): Row => ({
    name,
    values: values.map(Number),
    isShare: true,
  });
  const planned = wanted.filter(({ steps }) => steps.length > 0);
  return [
    { name: "step F1", values: wanted.map(({ graph }) => graph.stepF1), isShare: false },
    { name: "edge F1", values: wanted.map(({ graph }) => graph.edgeF1), isShare: false },
    share("valid", planned.map(({ isValid }) => isValid)),
    share(
      "no placeholder",
      planned.map(({ steps }) => steps.every(({ todo }) => todo === undefined)),
    ),
    share("working", wanted.map(({ isWorking }) => isWorking)),
    share(
      "abstains rightly",
      answers.map(({ of, isAbstention }) => of.gold.abstain === isAbstention),
    ),
    share("must map", wanted.flatMap(({ mapped }) => mapped.map(({ isThere }) => isThere))),
    share("failure path", wanted.flatMap(({ failure }) => failure.map(({ isThere }) => isThere))),
  ];
}

/** A mean with its 95 % interval: Wilson for shares, else by the normal distribution. */
function shown({ values, isShare }: Row): string {
  const n = values.length;
  if (n === 0) return "-".padEnd(26);
  const mean = values.reduce((sum, value) => sum + value, 0) / n;
  const spread = Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / n);
  const reach = 1.96 * spread / Math.sqrt(n);
  const { low, high } = isShare
    ? wilson(Math.round(mean * n), n)
    : { low: Math.max(0, mean - reach), high: Math.min(1, mean + reach) };
  return `${mean.toFixed(3)} (${low.toFixed(2)} to ${high.toFixed(2)}, n = ${n})`.padEnd(32);
}

function printAll(title: string, answers: readonly Answer[]): void {
  console.log(`\n${title}: ${answers.length} descriptions`);
  for (const row of rowsOf(answers)) console.log(`  ${row.name.padEnd(18)}${shown(row)}`);
}

function printBy(key: "domain" | "style", answers: readonly Answer[]): void {
  const groups = [...Map.groupBy(answers, ({ of }) => of[key])].sort(([a], [b]) => a < b ? -1 : 1);
  const names = rowsOf([]).map(({ name }) => name.padEnd(17)).join("");
  console.log(`\n  by ${key.padEnd(13)}n   ${names}`);
  for (const [name, of] of groups) {
    const means = rowsOf(of).map(({ values }) =>
      values.length === 0
        ? "-".padEnd(17)
        : `${(values.reduce((a, b) => a + b, 0) / values.length).toFixed(3)} (${values.length})`
          .padEnd(17)
    );
    console.log(`  ${name.padEnd(16)}${String(of.length).padEnd(4)}${means.join("")}`);
  }
}

/** What is wrong with the answers, each in a few lines. */
function printWrong(answers: readonly Answer[]): void {
  for (const answer of answers) {
    const { of, isAbstention, graph, isValid, isWorking, notes } = answer;
    const isRight = isAbstention === of.gold.abstain;
    const lacks = [...answer.mapped, ...answer.failure].filter(({ isThere }) => !isThere);
    if (
      isRight && (isAbstention || (graph.stepF1 === 1 && graph.edgeF1 === 1 && isValid &&
        isWorking && lacks.length === 0))
    ) continue;
    const about = isRight ? "" : isAbstention ? " abstained" : " should have abstained";
    console.log(
      `\n${of.id}: step ${graph.stepF1.toFixed(2)}, edge ${graph.edgeF1.toFixed(2)}${about}`,
    );
    console.log(`  ${of.description.replaceAll("\n", "\n  ")}`);
    const lines: readonly (readonly [string, readonly string[]])[] = [
      ["missing", graph.missing],
      ["not asked for", graph.extra],
      ["missing edges", graph.missingEdges],
      ["other edges", graph.extraEdges],
      ["not mapped, or not on the failure path", lacks.map(({ text }) => text)],
      ["notes", notes],
    ];
    if (isAbstention && of.gold.abstain) continue;
    for (const [name, list] of lines) {
      if (list.length > 0) console.log(`  ${name}: ${list.join(", ")}`);
    }
  }
}

/** Runs the bench. */
async function main(args: readonly string[]): Promise<void> {
  const valueOf = (flag: string) => args.includes(flag) ? args[args.indexOf(flag) + 1] : undefined;
  const folder = valueOf("--cases");
  const only = valueOf("--only");
  const cases = (await readCases(
    folder === undefined
      ? OWN_CASES
      : new URL(`${folder.replace(/\/$/, "")}/`, `file://${Deno.cwd()}/`),
  )).filter(({ id }) => only === undefined || id === only);
  const answers: Answer[] = [];
  const model = valueOf("--model");
  if (model !== undefined && model !== "knowing" && model !== "careless") {
    throw new Error(`Cannot ask a model "${model}": expected knowing or careless`);
  }
  for (const one of cases) answers.push(await answerTo(one, model));
  if (folder !== undefined || only !== undefined) printAll("all", answers);
  else {
    const held = (of: Case) => isHeldOut(of);
    printAll("used for tuning", answers.filter(({ of }) => !held(of)));
    printAll("held out", answers.filter(({ of }) => held(of)));
    printAll("all", answers);
  }
  const verdicts = Map.groupBy(answers.flatMap(({ verdict }) => verdict ?? []), (one) => one);
  for (const [verdict, all] of verdicts) console.log(`  the model: ${verdict} ${all.length} times`);
  printBy("domain", answers);
  printBy("style", answers);
  if (!args.includes("--wrong")) return;
  const isShown = (of: Case) =>
    folder !== undefined || only !== undefined || args.includes("--held-out") || !isHeldOut(of);
  printWrong(answers.filter(({ of }) => isShown(of)));
}

if (import.meta.main) await main(Deno.args);
