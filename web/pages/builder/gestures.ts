/** Gestures: what a person does on the canvas or in the outline, as edits of the document. Pure. */

import type { Document, Fields } from "../../../src/author/document.ts";
import { dependsOn, stepsOf, valueAt } from "../../../src/author/document.ts";
import { withoutSteps } from "../../../src/author/parts.ts";
import { graphOf } from "../../../src/author/references.ts";
import type { Edit } from "../../../src/core/authoring.ts";
import { TaskerError } from "../../../src/core/errors.ts";

/** Edits, and what they do in words. */
export interface Gesture {
  readonly label: string;
  readonly edits: readonly Edit[];
}

/** A gesture, or why it makes no sense here. */
export type Meant =
  | { readonly ok: true; readonly gesture: Gesture }
  | { readonly ok: false; readonly reason: string };

/** A step as a manifest writes it. */
export type StepValue = Extract<Edit, { kind: "add_step" }>["step"];

/** Kinds of steps that can be added without a registry. */
export const PALETTE = [
  { kind: "http", title: "HTTP request", text: "Calls a URL", name: "call" },
  { kind: "signal", title: "Approval", text: "Waits for a person's answer", name: "approve" },
  { kind: "sleep", title: "Wait", text: "Lets time pass", name: "wait" },
  { kind: "transform", title: "Transform", text: "Makes a value of others", name: "make" },
  { kind: "event", title: "Event", text: "Sends an event to a system", name: "send" },
  { kind: "todo", title: "Placeholder", text: "Its work is still to be said", name: "todo" },
] as const;

/** One kind of the palette. */
export type PaletteKind = (typeof PALETTE)[number]["kind"];

/** A new step of a kind, under a name that is free. */
export function newStep(value: Fields, kind: PaletteKind): StepValue {
  const base = PALETTE.find((one) => one.kind === kind)?.name ?? kind;
  return { name: freeName(value, base), ...WORK[kind] };
}

const WORK: Readonly<Record<PaletteKind, Fields>> = {
  http: { http: { method: "POST", url: "https://" } },
  signal: {
    signal: {
      form: {
        type: "object",
        required: ["approved"],
        properties: { approved: { type: "boolean" }, note: { type: "string", maxLength: 1000 } },
      },
      timeout: "2d",
    },
  },
  sleep: { sleep: "10m" },
  transform: { transform: {} },
  event: { owner: "system", event_pattern: "thing.do" },
  todo: { todo: "what is to be done here?" },
};

/** A name that no step has: the base, or the base with a number. */
export function freeName(value: Fields, base: string): string {
  const taken = new Set([...stepsOf(value).map(({ name }) => name), "input"]);
  for (let number = 2, name = base;; number++) {
    if (!taken.has(name)) return name;
    name = `${base}_${number}`;
  }
}

/** Adds a step at the end, or behind another one, which it then waits for. */
export function addStep(step: StepValue, after: string | undefined): Gesture {
  return {
    label: `Add ${step.name}`,
    edits: [
      after === undefined
        ? { kind: "add_step", step }
        : { kind: "add_step", step: ordered(step, after), after },
    ],
  };
}

/** The name first, then what it waits for, as people write it. */
function ordered({ name, ...work }: StepValue, after: string): StepValue {
  return { name, depends_on: after, ...work };
}

/** Lets a step wait for another one. */
export function connect(value: Fields, { from, to }: Edge): Meant {
  const graph = graphOf(value);
  if (from === to) return refused(`"${to}" cannot wait for itself`);
  if (graph.get(to)?.includes(from)) return refused(`"${to}" waits for "${from}" already`);
  if (ancestorsIn(graph, from).has(to)) {
    return refused(`"${from}" waits for "${to}", so "${to}" cannot wait for it`);
  }
  return meant(`Connect ${from} to ${to}`, [{ kind: "connect", from, to }]);
}

/** Takes an edge away. One that a mapping makes goes with the mapping. */
export function disconnect(value: Fields, { from, to }: Edge): Meant {
  const fields = stepNamed(value, to);
  if (dependsOn(fields ?? {}).includes(from)) {
    return meant(`Disconnect ${from} from ${to}`, [{ kind: "disconnect", from, to }]);
  }
  return refused(`"${to}" reads a result of "${from}": map that field from somewhere else first`);
}

