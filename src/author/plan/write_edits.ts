/** Writes a planned flow as the edits that make an empty document it. */

import type { Edit } from "../../core/authoring.ts";
import type { Offer } from "./capability_index.ts";
import type { Flow } from "./flow.ts";
import type { PlannedEdit } from "./plan.ts";
import { guardedBy, type PlannedStep } from "./planned_step.ts";
import { inOrder, type Mappings, type Source, type Sources } from "./sources.ts";

/** Characters of the description that the document keeps. */
const DESCRIPTION_LENGTH_MAX = 500;

type StepValue = Extract<Edit, { kind: "add_step" }>["step"];

/** What is written beside the steps. */
export interface Head {
  readonly mappings: Mappings;
  readonly name: string;
  readonly namespace?: string;
  readonly description: string;
}

/** Writes the edits: the head, the systems, the input, and the steps in an order that can be read. */
export function writeEdits(flow: Flow, head: Head): readonly PlannedEdit[] {
  const set = (field: string[], value: unknown, why: string): PlannedEdit => ({
    edit: { kind: "set", field, value },
    why,
  });
  const text = head.description.replace(/\s+/g, " ").trim().slice(0, DESCRIPTION_LENGTH_MAX);
  const { input } = head.mappings;
  const guarded = guardedBy(flow.steps);
  return [
    set(["name"], head.name, "names the workflow"),
    ...head.namespace === undefined
      ? []
      : [set(["namespace"], head.namespace, "says where it belongs")],
    set(["version"], "1.0.0", "is its first version"),
    set(["description"], text, "keeps what was asked for"),
    ...input.size === 0 ? [] : [
      set(["input"], {
        type: "object",
        required: [...input.keys()],
        properties: Object.fromEntries(input),
      }, "is what its steps need and no step gives"),
    ],
    ...systemsOf(flow.steps).map(([system, value]) =>
      set(["systems", system], value, "declares what its steps ask of the system")
    ),
    ...inOrder(flow.steps).map((step): PlannedEdit => ({
      edit: {
        kind: "add_step",
        step: { ...stepValue(step, head), ...exhaustionOf(step, guarded) },
      },
      clause: step.clause,
      why: whyOf(step),
    })),
  ];
}

/** The systems that are asked, each with the capabilities that are used of it. */
function systemsOf(steps: readonly PlannedStep[]): readonly (readonly [string, unknown])[] {
  const offers = [...new Set(steps.flatMap(({ offer }) => offer ?? []))];
  const bySystem = Map.groupBy(offers, ({ system }) => system);
  return [...bySystem].map(([system, of]) => [system, { capabilities: of.map(declared) }] as const);
}

/** A capability as a manifest declares it. */
export function declared({ capability }: Offer): unknown {
  const { name, version, input, output, timeoutMs, effect } = capability;
  return {
    name,
    ...(version !== undefined && { version }),
    ...(input !== undefined && { input }),
    ...(output !== undefined && { output }),
    ...(timeoutMs !== undefined && { timeout: durationText(timeoutMs) }),
    ...(effect !== undefined && { effect }),
  };
}

/** A step as a manifest writes it. */
export function stepValue(step: PlannedStep, head: Pick<Head, "mappings" | "name">): StepValue {
  const sources = head.mappings.of.get(step);
  const referred = new Set(
    [...sources?.values() ?? []].flatMap((one) => one.kind === "step" ? [one.step] : []),
  );
  // A transform reads its first parent, so it need not name that one.
  const read = step.kind === "transform" ? transformParent(step) : undefined;
  const parents = [...step.parents].filter((parent) => !referred.has(parent) && parent !== read);
  const names = parents.map((parent) => parent.name ?? "");
  const [only] = names;
  return {
    name: step.name ?? "",
    ...(names.length > 0 && { depends_on: names.length === 1 ? only : names }),
    ...(step.when !== "succeeded" && { when: step.when }),
    ...workOf(step, sources, head),
  };
}

function workOf(
  step: PlannedStep,
  sources: Sources | undefined,
  head: Pick<Head, "mappings" | "name">,
): Omit<StepValue, "name"> {
  switch (step.kind) {
    case "sleep":
      return { sleep: durationText(step.waitMs ?? 0) };
    case "todo":
      return { todo: step.todo ?? step.text };
    case "signal":
      return { signal: signalOf(step) };
    case "transform":
      return transformOf(step);
    case "other":
      return {};
    case "remote":
      return {
        owner: step.offer?.system,
        capability: step.offer?.capability.name,
        ...withOf(step, sources, head),
        ...policyOf(step),
      };
  }
}

