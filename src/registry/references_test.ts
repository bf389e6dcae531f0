import { deepEqual, equal, ok } from "node:assert/strict";
import { digest, faultsOf, refusal } from "../../tests/support/registry_fixture.ts";
import { implement, step, z } from "../mod.ts";
import { buildWorkflow } from "./build.ts";
import { readManifest } from "./manifest.ts";

const HEAD = [
  "name: mapped",
  "namespace: tests",
  "version: 1.0.0",
  "input:",
  "  type: object",
  "  required: [email, count]",
  "  properties:",
  "    email: { type: string }",
  "    count: { type: integer }",
  "    nick: { type: string }",
  "    tags: { type: array, items: { type: string } }",
  "workflow_steps:",
  "  - name: ask",
  "    owner: users",
  "    event_pattern: user.ask",
  "    result: { type: object, required: [id], properties: { id: { type: string } } }",
  "    error: { type: object, required: [error_code], properties: { error_code: { type: string } } }",
];

/** Builds a manifest that no module implements; its further lines begin at line 18. */
function build(...lines: string[]) {
  const manifest = readManifest("mapped.yaml", [...HEAD, ...lines].join("\n"));
  const at = () => ({ file: "mapped.yaml", line: 1, column: 1 });
  const module = { kind: "workflow", of: Symbol(), at, wires: [] } as const;
  return buildWorkflow(module, { digest, manifest });
}

/** Faults of a step whose mapping is this, on line 21 from column 11 on. */
async function faultsIn(mapping: string, ...lines: string[]): Promise<readonly string[]> {
  const step = ["  - name: notify", "    owner: users", "    event_pattern: user.notify"];
  const faults = await faultsOf(() => build(...step, `    with: ${mapping}`, ...lines));
  return faults.map((fault) => fault.replace("workflow_steps[1].", ""));
}

Deno.test("a reference makes its step depend on the step that it names, once", () => {
  const { definition } = build(
    "  - { name: rest, depends_on: ask, sleep: 1s }",
    "  - name: notify",
    "    owner: users",
    "    event_pattern: user.notify",
    "    depends_on: [rest, ask]",
    "    with: { id: $.ask.id, again: 'x${ask.id}', to: $.input.email }",
  );

  const notify = definition.steps[2];
  deepEqual([notify?.needs, notify?.after], [{ ask: "ask" }, ["rest"]]);
  deepEqual(notify?.with, { id: "$.ask.id", again: "x${ask.id}", to: "$.input.email" });
});

Deno.test("a step of another system without `with` takes the task's input, said as data", () => {
  equal(build().definition.steps[0]?.with, "$.input");
});

Deno.test("a reference to a step that is not there is refused, with the nearest name", async () => {
  const mapping = "{ a: $.aks.id, b: [$.ask.id], c: 'x ${asc.id}', d: $.inptu.email }";

  deepEqual(await faultsIn(mapping), [
    "21:16 with.a unknown_step",
    "21:44 with.c unknown_step",
    "21:62 with.d unknown_step",
  ]);
  const { message } = await refusal(() =>
    build("  - name: x", "    transform: { a: $.aks.id, d: $.inptu.email }")
  );
  for (const near of ["ask", "input"]) ok(message.includes(`did you mean "${near}"`), message);
});

Deno.test("a step that refers to itself, or in a loop, is refused as a cycle", async () => {
  deepEqual(
    await faultsIn("$.notify.x"),
    ["18:5 after graph.cycle"].map((one) => one.replace("after", "depends_on")),
  );
});

Deno.test("a field that a contract does not have is refused, with the nearest", async () => {
  const mapping = "{ a: $.input.emial, b: $.ask.di, c: $.input.email.x, d: '$.input.tags[0].x' }";

  deepEqual(await faultsIn(mapping), [
    "21:16 with.a no_such_field",
    "21:34 with.b no_such_field",
    "21:47 with.c no_such_field",
    "21:67 with.d no_such_field",
  ]);
  const { message } = await refusal(() =>
    build("  - name: x", "    transform: { a: $.input.emial, b: $.input.email.x }")
  );
  ok(message.includes('"input" has no field "emial" in its contract, did you mean "email"'));
  ok(message.includes('"input.email" is a text, so it has no field "x"'));
});

Deno.test("what may be absent is refused where something is required, and in a text", async () => {
  const input = "    input: { type: object, required: [a], properties: { a: { type: string } } }";

  deepEqual(await faultsIn("{ a: $.input.nick, b: $.input.nick }", input), [
    "21:16 with.a maybe_absent",
  ]);
  deepEqual(await faultsIn("{ a: 'Hello ${input.nick}, ${input.email}' }", input), [
    "21:16 with.a maybe_absent",
  ]);
});

Deno.test("a value of another type than the contract takes is refused", async () => {
  const input =
    "    input: { type: object, additionalProperties: false, required: [n], properties: " +
    "{ n: { type: integer }, s: { type: string }, l: { type: array, items: { type: integer } }, " +
    "k: { enum: [red, green] }, o: { type: object, required: [x] } } }";
  const cases = {
    "{ n: $.input.email }": "21:16 with.n type_mismatch",
    "{ n: 1.5 }": "21:16 with.n type_mismatch",
    "{ n: 'x ${input.count}' }": "21:16 with.n type_mismatch",
    "{ n: 1, l: [1, x] }": "21:26 with.l[1] type_mismatch",
    "{ n: 1, k: gren }": "21:22 with.k type_mismatch",
    "{ n: 1, o: { y: 1 } }": "21:22 with.o required",
    "{ n: 1, o: $.ask }": "21:22 with.o required",
    "{ s: x }": "21:11 with required",
    "{ n: 1, z: 1 }": "21:22 with.z not_expected",
    "$.input.email": "21:11 with type_mismatch",
    "[]": "21:11 with type_mismatch",
  };
  for (const [mapping, fault] of Object.entries(cases)) {
    deepEqual(await faultsIn(mapping, input), [fault], mapping);
  }
  ok(
    build(
      "  - name: notify",
      "    owner: a",
      "    event_pattern: a.b",
      input,
      "    with: { n: $.input.count, l: [1, $.input.count] }",
    ),
  );
});

