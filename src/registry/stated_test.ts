import { deepEqual } from "node:assert/strict";
import { implement, type Manifest, step, z } from "../mod.ts";
import {
  digest,
  faultsOf,
  MemoryDefinitions,
  withFolder,
} from "../../tests/support/registry_fixture.ts";
import { openRegistry } from "./load.ts";

const ORDER = {
  namespace: "shop",
  name: "order",
  version: "1.0.0",
  input: { type: "object", required: ["id"], properties: { id: { type: "string" } } },
  systems: { bank: { capabilities: ["bank.pay"] } },
  workflow_steps: [
    { name: "pay", owner: "bank", capability: "bank.pay", with: { id: "$.input.id" }, timeout: 9 },
    { name: "rest", depends_on: "pay", sleep: "10m" },
    {
      name: "welcome",
      depends_on: ["rest"],
      http: { method: "POST", url: "https://mail.example/send", body: { id: "${input.id}" } },
    },
    { name: "remind", owner: "bank", event_pattern: "bank.remind", when: "always" },
  ],
  output: { with: { id: "$.input.id" } },
} as const satisfies Manifest;

async function load(...modules: Parameters<typeof openRegistry>[0]["modules"] & object) {
  const definitions = new MemoryDefinitions();
  const registry = await openRegistry({ modules, definitions, digest, onWarning: () => {} });
  return { registry, stored: await definitions.list() };
}

Deno.test("a manifest that stands in a module is the workflow that its YAML would be", async () => {
  await withFolder({ "order.yaml": JSON.stringify(ORDER) }, async (folder) => {
    const stated = await load(implement(ORDER));
    const written = await load(new URL(`file://${folder}/order.yaml`));

    deepEqual(stated.stored, written.stored);
  });
});

Deno.test("a module binds code to the steps of the manifest that it states", async () => {
  const greet = step({
    input: z.object({ name: z.string() }),
    success: z.object({ text: z.string() }),
    run: ({ input }) => ({ text: `Hello, ${input.name}!` }),
  });
  const { stored: [one] } = await load(
    implement({
      namespace: "shop",
      name: "hello",
      version: "1.0.0",
      workflow_steps: [
        { name: "greet", owner: "shop", handler: "greet" },
        { name: "card", transform: { line: "$.greet.text" } },
      ],
    }, { input: z.object({ name: z.string() }), handlers: { greet } }),
  );

  deepEqual(
    one?.definition.steps.map(({ name, kind, needs, contract }) => ({
      name,
      kind,
      needs,
      takes: contract.input?.required,
    })),
    [
      { name: "greet", kind: "local", needs: {}, takes: ["name"] },
      { name: "card", kind: "transform", needs: { greet: "greet" }, takes: undefined },
    ],
  );
});

Deno.test("what is wrong with a manifest in a module is found at its call", async () => {
  const wrong = {
    ...ORDER,
    workflow_steps: [{ name: "pay", sleep: 1, slep: 2 }],
  } as unknown as Manifest;

  deepEqual(await faultsOf(() => load(implement(wrong))), [
    "83:39 workflow_steps[0].slep unknown_field",
  ]);
});
