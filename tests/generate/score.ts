/** Scores: how near a planned graph is to the gold one. */

import type { Case, GoldStep } from "./case.ts";

/** A step of a document, in the words of manifests. */
export type StepValue = Readonly<Record<string, unknown>> & { readonly name: string };

/** What one answer comes to. */
export interface GraphScore {
  readonly stepF1: number;
  readonly edgeF1: number;
  /** Gold step → the step that stands for it. */
  readonly names: ReadonlyMap<string, string>;
  readonly missing: readonly string[];
  readonly extra: readonly string[];
  readonly missingEdges: readonly string[];
  readonly extraEdges: readonly string[];
}

type Edge = readonly [string, string];

const KINDS: Readonly<Record<string, string>> = {
  placeholder: "todo",
  approval: "signal",
  wait: "sleep",
  timer: "sleep",
  event: "remote",
  capability: "remote",
  system: "remote",
};

/** Scores an answer by the gold graph, or that of its alternatives to which it is nearest. */
export function scoreGraph(gold: Case["gold"], steps: readonly StepValue[]): GraphScore {
  const graphs = [gold, ...gold.alternatives].map((one) => ({
    steps: one.steps ?? gold.steps,
    edges: one.edges ?? gold.edges,
  }));
  const scores = graphs.map((graph) => scoreOne(graph, steps));
  return scores.reduce((best, one) =>
    one.stepF1 + one.edgeF1 > best.stepF1 + best.edgeF1 ? one : best
  );
}

function scoreOne(
  gold: { readonly steps: readonly GoldStep[]; readonly edges: readonly Edge[] },
  steps: readonly StepValue[],
): GraphScore {
  const names = matchSteps(gold.steps, steps);
  const taken = new Set(names.values());
  const missing = gold.steps.filter(({ name }) => !names.has(name)).map(({ name }) => name);
  const extra = steps.filter(({ name }) => !taken.has(name)).map(({ name }) => name);
  const goldName = new Map([...names].map(([name, of]) => [of, name]));
  // A transform does nothing that a person would call a step: what waits for it waits for its parents.
  const passed = steps.filter(({ name, transform }) => transform !== undefined && !taken.has(name))
    .map(({ name }) => name);
  const wanted = reduced(gold.steps.map(({ name }) => name), gold.edges);
  const given = reduced(steps.map(({ name }) => name), edgesOf(steps), passed)
    .map(([from, to]): Edge => [goldName.get(from) ?? `+${from}`, goldName.get(to) ?? `+${to}`]);
  const [wantedSet, givenSet] = [wanted, given].map((edges) => new Set(edges.map(edgeText)));
  const hit = given.filter((edge) => wantedSet?.has(edgeText(edge))).length;
  return {
    stepF1: f1(names.size, gold.steps.length, steps.length),
    edgeF1: f1(hit, wanted.length, given.length),
    names,
    missing,
    extra,
    missingEdges: wanted.map(edgeText).filter((edge) => !givenSet?.has(edge)),
    extraEdges: given.map(edgeText).filter((edge) => !wantedSet?.has(edge)),
  };
}

function edgeText([from, to]: Edge): string {
  return `${from}>${to}`;
}

/** Of nothing wanted and nothing given, 1. */
function f1(hit: number, wanted: number, given: number): number {
  return wanted + given === 0 ? 1 : 2 * hit / (wanted + given);
}

/** Pairs steps by kind, owner and capability; several alike in their order. */
function matchSteps(
  gold: readonly GoldStep[],
  steps: readonly StepValue[],
): ReadonlyMap<string, string> {
  const taken = new Set<string>();
  const names = new Map<string, string>();
  for (const one of gold) {
    const found = steps.find((step) => !taken.has(step.name) && isSame(one, step));
    if (found === undefined) continue;
    taken.add(found.name);
    names.set(one.name, found.name);
  }
  return names;
}

