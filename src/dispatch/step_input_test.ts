import assert from "node:assert/strict";
import { z } from "zod";
import type { JsonText } from "../core/payload.ts";
import type { Attempt } from "../core/ports.ts";
import type { Given, StepCode } from "../core/workflow.ts";
import { attemptFor, planFor } from "../../tests/support/dispatch_harness.ts";
import { inputOf } from "./step_input.ts";

function json(value: unknown): JsonText {
  return JSON.stringify(value) as JsonText;
}

function given(more: Partial<Attempt>, code?: StepCode) {
  return inputOf(attemptFor(planFor({}, {}, code), { input: json({ id: 1 }), ...more }), code);
}

function failureOfInput(input: ReturnType<typeof inputOf>) {
  assert.ok(!input.ok);
  return { class: input.failure.class, ...JSON.parse(input.failure.error) };
}

Deno.test("a step without `with` takes the task's input", () => {
  assert.deepEqual(given({}), { ok: true, value: { id: 1 } });
});

Deno.test("`with` is given the task's input and its parents' results by alias", () => {
  const map = (seen: Given) => ({ seen: { ...seen } });

  const input = given({ needs: { order: json({ sku: "a" }) } }, { with: map });

  assert.deepEqual(input, { ok: true, value: { seen: { input: { id: 1 }, order: { sku: "a" } } } });
});

Deno.test("`with` is given the whole end of a parent that may have failed", () => {
  const needs = {
    paid: { state: "completed", result: json(7) },
    sent: { state: "failed", error: json({ error_code: "lost" }) },
    notice: { state: "unreached" },
  };

  const input = given({ needs }, { with: ({ input: _, ...ends }) => ends });

  assert.deepEqual(input, {
    ok: true,
    value: {
      paid: { state: "completed", result: 7 },
      sent: { state: "failed", error: { error_code: "lost" } },
      notice: { state: "unreached" },
    },
  });
});

Deno.test("a step whose definition maps its input takes that, with its code or without", () => {
  const plan = planFor({ with: { to: "$.input.id", sku: "$.order.sku" } });
  const attempt = attemptFor(plan, {
    input: json({ id: 1 }),
    needs: { order: json({ sku: "a" }) },
  });

  for (const code of [undefined, { with: () => "of the code" }]) {
    assert.deepEqual(inputOf(attempt, code), { ok: true, value: { to: 1, sku: "a" } });
  }
});

Deno.test("a mapping without a value fails the attempt for good", () => {
  const plan = planFor({ with: { text: "Hello ${input.name}" } });

  assert.deepEqual(failureOfInput(inputOf(attemptFor(plan, { input: json({}) }), undefined)), {
    class: "undeliverable",
    error_code: "mapping_failed",
    error_message: 'The mapping has no value: "input.name" is absent, and a text cannot hold that',
  });
});

Deno.test("two steps share nothing of what they are given", () => {
  const attempt = attemptFor(planFor(), { input: json({ list: [] }) });
  const first = inputOf(attempt, undefined);
  assert.ok(first.ok);

  (first.value as { list: number[] }).list.push(1);

  assert.deepEqual(inputOf(attempt, undefined), { ok: true, value: { list: [] } });
});

Deno.test("the input is what the input contract makes of it", () => {
  const input = z.object({ id: z.number(), count: z.number().default(2) });

  assert.deepEqual(given({}, { input }), { ok: true, value: { id: 1, count: 2 } });
});

Deno.test("an input that breaks its contract is a violation that names the place", () => {
  const failure = failureOfInput(given({}, { input: z.object({ id: z.string() }) }));

  assert.equal(failure.class, "contract_violation");
  assert.match(failure.error_message, /^The input breaks the input contract: id: /);
});

Deno.test("without code the stored input contract is checked", () => {
  const contract = { input: { type: "object", properties: { id: { type: "string" } } } };
  const attempt = attemptFor(planFor({ contract }), { input: json({ id: 1 }) });

  assert.equal(failureOfInput(inputOf(attempt, undefined)).class, "contract_violation");
});

Deno.test("a mapping that throws makes the step undeliverable", () => {
  const failure = failureOfInput(given({}, {
    with: () => {
      throw new Error("no such field");
    },
  }));

  assert.deepEqual(failure, {
    class: "undeliverable",
    error_code: "mapping_failed",
    error_class: "Error",
    error_message: "Mapping the input threw: no such field",
  });
});

Deno.test("an input contract that throws is a violation, not a throw of ours", () => {
  const input = z.object({ id: z.number() }).refine(() => {
    throw new Error("no table");
  });

  const failure = failureOfInput(given({}, { input }));

  assert.equal(failure.class, "contract_violation");
});
