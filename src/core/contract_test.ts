import assert from "node:assert/strict";
import { z } from "zod";
import { checkOf } from "./contract.ts";
import { FAULTS_MAX } from "./faults.ts";
import type { Checked } from "./stored_schema.ts";
import { TaskDriver } from "../../tests/support/task_driver.ts";
import { type JsonText, PAYLOAD_SIZE_MAX } from "./payload.ts";
import type { JsonSchema } from "./workflow.ts";

function stored(schema: JsonSchema, value: unknown): Checked {
  return checkOf(undefined, schema)(value);
}

function details(checked: Checked): readonly string[] {
  return checked.ok ? [] : checked.faults.map(({ path, detail }) => `${path}: ${detail}`);
}

Deno.test("a contract is checked by the code's own schema where the code is loaded", () => {
  const code = z.string().refine((text) => text === "a");

  const check = checkOf(code, { type: "string" });

  assert.deepEqual(check("a"), { ok: true, value: "a" });
  assert.equal(check("b").ok, false);
});

Deno.test("a contract with neither code nor schema accepts anything", () => {
  assert.deepEqual(checkOf(undefined, undefined)(1), { ok: true, value: 1 });
});

Deno.test("a schema whose code throws is broken by the value", () => {
  const throwing = z.string().refine(() => {
    throw { toString: () => assert.fail("no text") };
  });

  assert.deepEqual(details(checkOf(throwing, undefined)("a")), [
    ": checking it threw: what was thrown has no text",
  ]);
});

Deno.test("a schema that wants to wait is broken by every value", () => {
  const waiting = z.string().refine(() => Promise.resolve(true));

  assert.equal(checkOf(waiting, undefined)("a").ok, false);
});

Deno.test("a stored schema names the field that is missing, unknown or wrong", () => {
  const schema = {
    type: "object",
    properties: { a: { type: "object", required: ["b/c"] }, d: { type: "integer" } },
    additionalProperties: false,
  };

  assert.deepEqual(details(stored(schema, { a: {}, d: "1", "e~": 1 })).toSorted(), [
    "a.b/c: is missing",
    "d: must be integer",
    "e~: is not a known field",
  ]);
});

Deno.test("faults of a large value are listed up to a bound, by code and by stored schema", () => {
  const values = Array(FAULTS_MAX * 3).fill("no");

  const byCode = checkOf(z.array(z.int()), undefined)(values);
  const byStored = stored({ type: "array", items: { type: "integer" } }, values);

  assert.equal(details(byCode).length, FAULTS_MAX);
  assert.equal(details(byStored).length, FAULTS_MAX);
});

Deno.test("a stored schema that cannot be used is broken by every value, and says why", () => {
  let deep: JsonSchema = {};
  for (let depth = 0; depth < 5_000; depth++) deep = { not: deep };
  const unusable: Record<string, JsonSchema> = {
    "can't resolve reference": { $ref: "https://example.org/other" },
    "Invalid regular expression": { pattern: "(" },
    "must be integer": { maxLength: "0) || globalThis.injected = 1; (" } as unknown as JsonSchema,
    "Maximum call stack": deep,
    "65536": { const: "x".repeat(65_536) },
    "call stack size": { $ref: "#" },
  };

  for (const [why, schema] of Object.entries(unusable)) {
    const checked = stored(schema, "a");
    assert.equal(checked.ok, false, why);
    assert.match(details(checked).join(), new RegExp(why.replace(/[()]/g, "."), "i"), why);
  }
  assert.equal("injected" in globalThis, false);
});

Deno.test("no text of a stored schema becomes code", () => {
  const evil = "\"'`${globalThis.injected=1}\\n\u2028*/globalThis.injected=1//";
  const schema = {
    $id: `https://example.org/${encodeURIComponent(evil)}`,
    $comment: evil,
    type: "object",
    properties: { [evil]: { const: evil, title: evil, format: evil, default: evil } },
    patternProperties: { "^[`'\"]+$": { enum: [evil] } },
    required: [evil],
    dependentRequired: { [evil]: [evil] },
    additionalProperties: false,
    [evil]: evil,
  };

  assert.deepEqual(stored(schema, { [evil]: evil }), { ok: true, value: { [evil]: evil } });
  assert.equal(stored(schema, { [evil]: "no" }).ok, false);
  assert.equal("injected" in globalThis, false);
});

Deno.test("signals and results given by hand get the defaults of their contract", () => {
  const by = { by: "ada", reason: "it is late" };
  const success = { type: "object", properties: { note: { type: "string", default: "-" } } };
  const policy = { retry: { attemptsMax: 1 } };
  const driver = new TaskDriver([
    { name: "early", kind: "signal", contract: { success }, after: ["fixed", "left"] },
    { name: "awaited", kind: "signal", contract: { success } },
    { name: "fixed", contract: { success }, policy },
    { name: "left", contract: { success }, policy },
  ]).start().throw("fixed").throw("left");
  const empty = "{}" as JsonText;

  driver.send({ kind: "SendSignal", name: "early", payload: empty })
    .send({ kind: "SendSignal", name: "awaited", payload: empty })
    .send({ kind: "ResolveStep", step: "fixed", result: empty, ...by })
    .send({ kind: "SkipStep", step: "left", result: empty, ...by });

  const filled = '{"note":"-"}';
  assert.deepEqual(driver.refusals, []);
  assert.deepEqual(
    Object.keys(driver.steps).map((name) => driver.step(name)["result"]),
    [filled, filled, filled, filled],
  );
});

Deno.test("a value that its defaults make too large is refused, not recorded", () => {
  const success = {
    type: "object",
    properties: { a: { type: "string", default: "x".repeat(2_000) }, b: { type: "string" } },
  };
  const driver = new TaskDriver([{ name: "notice", kind: "signal", contract: { success } }])
    .start();
  const payload = JSON.stringify({ b: "x".repeat(PAYLOAD_SIZE_MAX - 100) }) as JsonText;

  driver.send({ kind: "SendSignal", name: "notice", payload });

  assert.equal(driver.refusals[0]?.code, "payload.too_large");
  assert.deepEqual(driver.steps, { notice: "waiting_for_reply" });
});
