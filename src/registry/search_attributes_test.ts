import { deepEqual, equal } from "node:assert/strict";
import { digest, faultsOf } from "../../tests/support/registry_fixture.ts";
import { step, workflow, z } from "../mod.ts";
import { buildWorkflow } from "./build.ts";
import { readManifest } from "./manifest.ts";

const HEAD = `name: given
namespace: tests
version: 1.0.0
input:
  type: object
  required: [region]
  properties: { region: { type: string }, card: { type: string, writeOnly: true } }
workflow_steps:
  - name: pay
    owner: users
    event_pattern: user.ask
    result: { type: object, required: [total], properties: { total: { type: number } } }
  - { name: rest, depends_on: pay, sleep: 1s }
search:
`;

/** Builds a manifest with search attributes, whose lines begin at line 15. */
function build(...lines: string[]) {
  const text = HEAD + lines.map((line) => `  ${line}\n`).join("");
  const at = () => ({ file: "given.yaml", line: 1, column: 1 });
  const module = { kind: "workflow", of: Symbol(), at, wires: [] } as const;
  return buildWorkflow(module, { digest, manifest: readManifest("given.yaml", text) });
}

Deno.test("a manifest declares what its tasks are found by; the hash stays the same", () => {
  const { definition, hash } = build(
    "region: { from: $.input.region }",
    "total: { from: $.pay.total, type: number }",
  );

  deepEqual(definition.search, {
    region: { from: "$.input.region", type: "keyword" },
    total: { from: "$.pay.total", type: "number" },
  });
  equal(hash, build("region: { from: $.input.region }").hash);
});

Deno.test("a module declares the same", () => {
  const pay = step({
    input: z.object({}),
    success: z.object({ total: z.number() }),
    run: () => ({ total: 1 }),
  });
  const module = workflow({
    ...{ namespace: "tests", name: "given", version: "1.0.0", input: z.object({}) },
    search: { total: { from: "$.pay.total", type: "number" } },
  }, (w) => {
    w.step("pay", pay, {});
  });

  deepEqual(buildWorkflow(module, { digest }).definition.search, {
    total: { from: "$.pay.total", type: "number" },
  });
});

Deno.test("an attribute is a reference to something there, of a type that there is, and not secret", async () => {
  deepEqual(
    await faultsOf(() =>
      build(
        "a: { from: input.region }",
        "b: { from: $.input.regoin }",
        "c: { from: $.rest }",
        "d: { from: $.none.x }",
        "e: { from: $.input.card }",
      )
    ),
    [
      "15:14 search.a.from bad_reference",
      "16:14 search.b.from no_such_field",
      "17:14 search.c.from gives_nothing",
      "18:14 search.d.from unknown_step",
      "19:14 search.e.from sensitive",
    ],
  );
  deepEqual(await faultsOf(() => build("a: { from: $.input.region, type: text }")), [
    "15:36 search.a.type invalid_value",
  ]);
});