function isSame(gold: GoldStep, step: StepValue): boolean {
  if ((KINDS[gold.kind] ?? gold.kind) !== kindOf(step)) return false;
  const isOwner = gold.owner === undefined || step["owner"] === undefined ||
    step["owner"] === gold.owner;
  const asked = typeof step["capability"] === "string"
    ? step["capability"].split("@")[0]
    : undefined;
  return isOwner && (gold.capability === undefined || asked === gold.capability);
}

function kindOf(step: StepValue): string {
  return ["todo", "signal", "sleep", "transform", "http"].find((kind) =>
    step[kind] !== undefined
  ) ??
    "remote";
}

/** Edges of a document: those it states, and those of its references. */
function edgesOf(steps: readonly StepValue[]): readonly Edge[] {
  const known = new Set(steps.map(({ name }) => name));
  return steps.flatMap((step) => {
    const stated = [step["depends_on"] ?? []].flat().map(String);
    const { name, depends_on: _, ...rest } = step;
    const text = JSON.stringify(rest);
    const referred = [...text.matchAll(/\$\.([a-z0-9_-]+)|\$\{(?:\$\.)?([a-z0-9_-]+)/g)]
      .map(([, path, inText]) => path ?? inText ?? "").filter((root) => known.has(root));
    return [...new Set([...stated, ...referred])].map((from): Edge => [from, name]);
  });
}

/** The fewest edges that say the same order, without the steps that are passed. */
function reduced(
  names: readonly string[],
  edges: readonly Edge[],
  passed: readonly string[] = [],
): readonly Edge[] {
  const parents = new Map(names.map((name) => [name, new Set<string>()]));
  for (const [from, to] of edges) parents.get(to)?.add(from);
  for (const name of passed) {
    const own = parents.get(name) ?? new Set();
    for (const of of parents.values()) {
      if (!of.delete(name)) continue;
      for (const parent of own) of.add(parent);
    }
    parents.delete(name);
  }
  const ancestors = new Map<string, ReadonlySet<string>>();
  const ancestorsOf = (name: string, trail: ReadonlySet<string>): ReadonlySet<string> => {
    const known = ancestors.get(name);
    if (known !== undefined || trail.has(name)) return known ?? new Set();
    const found = new Set<string>();
    for (const parent of parents.get(name) ?? []) {
      found.add(parent);
      for (const above of ancestorsOf(parent, new Set([...trail, name]))) found.add(above);
    }
    ancestors.set(name, found);
    return found;
  };
  return [...parents].flatMap(([name, of]) =>
    [...of].filter((parent) =>
      parents.has(parent) &&
      ![...of].some((other) => other !== parent && ancestorsOf(other, new Set()).has(parent))
    ).map((parent): Edge => [parent, name])
  );
}

/** Which of the mappings that a case demands are there. */
export function mappedOf(
  gold: Case["gold"],
  steps: readonly StepValue[],
  names: ReadonlyMap<string, string>,
): readonly { readonly text: string; readonly isThere: boolean }[] {
  return gold.mustMap.map(({ step, field, from }) => {
    const value = steps.find(({ name }) => name === names.get(step));
    const [root = "", ...path] = from.replace(/^\$\.?/, "").split(".");
    const wanted = `$.${[names.get(root) ?? root, ...path].join(".")}`;
    const inputs = value?.["with"] as Readonly<Record<string, unknown>> | undefined;
    return { text: `${step}.${field} = ${from}`, isThere: inputs?.[field] === wanted };
  });
}

/** Which steps of the failure path run only after something failed. */
export function failurePathOf(
  gold: Case["gold"],
  steps: readonly StepValue[],
  names: ReadonlyMap<string, string>,
): readonly { readonly text: string; readonly isThere: boolean }[] {
  const edges = edgesOf(steps);
  const isBehindFailure = (name: string, depth: number): boolean => {
    const step = steps.find((one) => one.name === name);
    if (step === undefined || depth > steps.length) return false;
    if (step["when"] === "failed" || step["when"] === "cancelled") return true;
    return edges.some(([from, to]) => to === name && isBehindFailure(from, depth + 1));
  };
  return gold.failurePath.map((name) => ({
    text: name,
    isThere: isBehindFailure(names.get(name) ?? "", 0),
  }));
}
