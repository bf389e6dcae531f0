import { deepEqual, equal, match, ok } from "node:assert/strict";
import { faultsOf } from "../../tests/support/registry_fixture.ts";
import { importWorkflow } from "./import.ts";
import { type ManifestStep, readManifest } from "./manifest.ts";

const RAILS = `---
name: api_task/OrderSync
module_namespace: ApiTask
task_handler_class: OrderSync
namespace_name: Shop
version: 2.1
description: Takes an order over
concurrent: false
default_dependent_system: ecommerce_system
named_steps:
  - fetch_cart
  - create_order
  - forgotten
schema:
  type: object
  required: [cart_id]
  properties:
    cart_id: { type: integer }
    mail: { type: string, format: mobile }
    note: { type: string, nullable: true }
step_templates:
  - name: fetch_cart
    description: Fetch the cart
    handler_class: ApiTask::StepHandler::CartFetch
    default_retry_limit: 5
    handler_config:
      url: https://api.ecommerce.com/cart
      params: { api_key: "\${ECOMMERCE_API_KEY}", price: "$5", path: $.not.a.reference }
  - name: createOrder
    depends_on_step: fetch_cart
    dependent_system: Warehouse
    handler_class: ApiTask::StepHandler::CreateOrder
    default_retryable: false
    default_retry_limit: 9
    skippable: true
    priority: 7
  - name: publish event
    depends_on_steps: [createOrder, fetch_cart, gone]
    handler_class: ApiTask::StepHandler::Publish
    custom_events:
      - name: order.published
environments:
  development:
    step_templates:
      - name: fetch_cart
        handler_config: { url: http://localhost:3000/cart }
  production:
    step_templates: []
`;

const SUCCESSOR = `---
name: business_workflow
namespace_name: order_fulfillment
version: 1.0.0
description: "Validate → reserve"
metadata:
  author: Somebody
task_handler:
  callable: OrderFulfillment::Handler
  initialization: { strict: true }
system_dependencies:
  primary: default
  secondary: []
domain_events: []
lifecycle:
  max_duration_minutes: 90
  staleness_action: dlq
input_schema:
  type: object
  required: [items]
  properties:
    items: { type: array, items: { type: object, properties: { sku: { type: string } } } }
steps:
  - name: validate_order
    description: "Validate the order"
    handler:
      callable: OrderFulfillment::StepHandlers::ValidateOrder
      initialization: { rules: { email: strict } }
    system_dependency:
    dependencies: []
    retry:
      retryable: true
      max_attempts: 3
      backoff: exponential
      backoff_base_ms: 1000
      max_backoff_ms: 30000
    timeout_seconds: 45
    publishes_events: []
    result_schema: { type: object, properties: { total: { type: number } } }
  - name: route
    type: decision
    handler:
      callable: route_handler
      method: call
    dependencies: [validate_order]
    retry: { retryable: false, max_attempts: 4, backoff: spiral }
    publishes_events:
      - name: order.routed
        condition: success
  - name: reserve
    step_type: batchable
    handler:
      callable: reserve_handler
    system_dependency: inventory
    dependencies: [validate_order, route]
    batch_config: { batch_size: 10 }
    retry: { max_attempts: 2, backoff: fixed, backoff_base_ms: 250 }
environments:
  test:
    steps:
      - name: ALL
        timeout_seconds: 10
`;

function stepsOf(manifest: string): Readonly<Record<string, ManifestStep>> {
  const { workflow_steps } = readManifest("new.yaml", manifest);
  return Object.fromEntries(workflow_steps.map((step) => [step.name, step]));
}

/** Notes as `line path kind`. */
function notesOf(text: string): readonly string[] {
  return importWorkflow("old.yaml", text).notes.map(({ at, path, kind }) =>
    `${at.line} ${path} ${kind}`
  );
}

Deno.test("a version that YAML reads as a number keeps the digits that are written", () => {
  const { manifest } = importWorkflow("old.yaml", RAILS.replace("version: 2.1", "version: 2.0"));

  match(manifest, /^version: "2\.0"$/m);
});

Deno.test("a handler of the Rails engine becomes a manifest that the loader takes", () => {
  const { manifest } = importWorkflow("old.yaml", RAILS);
  const read = readManifest("new.yaml", manifest);
  const { fetch_cart, create_order, publish_event } = stepsOf(manifest);

  deepEqual([read.name, read.namespace, read.version], ["api_task_order_sync", "shop", "2.1"]);
  deepEqual(fetch_cart?.retry?.attempts_max, 5);
  deepEqual([create_order?.owner, create_order?.retry?.attempts_max], ["warehouse", 1]);
  deepEqual(publish_event?.depends_on, ["create_order", "fetch_cart"]);
  equal(publish_event?.event_pattern, "api_task_order_sync.publish_event");
  deepEqual(publish_event?.with, {
    context: "$.input",
    results: { create_order: "$.create_order", fetch_cart: "$.fetch_cart" },
  });
  deepEqual(fetch_cart?.with, {
    context: "$.input",
    config: {
      url: "https://api.ecommerce.com/cart",
      params: { api_key: "$${ECOMMERCE_API_KEY}", price: "$$5", path: "$$.not.a.reference" },
    },
  });
  deepEqual(read.input, {
    type: "object",
    required: ["cart_id"],
    properties: {
      cart_id: { type: "integer" },
      mail: { type: "string" },
      note: { type: "string" },
    },
  });
});

