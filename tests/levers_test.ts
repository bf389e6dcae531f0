/** Healing's actions as levers: each can be taken back, and leaves what `policies put` would take. */

import { deepEqual, ok } from "node:assert/strict";
import fc from "fast-check";
import { FAILURE_CLASSES } from "../src/core/event.ts";
import type { HealingAction } from "../src/core/healing.ts";
import { LEVER_MS_MAX, SYSTEMS_NAMESPACE } from "../src/core/policy.ts";
import { changesOf } from "../src/heal/actions.ts";
import { applyChanges, inverseOf } from "../src/heal/changes.ts";
import { inputSchemaOf, type Operation } from "../src/operations/operation.ts";
import { OPERATIONS } from "../src/operations/table.ts";

const SEED = Number(Deno.env.get("LEVERS_SEED") ?? Date.now() % 2 ** 31);
const RUNS = { numRuns: 300, seed: SEED };
console.log(`levers: LEVERS_SEED=${SEED}`);

const NOW_MS = 1_767_225_600_000;
const workflow = fc.constant("shop/order");
const step = fc.constantFrom("charge", "pack");
const system = fc.constantFrom("bank", "stock");
const untilMs = fc.integer({ min: NOW_MS, max: NOW_MS + LEVER_MS_MAX });
const count = fc.integer({ min: 1, max: 1_000 });
const ms = fc.integer({ min: 1, max: 3_600_000 });
const share = fc.integer({ min: 1, max: 100 }).map((percent) => percent / 100);
const rate = fc.integer({ min: 1, max: 100_000 }).map((perHundredS) => perHundredS / 100);
const optional = { requiredKeys: [] as [] };

const only = fc.oneof(
  fc.record({ class: fc.constantFrom(...FAILURE_CLASSES) }),
  fc.record({ code: fc.constantFrom("declined", "http_503") }),
  fc.record({ status: fc.integer({ min: 400, max: 599 }) }),
  fc.record({
    host: fc.constantFrom("api.shop.test", "api.shop.test:8443"),
    status: count.map(() => 503),
  }),
);

/** The values of an action, without what says where it acts. */
const ACTIONS: fc.Arbitrary<HealingAction> = fc.oneof(
  fc.record({ kind: fc.constant("set_timeout" as const), workflow, step, timeoutMs: ms }),
  fc.record(
    { kind: fc.constant("set_retry" as const), workflow, step, attemptsMax: count, only },
    { requiredKeys: ["kind", "workflow", "step", "attemptsMax"] },
  ),
  fc.record({
    kind: fc.constant("set_concurrency" as const),
    workflow,
    step,
    concurrencyMax: count,
    untilMs,
  }),
  fc.record({
    kind: fc.constant("limit_system" as const),
    system,
    capability: fc.constantFrom("*", "pay.charge"),
    concurrencyMax: count,
    ratePerS: rate,
    untilMs,
  }),
  fc.record({
    kind: fc.constant("set_circuit" as const),
    system,
    failureShare: share,
    volumeMin: count,
    untilMs,
  }),
  fc.record({
    kind: fc.constant("set_circuit" as const),
    system,
    slowShare: share,
    slowMs: ms,
    untilMs,
  }),
  fc.record({ kind: fc.constant("open_circuit" as const), system, untilMs }),
  fc.record({ kind: fc.constant("hold_system" as const), system, untilMs }),
  fc.record({
    kind: fc.constant("eject_instance" as const),
    system,
    instance: fc.constantFrom("i-1", "i-2"),
    untilMs,
  }),
  fc.tuple(
    untilMs,
    fc.record({ pausedBelow: fc.integer({ min: 0, max: 4 }), ratePerS: rate }, optional)
      .filter((lever) => Object.keys(lever).length > 0),
  ).map(([until, lever]) => ({
    kind: "pause_starts" as const,
    workflow: "shop/order",
    ...lever,
    untilMs: until,
  })),
  fc.record({ kind: fc.constant("switch_system" as const), workflow, step, system }),
  fc.record(
    { kind: fc.constant("park_and_notify" as const), workflow, step, only },
    { requiredKeys: ["kind", "workflow", "step"] },
  ),
);

/** The contents of all overlays, by `namespace/name`; one that says nothing is absent. */
type Overlays = ReadonlyMap<string, object>;

const EMPTY = { steps: {} };

/** Applies an action, and returns what takes it back as well. */
function act(overlays: Overlays, action: HealingAction) {
  const target = changesOf(action);
  if (target === undefined) throw new Error(`${action.kind} changes nothing`);
  const key = `${target.namespace}/${target.name}`;
  const content = overlays.get(key) ?? EMPTY;
  const { changes } = changesOf(action, content) ?? target;
  const after = new Map(overlays).set(key, applyChanges(content, changes));
  return { after, key, inverse: inverseOf(content, changes) };
}

function overlaysOf(actions: readonly HealingAction[]): Overlays {
  return actions.reduce<Overlays>((before, action) => act(before, action).after, new Map());
}

Deno.test("an action and then its inverse leave every overlay as it was, whatever was there", () => {
  fc.assert(
    fc.property(fc.array(ACTIONS, { maxLength: 8 }), ACTIONS, (history, action) => {
      const before = overlaysOf(history);

      const { after, key, inverse } = act(before, action);
      const back = applyChanges(after.get(key) as object, inverse);

      deepEqual(back, before.get(key) ?? EMPTY);
    }),
    RUNS,
  );
});

Deno.test("what actions leave is taken by the operations that a person uses", () => {
  const schemaOf = (name: "putPolicy" | "putSystemLimits") =>
    inputSchemaOf(OPERATIONS[name] as unknown as Operation);
  fc.assert(
    fc.property(fc.array(ACTIONS, { minLength: 1, maxLength: 8 }), (actions) => {
      for (const [key, content] of overlaysOf(actions)) {
        const [namespace, name] = key.split("/");
        const { steps, ...more } = content as { steps: object };
        const parsed = namespace === SYSTEMS_NAMESPACE
          ? schemaOf("putSystemLimits").safeParse({ name, reason: "test", limits: steps })
          : schemaOf("putPolicy").safeParse({ namespace, name, reason: "test", steps, ...more });

        ok(parsed.success, `${JSON.stringify(content)}: ${parsed.error?.message}`);
      }
    }),
    RUNS,
  );
});

Deno.test("a rule for certain failures goes before those that are there, and replaces its like", () => {
  const retry = (attemptsMax: number, code: string): HealingAction => ({
    kind: "set_retry",
    workflow: "shop/order",
    step: "charge",
    attemptsMax,
    only: { code },
  });

  const overlays = overlaysOf([retry(2, "a"), retry(3, "b"), retry(4, "a")]);

  deepEqual(overlays.get("shop/order"), {
    steps: {
      charge: { retry: { by: [{ code: "a", attemptsMax: 4 }, { code: "b", attemptsMax: 3 }] } },
    },
  });
});
