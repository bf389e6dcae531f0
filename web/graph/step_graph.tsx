/** The graph of a workflow or a task: steps, edges and states, drawn, walked and, in the builder, edited. */

import {
  BaseEdge,
  type Edge,
  type EdgeProps,
  MarkerType,
  MiniMap,
  type NodeChange,
  Position,
  ReactFlow,
  ReactFlowProvider,
  useReactFlow,
} from "@xyflow/react";
import baseCss from "@xyflow/react/dist/base.css" with { type: "text" };
import { type KeyboardEvent, useCallback, useEffect, useMemo, useRef } from "react";
import { adoptCss } from "../kit/adopt_css.ts";
import { Button } from "../kit/button.tsx";
import { ErrorNote } from "../kit/error_note.tsx";
import ownCss from "./graph.css" with { type: "text" };
import {
  CARD,
  type EdgeEnds,
  edgeKey,
  edgeText,
  type GraphEdge,
  type GraphStep,
  neighbourOf,
  pathThrough,
  type Place,
  topological,
} from "./graph_model.ts";
import { StepCard, type StepNode, stepText } from "./step_card.tsx";
import { useLayout } from "./use_layout.ts";

export type { EdgeEnds, GraphEdge, GraphStep } from "./graph_model.ts";

adoptCss(baseCss);
adoptCss(ownCss);

/** What a graph shows, and what may be done with it. */
export interface StepGraphProps {
  /** What the graph is of, for those who do not see it. */
  readonly label: string;
  readonly steps: readonly GraphStep[];
  readonly edges: readonly GraphEdge[];
  readonly selected?: string | undefined;
  readonly onSelect?: (name: string | undefined) => void;
  readonly selectedEdge?: EdgeEnds | undefined;
  readonly onSelectEdge?: (edge: EdgeEnds) => void;
  /** Absent: nothing can be connected here. */
  readonly onConnect?: (edge: EdgeEnds) => void;
  /** Delete, pressed on what is selected. */
  readonly onRemove?: () => void;
}

/** More steps than this are drawn only where they are seen, and have a map. */
const DRAWN_MAX = 60;
/** A graph that fits only if it is smaller than this begins at its first step instead. */
const READABLE_ZOOM = 0.5;
const ZOOM = { min: 0.05, max: 1.5 } as const;
/** Pixels that a whole graph leaves free, both sides together. */
const MARGIN = 64;

/** Draws a graph into its parent, which has to have a height. Cost: one layout when names or edges change. */
export function StepGraph(props: StepGraphProps) {
  return (
    <ReactFlowProvider>
      <Canvas {...props} />
    </ReactFlowProvider>
  );
}

const NODE_TYPES = { step: StepCard };
const EDGE_TYPES = { route: RouteEdge };

function Canvas(props: StepGraphProps) {
  const { label, steps, edges, onSelect, onSelectEdge, onConnect } = props;
  const layout = useLayout(steps, edges);
  const nodes = useNodes(props, layout.places);
  const drawnEdges = useEdges(props, layout.routes);
  const focus = props.selected ?? nodes[0]?.id;
  const isLarge = steps.length > DRAWN_MAX;
  const area = useRef<HTMLDivElement>(null);
  const view = useView(area, { places: layout.places, focus });
  const onKeyDown = useKeys(props, layout.places);
  const onNodesChange = useCallback((changes: readonly NodeChange<StepNode>[]) => {
    const chosen = changes.find((one) => one.type === "select" && one.selected);
    if (chosen?.type === "select") onSelect?.(chosen.id);
  }, [onSelect]);
  if (layout.error !== undefined) return <ErrorNote error={layout.error} />;
  return (
    <div className="step-graph" ref={area} onKeyDown={onKeyDown}>
      <ReactFlow
        aria-label={label}
        nodes={nodes}
        edges={drawnEdges}
        nodeTypes={NODE_TYPES}
        edgeTypes={EDGE_TYPES}
        onNodesChange={onNodesChange}
        onEdgeClick={(_, { source, target }) => onSelectEdge?.({ from: source, to: target })}
        onConnect={({ source, target }) => onConnect?.({ from: source, to: target })}
        onPaneClick={() => onSelect?.(undefined)}
        nodesDraggable={false}
        nodesConnectable={onConnect !== undefined}
        edgesFocusable={onSelectEdge !== undefined}
        deleteKeyCode={null}
        minZoom={ZOOM.min}
        maxZoom={ZOOM.max}
        onlyRenderVisibleElements={isLarge}
        zoomOnDoubleClick={false}
        onMoveStart={view.onMoveStart}
      >
        {isLarge && <MiniMap pannable zoomable ariaLabel={`Map of ${label}`} />}
      </ReactFlow>
      <ViewButtons onFit={view.fit} />
      {!layout.isCurrent && layout.places.size === 0 && steps.length > 0 && (
        <p className="step-graph-note" role="status">Drawing {steps.length} steps …</p>
      )}
    </div>
  );
}

