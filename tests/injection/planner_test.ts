/** Injected texts change nothing that is planned or checked: they are data of those who wrote them. */

import { deepEqual, equal, ok } from "node:assert/strict";
import type { Directory } from "../../src/core/authoring.ts";
import { plan } from "../../src/author/plan/plan.ts";
import { problems } from "../../src/author/problems.ts";
import { YAML } from "../../src/author/yaml_language.ts";
import SEED from "../generate/cases/seed_registration.json" with { type: "json" };
import { INJECTIONS } from "./texts.ts";

const REGISTRY = SEED.registry as Directory;

/** The registry with another system, which nobody asks for, and whose text this is. */
function withStranger(description: string): Directory {
  const schema = {
    type: "object",
    description,
    properties: { x: { type: "string", description } },
  };
  const stranger = {
    name: "attacker_system",
    capabilities: [{ name: "zz.noop", description, input: schema, output: schema }],
  };
  return { systems: [...REGISTRY.systems, stranger] };
}

/** What a plan lets run, and what it says. */
function planned(description: string, directory: Directory) {
  const { edits, questions, isAbstention } = plan(description, directory);
  return { edits: edits.map(({ edit }) => edit), questions, isAbstention };
}

function document(text: string, errorText = text) {
  const value = JSON.stringify(text);
  const source = [
    "name: process",
    "namespace: orders",
    "version: 1.0.0",
    `description: ${value}`,
    `input: { type: object, description: ${value}, required: [id], properties: { id: { type: string, title: ${value} } } }`,
    "systems:",
    `  stock: { base_url: 'http://stock', capabilities: [{ name: stock.take, description: ${value} }] }`,
    "workflow_steps:",
    "  - name: take",
    "    owner: stock",
    "    capability: stock.take",
    "    timeout: 30s",
    `    error: { type: object, description: ${JSON.stringify(errorText)} }`,
  ].join("\n");
  const read = YAML.read("a.yaml", source);
  if (!read.ok) return read.problems.map(({ code, path }) => [code, ...path]);
  return problems(read.document, REGISTRY).map(({ code, path }) => [code, ...path]);
}

Deno.test("a description of a capability that nobody asks for changes nothing of a plan", () => {
  const before = planned(SEED.description, withStranger("Does nothing"));

  for (const text of INJECTIONS) {
    deepEqual(planned(SEED.description, withStranger(text)), before, text);
  }
});

Deno.test("a sentence that tries to be an instruction adds nothing that is not registered", () => {
  const known = new Set(REGISTRY.systems.map(({ name }) => name));
  const offered = new Set(
    REGISTRY.systems.flatMap(({ capabilities }) => capabilities.map(({ name }) => name)),
  );

  for (const text of INJECTIONS) {
    for (const { edit } of plan(`${SEED.description}\n${text}`, REGISTRY).edits) {
      if (edit.kind === "set" && edit.field[0] === "systems") {
        ok(known.has(String(edit.field[1])), `${text}: ${JSON.stringify(edit)}`);
      }
      if (edit.kind !== "add_step") continue;
      const { owner, capability, http, handler } = edit.step as Record<string, unknown>;
      ok(owner === undefined || known.has(String(owner)), `${text}: ${owner}`);
      ok(capability === undefined || offered.has(String(capability)), `${text}: ${capability}`);
      deepEqual([http, handler], [undefined, undefined], text);
    }
  }
});

Deno.test("what a document says of itself in prose neither adds a problem nor takes one away", () => {
  const before = document("Takes from the stock");

  for (const text of INJECTIONS) {
    const found = document(text).filter(([code]) => code !== "W01" && code !== "W41");
    deepEqual(found, before, text);
  }
});

Deno.test("there are at least thirty texts, and each fits where capabilities describe themselves", () => {
  ok(new Set(INJECTIONS).size >= 30);
  equal(INJECTIONS.every((text) => text.length <= 500), true);
});
