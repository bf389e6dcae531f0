/** Problems: everything that is wrong with a document, by one validator for all who change it. Pure. */

import type { Directory, Problem } from "../core/authoring.ts";
import { nearestOf } from "../core/nearest.ts";
import { dependsOn, type Document, type Fields, stepsOf } from "./document.ts";
import { graphProblems } from "./graph_problems.ts";
import { loaderProblems } from "./loader_problems.ts";
import { PROBLEMS_MAX } from "./problem.ts";
import { registryProblems, withOffers } from "./registry_problems.ts";
import { safetyProblems } from "./safety_problems.ts";

/**
 * Finds what is wrong with a document, in the order of its text. What a directory would say is left out
 * without one.
 *
 * Cost: O(size); about 1 ms a contract.
 */
export function problems(document: Document, directory?: Directory): readonly Problem[] {
  const taken = directory === undefined ? document.value : withOffers(document.value, directory);
  const found = [
    ...loaderProblems(document, taken),
    ...(directory === undefined ? [] : registryProblems(document, directory)),
    ...graphProblems(document, { taken, directory }),
    ...safetyProblems(document, directory),
  ];
  // A secret is one problem, however many rules find it.
  const keyOf = ({ code, path, text }: Problem) =>
    JSON.stringify([code, path, code === "W41" ? "" : text]);
  const unique = new Map(found.map((one) => [keyOf(one), one]));
  return [...unique.values()].sort(byPlace).slice(0, PROBLEMS_MAX)
    .map((one) => withFix(one, document));
}

function byPlace({ at: a }: Problem, { at: b }: Problem): number {
  if (a === undefined || b === undefined) return 0;
  return a.line - b.line || a.column - b.column;
}

/** Adds what makes a problem right, where only one thing does. */
function withFix({ fix: known, ...problem }: Problem, { value, code }: Document): Problem {
  // What code computes cannot be edited, and it may have part in what is wrong.
  if (code.size > 0) return problem;
  if (known !== undefined) return { ...problem, fix: known };
  const { path } = problem;
  const [first, index] = path;
  const step = first === "workflow_steps" && typeof index === "number"
    ? stepsOf(value).find((one) => one.index === index)
    : undefined;
  const fix = step === undefined || problem.code !== "W04" ? undefined : renamedEdge(step, value);
  return fix === undefined ? problem : { ...problem, fix };
}

/** Edges to steps whose names are nearly right. */
function renamedEdge(
  { name, fields }: { readonly name: string; readonly fields: Fields },
  value: Fields,
): Problem["fix"] {
  const names = stepsOf(value).map((step) => step.name);
  const others = names.filter((one) => one !== name);
  const stated = dependsOn(fields);
  const meant = stated.map((one) => names.includes(one) ? one : nearestOf(one, others));
  const known = meant.flatMap((one) => one ?? []);
  if (known.length < stated.length || new Set(known).size < known.length) return undefined;
  const [first] = known;
  const list = Array.isArray(fields.depends_on) ? known : first;
  const label = `Depend on ${known.map((one) => `"${one}"`).join(", ")}`;
  return { label, edits: [{ kind: "set", step: name, field: ["depends_on"], value: list }] };
}
