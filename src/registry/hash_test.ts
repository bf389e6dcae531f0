import type { HealBounds } from "../core/healing.ts";
import { deepEqual, equal, notEqual } from "node:assert/strict";
import type { Definition, StepDefinition } from "../core/workflow.ts";
import { type Policy, step, type Wires, workflow, z } from "../mod.ts";
import { digest } from "../../tests/support/registry_fixture.ts";
import { buildWorkflow } from "./build.ts";
import { canonical, differences, hashOf } from "./hash.ts";

const Input = z.object({ id: z.string() });

/** What a test varies. */
interface Variant {
  readonly policy?: Policy;
  readonly input?: z.ZodType<unknown, { id: string }>;
  readonly owner?: string;
  readonly sleepMs?: number;
  readonly deadlineMs?: number;
  readonly heal?: HealBounds;
  readonly version?: string;
  readonly failurePolicy?: "fail_fast";
  readonly isAfter?: boolean;
}

function hashFor({ policy, input = Input, owner, sleepMs = 5, isAfter = true, ...rest }: Variant) {
  const one = step({
    ...policy,
    ...(owner !== undefined && { owner }),
    input: Input,
    success: z.object({ ok: z.boolean() }),
    run: () => ({ ok: true }),
  });
  const wire = (w: Wires<unknown>) => {
    const first = w.step("one", one, { with: () => ({ id: "" }) });
    w.sleep("rest", { after: isAfter ? [first] : [], ms: sleepMs });
  };
  const meta = { namespace: "tests", name: "hash", version: "1.0.0", input, ...rest };
  return buildWorkflow(workflow(meta, wire), { digest }).hash;
}

const HASH = hashFor({});

Deno.test("hashOf() ignores policies, deadlines and descriptions", () => {
  const described = z.object({ id: z.string().describe("Whose it is") }).meta({ title: "Input" });

  equal(
    hashFor({ policy: { timeoutMs: 5, retry: { attemptsMax: 9 }, onExhausted: "fail" } }),
    HASH,
  );
  equal(hashFor({ deadlineMs: 1_000 }), HASH);
  equal(hashFor({ heal: { tier: "T1", timeoutMs: [1, 5] } }), HASH);
  equal(hashFor({ input: described }), HASH);
});

Deno.test("hashOf() covers graph, owners, contracts, sleeps, behaviour and the version", () => {
  const changed: readonly Variant[] = [
    { input: z.object({ id: z.string().min(1) }) },
    { owner: "other" },
    { sleepMs: 6 },
    { isAfter: false },
    { failurePolicy: "fail_fast" },
    { version: "1.0.1" },
  ];

  for (const variant of changed) notEqual(hashFor(variant), HASH, JSON.stringify(variant));
});

Deno.test("hashOf() keeps a field that is named like an annotation", () => {
  notEqual(hashFor({ input: z.object({ id: z.string(), title: z.string() }) }), HASH);
});

Deno.test("hashOf() is the same for a definition that was stored with its keys in another order", () => {
  const of = workflow({ namespace: "tests", name: "hash", version: "1", input: Input }, (w) => {
    w.sleep("rest", { ms: 1 });
  });
  const { definition, hash } = buildWorkflow(of, { digest });
  const turned = Object.fromEntries(Object.entries(definition).reverse()) as typeof definition;

  equal(hashOf(JSON.parse(JSON.stringify(turned)), digest), hash);
});

Deno.test("canonical() sorts keys and leaves out what is undefined", () => {
  equal(canonical({ b: [1, { d: null, c: "x" }], a: undefined }), '{"b":[1,{"c":"x","d":null}]}');
});

const checkStep: StepDefinition = {
  name: "check",
  kind: "local",
  owner: "app",
  needs: {},
  after: [],
  when: "succeeded",
  contract: { success: { type: "object", properties: { ok: { type: "boolean" } } } },
  atMostOnce: false,
  policy: {},
};
const earlier: Definition = {
  namespace: "tests",
  name: "difference",
  version: "1.0.0",
  failurePolicy: "continue_independent",
  steps: [checkStep, { ...checkStep, name: "charge", after: ["check"] }],
};

function after(change: Partial<StepDefinition>): Definition {
  return {
    ...earlier,
    steps: [checkStep, { ...checkStep, name: "charge", after: ["check"], ...change }],
  };
}

Deno.test("differences() says in words what changed", () => {
  const contract = { success: { type: "object", properties: { ok: { type: "string" } } } };

  deepEqual(differences(earlier, after({ owner: "shop" })), [
    'step "charge": owner was "app", is "shop"',
  ]);
  deepEqual(differences(earlier, after({ after: [], needs: { checked: "check" } })), [
    'step "charge": needs.checked was added: "check"',
    'step "charge": after was ["check"], is []',
  ]);
  deepEqual(differences(earlier, after({ contract })), [
    'step "charge": contract.success.properties.ok.type was "boolean", is "string"',
  ]);
  deepEqual(differences(earlier, after({ name: "pay" })), [
    'step "charge" was removed',
    'step "pay" was added',
  ]);
  deepEqual(differences(earlier, { ...earlier, steps: earlier.steps.toReversed() }), [
    "the steps stand in another order",
  ]);
  deepEqual(differences(earlier, { ...earlier, failurePolicy: "fail_fast", input: {} }), [
    'failurePolicy was "continue_independent", is "fail_fast"',
    "input was added: {}",
  ]);
});

Deno.test("differences() is silent about policies, handlers and descriptions", () => {
  const contract = {
    success: { ...checkStep.contract.success, description: "Whether it is good" },
  };

  deepEqual(differences(earlier, after({ policy: { timeoutMs: 1 }, handler: "H", contract })), []);
});
