import { deepEqual, equal } from "node:assert/strict";
import { layTree } from "./tree.ts";

function drawn(graph: Record<string, readonly string[]>): string[] {
  const nodes = Object.entries(graph).map(([name, after]) => ({ name, after }));
  return layTree(nodes).map(({ node, first, others }) =>
    `${first}${node.name}${others.length === 0 ? "" : ` (${others.join(" ")})`}`
  );
}

Deno.test("layTree() draws a chain by indentation", () => {
  deepEqual(drawn({ a: [], b: ["a"], c: ["b"] }), [
    "a",
    "└ b",
    "  └ c",
  ]);
});

Deno.test("layTree() draws who waits for many once, below all of them, and names the others", () => {
  deepEqual(drawn({ a: [], b: ["a"], c: ["a"], d: ["b", "c"], e: ["d", "a"] }), [
    "a",
    "├ b",
    "└ c",
    "  └ d (b)",
    "    └ e (a)",
  ]);
});

Deno.test("layTree() hangs a step under the parent that is farthest from the roots", () => {
  deepEqual(drawn({ a: [], b: ["a"], c: ["b"], d: ["a", "c"], e: ["a"] }), [
    "a",
    "├ b",
    "│ └ c",
    "│   └ d (a)",
    "└ e",
  ]);
});

Deno.test("layTree() draws several roots", () => {
  deepEqual(drawn({ a: [], b: [], c: ["a"], d: ["b", "c"] }), ["a", "└ c", "  └ d (b)", "b"]);
});

Deno.test("layTree() says what stands before further lines of a step", () => {
  const nodes = [
    { name: "a", after: [] },
    { name: "b", after: ["a"] },
    { name: "c", after: ["b"] },
    { name: "d", after: ["a"] },
  ];

  deepEqual(layTree(nodes).map(({ rest }) => rest), ["│ ", "│ │ ", "│     ", "    "]);
});

Deno.test("layTree() lays 50,000 steps side by side, and one after all of them", () => {
  const parts = Array.from({ length: 50_000 }, (_, index) => ({ name: `p${index}`, after: ["a"] }));
  const join = { name: "join", after: parts.map(({ name }) => name) };

  const laid = layTree([{ name: "a", after: [] }, ...parts, join]);

  equal(laid.at(-1)?.first, "  └ ");
  equal(laid.at(-1)?.others.length, 49_999);
});

Deno.test("layTree() lays 100,000 steps in a row, and indents them no further than fits", () => {
  const nodes = Array.from({ length: 100_000 }, (_, index) => ({
    name: `s${index}`,
    after: index === 0 ? [] : [`s${index - 1}`],
  }));

  const laid = layTree(nodes);

  equal(laid.length, 100_000);
  equal(laid.at(-1)?.first.length, 32);
});
