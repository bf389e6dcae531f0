import assert from "node:assert/strict";
import { stepsOf } from "../document.ts";
import { graphOf } from "../references.ts";
import { changed, planned } from "./_order_fixture.ts";

Deno.test("a task stops by a value: behind the step that gives it, by a contract that it has to keep", () => {
  const gates: readonly (readonly [string, unknown])[] = [
    ["stop if the score is above 0.8", { type: "number", maximum: 0.8 }],
    ["only continue if the score is at least 0.5", { type: "number", minimum: 0.5 }],
    ["unless the score is below 1,000, stop", { type: "number", exclusiveMaximum: 1000 }],
  ];
  for (const [words, schema] of gates) {
    const { value } = changed(planned(words));

    const gate = stepsOf(value).find(({ name }) => name === "score_checked");

    assert.deepEqual(gate?.fields.transform, { score: "$.check_fraud.score" }, words);
    assert.deepEqual((gate.fields.result as Schemas).properties, { score: schema }, words);
    assert.deepEqual(graphOf(value).get("charge"), ["score_checked"], words);
  }
});

type Schemas = { readonly properties: unknown };

Deno.test("a value that is true or false stops a task, and what is done then runs after a failure", () => {
  const { value } = changed(planned("If the stock is not available, stop and notify support."));

  const [available, notify] = ["available", "notify_support"].map((name) =>
    stepsOf(value).find((step) => step.name === name)?.fields
  );

  assert.deepEqual((available?.result as Schemas).properties, {
    available: { type: "boolean", const: true },
  });
  assert.deepEqual([notify?.depends_on, notify?.when], ["available", "failed"]);
  assert.deepEqual(graphOf(value).get("check_fraud"), ["available"]);
});

Deno.test("what is asked for each of many is asked about, unless it takes a list", () => {
  const { questions } = planned("After ship, insure the parcel for each item.");

  assert.match(questions[0] ?? "", /A step runs once, not "for each item"/);
});
