import { deepEqual, equal, ok, throws } from "node:assert/strict";
import { faultsOf, refusal } from "../../tests/support/registry_fixture.ts";
import { healOfManifest, readManifest } from "./manifest.ts";
import { YAML_BYTES_MAX } from "./yaml.ts";

const SEED = new URL("../../workflows/order_processing.yaml", import.meta.url);

/** A manifest of one step with these lines, the first of which is line 6. */
function withStep(...lines: string[]): string {
  const head = ["name: a", "version: 1.0.0", "workflow_steps:", "  - name: b", "    owner: c"];
  return [...head, ...lines.map((line) => `    ${line}`)].join("\n");
}

const read = (text: string) => () => readManifest("test.yaml", text);

Deno.test("readManifest() accepts the seed's manifest as it is", async () => {
  const manifest = readManifest("seed.yaml", await Deno.readTextFile(SEED));

  equal(manifest.name, "distributed_order_processing");
  equal(manifest.version, "2.0.0");
  deepEqual(Object.keys(manifest.systems), ["rails_app", "python_inventory", "node_payments"]);
  deepEqual(manifest.workflow_steps.map((step) => [step.name, step.depends_on, step.timeout]), [
    ["validate_order", [], undefined],
    ["check_inventory", "validate_order", 30_000],
    ["process_payment", "check_inventory", 45_000],
    ["finalize_order", "process_payment", undefined],
  ]);
  deepEqual(manifest.at(["workflow_steps", 1, "event_pattern"]), {
    file: "seed.yaml",
    line: 23,
    column: 20,
  });
});

Deno.test("readManifest() reads durations as milliseconds or with a unit", () => {
  const { workflow_steps: [step] } = readManifest(
    "test.yaml",
    withStep("timeout: 1500", "queue_timeout: 5m", "heartbeat: 500ms", "retry: {delay_max: 2h}"),
  );

  equal(step?.timeout, 1_500);
  equal(step?.queue_timeout, 300_000);
  equal(step?.heartbeat, 500);
  equal(step?.retry?.delay_max, 7_200_000);
});

Deno.test("readManifest() reads the bounds of healing, with units", () => {
  const heal = "heal: { tier: T1, timeout: [1s, 1m], attempts_max: [1, 5] }";

  const manifest = readManifest("test.yaml", `${withStep()}\n${heal}`);

  deepEqual(healOfManifest(manifest), {
    tier: "T1",
    timeoutMs: [1_000, 60_000],
    attemptsMax: [1, 5],
  });
});

Deno.test("readManifest() refuses a field that nobody reads, and suggests the nearest", async () => {
  const text = withStep("timout: 30s", "retry: {attempts_mx: 3}") + "\nsystmes: {}";

  const unknown = () => read(text)().unknown.demandNone("it");
  deepEqual(await faultsOf(unknown), [
    "6:5 workflow_steps[0].timout unknown_field",
    "7:13 workflow_steps[0].retry.attempts_mx unknown_field",
    "8:1 systmes unknown_field",
  ]);
  const { message } = await refusal(unknown);
  for (const near of ["timeout", "attempts_max", "systems"]) {
    ok(message.includes(`did you mean "${near}"`), near);
  }
});

Deno.test("readManifest() refuses values of the wrong kind, each at its place", async () => {
  const text = withStep("timeout: 30x", "when: later", "depends_on: {a: 1}") +
    "\nsystems: {c: {base_url: ftp://x}}";

  deepEqual(await faultsOf(read(text)), [
    "6:14 workflow_steps[0].timeout custom",
    "7:11 workflow_steps[0].when invalid_value",
    "8:17 workflow_steps[0].depends_on invalid_union",
    "9:25 systems.c.base_url invalid_format",
  ]);
});

Deno.test("readManifest() says of a version that it is missing, not that it needs quotes", () => {
  const text = "name: a\nworkflow_steps:\n  - name: b\n    sleep: 10m\n";

  throws(read(text), /version: is missing/);
});

Deno.test("readManifest() refuses a version that YAML reads as a number", async () => {
  const text = withStep().replace("1.0.0", "2.0");

  deepEqual(await faultsOf(read(text)), ["2:10 version invalid_type"]);
});

Deno.test("readManifest() names what is missing at what should hold it", async () => {
  deepEqual(await faultsOf(read("name: a\nworkflow_steps:\n  - owner: b\n")), [
    "1:1 version invalid_type",
    "3:5 workflow_steps[0].name invalid_type",
  ]);
});

Deno.test("readManifest() reads 2,000 steps", () => {
  const steps = Array.from({ length: 2_000 }, (_, index) =>
    `  - name: step_${index}
    owner: app
    handler: 'H${index}'${index === 0 ? "" : `\n    depends_on: step_${index - 1}`}
    timeout: 30s`);
  const text = `name: a\nversion: 1.0.0\nworkflow_steps:\n${steps.join("\n")}\n`;

  const manifest = readManifest("test.yaml", text);

  ok(text.length < YAML_BYTES_MAX);
  equal(manifest.workflow_steps.length, 2_000);
  equal(manifest.workflow_steps[1_999]?.depends_on, "step_1998");
});
