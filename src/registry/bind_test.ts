import { deepEqual, equal, ok } from "node:assert/strict";
import { implement, remote, step, z } from "../mod.ts";
import { digest, faultsOf, refusal } from "../../tests/support/registry_fixture.ts";
import { buildWorkflow } from "./build.ts";
import { readManifest } from "./manifest.ts";

const SEED = await Deno.readTextFile(
  new URL("../../workflows/order_processing.yaml", import.meta.url),
);

const Input = z.object({ id: z.string() });
const validate = step({
  input: Input,
  success: z.object({ sku: z.string() }),
  run: () => ({ sku: "a" }),
});
const finalize = step({ input: Input, success: z.null(), timeoutMs: 9, run: () => null });
const stock = remote({
  system: "python_inventory",
  event: "inventory.check_stock",
  timeoutMs: 1_000,
  retry: { attemptsMax: 7, backoff: "linear" },
  input: z.object({ sku: z.string() }),
  success: z.object({ reserved: z.boolean() }),
});

/** A manifest of systems a and b, and of these steps from line 8 on. */
function manifestOf(...steps: string[]): string {
  return [
    "name: bound",
    "version: 1.0.0",
    "namespace: tests",
    "systems:",
    "  a: {base_url: 'https://a.test', capabilities: [stock.check]}",
    "  b: {base_url: 'https://b.test'}",
    "workflow_steps:",
    ...steps,
  ].join("\n");
}

type Options = Parameters<typeof implement>[1];

/** Builds a manifest with a module that binds these. */
function build(
  text: string,
  options: Partial<Options> = {},
  wire?: Parameters<typeof implement>[2],
) {
  const module = implement("bound.yaml", { input: Input, ...options }, wire);
  return buildWorkflow(module, { digest, manifest: readManifest("bound.yaml", text) });
}

Deno.test("implement() of the seed's manifest binds by step and handler, and feeds its steps", () => {
  const module = implement("order_processing.yaml", {
    namespace: "orders",
    input: Input,
    steps: { validate_order: validate, check_inventory: stock },
    handlers: { "Orders::FinalizeOrderHandler": finalize },
  }, (w, steps) => {
    w.give(steps.check_inventory, {
      needs: { order: steps.validate_order },
      with: ({ order }) => ({ sku: order.sku }),
    });
    w.step("tell_support", finalize, { after: [steps.process_payment], when: "failed" });
  });

  const built = buildWorkflow(module, { digest, manifest: readManifest("seed.yaml", SEED) });

  deepEqual(
    built.definition.steps.map((one) => [one.name, one.kind, one.owner, one.needs, one.after]),
    [
      ["validate_order", "local", "rails_app", {}, []],
      ["check_inventory", "remote", "python_inventory", { order: "validate_order" }, []],
      ["process_payment", "remote", "node_payments", {}, ["check_inventory"]],
      ["finalize_order", "local", "rails_app", {}, ["process_payment"]],
      ["tell_support", "local", "orders", {}, ["process_payment"]],
    ],
  );
  deepEqual(built.openSteps, ["process_payment"]);
  deepEqual(built.definition.steps[2]?.contract, {});
  equal(built.code.steps.get("finalize_order")?.run, finalize.run);
  deepEqual(built.code.steps.get("check_inventory")?.with?.({ input: {}, order: { sku: "x" } }), {
    sku: "x",
  });
  equal(built.systems.node_payments?.base_url, "https://payments.company.com");
});

Deno.test("implement() lets the manifest's policy go before the definition's, field by field", () => {
  const built = build(
    manifestOf(
      "  - name: check",
      "    owner: python_inventory",
      "    event_pattern: inventory.check_stock",
      "    timeout: 30s",
      "    queue_timeout: 1m",
      "    heartbeat: 5s",
      "    concurrency_max: 4",
      "    on_exhausted: fail",
      "    at_most_once: true",
      "    when: always",
      "    retry: {attempts_max: 2, delay_min: 1s, delay_max: 1m}",
    ).replace("  b:", "  python_inventory:"),
    { steps: { check: stock } },
    (w, steps) => w.give(steps.check as never, { with: () => ({ sku: "a" }) as never }),
  );
  const [only] = built.definition.steps;

  deepEqual(only?.policy, {
    timeoutMs: 30_000,
    queueTimeoutMs: 60_000,
    heartbeatMs: 5_000,
    concurrencyMax: 4,
    onExhausted: "fail",
    retry: { attemptsMax: 2, backoff: "linear", delayMsMin: 1_000, delayMsMax: 60_000 },
  });
  equal(only?.atMostOnce, true);
  equal(only?.when, "always");
});

