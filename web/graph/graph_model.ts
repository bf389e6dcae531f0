/** The model of a drawn graph: what its users give, and how it is walked. Pure. */

import type { StepStateName } from "../../src/core/state.ts";
import type { StepKind } from "../../src/core/workflow.ts";

/** A step as it is drawn. */
export interface GraphStep {
  readonly name: string;
  readonly kind: StepKind | "todo";
  /** Who does it: `payments · payment.charge`. */
  readonly detail?: string | undefined;
  /** Of a task; absent: it is a drawing of a definition. */
  readonly state?: StepStateName | undefined;
  /** One short line more: `attempt 2 of 5`, `p95 1.2 s`. */
  readonly note?: string | undefined;
  /** Share of the duration of tasks that it is on the critical path for, 0..1. */
  readonly share?: number | undefined;
  readonly errors?: number | undefined;
  readonly warnings?: number | undefined;
}

/** An edge as it is drawn. */
export interface GraphEdge {
  readonly from: string;
  readonly to: string;
  /** `data`: a result is read over it. */
  readonly kind: "data" | "order";
  readonly isCritical?: boolean | undefined;
}

/** The ends of an edge. */
export type EdgeEnds = Pick<GraphEdge, "from" | "to">;

/** Pixels of a step's card: layout and drawing have to agree on them. */
export const CARD = { width: 216, height: 54 } as const;

/** What is to be laid out. */
export interface LayoutRequest {
  readonly names: readonly string[];
  readonly edges: readonly EdgeEnds[];
}

/** A point; of a card, its upper left corner. */
export interface Place {
  readonly x: number;
  readonly y: number;
}

/** Where the cards of a graph stand, and the points that its edges pass so as to cross none of them. */
export interface Drawing {
  readonly places: ReadonlyMap<string, Place>;
  readonly routes: ReadonlyMap<string, readonly Place[]>;
}

/** Names an edge. */
export function edgeKey({ from, to }: EdgeEnds): string {
  return `${from} ${to}`;
}

/** A smooth line from the first point to the last, as SVG writes paths: straight into and out of cards. */
export function pathThrough(points: readonly Place[]): string {
  const [first, ...rest] = points;
  if (first === undefined) return "";
  let path = `M${first.x},${first.y}`;
  let before = first;
  for (const at of rest) {
    const bend = (at.y - before.y) / 2;
    path += ` C${before.x},${before.y + bend} ${at.x},${at.y - bend} ${at.x},${at.y}`;
    before = at;
  }
  return path;
}

/** What a reader learns of a state beside its word: a mark and a tone, never the colour alone. */
export const STATE_MARKS: Readonly<
  Record<StepStateName, { readonly mark: string; readonly tone: string; readonly word: string }>
> = {
  pending: { mark: "○", tone: "quiet", word: "pending" },
  running: { mark: "▶", tone: "active", word: "running" },
  waiting_for_reply: { mark: "◔", tone: "active", word: "waiting for reply" },
  waiting_for_retry: { mark: "↻", tone: "attention", word: "waiting for retry" },
  parked: { mark: "!", tone: "attention", word: "needs a person" },
  completed: { mark: "✓", tone: "good", word: "completed" },
  resolved_manually: { mark: "✓", tone: "good", word: "resolved by hand" },
  skipped: { mark: "»", tone: "quiet", word: "skipped" },
  failed: { mark: "✕", tone: "bad", word: "failed" },
  cancelled: { mark: "⊘", tone: "quiet", word: "cancelled" },
  unreached: { mark: "–", tone: "quiet", word: "not reached" },
};

/** Says an edge in words, for those who do not see it. */
export function edgeText({ from, to, kind }: GraphEdge): string {
  return kind === "data" ? `${to} reads a result of ${from}` : `${to} waits for ${from}`;
}

/** Steps so that each comes after those that it waits for; those in a cycle keep their place. */
export function topological<Step extends { readonly name: string }>(
  steps: readonly Step[],
  edges: readonly EdgeEnds[],
): readonly Step[] {
  const waits = new Map(steps.map(({ name }) => [name, 0]));
  const children = childrenOf(edges);
  for (const { to } of edges) waits.set(to, (waits.get(to) ?? 0) + 1);
  const byName = new Map(steps.map((step) => [step.name, step]));
  const ready = steps.filter(({ name }) => waits.get(name) === 0);
  const ordered = new Set<Step>();
  for (const step of ready) {
    ordered.add(step);
    for (const child of children.get(step.name) ?? []) {
      const left = (waits.get(child) ?? 0) - 1;
      waits.set(child, left);
      const next = byName.get(child);
      if (left === 0 && next !== undefined) ready.push(next);
    }
  }
  return [...ordered, ...steps.filter((step) => !ordered.has(step))];
}

function childrenOf(edges: readonly EdgeEnds[]): ReadonlyMap<string, readonly string[]> {
  const children = new Map<string, string[]>();
  for (const { from, to } of edges) {
    const known = children.get(from);
    if (known === undefined) children.set(from, [to]);
    else known.push(to);
  }
  return children;
}

/**
 * The edges along a critical path, by `edgeKey`: those between steps of the path that no other step of
 * it lies between. Cost: O(steps of the path × edges).
 */
export function pathEdges(
  edges: readonly EdgeEnds[],
  isOnPath: (name: string) => boolean,
): ReadonlySet<string> {
  const children = childrenOf(edges);
  const behind = new Map<string, ReadonlySet<string>>();
  const reachedFrom = (name: string): ReadonlySet<string> => {
    const known = behind.get(name);
    if (known !== undefined) return known;
    const found = new Set<string>();
    const open = [...children.get(name) ?? []];
    for (let one = open.pop(); one !== undefined; one = open.pop()) {
      if (found.has(one)) continue;
      found.add(one);
      open.push(...children.get(one) ?? []);
    }
    behind.set(name, found);
    return found;
  };
  const between = ({ from, to }: EdgeEnds) =>
    [...reachedFrom(from)].some((name) => isOnPath(name) && reachedFrom(name).has(to));
  return new Set(
    edges.filter((edge) => isOnPath(edge.from) && isOnPath(edge.to) && !between(edge)).map(edgeKey),
  );
}

/** Where an arrow key leads: up and down along edges, left and right to the neighbours of a layer. */
export function neighbourOf(
  name: string,
  key: "ArrowUp" | "ArrowDown" | "ArrowLeft" | "ArrowRight",
  { edges, places }: {
    readonly edges: readonly EdgeEnds[];
    readonly places: ReadonlyMap<string, Place>;
  },
): string | undefined {
  const at = places.get(name);
  if (at === undefined) return undefined;
  const beside = (one: string) => Math.abs((places.get(one)?.x ?? 0) - at.x);
  const nearest = (names: readonly string[]) => names.toSorted((a, b) => beside(a) - beside(b))[0];
  if (key === "ArrowUp") {
    return nearest(edges.filter(({ to }) => to === name).map(({ from }) => from));
  }
  if (key === "ArrowDown") {
    return nearest(edges.filter(({ from }) => from === name).map(({ to }) => to));
  }
  const sign = key === "ArrowRight" ? 1 : -1;
  return nearest(
    [...places].filter(([, { x, y }]) => y === at.y && Math.sign(x - at.x) === sign)
      .map(([one]) => one),
  );
}
