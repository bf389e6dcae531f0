import { deepEqual, doesNotMatch, equal } from "node:assert/strict";
import { z } from "zod";
import { TaskDriver } from "../../tests/support/task_driver.ts";
import { attemptFacts } from "./attempt_fact.ts";
import type { Event } from "./event.ts";
import type { JsonText } from "./payload.ts";
import { SensitiveValues, withoutSensitive } from "./sensitive.ts";
import type { JsonSchema } from "./workflow.ts";

const SCHEMA: JsonSchema = {
  type: "object",
  properties: {
    name: { type: "string" },
    diagnosis: { type: "string", writeOnly: true },
    cards: { type: "array", items: { $ref: "#/$defs/card" } },
    pair: { prefixItems: [{ type: "string" }, { type: "string", writeOnly: true }] },
    address: { writeOnly: true, type: "object" },
    choice: { anyOf: [{ type: "null" }, { properties: { pin: { writeOnly: true } } }] },
  },
  $defs: { card: { properties: { number: { writeOnly: true }, next: { $ref: "#/$defs/card" } } } },
};

/** Hides in a text what a task with this input and contract marks. */
function hidden(text: string, input: unknown, schema: JsonSchema = SCHEMA): string {
  const { plan } = new TaskDriver([{ name: "a" }]).actor;
  const values = new SensitiveValues({
    ...plan,
    definition: { ...plan.definition, input: schema },
  });
  values.note({
    kind: "TaskStarted",
    atMs: 0,
    definitionHash: "h",
    input: JSON.stringify(input) as JsonText,
    tags: [],
  } as Event);
  return values.hide(text);
}

Deno.test("what a contract marks is hidden, wherever the contract says it", () => {
  const input = {
    name: "shown",
    diagnosis: "broken leg",
    cards: [{ number: 99887766, next: { number: "11223344" } }],
    pair: ["visible", "hidden pair"],
    address: { street: "Elm Street", number: { floor: "fifth" } },
    choice: { pin: "4711" },
  };

  const text = hidden(Object.values(input).map((one) => JSON.stringify(one)).join(" "), input);

  doesNotMatch(text, /leg|9988|1122|hidden|Elm|fifth|4711/);
  equal(text.match(/shown|visible/g)?.length, 2);
});

Deno.test("what is marked by way of an anchor, an id or another keyword is hidden", () => {
  const marked = { writeOnly: true };
  const SCHEMAS: readonly JsonSchema[] = [
    { properties: { a: { $ref: "#card" } }, $defs: { card: { $anchor: "card", ...marked } } },
    { properties: { a: { $dynamicRef: "#c" } }, $defs: { c: { $dynamicAnchor: "c", ...marked } } },
    { properties: { a: { $ref: "x:card" } }, $defs: { card: { $id: "x:card", ...marked } } },
    { properties: { a: { $ref: "#/$defs/a%20card" } }, $defs: { "a card": marked } },
    {
      $ref: "x:y",
      $defs: { y: { $id: "x:y", $ref: "#/$defs/z", $defs: { z: { properties: { a: marked } } } } },
    },
    { dependentSchemas: { a: { properties: { a: marked } } } },
    { if: { properties: { a: marked } } },
    { unevaluatedProperties: marked },
    { properties: { a: { contains: marked } } },
    { properties: { a: { prefixItems: [true], unevaluatedItems: marked } } },
  ];
  for (const schema of SCHEMAS) {
    const shown = JSON.stringify(withoutSensitive(schema, { a: ["first", "kept from all"] }));
    doesNotMatch(shown, /kept from all/, JSON.stringify(schema));
    equal(hidden("is kept from all", { a: ["first", "kept from all"] }, schema), "is <sensitive>");
  }
});

Deno.test("a schema made with zod marks by its metadata", () => {
  const schema = z.toJSONSchema(z.object({ ssn: z.string().meta({ writeOnly: true }) }));

  equal(hidden("no 078-05-1120 here", { ssn: "078-05-1120" }, schema), "no <sensitive> here");
});

Deno.test("a value is hidden as it is, as JSON writes it, and before what it contains", () => {
  const schema = { properties: { note: { writeOnly: true }, part: { writeOnly: true } } };

  equal(
    hidden(
      'bad says "no" in {"note":"says \\"no\\""}',
      { note: 'says "no"', part: "says" },
      schema,
    ),
    'bad <sensitive> in {"note":"<sensitive>"}',
  );
  equal(
    hidden("Cannot reach https://x.test/?of=ada%40x.test", { note: "ada@x.test" }, schema),
    "Cannot reach https://x.test/?of=<sensitive>",
  );
});

Deno.test("a short value is hidden as a word of its own only, and what says nothing never", () => {
  const schema = { properties: { pin: {}, flag: {}, count: {} }, writeOnly: true };

  equal(
    hidden(
      "pin 4711 of 47110 (4711): true, waited 1000 ms; 10001",
      { pin: "4711", flag: "true", count: 1000, on: true, of: "of", none: null },
      schema,
    ),
    "pin <sensitive> of 47110 (<sensitive>): true, waited <sensitive> ms; 10001",
  );
});

Deno.test("values that overlap are hidden together, and one that a text ends in as far as it goes", () => {
  const schema = { writeOnly: true };

  equal(hidden("abcdefghij!", ["abcdef", "defghij"], schema), "<sensitive>!");
  equal(hidden("abcdefabcdef-abcdef", ["abcdef"], schema), "<sensitive>-<sensitive>");
  equal(hidden("it was violet-ot", ["violet-otter"], schema), "it was <sensitive>");
  equal(hidden("it was viol", ["violet-otter"], schema), "it was viol");
});