Deno.test("implement() takes behaviour and description from the manifest", () => {
  const text = manifestOf("  - {name: go, owner: a, handler: Go}") +
    "\nfailure_policy: fail_fast\ndeadline: 2h\ndescription: Goes";

  const { definition, description } = build(text);

  equal(definition.failurePolicy, "fail_fast");
  equal(definition.deadlineMs, 7_200_000);
  equal(definition.steps[0]?.handler, "Go");
  equal(description, "Goes");
});

Deno.test("implement() refuses owners, capabilities and dependencies that are not there", async () => {
  const text = manifestOf(
    "  - {name: one, owner: aa, handler: One}",
    "  - {name: two, owner: a, handler: Two, capability: stock.chek}",
    "  - {name: three, owner: a, capability: stock.check, handler: X, depends_on: [on]}",
    "  - {name: two, owner: b, handler: Two}",
  );

  deepEqual(await faultsOf(() => build(text)), [
    "8:24 workflow_steps[0].owner unknown_system",
    "9:53 workflow_steps[1].capability no_capability",
    "10:78 workflow_steps[2].depends_on unknown_step",
    "11:12 workflow_steps[3].name name_taken",
  ]);
  const { message } = await refusal(() => build(text));
  for (const near of ["a", "stock.check", "one"]) ok(message.includes(`did you mean "${near}"`));
});

Deno.test("implement() names a cycle, at a step in it", async () => {
  const text = manifestOf(
    "  - {name: start, owner: a, handler: H}",
    "  - {name: one, owner: a, handler: H, depends_on: [start, two]}",
    "  - {name: two, owner: a, handler: H, depends_on: one}",
  );

  const error = await refusal(() => build(text));

  deepEqual(error.faults.map(({ path, code }) => [path, code]), [
    ["workflow_steps[1].depends_on", "graph.cycle"],
  ]);
  ok(/"one" → "two" → "one"|"two" → "one" → "two"/.test(error.message), error.message);
});

Deno.test("implement() refuses definitions that contradict the manifest", async () => {
  const text = manifestOf(
    "  - {name: one, owner: a, event_pattern: stock.check}",
    "  - {name: two, owner: b, event_pattern: stock.check}",
    "  - {name: three, owner: a}",
    "  - {name: four, owner: a, event_pattern: stock.check, handler: Four}",
    "  - {name: five, owner: b, handler: Five}",
  );
  const owned = step({ ...finalize, owner: "a" });

  deepEqual(
    await faultsOf(() => build(text, { steps: { one: finalize, two: stock, five: owned } })),
    [
      "8:42 workflow_steps[0].event_pattern bad_binding",
      "9:5 workflow_steps[1].input with_missing",
      "9:24 workflow_steps[1].owner bad_binding",
      "9:42 workflow_steps[1].event_pattern bad_binding",
      "10:5 workflow_steps[2] bad_binding",
      "11:65 workflow_steps[3].handler bad_binding",
      "12:25 workflow_steps[4].owner bad_binding",
    ],
  );
});

Deno.test("implement() refuses bindings and inputs for steps that are not there", async () => {
  const text = manifestOf("  - {name: one, owner: a, handler: One}");
  const options = { namespace: "other", steps: { on: finalize }, handlers: { Two: finalize } };

  const error = await refusal(() =>
    build(text, options, (w, steps) => {
      w.give(steps.onne as never, { with: () => ({}) as never });
      w.give(steps.one as never, { with: () => ({}) as never });
      w.give(steps.one as never, { with: () => ({}) as never });
    })
  );

  deepEqual(error.faults.map(({ path, code }) => `${path} ${code}`).sort(), [
    "handlers.Two unknown_handler",
    "namespace bad_binding",
    "steps.on unknown_step",
    "steps.one given_twice",
    "steps.onne unknown_step",
  ]);
});
