/** Layout: where the steps of a graph stand. Pure; the worker beside it runs it. */

import { Graph, layout } from "@dagrejs/dagre";
import {
  CARD,
  type Drawing,
  type EdgeEnds,
  edgeKey,
  type LayoutRequest,
  type Place,
} from "./graph_model.ts";

/** Pixels between cards beside and below each other. */
const GAP = { beside: 28, below: 44 } as const;

/**
 * Places the steps from top to bottom, by layers (Gansner et al. 1993, as dagre does it). Edges from or
 * to names that are not there are left out, and cycles are drawn.
 *
 * Cost: some 0.1 s for 50 steps, seconds for 500 steps with 1,000 edges.
 */
export function drawingOf({ names, edges }: LayoutRequest): Drawing {
  const graph = new Graph();
  graph.setGraph({ rankdir: "TB", nodesep: GAP.beside, ranksep: GAP.below });
  graph.setDefaultEdgeLabel(() => ({}));
  const known = new Set(names);
  for (const name of known) graph.setNode(name, { ...CARD });
  const drawn = edges.filter(({ from, to }) => from !== to && known.has(from) && known.has(to));
  for (const { from, to } of drawn) graph.setEdge(from, to);
  layout(graph);
  const places = new Map([...known].map((name) => {
    const { x = 0, y = 0 } = graph.node(name) as Partial<Place>;
    return [name, { x: Math.round(x - CARD.width / 2), y: Math.round(y - CARD.height / 2) }];
  }));
  const routes = new Map(drawn.map((edge) => {
    const { points = [] } = graph.edge(edge.from, edge.to) as { points?: readonly Place[] };
    return [edgeKey(edge), routeOf(edge, { points, places })];
  }));
  return { places, routes };
}

/** From the lower side of the one card to the upper side of the other, by the points between layers. */
function routeOf(
  { from, to }: EdgeEnds,
  { points, places }: {
    readonly points: readonly Place[];
    readonly places: ReadonlyMap<string, Place>;
  },
): readonly Place[] {
  const [start, end] = [places.get(from), places.get(to)];
  if (start === undefined || end === undefined) return [];
  const middle = (at: Place) => at.x + CARD.width / 2;
  return [
    { x: middle(start), y: start.y + CARD.height },
    ...(points.length > 3 ? points.slice(1, -1) : []),
    { x: middle(end), y: end.y },
  ];
}
