/// <reference lib="deno.ns" />

import { deepEqual, equal, ok } from "node:assert/strict";
import type { Document } from "../../../src/author/document.ts";
import { edit } from "../../../src/author/edit.ts";
import { graphOf } from "../../../src/author/references.ts";
import { YAML } from "../../../src/author/yaml_language.ts";
import { sourcesOf, targetsOf } from "./contract_fields.ts";
import {
  addStep,
  ancestorsIn,
  connect,
  disconnect,
  freeName,
  insertBetween,
  newStep,
  PALETTE,
  removeStep,
  reversed,
  setField,
} from "./gestures.ts";

const TEXT = `name: order
version: 1.0.0
input:
  type: object
  required: [order_id]
  properties: { order_id: { type: string }, note: { type: string } }
systems:
  payments:
    capabilities:
      - name: payment.charge
        input:
          type: object
          required: [order_id, cents]
          properties: { order_id: { type: string }, cents: { type: integer }, memo: { type: string } }
workflow_steps:
  # the first one
  - name: check
    transform: { cents: 12, id: $.input.order_id }
  - name: rest
    depends_on: check
    sleep: 1s
  - name: pay
    depends_on: rest
    owner: payments
    capability: payment.charge
    with: { cents: $.check.cents, order_id: $.input.order_id }
`;

function read(text = TEXT): Document {
  const reading = YAML.read("order.yaml", text);
  ok(reading.ok);
  return reading.document;
}

Deno.test("connect() refuses an edge that would close a cycle, that is there, or to itself", () => {
  const { value } = read();

  const reasons = [
    connect(value, { from: "pay", to: "check" }),
    connect(value, { from: "rest", to: "pay" }),
    connect(value, { from: "pay", to: "pay" }),
  ].map((meant) => meant.ok ? "" : meant.reason);

  deepEqual(reasons, [
    '"pay" waits for "check", so "check" cannot wait for it',
    '"pay" waits for "rest" already',
    '"pay" cannot wait for itself',
  ]);
});

Deno.test("disconnect() refuses an edge that a mapping makes, and says so", () => {
  const meant = disconnect(read().value, { from: "check", to: "pay" });

  equal(
    meant.ok ? "" : meant.reason,
    '"pay" reads a result of "check": map that field from ' +
      "somewhere else first",
  );
});

Deno.test("insertBetween() leads the edge through the new step, and leaves comments as they are", () => {
  const document = read();
  const step = newStep(document.value, "signal");

  const after = edit(
    document,
    insertBetween(document.value, { from: "check", to: "rest" }, step).edits,
  );

  deepEqual(Object.fromEntries(graphOf(after.value)), {
    check: [],
    approve: ["check"],
    rest: ["approve"],
    pay: ["rest", "check"],
  });
  ok(after.text.includes("# the first one\n"));
});

Deno.test("removeStep() lets those that waited for it wait for what it waited for", () => {
  const document = read();

  const meant = removeStep(document, "rest");

  ok(meant.ok);
  deepEqual(graphOf(edit(document, meant.gesture.edits).value).get("pay"), ["check"]);
});

Deno.test("every kind of the palette makes a step under a free name that can be added", () => {
  let document = read();
  for (const { kind } of [...PALETTE, ...PALETTE]) {
    document = edit(document, addStep(newStep(document.value, kind), "pay").edits);
  }

  equal(graphOf(document.value).size, 3 + 2 * PALETTE.length);
  equal(freeName(document.value, "approve"), "approve_3");
});

Deno.test("setField() removes a map with its last field, and nothing that is not there", () => {
  const document = edit(
    read(),
    setField(read(), {
      step: "pay",
      field: ["retry", "attempts_max"],
      value: 3,
    }).edits,
  );

  const unset = { step: "pay", field: ["retry", "attempts_max"], value: undefined };

  equal(edit(document, setField(document, unset).edits).text, TEXT);
  deepEqual(setField(read(), unset).edits, []);
});

Deno.test("sourcesOf() offers the input and what ancestors give, with what may be absent", () => {
  const { value } = read();

  const sources = sourcesOf(value, "pay", undefined).map((source) =>
    source.reference + (source.isOptional ? "?" : "")
  );

  deepEqual(sources, ["$.input.order_id", "$.input.note?", "$.check.cents", "$.check.id"]);
  deepEqual(sourcesOf(value, "check", undefined).map(({ root }) => root), ["input", "input"]);
});

Deno.test("sourcesOf() offers the outcome of its parents to a step that runs after a failure", () => {
  const document = edit(read(), [
    {
      kind: "add_step",
      step: { name: "notify", depends_on: "check", when: "failed", transform: {} },
    },
  ]);

  const sources = sourcesOf(document.value, "notify", undefined).slice(2)
    .map(({ reference }) => reference);

  deepEqual(sources, [
    "$.check.state",
    "$.check.error",
    "$.check.error.error_message",
    "$.check.result",
    "$.check.result.cents",
    "$.check.result.id",
  ]);
});

Deno.test("targetsOf() lists what a capability takes, the required fields first", () => {
  const targets = targetsOf(read().value, "pay", undefined)
    .map(({ name, types, isRequired }) => ({ name, types, isRequired }));

  deepEqual(targets, [
    { name: "order_id", types: ["string"], isRequired: true },
    { name: "cents", types: ["integer"], isRequired: true },
    { name: "memo", types: ["string"], isRequired: false },
  ]);
});

Deno.test("what waits for a step, directly or not, is what it comes before", () => {
  const graph = new Map([["b", ["a"]], ["c", ["b"]], ["d", ["a", "c"]], ["e", []]]);

  deepEqual([...ancestorsIn(reversed(graph), "b")].toSorted(), ["c", "d"]);
  deepEqual([...ancestorsIn(reversed(graph), "e")], []);
});
