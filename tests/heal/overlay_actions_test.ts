import assert from "node:assert/strict";
import type { PolicyOverlay } from "../../src/core/ports.ts";
import type { Scenario } from "../../src/simulation/scenario.ts";
import { actionsOf } from "./overlay_actions.ts";

const SCENARIO: Scenario = {
  about: "a test",
  minutes: 1,
  workflows: {
    "shop/order": {
      perMinute: 1,
      heal: { tier: "T1", timeoutMs: [500, 30_000] },
      steps: { charge: { system: "payments", policy: { timeoutMs: 2_000 } } },
    },
  },
  systems: { payments: { react: () => undefined } },
  wanted: { slo: { success: 1, withinMs: 1 }, forbidden: ["set_retry"] },
};

/** Versions of an overlay out of their contents. */
function versions(...contents: readonly Record<string, unknown>[]): PolicyOverlay[] {
  return contents.map((steps, index) => ({
    version: index + 1,
    by: "healing",
    reason: "a test",
    atMs: 1_000,
    steps: steps as PolicyOverlay["steps"],
  }));
}

/** What actionsOf() says of the last version. */
function last(target: string, all: readonly PolicyOverlay[], instances = 4) {
  const { kinds, isReturn, unsafe } = actionsOf(target, all, {
    scenario: SCENARIO,
    instancesOf: () => instances,
    isApproved: ({ reason }) => reason.includes("approved"),
  }).at(-1) ?? {};
  return { kinds, isReturn, unsafe: unsafe?.length };
}

Deno.test("a version is the actions whose fields it changes, and its return is none", () => {
  const longer = { charge: { timeoutMs: 4_000 } };

  assert.deepEqual(last("shop/order", versions(longer)), {
    kinds: ["set_timeout"],
    isReturn: false,
    unsafe: 0,
  });
  assert.equal(last("shop/order", versions(longer, {})).isReturn, true);
});

Deno.test("what is forbidden, out of bounds or more than twice as much is unsafe", () => {
  const unsafe = (charge: unknown) => last("shop/order", versions({ charge })).unsafe;

  assert.equal(unsafe({ retry: { delayMsMin: 1 } }), 1);
  assert.equal(unsafe({ timeoutMs: 5_000 }), 1);
  assert.equal(unsafe({ timeoutMs: 100 }), 2);
});

Deno.test("bounds do not hold for what a person has approved, all else does", () => {
  const unsafe = (charge: unknown) =>
    last("shop/order", versions({ charge }).map((one) => ({ ...one, reason: "approved" }))).unsafe;

  assert.equal(unsafe({ timeoutMs: 100 }), 1);
  assert.equal(unsafe({ retry: { delayMsMin: 1 } }), 1);
});

Deno.test("ejecting more than a quarter of the instances is unsafe", () => {
  const ejected = (...names: readonly string[]) =>
    versions({ "*": { ejected: Object.fromEntries(names.map((name) => [name, 2_000])) } });

  assert.deepEqual(last("/payments", ejected("a")), {
    kinds: ["eject_instance"],
    isReturn: false,
    unsafe: 0,
  });
  assert.equal(last("/payments", ejected("a", "b")).unsafe, 1);
  assert.equal(last("/payments", ejected("a"), 1).unsafe, 1);
});