Deno.test("a sleep has no result that could be named", async () => {
  const rest = "  - { name: rest, sleep: 1s }";

  deepEqual(await faultsIn("{ a: $.rest.x, b: $.rest }", rest), [
    "21:16 with.a gives_nothing",
    "21:29 with.b gives_nothing",
  ]);
});

Deno.test("a step whose `when` is not succeeded names outcomes: state, result and error", async () => {
  const steps = (
    mapping: string,
  ) => ["  - name: notify", "    when: failed", `    transform: ${mapping}`];
  const good = "{ s: $.ask.state, c: $.ask.error.error_code, m: $.ask.error.error_message, " +
    "i: $.ask.result.id }";
  deepEqual(build(...steps(good)).definition.steps[1]?.needs, { ask: "ask" });

  deepEqual(await faultsOf(() => build(...steps("{ a: $.ask.id, b: $.ask.error.code }"))), [
    "20:21 workflow_steps[1].transform.a no_such_field",
    "20:34 workflow_steps[1].transform.b no_such_field",
  ]);
});

Deno.test("a transform without a contract has the fields of its mapping", async () => {
  const steps = [
    "  - name: card",
    "    transform: { id: $.ask.id, nick: $.input.nick, at: { n: 1 }, text: 'x${ask.id}' }",
    "  - name: more",
    "    transform: { card: $.card }",
    "  - name: last",
  ];
  ok(build(...steps, "    transform: { a: $.more.card.id, b: $.card.at.n, c: '${card.text}' }"));

  deepEqual(
    await faultsOf(() =>
      build(
        ...steps,
        "    transform: { a: $.more.card.idd, b: $.card.at.m, c: '${card.nick}', d: $.card.text.x }",
      )
    ),
    [
      "23:21 workflow_steps[3].transform.a no_such_field",
      "23:41 workflow_steps[3].transform.b no_such_field",
      "23:57 workflow_steps[3].transform.c maybe_absent",
      "23:76 workflow_steps[3].transform.d no_such_field",
    ],
  );
});

Deno.test("a sleep takes a number or a text, and no other value", async () => {
  ok(build("  - { name: rest, sleep: $.input.count }", "  - { name: more, sleep: $.input.email }"));

  deepEqual(await faultsOf(() => build("  - { name: rest, sleep: $.input.tags }")), [
    "18:26 workflow_steps[1].sleep type_mismatch",
  ]);
});

Deno.test("all broken references of a mapping are found at once, each at its place", async () => {
  deepEqual(await faultsIn("{ a: $.input., b: '${', c: ['$.input..x'] }"), [
    "21:16 with.a bad_reference",
    "21:29 with.b bad_reference",
    "21:39 with.c[0] bad_reference",
  ]);
});

Deno.test("a mapping of a manifest is checked by the contracts of its module", async () => {
  const text = `name: mapped
version: 1.0.0
workflow_steps:
  - { name: ask, owner: users, event_pattern: user.ask }
  - { name: notify, owner: users, handler: H, with: { id: $.input.count } }`;
  const notified = step({
    input: z.object({ id: z.string() }),
    success: z.null(),
    run: () => null,
  });
  const module = implement("mapped.yaml", {
    namespace: "tests",
    input: z.object({ count: z.int() }),
    handlers: { H: notified },
  });

  const faults = await faultsOf(() =>
    buildWorkflow(module, { digest, manifest: readManifest("mapped.yaml", text) })
  );

  deepEqual(faults, ["5:59 workflow_steps[1].with.id type_mismatch"]);
});

Deno.test("transforms that all refer to each other are refused as a cycle, in bounded time", async () => {
  const names = Array.from({ length: 40 }, (_, index) => `t${index}`);
  const all = `{ ${names.map((name) => `${name}: $.${name}.x`).join(", ")} }`;

  const faults = await faultsOf(() =>
    build(...names.map((name) => `  - { name: ${name}, transform: ${all} }`))
  );

  deepEqual(faults.filter((fault) => fault.endsWith("graph.cycle")).length, 1);
});

Deno.test("a chain of 1,500 transforms is checked from its end, in bounded time", () => {
  const lines = Array.from(
    { length: 1_500 },
    (_, index) =>
      `  - {name: t${index}, transform: {x: $.${index === 1_499 ? "ask.id" : `t${index + 1}.x`}}}`,
  );

  equal(build(...lines).definition.steps.length, 1_501);
});

Deno.test("mappings of 2,000 steps, each of which names the one before, are checked in one pass", () => {
  const lines = Array.from(
    { length: 2_000 },
    (_, index) =>
      `  - {name: s${index}, owner: a, event_pattern: b.c, with: {x: $.${
        index === 0 ? "ask" : `s${index - 1}`
      }.id}, result: {properties: {id: {type: string}}}}`,
  );

  const { definition, plan } = build(...lines);

  equal(definition.steps.length, 2_001);
  equal(plan.steps[2_000]?.parents[0], 1_999);
});
