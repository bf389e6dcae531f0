import { deepEqual, equal, throws } from "node:assert/strict";
import type { Edit } from "../core/authoring.ts";
import { TaskerError } from "../core/errors.ts";
import { changedLines, edited, yamlDocument } from "./_fixture.ts";
import { edit } from "./edit.ts";

const ORDER = `# Orders of the shop
name: order # as the shop says
version: "2.0"
workflow_steps:
  # checks what came in
  - name: check
    owner: shop
    event_pattern: 'order.check'
    timeout: 30s # long enough

  # takes the money
  - name: pay
    owner: bank
    depends_on: check
    event_pattern: "pay.charge"
    with: { order: $.check.id, text: "Order \${check.id}, \${input.check}" }
    # in cents

  - name: ship
    depends_on:
      - pay
      - check # as well
    owner: shop
    event_pattern: order.ship
`;

const CASES: Readonly<Record<string, readonly [edit: Edit, ...changes: string[]]>> = {
  "setting a field": [
    { kind: "set", step: "check", field: ["timeout"], value: "45s" },
    "-    timeout: 30s # long enough",
    "+    timeout: 45s # long enough",
  ],
  "setting a field to what it is": [
    { kind: "set", step: "check", field: ["timeout"], value: "30s" },
  ],
  "setting a field in quotes": [
    { kind: "set", step: "check", field: ["event_pattern"], value: "order.verify" },
    "-    event_pattern: 'order.check'",
    "+    event_pattern: 'order.verify'",
  ],
  "setting a text that YAML would take for a number": [
    { kind: "set", field: ["version"], value: "3.0" },
    '-version: "2.0"',
    '+version: "3.0"',
  ],
  "setting a new field": [
    { kind: "set", step: "pay", field: ["capability"], value: "pay.charge" },
    "+    capability: pay.charge",
  ],
  "setting a field inside one that is not there": [
    { kind: "set", step: "pay", field: ["retry", "attempts_max"], value: 5 },
    "+    retry: { attempts_max: 5 }",
  ],
  "setting a field of a map on one line": [
    { kind: "set", step: "pay", field: ["with", "cents"], value: "$.input.cents" },
    '-    with: { order: $.check.id, text: "Order ${check.id}, ${input.check}" }',
    '+    with: { order: $.check.id, text: "Order ${check.id}, ${input.check}", cents: $.input.cents }',
  ],
  "setting a field of the workflow": [
    { kind: "set", field: ["description"], value: "Orders: from cart to parcel" },
    "+description: 'Orders: from cart to parcel'",
  ],
  "putting a block in the place of a text": [
    {
      kind: "set",
      step: "check",
      field: ["timeout"],
      value: [{ a: 1 }, "two\nlines\n"],
    },
    "-    timeout: 30s # long enough",
    "+    timeout: # long enough",
    "+      - { a: 1 }",
    "+      - |",
    "+        two",
    "+        lines",
  ],
  "putting a text in the place of a block": [
    { kind: "set", step: "ship", field: ["depends_on"], value: "check" },
    "-    depends_on:",
    "-      - pay",
    "-      - check # as well",
    "+    depends_on: check # as well",
  ],
  "removing a field with its comment": [
    { kind: "unset", step: "check", field: ["timeout"] },
    "-    timeout: 30s # long enough",
  ],
  "removing a field of a map on one line": [
    { kind: "unset", step: "pay", field: ["with", "order"] },
    '-    with: { order: $.check.id, text: "Order ${check.id}, ${input.check}" }',
    '+    with: { text: "Order ${check.id}, ${input.check}" }',
  ],
  "connecting two steps": [
    { kind: "connect", from: "ship", to: "pay" },
    "-    depends_on: check",
    "+    depends_on: [check, ship]",
  ],
  "connecting the first": [
    { kind: "connect", from: "ship", to: "check" },
    "+    depends_on: ship",
  ],
  "disconnecting in a block": [
    { kind: "disconnect", from: "check", to: "ship" },
    "-      - check # as well",
  ],
  "disconnecting the only one": [
    { kind: "disconnect", from: "check", to: "pay" },
    "-    depends_on: check",
  ],
  "renaming a step": [
    { kind: "rename_step", name: "check", to: "verify" },
    "-  - name: check",
    "-    depends_on: check",
    '-    with: { order: $.check.id, text: "Order ${check.id}, ${input.check}" }',
    "-      - check # as well",
    "+  - name: verify",
    "+    depends_on: verify",
    '+    with: { order: $.verify.id, text: "Order ${verify.id}, ${input.check}" }',
    "+      - verify # as well",
  ],
  "removing a step with its comments and its blank line": [
    { kind: "remove_step", name: "pay" },
    "-  # takes the money",
    "-  - name: pay",
    "-    owner: bank",
    "-    depends_on: check",
    '-    event_pattern: "pay.charge"',
    '-    with: { order: $.check.id, text: "Order ${check.id}, ${input.check}" }',
    "-    # in cents",
    "-      - pay",
    "-",
  ],
  "adding a step between others that stand apart": [
    { kind: "add_step", step: { name: "rest", sleep: "10m", depends_on: "pay" }, after: "pay" },
    "+  - name: rest",
    "+    sleep: 10m",
    "+    depends_on: pay",
    "+",
  ],
  "adding the first step": [
    { kind: "add_step", step: { name: "rest", sleep: 5 }, before: "check" },
    "+  - name: rest",
    "+    sleep: 5",
    "+",
  ],
};

