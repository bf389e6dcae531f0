import { deepEqual, equal, notEqual } from "node:assert/strict";
import { digest, faultsOf } from "../../tests/support/registry_fixture.ts";
import { step, type Wires, workflow, z } from "../mod.ts";
import { buildWorkflow } from "./build.ts";
import { hashOf } from "./hash.ts";
import { readManifest } from "./manifest.ts";

const HEAD = `name: given
namespace: tests
version: 1.0.0
input: { type: object, required: [email], properties: { email: { type: string }, nick: { type: string } } }
workflow_steps:
  - name: ask
    owner: users
    event_pattern: user.ask
    result: { type: object, required: [id], properties: { id: { type: string } } }
  - { name: rest, depends_on: ask, sleep: 1s }
  - { name: sorry, depends_on: ask, when: failed, transform: { text: sorry } }
  - { name: after, depends_on: sorry, transform: { text: after } }
output:
`;

/** Builds a manifest with an output, whose lines begin at line 14. */
function build(...lines: string[]) {
  const text = HEAD + lines.map((line) => `  ${line}\n`).join("");
  const at = () => ({ file: "given.yaml", line: 1, column: 1 });
  const module = { kind: "workflow", of: Symbol(), at, wires: [] } as const;
  return buildWorkflow(module, { digest, manifest: readManifest("given.yaml", text) });
}

Deno.test("the output of a manifest may name the input and every step", () => {
  const { definition } = build(
    "with: { id: $.ask.id, to: $.input.email, line: 'x${ask.id}' }",
    "result: { type: object, required: [id], properties: { id: { type: string } } }",
  );

  deepEqual(definition.output, {
    needs: { ask: "ask" },
    with: { id: "$.ask.id", to: "$.input.email", line: "x${ask.id}" },
    success: { type: "object", required: ["id"], properties: { id: { type: "string" } } },
  });
});

Deno.test("an output is checked against the contracts, each fault at its place", async () => {
  const faults = await faultsOf(() =>
    build(
      "with: { a: $.aks.id, b: $.ask.di, c: $.rest, id: $.input.nick, n: $.ask.id, x: $.input. }",
    )
  );
  deepEqual(faults, ["14:82 output.with.x bad_reference"]);

  deepEqual(
    await faultsOf(() =>
      build(
        "with: { a: $.aks.id, b: $.ask.di, c: $.rest, id: $.input.nick, n: $.ask.id }",
        "result:",
        "  type: object",
        "  required: [id, lost]",
        "  properties: { id: { type: string }, n: { type: integer } }",
      )
    ),
    [
      "14:9 output.with required",
      "14:14 output.with.a unknown_step",
      "14:27 output.with.b no_such_field",
      "14:40 output.with.c gives_nothing",
      "14:52 output.with.id maybe_absent",
      "14:69 output.with.n type_mismatch",
    ],
  );
});

Deno.test("the result of a step that need not run may be absent", async () => {
  const result =
    "result: { type: object, required: [text], properties: { text: { type: string } } }";
  for (const name of ["sorry", "after"]) {
    const text = `with: { text: $.${name}.text }`;
    equal(build(text).definition.output?.success, undefined);
    deepEqual(await faultsOf(() => build(text, result)), ["14:17 output.with.text maybe_absent"]);
    deepEqual(await faultsOf(() => build(`with: 'x \${${name}.text}'`)), [
      "14:9 output.with maybe_absent",
    ]);
  }
});

Deno.test("an output without a mapping, or with a field that nobody reads, is refused", async () => {
  deepEqual(await faultsOf(() => build("result: {}")), ["14:3 output.with invalid_type"]);
  deepEqual(await faultsOf(() => build("with:")), ["14:8 output.with bad_value"]);
  deepEqual(await faultsOf(() => build("with: 1", "resutl: {}")), [
    "15:3 output.resutl unknown_field",
  ]);
});

const input = z.object({ name: z.string() });
const greet = step({ input, success: z.object({ text: z.string() }), run: () => ({ text: "Hi" }) });

function moduleOf(wire: (w: Wires<z.output<typeof input>>) => unknown) {
  return workflow({ namespace: "tests", name: "given", version: "1.0.0", input }, wire);
}

Deno.test("w.output() of a module is data with a contract, and part of the hash", () => {
  const plain = buildWorkflow(moduleOf((w) => w.step("greet", greet)), { digest });
  const given = (field: string) =>
    buildWorkflow(
      moduleOf((w) => {
        const greeted = w.step("greet", greet);
        return w.output({
          success: z.object({ line: z.string().describe(field) }),
          needs: { greeted },
          with: ({ greeted }) => ({ line: `${greeted.text}!` }),
        });
      }),
      { digest },
    );

  const { definition, hash } = given("a");
  deepEqual(definition.output?.needs, { greeted: "greet" });
  deepEqual(definition.output?.with, { line: "${greeted.text}!" });
  notEqual(hash, plain.hash);
  equal(hash, given("another description").hash);
  equal(hashOf({ ...definition, output: undefined } as never, digest), plain.hash);
});

Deno.test("w.output() is refused when it names nothing, or is called twice", async () => {
  const output = (w: Wires<z.output<typeof input>>) => {
    const greeted = w.step("greet", greet);
    w.output({
      success: z.object({ text: z.int() }),
      needs: { greeted },
      // @ts-expect-error: the text of a greeting is no number
      with: ({ greeted }) => ({ text: greeted.text }),
    });
  };
  const codes = async (wire: typeof output) =>
    (await faultsOf(() => buildWorkflow(moduleOf(wire), { digest }))).map((one) =>
      one.slice(one.indexOf(" ") + 1)
    );

  deepEqual(await codes(output), ["output.text type_mismatch"]);
  deepEqual(
    await codes((w) => {
      w.step("greet", greet);
      w.output({ success: z.null(), with: () => null });
      w.output({ success: z.null(), with: () => null });
    }),
    ["steps.output name_taken"],
  );
});
