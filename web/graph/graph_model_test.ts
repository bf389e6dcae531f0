/// <reference lib="deno.ns" />

import { deepEqual, equal, ok } from "node:assert/strict";
import { CARD, neighbourOf, pathEdges, topological } from "./graph_model.ts";
import { drawingOf } from "./layout.ts";

const EDGES = [
  { from: "check", to: "reserve" },
  { from: "check", to: "charge" },
  { from: "reserve", to: "ship" },
  { from: "charge", to: "ship" },
];
const NAMES = ["ship", "charge", "reserve", "check"];

Deno.test("drawingOf() puts each step below those that it waits for, and none over another", () => {
  const { places } = drawingOf({ names: NAMES, edges: EDGES });

  for (const { from, to } of EDGES) {
    ok((places.get(to)?.y ?? 0) >= (places.get(from)?.y ?? 0) + CARD.height);
  }
  const { x: left = 0, y: top } = places.get("reserve") ?? {};
  const { x: right = 0, y: other } = places.get("charge") ?? {};
  equal(top, other);
  ok(Math.abs(left - right) >= CARD.width);
});

Deno.test("drawingOf() places steps that wait for each other, for themselves, and for none", () => {
  const edges = [{ from: "a", to: "b" }, { from: "b", to: "a" }, { from: "c", to: "c" }];

  const { places } = drawingOf({
    names: ["a", "b", "c"],
    edges: [...edges, { from: "x", to: "a" }],
  });

  deepEqual([...places.keys()], ["a", "b", "c"]);
  ok([...places.values()].every(({ x, y }) => Number.isFinite(x) && Number.isFinite(y)));
});

Deno.test("drawingOf() leads an edge around the cards between its ends", () => {
  const edges = [...EDGES, { from: "check", to: "ship" }, { from: "ship", to: "end" }];
  const all = [...edges, { from: "check", to: "end" }];

  const { places, routes } = drawingOf({ names: [...NAMES, "end"], edges: all });

  for (const [key, route] of routes) {
    for (const { x, y } of route.slice(1, -1)) {
      const isOnCard = [...places.values()].some((at) =>
        x > at.x && x < at.x + CARD.width && y > at.y && y < at.y + CARD.height
      );
      ok(!isOnCard, `${key} crosses a card at ${x},${y}`);
    }
  }
});

Deno.test("topological() puts steps behind their parents, and keeps those in a cycle", () => {
  const steps = [...NAMES, "one", "two"].map((name) => ({ name }));
  const cycle = [{ from: "one", to: "two" }, { from: "two", to: "one" }];

  const ordered = topological(steps, [...EDGES, ...cycle]).map(({ name }) => name);

  deepEqual(ordered, ["check", "reserve", "charge", "ship", "one", "two"]);
});

Deno.test("arrow keys lead along edges, and left and right within a layer", () => {
  const { places } = drawingOf({ names: NAMES, edges: EDGES });
  const walk = (name: string, ...keys: Parameters<typeof neighbourOf>[1][]) =>
    keys.reduce<string | undefined>(
      (at, key) => at && neighbourOf(at, key, { edges: EDGES, places }),
      name,
    );
  const [left] = [...places].filter(([name]) => name === "reserve" || name === "charge")
    .toSorted(([, a], [, b]) => a.x - b.x).map(([name]) => name);

  equal(walk(left ?? "", "ArrowRight", "ArrowLeft"), left);
  equal(walk(left ?? "", "ArrowDown", "ArrowUp", "ArrowUp"), "check");
  equal(walk("check", "ArrowUp"), undefined);
});

Deno.test("pathEdges() leaves out an edge that goes past a step of the path", () => {
  const edges = [...EDGES, { from: "check", to: "ship" }];

  const found = pathEdges(edges, (name) => name !== "reserve");

  deepEqual([...found], ["check charge", "charge ship"]);
});