Deno.test("a text in which looking costs too much is hidden as a whole, and the next one is not", () => {
  const alike = Array.from({ length: 900 }, (_, count) => `aaaaaaaaaa${count}`);
  const driver = new TaskDriver([{ name: "a" }], { input: { writeOnly: true } }).start(alike);
  const values = SensitiveValues.of(driver.actor.plan, driver.folded());

  equal(values.hide("a".repeat(10_000)), "<sensitive>");
  deepEqual(values.hideIn(["a".repeat(10_000), "short"]), ["<sensitive>", "short"]);
  equal(values.hide("nothing of it here"), "nothing of it here");
});

Deno.test("in JSON, texts, numbers and names of fields are hidden, and all else is as it was", () => {
  const driver = new TaskDriver([{ name: "a" }], { input: { writeOnly: true } })
    .start({ card: 99887766, name: "violet-otter" });
  const values = SensitiveValues.of(driver.actor.plan, driver.folded());
  const error = { of: { "violet-otter": [1, 99887766, "no violet-otter"] }, left: [null, true, 9] };

  deepEqual(values.hideIn(error), {
    of: { "<sensitive>": [1, "<sensitive>", "no <sensitive>"] },
    left: [null, true, 9],
  });
  equal(values.hideInJson('{"card":99887766,"n":1}'), '{"card":"<sensitive>","n":1}');
  equal(values.hideInJson('{"card":99887766,"n'), '{"card":<sensitive>,"n');
  const again = SensitiveValues.of(driver.actor.plan, driver.actor.state);
  equal(again, SensitiveValues.of(driver.actor.plan, driver.actor.state), "read once");
  equal(SensitiveValues.of(driver.actor.plan, undefined).hide("anything"), "<sensitive>");
});

Deno.test("errors of earlier attempts that nobody asked for are not known, so all texts are hidden", () => {
  const contract = { error: { properties: { card: { writeOnly: true } } } } as const;
  const policy = { retry: { attemptsMax: 3, delayMsMin: 0, delayMsMax: 0 } } as const;
  const fail = (driver: TaskDriver, error: unknown) => {
    const failure = { class: "failed", error: JSON.stringify(error) as JsonText } as const;
    return driver.result("a", { kind: "failed", failure, retryable: true });
  };
  const seen = ({ actor }: TaskDriver) => SensitiveValues.of(actor.plan, actor.state);
  const afresh = (driver: TaskDriver) => SensitiveValues.of(driver.actor.plan, driver.folded());
  const driver = new TaskDriver([{ name: "a", contract, policy }]).start();

  equal(afresh(fail(driver, { card: "11112222" })).hide("of 11112222"), "of <sensitive>");
  seen(driver);
  fail(driver, { card: "33334444" });

  equal(seen(driver).hide("11112222 or 33334444"), "<sensitive> or <sensitive>");
  equal(seen(driver).isTooMuch, false);
  equal(afresh(driver).hide("of 11112222"), "<sensitive>");
});

Deno.test("the search ends for schemas and values that do not", () => {
  const loop = {
    $ref: "#",
    writeOnly: false,
    properties: { a: { $ref: "#" } },
    x: { writeOnly: true },
  };
  const deep = JSON.parse("[".repeat(60) + '"text"' + "]".repeat(60));
  const wide = Array.from({ length: 20_000 }, (_, count) => `text ${count}`);

  equal(hidden("text", { a: { a: "text" } }, loop), "text");
  equal(hidden("text", deep, { items: { $ref: "#" }, x: { writeOnly: true } }), "text");
  equal(hidden("text 7", wide, { items: { writeOnly: true } }), "<sensitive>");
});

Deno.test("a fact of an attempt repeats nothing that its task's contracts mark", () => {
  const input = { properties: { patient: { writeOnly: true } } };
  const driver = new TaskDriver([{ name: "a" }], { input }).start({ patient: "boom" });
  driver.throw("a"); // with the message "boom"
  const { plan, taskId } = driver.actor;

  const [fact] = attemptFacts(plan, taskId, [], [driver]);

  deepEqual(fact?.error, { class: "thrown", code: "thrown", message: "<sensitive>" });
});

Deno.test("withoutSensitive() hides each value that a contract marks, and keeps all others", () => {
  const value = {
    name: "shown",
    diagnosis: "broken leg",
    cards: [{ number: 99887766, next: { number: "11223344", bank: "Elm" } }],
    pair: ["visible", "hidden pair", "third"],
    address: { street: "Elm Street" },
    choice: { pin: "4711", other: 1 },
    more: null,
  };

  deepEqual(withoutSensitive(SCHEMA, value), {
    name: "shown",
    diagnosis: "<sensitive>",
    cards: [{ number: "<sensitive>", next: { number: "<sensitive>", bank: "Elm" } }],
    pair: ["visible", "<sensitive>", "third"],
    address: "<sensitive>",
    choice: { pin: "<sensitive>", other: 1 },
    more: null,
  });
});

Deno.test("withoutSensitive() hides all that is deeper than it follows", () => {
  let value: unknown = { number: "4711" };
  for (let depth = 0; depth < 100; depth++) value = { next: value };

  const shown = JSON.stringify(withoutSensitive(SCHEMA, { cards: [value] }));

  doesNotMatch(shown, /4711/);
});

Deno.test("withoutSensitive() gives back the very value of a contract that marks nothing", () => {
  const value = { a: [1] };

  equal(withoutSensitive({ type: "object" }, value), value);
  equal(withoutSensitive(undefined, value), value);
});