function ViewButtons({ onFit }: { readonly onFit: () => void }) {
  const flow = useReactFlow();
  return (
    <div className="step-graph-view" role="group" aria-label="View">
      <Button label="Zoom in" onPress={() => void flow.zoomIn()}>+</Button>
      <Button label="Zoom out" onPress={() => void flow.zoomOut()}>−</Button>
      <Button label="Show the whole graph" onPress={onFit}>⤢</Button>
    </div>
  );
}

/** Where edges leave and enter a card: known beforehand, so that no card has to be measured. */
const HANDLES = [
  { type: "target", position: Position.Top, x: CARD.width / 2, y: 0, width: 1, height: 1 },
  {
    type: "source",
    position: Position.Bottom,
    x: CARD.width / 2,
    y: CARD.height,
    width: 1,
    height: 1,
  },
] satisfies StepNode["handles"];

/** The nodes of the canvas, in the order in which Tab reaches them; those that did not change stay the same. */
function useNodes(
  { steps, edges, selected, onConnect }: StepGraphProps,
  places: ReadonlyMap<string, Place>,
): StepNode[] {
  const canConnect = onConnect !== undefined;
  const before = useRef(new Map<string, StepNode>());
  const nodes = useMemo(() => {
    const nodes = topological(steps, edges).flatMap((step) => {
      const position = places.get(step.name);
      if (position === undefined) return [];
      const known = before.current.get(step.name);
      const made = nodeOf(step, position, canConnect);
      return [known !== undefined && isSameNode(known, made) ? known : made];
    });
    before.current = new Map(nodes.map((node) => [node.id, node]));
    return nodes;
  }, [steps, edges, places, canConnect]);
  return useMemo(
    () => nodes.map((node) => node.id === selected ? { ...node, selected: true } : node),
    [nodes, selected],
  );
}

function nodeOf(step: GraphStep, position: Place, canConnect: boolean): StepNode {
  return {
    id: step.name,
    type: "step",
    position: { ...position },
    ...CARD,
    handles: HANDLES,
    data: { step, canConnect },
    selected: false,
    ariaLabel: stepText(step),
  };
}

function isSameNode(one: StepNode, other: StepNode): boolean {
  return one.position.x === other.position.x && one.position.y === other.position.y &&
    one.data.canConnect === other.data.canConnect &&
    JSON.stringify(one.data.step) === JSON.stringify(other.data.step);
}

/** An edge as the canvas holds it. */
type RoutedEdge = Edge<{ readonly path: string }, "route">;

function RouteEdge({ data, markerEnd = "" }: EdgeProps<RoutedEdge>) {
  return <BaseEdge path={data?.path ?? ""} markerEnd={markerEnd} interactionWidth={16} />;
}

