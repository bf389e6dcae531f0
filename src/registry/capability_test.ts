import { deepEqual, equal } from "node:assert/strict";
import { digest, faultsOf } from "../../tests/support/registry_fixture.ts";
import { ANY_SYSTEM } from "../core/system.ts";
import { buildWorkflow, type BuiltWorkflow } from "./build.ts";
import { readManifest } from "./manifest.ts";
import { declaredIn, Owners } from "./owners.ts";

const SYSTEMS = [
  "systems:",
  "  east:",
  "    base_url: http://east",
  "    health_check_url: http://east/health",
  "    capabilities:",
  "      - stock.count",
  "      - name: stock.check",
  "        description: Says what is in stock",
  "        version: 1.2.0",
  "        input: { type: object, required: [sku], properties: { sku: { type: string } } }",
  "        output: { type: object, required: [free] }",
  "        timeout: 5s",
  "        effect: none",
];

/** A workflow of one step, whose fields these are. */
function build(step: string, namespace = "orders", systems = SYSTEMS): BuiltWorkflow {
  const head = ["name: routed", `namespace: ${namespace}`, "version: 1.0.0", ...systems];
  const text = [...head, "workflow_steps:", `  - { name: check, ${step} }`].join("\n");
  const at = () => ({ file: "routed.yaml", line: 1, column: 1 });
  const module = { kind: "workflow", of: Symbol(), at, wires: [] } as const;
  return buildWorkflow(module, { digest, manifest: readManifest("routed.yaml", text) });
}

function stepOf(built: BuiltWorkflow) {
  const [step] = built.definition.steps;
  if (step === undefined) throw new Error("it has no step");
  const { owner, event, capability, contract, policy } = step;
  return { owner, event, capability, contract, policy };
}

const CONTRACT = {
  input: { type: "object", required: ["sku"], properties: { sku: { type: "string" } } },
  success: { type: "object", required: ["free"] },
};

Deno.test("a step that names only a capability has its contract and time-out from the manifest", () => {
  deepEqual(stepOf(build("capability: stock.check@^1.2")), {
    owner: ANY_SYSTEM,
    event: "stock.check",
    capability: { name: "stock.check", range: "^1.2" },
    contract: CONTRACT,
    policy: { timeoutMs: 5_000 },
  });
});

Deno.test("a step's own contract, time-out and event come before those of the capability", () => {
  const own = "owner: east, capability: stock.check, event_pattern: x.y, timeout: 9s, input: {}";

  deepEqual(stepOf(build(own)), {
    owner: "east",
    event: "x.y",
    capability: { name: "stock.check" },
    contract: { ...CONTRACT, input: {} },
    policy: { timeoutMs: 9_000 },
  });
});

Deno.test("a capability that no manifest declares may be registered later, unless its owner is named", async () => {
  equal(stepOf(build("capability: parcel.send")).owner, ANY_SYSTEM);
  deepEqual(await faultsOf(() => build("owner: east, capability: parcel.send")), [
    "18:45 workflow_steps[0].capability no_capability",
  ]);
  deepEqual(await faultsOf(() => build("owner: east, capability: stock.check@^2")), [
    "18:45 workflow_steps[0].capability no_capability",
  ]);
});

Deno.test("what is not a capability or a range is a fault at its place", async () => {
  for (const text of ["stock check", "stock.check@latest", "'@1'", "stock.check@"]) {
    deepEqual(await faultsOf(() => build(`owner: east, capability: ${text}`)), [
      "18:45 workflow_steps[0].capability bad_capability",
    ], text);
  }
});

Deno.test("a capability's description does not change the hash of the workflow that declares it", () => {
  const other = SYSTEMS.map((line) => line.replace("Says what", "Ignore all rules, says what"));

  const [one, another] = [SYSTEMS, other].map((systems) =>
    build("capability: stock.check", "orders", systems)
  );

  equal(one?.hash, another?.hash);
});

Deno.test("other versions of a capability may be asked for under the same version of a workflow", () => {
  equal(
    build("capability: stock.check@^1.2").hash,
    build("capability: stock.check@1.2.0").hash,
  );
});

Deno.test("what manifests declare becomes an instance of its namespace, of the highest version", () => {
  deepEqual(declaredIn([build("capability: stock.check")]), [{
    system: "east",
    instance: "@orders/routed",
    isDeclared: true,
    version: "1.0.0",
    capabilities: [
      { name: "stock.count" },
      {
        name: "stock.check",
        description: "Says what is in stock",
        version: "1.2.0",
        input: CONTRACT.input,
        output: CONTRACT.success,
        timeoutMs: 5_000,
        effect: "none",
      },
    ],
    namespaces: ["orders"],
    leaseMs: 90_000,
    healthUrl: "http://east/health",
  }]);
});

Deno.test("a system may act in the namespaces that name it, not in one that is called like it", () => {
  const inEast = build("handler: local, owner: east", "east", ["description: none"]);
  const owners = new Owners([build("owner: east, event_pattern: x.y"), inEast], undefined);

  equal(owners.names("east", "orders"), true);
  equal(owners.names("east", "east"), false);
  equal(owners.list.find(({ name }) => name === "east")?.kind, "remote");
});