Deno.test("the import of a Rails handler reports every field without a counterpart at its line", () => {
  deepEqual(notesOf(RAILS), [
    "2 name changed",
    "3 module_namespace lost",
    "4 task_handler_class lost",
    "5 namespace_name changed",
    "8 concurrent lost",
    "10 named_steps lost",
    "19 schema.properties.mail.format lost",
    "20 schema.properties.note.nullable lost",
    "29 step_templates[1].name changed",
    "31 step_templates[1].dependent_system changed",
    "33 step_templates[1].default_retryable changed",
    "35 step_templates[1].skippable lost",
    "36 step_templates[1].priority lost",
    "37 step_templates[2].name changed",
    "38 step_templates[2].depends_on_steps lost",
    "40 step_templates[2].custom_events lost",
    "43 environments.development lost",
    "47 environments.production lost",
  ]);
});

Deno.test("a template of the Rust successor becomes a manifest that the loader takes", () => {
  const { manifest } = importWorkflow("old.yaml", SUCCESSOR);
  const read = readManifest("new.yaml", manifest);
  const { validate_order, route, reserve } = stepsOf(manifest);

  deepEqual([read.name, read.namespace], ["business_workflow", "order_fulfillment"]);
  equal(read.deadline, 90 * 60_000);
  deepEqual(validate_order?.retry, {
    attempts_max: 3,
    backoff: "exponential",
    delay_min: 1_000,
    delay_max: 30_000,
  });
  deepEqual([validate_order?.timeout, validate_order?.owner], [45_000, "order_fulfillment"]);
  deepEqual(validate_order?.result, { type: "object", properties: { total: { type: "number" } } });
  deepEqual(route?.retry, { attempts_max: 1 });
  deepEqual([reserve?.owner, reserve?.retry], ["inventory", { attempts_max: 2, backoff: [250] }]);
});

Deno.test("the import of a template reports every field without a counterpart at its line", () => {
  deepEqual(notesOf(SUCCESSOR), [
    "6 metadata lost",
    "8 task_handler lost",
    "17 lifecycle.staleness_action lost",
    "41 steps[1].type lost",
    "44 steps[1].handler.method lost",
    "46 steps[1].retry.retryable changed",
    "47 steps[1].publishes_events lost",
    "51 steps[2].step_type lost",
    "56 steps[2].batch_config lost",
    "59 environments.test lost",
  ]);
});

Deno.test("descriptions and handlers stay as comments before their steps", () => {
  const { manifest } = importWorkflow("old.yaml", SUCCESSOR);

  match(
    manifest,
    /# Validate the order\n +# handler: OrderFulfillment::StepHandlers::ValidateOrder\n +- name: validate_order/,
  );
});

Deno.test("names that become the same get numbers", () => {
  const text = RAILS.replace("name: createOrder", "name: Fetch Cart");
  const { manifest, notes } = importWorkflow("old.yaml", text.replace("[createOrder, ", "["));

  ok("fetch_cart_2" in stepsOf(manifest));
  ok(notes.some(({ path, detail }) => path === "step_templates[1].name" && /_2/.test(detail)));
});

Deno.test("a file that is neither, or whose steps make no workflow, is refused", async () => {
  const refused = (text: string) => faultsOf(() => importWorkflow("old.yaml", text));
  const cycle =
    "step_templates:\n  - { name: a, depends_on_step: b }\n  - { name: b, depends_on_step: a }";

  deepEqual(await refused("name: a"), ["1:1  not_importable"]);
  deepEqual(await refused("workflow_steps: []"), ["1:1  not_importable"]);
  deepEqual(await refused("name: a\nname: b"), ["2:1 name bad_key"]);
  match((await refused(`name: x\n${cycle}`)).join("\n"), /graph\.cycle/);
});

Deno.test("a file of nothing but wrong values is reported, field by field", () => {
  const text =
    "step_templates:\n  - name: a\n    handler_class: [1]\n    default_retry_limit: many\n" +
    "    depends_on_steps: 7\n    depends_on_step: { b: c }\nenvironments: 7\nversion: { a: 1 }\n";

  deepEqual(notesOf(text), [
    "1  changed",
    "3 step_templates[0].handler_class lost",
    "4 step_templates[0].default_retry_limit lost",
    "5 step_templates[0].depends_on_steps lost",
    "6 step_templates[0].depends_on_step lost",
    "7 environments lost",
    "8 version lost",
  ]);
});