/** Puts a step into an edge. What is read over the edge is read as before. */
export function insertBetween(value: Fields, { from, to }: Edge, step: StepValue): Gesture {
  return {
    label: `Insert ${step.name} between ${from} and ${to}`,
    edits: [
      { kind: "add_step", step: ordered(step, from), after: from },
      ...rejoined(value, {
        from,
        to,
        name: step.name,
      }),
    ],
  };
}

/** Moves the end of an edge behind a step that now stands in it. */
export function rejoined(
  value: Fields,
  { from, to, name }: Edge & { readonly name: string },
): readonly Edit[] {
  const isStated = dependsOn(stepNamed(value, to) ?? {}).includes(from);
  return [
    { kind: "connect", from: name, to },
    ...(isStated ? [{ kind: "disconnect", from, to } as const] : []),
  ];
}

/** Removes a step; those that waited for it wait for what it waited for. */
export function removeStep(document: Document, name: string): Meant {
  try {
    return meant(`Remove ${name}`, withoutSteps(document, [name]).edits);
  } catch (thrown) {
    if (!(thrown instanceof TaskerError)) throw thrown;
    return refused(thrown.message);
  }
}

/** Renames a step; edges and mappings follow. */
export function renameStep(name: string, to: string): Gesture {
  return { label: `Rename ${name} to ${to}`, edits: [{ kind: "rename_step", name, to }] };
}

/** Puts a value into a field of a step, or of the workflow; undefined removes the field. */
export function setField(
  document: Document,
  { step, field, value }: {
    readonly step?: string | undefined;
    readonly field: readonly (string | number)[];
    readonly value: unknown;
  },
): Gesture {
  const of = step === undefined ? {} : { step };
  const label = `Set ${field.join(".")}${step === undefined ? "" : ` of ${step}`}`;
  if (value !== undefined) return { label, edits: [{ kind: "set", ...of, field, value }] };
  const holder = step === undefined ? document.value : stepNamed(document.value, step);
  const isThere = valueAt(holder, field) !== undefined;
  return { label, edits: isThere ? [{ kind: "unset", ...of, field: emptied(holder, field) }] : [] };
}

/** A map whose last field goes, goes as well. */
function emptied(
  holder: unknown,
  field: readonly (string | number)[],
): readonly (string | number)[] {
  const parent = field.slice(0, -1);
  const map = valueAt(holder, parent);
  const isLast = parent.length > 0 && typeof map === "object" && map !== null &&
    Object.keys(map).length === 1;
  return isLast ? emptied(holder, parent) : field;
}

/** An edge of the graph. */
export interface Edge {
  readonly from: string;
  readonly to: string;
}

/** The steps that a step waits for, directly and indirectly. */
export function ancestorsIn(
  graph: ReadonlyMap<string, readonly string[]>,
  name: string,
): ReadonlySet<string> {
  const found = new Set<string>();
  const open = [...graph.get(name) ?? []];
  for (let one = open.pop(); one !== undefined; one = open.pop()) {
    if (found.has(one)) continue;
    found.add(one);
    open.push(...graph.get(one) ?? []);
  }
  return found;
}

/** For each step those that wait for it, of a graph that has for each those that it waits for. */
export function reversed(
  graph: ReadonlyMap<string, readonly string[]>,
): ReadonlyMap<string, readonly string[]> {
  const edges = [...graph].flatMap(([name, parents]) =>
    parents.map((parent): readonly [string, string] => [parent, name])
  );
  const grouped = Map.groupBy(edges, ([parent]) => parent);
  return new Map([...grouped].map(([parent, of]) => [parent, of.map(([, name]) => name)]));
}

/** The fields of a step. */
export function stepNamed(value: Fields, name: string): Fields | undefined {
  return stepsOf(value).find((step) => step.name === name)?.fields;
}

function meant(label: string, edits: readonly Edit[]): Meant {
  return { ok: true, gesture: { label, edits } };
}

function refused(reason: string): Meant {
  return { ok: false, reason };
}
