import assert from "node:assert/strict";
import { ejectableOf, ejectedNow } from "./ejection.ts";
import type { Instance } from "./system.ts";

function instances(...states: readonly Instance["state"][]): readonly Instance[] {
  return states.map((state, at) => ({
    system: "cook",
    instance: `i${at}`,
    version: "1.0.0",
    state,
    isDeclared: false,
    namespaces: [],
    capabilities: [],
  }));
}

Deno.test("at most a quarter of the instances may be ejected, rounded down", () => {
  assert.deepEqual([0, 1, 3, 4, 7, 8, 500].map(ejectableOf), [0, 0, 0, 1, 1, 2, 125]);
});

Deno.test("an ejection ends by itself", () => {
  const all = instances("healthy", "healthy");

  assert.deepEqual(ejectedNow({ i0: 100 }, all, 99), ["i0"]);
  assert.deepEqual(ejectedNow({ i0: 100 }, all, 100), []);
});

Deno.test("no ejection holds while no other instance is healthy", () => {
  const left = (...states: readonly Instance["state"][]) =>
    ejectedNow({ i0: 100 }, instances(...states), 0);

  assert.deepEqual(left("healthy", "healthy"), ["i0"]);
  assert.deepEqual(left("healthy", "unhealthy", "gone"), []);
  assert.deepEqual(left("healthy"), []);
});
