/** The contract of envelopes: its examples, against what the engine parses and sends. */

import assert from "node:assert/strict";
import { Ajv2020 } from "ajv/dist/2020.js";
import { type Envelope, parseEnvelope } from "../src/core/envelope.ts";
import { openReplies } from "../src/dispatch/replies.ts";
import { stepCancelled, stepCommand } from "../src/dispatch/step_command.ts";
import { ENVELOPES } from "../src/operations/envelopes.ts";
import {
  ANSWERS,
  attemptFor,
  DispatchHarness,
  IN,
  openAsked,
  planFor,
  TASK,
} from "./support/dispatch_harness.ts";

type TypeName = keyof typeof ENVELOPES;

const NAMES = Object.keys(ENVELOPES) as TypeName[];

const DOCS = new URL("../docs/", import.meta.url);

/** The examples of the document, by the name of their schema. */
const EXAMPLES = await (async () => {
  const text = await Deno.readTextFile(new URL("envelopes.md", DOCS));
  const found = text.matchAll(/<!-- example: (\w+) -->\s+```json\n([^]*?)```/g);
  return new Map([...found].map(([, name, body]) => [name as TypeName, parseEnvelope(body ?? "")]));
})();

const SCHEMAS = JSON.parse(await Deno.readTextFile(new URL("envelopes.schema.json", DOCS)));

/** The schemas as another system compiles them. */
const VALIDATORS = (() => {
  const ajv = new Ajv2020({ strict: true, allowUnionTypes: true });
  ajv.addFormat("date-time", true); // the schema has a pattern beside it
  ajv.addFormat("uri", URL.canParse);
  ajv.addSchema(SCHEMAS, "envelopes");
  return new Map(NAMES.map((name) => [name, ajv.compile({ $ref: `envelopes#/$defs/${name}` })]));
})();

function validatorOf(name: TypeName) {
  const validate = VALIDATORS.get(name);
  assert.ok(validate !== undefined, name);
  return validate;
}

function assertFits(envelope: unknown, name: TypeName): void {
  const validate = validatorOf(name);
  assert.ok(validate(envelope), `${name}: ${JSON.stringify(validate.errors)}`);
  ENVELOPES[name].schema.parse(envelope);
}

function exampleOf(name: TypeName): Envelope {
  const example = EXAMPLES.get(name);
  assert.ok(example !== undefined, `envelopes.md has no example of ${name}`);
  return example;
}

Deno.test("envelopes.md has an example of every type, which fits its schema", () => {
  for (const name of NAMES) assertFits(exampleOf(name), name);

  assert.deepEqual([...EXAMPLES.keys()].sort(), NAMES.toSorted());
});

Deno.test("an example without one of the attributes that its schema needs does not fit", () => {
  const needed = ["specversion", "id", "source", "type"];

  for (const name of NAMES) {
    for (const attribute of needed) {
      const { [attribute]: _, ...rest } = exampleOf(name);
      assert.equal(validatorOf(name)(rest), false, `${name} without ${attribute}`);
      assert.throws(() => parseEnvelope(JSON.stringify(rest)), { code: "bus.envelope_invalid" });
    }
  }
});

Deno.test("what the engine sends to a system fits the schemas", async () => {
  const harness = new DispatchHarness();
  const plan = planFor({});
  const step = plan.steps[0];
  assert.ok(step !== undefined);

  assertFits(
    stepCommand(harness, attemptFor(plan, { dueAtMs: harness.runtime.now() + 30_000 }), {})
      .envelope,
    "StepCommand",
  );
  assertFits(stepCancelled(harness, { taskId: TASK, step, attempt: 1 }), "StepCancelled");

  const { harness: asked } = openAsked();
  const ours = { source: "/shop", taskerreplyto: ANSWERS };
  const start = { ...exampleOf("TaskStart"), ...ours };
  await asked.publish(IN, { ...start, data: { workflow: "test/played" } });
  await asked.publish(IN, { ...start, id: "not-valid", data: {} });
  const hello = { ...exampleOf("SystemHello"), ...ours };
  await asked.publish(IN, hello);
  await asked.publish(IN, { ...hello, id: "not-valid", data: {} });
  const answers = await asked.taken(ANSWERS);
  const names = ["TaskAccepted", "TaskRejected", "SystemAccepted", "SystemRejected"] as const;
  assert.equal(answers.length, names.length);
  for (const [at, name] of names.entries()) assertFits(answers[at], name);
});

Deno.test("the engine takes the replies of envelopes.md, once they have a real token", async () => {
  for (const name of ["StepCompleted", "StepFailed", "StepProgress"] as const) {
    const harness = new DispatchHarness();
    const plan = planFor({ contract: { success: { type: "object" } } });
    const end = openReplies(
      { ...harness, runtime: harness.runtime, planOf: () => Promise.resolve(plan) },
      ["stock"],
    );
    const { envelope } = stepCommand(
      harness,
      attemptFor(plan, { dueAtMs: harness.runtime.now() + 30_000 }),
      {},
    );
    const { subject, taskerreplytoken } = envelope;

    await harness.publish("t.reply.stock", {
      ...exampleOf(name),
      ...(subject !== undefined && { subject }),
      ...(taskerreplytoken !== undefined && { taskerreplytoken }),
    });

    assert.deepEqual(harness.dead.letters, [], name);
    const { sent, recorded } = harness.sink;
    assert.equal(sent.length + recorded.length, 1, name);
    await end();
  }
});

Deno.test("the engine carries out the requests of envelopes.md", async () => {
  for (const name of ["TaskStart", "TaskSignal", "TaskCancel"] as const) {
    const { harness, starts } = openAsked();
    const { data, subject, ...example } = exampleOf(name);
    const ours = name === "TaskStart"
      ? { data: { ...data as Record<string, unknown>, workflow: "test/played" } }
      : { data, subject: subject && TASK };

    await harness.publish(IN, { ...example, ...ours, source: "/shop", taskerreplyto: ANSWERS });

    const answers = await harness.taken(ANSWERS);
    assert.deepEqual(answers.map(({ type }) => type), ["tasker.task.accepted"], name);
    assert.deepEqual(harness.dead.letters, [], name);
    assert.equal(starts.length + harness.sink.sent.length, 1, name);
  }
});

Deno.test("the engine takes hello and goodbye of envelopes.md", async () => {
  for (const name of ["SystemHello", "SystemGoodbye"] as const) {
    const { harness } = openAsked();

    await harness.publish(IN, { ...exampleOf(name), source: "/shop", taskerreplyto: ANSWERS });

    const answers = await harness.taken(ANSWERS);
    assert.deepEqual(answers.map(({ type }) => type), ["tasker.system.accepted"], name);
    assert.deepEqual(harness.dead.letters, [], name);
  }
});