function withOf(
  step: PlannedStep,
  sources: Sources | undefined,
  head: Pick<Head, "mappings" | "name">,
) {
  if (step.offer?.capability.input === undefined) return {};
  const fields = [...sources ?? []].map(([name, source]) => [name, valueOf(source, step, head)]);
  return { with: Object.fromEntries(fields) };
}

function valueOf(
  source: Source,
  step: PlannedStep,
  head: Pick<Head, "mappings" | "name">,
): unknown {
  switch (source.kind) {
    case "step":
      return `$.${source.step.name}.${pathOf(source.field)}`;
    case "input":
      return `$.input.${pathOf(source.field)}`;
    case "literal":
      return source.value;
    case "report": {
      // A sleep has no outcome that could be read.
      const parents = [...step.parents].filter(({ kind }) => kind !== "sleep").slice(0, 4);
      if (parents.length === 0) return `${head.name}: something failed`;
      const states = parents.map(({ name }) => `${name} is \${${name}.state}`).join(", ");
      return `${head.name}: ${states}`;
    }
  }
}

/** A field as a path says it; other names than the usual would have to be quoted. */
function pathOf(field: string): string {
  return /^[A-Za-z_][\w-]*$/.test(field) ? field : `["${field.replaceAll('"', "")}"]`;
}

/** The form has a yes; where no is an answer as well, the step behind decides. */
function signalOf({ waitMs, mayBeRefused }: PlannedStep): unknown {
  const approved = mayBeRefused ? { type: "boolean" } : { const: true };
  return {
    form: {
      type: "object",
      required: ["approved"],
      properties: { approved, note: { type: "string", maxLength: 1000 } },
    },
    ...(waitMs !== undefined && { timeout: durationText(waitMs) }),
  };
}

function transformParent({ gate, parents }: PlannedStep): PlannedStep | undefined {
  return gate === undefined ? [...parents].find(({ kind }) => kind !== "sleep") : gate.of;
}

function transformOf(step: PlannedStep): Omit<StepValue, "name"> {
  const { gate } = step;
  if (gate !== undefined) {
    const { field, of, type, schema } = gate;
    return {
      transform: { [field]: `$.${of?.name ?? "input"}.${pathOf(field)}` },
      result: {
        type: "object",
        required: [field],
        properties: { [field]: { ...type, ...schema } },
      },
    };
  }
  const parent = transformParent(step);
  return parent === undefined
    ? { transform: { failed: true } }
    : { transform: { state: `$.${parent.name}.state` } };
}

/** What cannot be taken back is not tried again, unless nobody could have done it twice. */
function policyOf({ offer, policy }: PlannedStep): Omit<StepValue, "name"> {
  const isExternal = offer?.capability.effect === "external";
  const { timeoutMs, attemptsMax } = policy;
  const attempts = attemptsMax ?? (isExternal ? 1 : undefined);
  return {
    ...(timeoutMs !== undefined && { timeout: durationText(timeoutMs) }),
    ...(attempts !== undefined && { retry: { attempts_max: attempts } }),
    ...(isExternal && attempts !== 1 && { at_most_once: true }),
  };
}

/**
 * Attempts that are used up park a step unless it says otherwise: a failure path would wait for a
 * person first.
 */
export function exhaustionOf(
  step: PlannedStep,
  guarded: ReadonlySet<PlannedStep>,
): Omit<StepValue, "name"> {
  return step.kind === "remote" && guarded.has(step) ? { on_exhausted: "fail" } : {};
}

/** Why a step is there. */
export function whyOf(step: PlannedStep): string {
  const { kind, offer, match } = step;
  if (offer !== undefined) {
    const words = match === undefined
      ? ""
      : `, by ${match.words.map((word) => `"${word}"`).join(", ")}`;
    return `${offer.capability.name} of ${offer.system} does it${words}`;
  }
  if (kind === "todo") return "nothing that is registered does it";
  if (kind === "signal") return "a person answers";
  if (kind === "sleep") return "time passes";
  return step.text;
}

const UNITS: readonly (readonly [string, number])[] = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["m", 60_000],
  ["s", 1_000],
];

/** A duration as manifests write it. */
export function durationText(ms: number): string {
  const [unit, size] = UNITS.find(([, each]) => ms >= each && ms % each === 0) ?? ["ms", 1];
  return `${ms / size}${unit}`;
}