for (const [what, [one, ...expected]] of Object.entries(CASES)) {
  Deno.test(`${what} changes the lines concerned and no other`, () => {
    deepEqual(changedLines(ORDER, edited(ORDER, one)), expected);
  });

  Deno.test(`${what} does the same in a text with lines that end as on Windows`, () => {
    const windows = ORDER.replaceAll("\n", "\r\n");

    equal(edited(windows, one), edited(ORDER, one).replaceAll("\n", "\r\n"));
  });
}

Deno.test("edits are made one after the other, and the text says what their sum is", () => {
  const after = edited(
    "name: a\nversion: 1.0.0\nworkflow_steps: []\n",
    { kind: "add_step", step: { name: "one", owner: "x", event_pattern: "a.b" } },
    { kind: "add_step", step: { name: "two", signal: {} } },
    { kind: "connect", from: "one", to: "two" },
    { kind: "set", step: "two", field: ["signal", "timeout"], value: "2d" },
    { kind: "set", field: ["systems", "x"], value: { capabilities: ["a.b"] } },
    { kind: "rename_step", name: "one", to: "first" },
    { kind: "set", field: ["output", "with"], value: { id: "$.first.id", list: [1, "2"] } },
  );

  equal(
    after,
    `name: a
version: 1.0.0
systems:
  x: { capabilities: [a.b] }
workflow_steps:
  - name: first
    owner: x
    event_pattern: a.b
  - name: two
    depends_on: first
    signal: { timeout: 2d }
output:
  with: { id: $.first.id, list: [1, '2'] }
`,
  );
});

Deno.test("a document without fields gets its first ones, and may lose its last", () => {
  const set: Edit = { kind: "set", field: ["name"], value: "a" };

  equal(edited("# draft\n{} # none\n", set), "# draft\nname: a\n # none\n");
  equal(edited("name: a # only\n", { kind: "unset", field: ["name"] }), "{}\n");
});

const REFUSED: Readonly<Record<string, readonly [edit: Edit, why: RegExp]>> = {
  "of a step that is not there": [{ kind: "remove_step", name: "chek" }, /did you mean "check"/],
  "to a name that is taken": [{ kind: "rename_step", name: "check", to: "pay" }, /is named "pay"/],
  "to a name that is reserved": [{ kind: "rename_step", name: "pay", to: "input" }, /of the task/],
  "of a name as a field": [
    { kind: "set", step: "pay", field: ["name"], value: "x" },
    /rename_step/,
  ],
  "of all steps at once": [{ kind: "set", field: ["workflow_steps"], value: [] }, /by name/],
  "of an edge that is a reference": [
    { kind: "disconnect", from: "ship", to: "pay" },
    /there is no such edge/,
  ],
  "of an edge to itself": [{ kind: "connect", from: "pay", to: "pay" }, /wait for itself/],
  "beyond the end of a list": [
    { kind: "set", step: "ship", field: ["depends_on", 5], value: "x" },
    /has 2 entries/,
  ],
  "into a text": [{ kind: "set", step: "pay", field: ["owner", "a"], value: 1 }, /not a map/],
  "of a field that is not there": [
    { kind: "unset", step: "pay", field: ["retry"] },
    /no such field/,
  ],
  "of a prototype": [{ kind: "set", field: ["__proto__", "a"], value: 1 }, /__proto__/],
  "without a value": [{ kind: "set", field: ["heal"], value: undefined }, /is missing/],
  "to a value that cannot be kept": [
    { kind: "set", field: ["description"], value: "\0" },
    /U\+0000/,
  ],
};

for (const [what, [one, why]] of Object.entries(REFUSED)) {
  Deno.test(`an edit ${what} is refused, and says why`, () => {
    throws(() => edited(ORDER, one), (error) => {
      return error instanceof TaskerError && error.code === "document.edit_refused" &&
        why.test(error.message);
    });
  });
}

Deno.test("a refused edit refuses those before it, and says which one it was", () => {
  const document = yamlDocument(ORDER);

  throws(
    () =>
      edit(document, [
        { kind: "set", step: "pay", field: ["timeout"], value: "1s" },
        { kind: "remove_step", name: "nobody" },
      ]),
    /edit 2 of 2/,
  );
  equal(document.text, ORDER);
});