function useEdges(
  { edges, selectedEdge }: StepGraphProps,
  routes: ReadonlyMap<string, readonly Place[]>,
): RoutedEdge[] {
  return useMemo(() =>
    edges.flatMap((edge): RoutedEdge[] => {
      const { from, to, kind, isCritical } = edge;
      const key = edgeKey(edge);
      const route = routes.get(key);
      if (route === undefined) return [];
      const isSelected = selectedEdge?.from === from && selectedEdge.to === to;
      return [{
        id: key,
        type: "route",
        data: { path: pathThrough(route) },
        source: from,
        target: to,
        className: `step-edge ${kind}${isCritical ? " critical" : ""}`,
        markerEnd: {
          type: MarkerType.ArrowClosed,
          markerUnits: "userSpaceOnUse",
          width: 16,
          height: 16,
          color: isCritical ? "var(--attention)" : "var(--line-strong)",
        },
        selected: isSelected,
        ariaLabel: edgeText(edge),
      }];
    }), [edges, routes, selectedEdge?.from, selectedEdge?.to]);
}

/**
 * Shows the whole graph, or its beginning where the whole is too small to read; again when it or its
 * area grows, until the person moves the view.
 */
function useView(
  area: { readonly current: HTMLDivElement | null },
  { places, focus }: {
    readonly places: ReadonlyMap<string, Place>;
    readonly focus: string | undefined;
  },
) {
  const flow = useReactFlow();
  const isMoved = useRef(false);
  const onMoveStart = useCallback((event: unknown) => {
    if (event !== null) isMoved.current = true;
  }, []);
  const show = useCallback((place: Place | undefined) => {
    const { clientWidth: width = 0, clientHeight: height = 0 } = area.current ?? {};
    const right = Math.max(...[...places.values()].map(({ x }) => x)) + CARD.width;
    const bottom = Math.max(...[...places.values()].map(({ y }) => y)) + CARD.height;
    const fitting = Math.min((width - MARGIN) / right, (height - MARGIN) / bottom, 1);
    const isWhole = place === undefined || fitting > READABLE_ZOOM;
    const zoom = isWhole ? Math.max(fitting, ZOOM.min) : 0.8;
    void flow.setViewport({
      x: width / 2 - zoom * (isWhole ? right / 2 : place.x + CARD.width / 2),
      y: isWhole ? (height - zoom * bottom) / 2 : height / 4 - zoom * place.y,
      zoom,
    });
  }, [area, places, flow]);
  const start = useRef<Place>(undefined);
  start.current = focus === undefined ? undefined : places.get(focus);
  useEffect(() => {
    if (area.current === null || places.size === 0) return;
    const watching = new ResizeObserver(() => {
      if (!isMoved.current) show(start.current);
    });
    // The first report comes at once, with the size that there is.
    watching.observe(area.current);
    return () => watching.disconnect();
  }, [area, places, show]);
  const fit = useCallback(() => {
    isMoved.current = false;
    show(undefined);
  }, [show]);
  return { fit, onMoveStart };
}

const ARROWS = ["ArrowUp", "ArrowDown", "ArrowLeft", "ArrowRight"] as const;

/** Arrow keys walk, Delete removes. */
function useKeys(
  { edges, onSelect, onRemove }: StepGraphProps,
  places: ReadonlyMap<string, Place>,
): (event: KeyboardEvent) => void {
  const flow = useReactFlow();
  return useCallback((event) => {
    const node = (event.target as Element).closest<HTMLElement>(".react-flow__node");
    if ((event.key === "Delete" || event.key === "Backspace") && onRemove !== undefined) {
      const isHere = (event.target as Element).closest(".react-flow__node, .react-flow__edge");
      if (isHere !== null) onRemove();
    }
    const key = ARROWS.find((one) => one === event.key);
    const name = node?.dataset.id;
    if (key === undefined || name === undefined) return;
    event.preventDefault();
    const next = neighbourOf(name, key, { edges, places });
    const at = next === undefined ? undefined : places.get(next);
    if (next === undefined || at === undefined) return;
    onSelect?.(next);
    const { zoom } = flow.getViewport();
    const graph = event.currentTarget;
    void flow.setCenter(at.x + CARD.width / 2, at.y + CARD.height / 2, { zoom }).then(() =>
      graph.querySelector<HTMLElement>(`[data-id="${CSS.escape(next)}"]`)?.focus()
    );
  }, [edges, places, onSelect, onRemove, flow]);
}
