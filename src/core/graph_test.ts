import assert from "node:assert/strict";
import { type GraphStep, packGraph, parentsOf, STEPS_MAX } from "./graph.ts";

function stepsOf(parents: Readonly<Record<string, readonly number[]>>): GraphStep[] {
  return Object.entries(parents).map(([name, of]) => ({ name, parents: of, when: "succeeded" }));
}

Deno.test("packGraph() keeps each parent once, in the order of wiring", () => {
  const graph = packGraph(stepsOf({ a: [], b: [0], c: [1, 0, 1] }));

  assert.deepEqual([0, 1, 2].map((step) => [...parentsOf(graph, step)]), [[], [0], [1, 0]]);
});

Deno.test("packGraph() takes parents that come later in the list", () => {
  const graph = packGraph(stepsOf({ a: [1], b: [] }));

  assert.deepEqual([...parentsOf(graph, 0)], [1]);
});

Deno.test("packGraph() names the steps of one cycle, and no others", () => {
  const steps = stepsOf({ first: [], a: [0, 3], b: [1], c: [2], last: [3] });

  assert.throws(() => packGraph(steps), {
    code: "graph.cycle",
    message: /: "(a" → "b" → "c" → "a|b" → "c" → "a" → "b|c" → "a" → "b" → "c)"$/,
  });
});

Deno.test("packGraph() refuses a step that waits for itself", () => {
  assert.throws(() => packGraph(stepsOf({ a: [0] })), {
    code: "graph.cycle",
    message: /"a" → "a"$/,
  });
});

Deno.test("packGraph() refuses parents that are not there, and too many steps", () => {
  const many = Array.from({ length: STEPS_MAX + 1 }, () => stepsOf({ a: [] })[0] as GraphStep);

  assert.throws(() => packGraph(stepsOf({ a: [1] })), { code: "graph.invalid" });
  assert.throws(() => packGraph(stepsOf({ a: [-1] })), { code: "graph.invalid" });
  assert.throws(() => packGraph(many), { code: "graph.invalid" });
});
