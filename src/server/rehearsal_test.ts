import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import type { Rehearsal } from "../core/rehearsal.ts";
import type { RehearsalRequest } from "../core/ports.ts";
import { openRehearser } from "./rehearser.ts";
import { openRuntime } from "./runtime.ts";

function rehearse(text: string, more: Omit<RehearsalRequest, "text"> = {}): Promise<Rehearsal> {
  return openRehearser(openRuntime()).rehearse({ text, ...more });
}

const HEAD = `
name: signup
namespace: shop
version: 1.0.0
input: { type: object, required: [email], properties: { email: { type: string, format: email } } }
`;

const SIGNUP = `${HEAD}
workflow_steps:
  - name: create
    owner: users
    event_pattern: user.create
    with: { email: $.input.email }
    input: { type: object, required: [email], properties: { email: { type: string } } }
    result: { type: object, required: [id], properties: { id: { type: string, format: uuid } } }
    on_exhausted: fail
  - name: confirm
    depends_on: create
    signal: { form: { type: object, properties: { ok: { type: boolean } } }, timeout: 2d }
  - name: rest
    depends_on: confirm
    sleep: 10m
  - name: greet
    depends_on: rest
    owner: mail
    event_pattern: mail.send
    with: { to: "Dear \${input.email}", id: $.create.id }
    on_exhausted: fail
  - name: report
    depends_on: [create, greet]
    when: failed
    owner: support
    event_pattern: support.report
    with: { why: $.create.error.error_message }
output: { with: { id: $.create.id, mail: $.greet.mail_id } }
`;

const ID = "123e4567-e89b-42d3-a456-426614174000";

Deno.test("a rehearsal runs the good path on virtual time, with results out of contracts and reads", async () => {
  const { runs: [good], isOk, input, problems } = await rehearse(SIGNUP);

  ok(isOk);
  equal(input, '{"email":"ada@example.com"}');
  deepEqual(problems, []);
  deepEqual(good, {
    end: "completed",
    tookMs: 603_000,
    steps: [
      {
        step: "create",
        kind: "remote",
        state: "completed",
        startedMs: 0,
        endedMs: 1_000,
        attempts: 1,
        took: '{"email":"ada@example.com"}',
        gave: `{"id":"${ID}"}`,
      },
      {
        step: "confirm",
        kind: "signal",
        state: "completed",
        startedMs: 1_000,
        endedMs: 2_000,
        attempts: 1,
        gave: '{"ok":true}',
      },
      {
        step: "rest",
        kind: "sleep",
        state: "completed",
        startedMs: 2_000,
        endedMs: 602_000,
        attempts: 1,
      },
      {
        step: "greet",
        kind: "remote",
        state: "completed",
        startedMs: 602_000,
        endedMs: 603_000,
        attempts: 1,
        took: `{"to":"Dear ada@example.com","id":"${ID}"}`,
        gave: '{"mail_id":"mail_id"}',
      },
    ],
    notReached: ["report"],
    output: `{"id":"${ID}","mail":"mail_id"}`,
    handledBy: [],
    problems: [],
  });
});

Deno.test("a rehearsal lets each step fail once for good, and says what runs because of that", async () => {
  const { runs } = await rehearse(SIGNUP);

  deepEqual(runs.map(({ fails, end, tookMs, handledBy }) => ({ fails, end, tookMs, handledBy })), [
    { fails: undefined, end: "completed", tookMs: 603_000, handledBy: [] },
    { fails: "create", end: "failed", tookMs: 2_000, handledBy: ["report"] },
    { fails: "confirm", end: "failed", tookMs: 172_802_000, handledBy: ["report"] },
    { fails: "greet", end: "failed", tookMs: 604_000, handledBy: ["report"] },
  ]);
  const reported = runs[1]?.steps.find(({ step }) => step === "report");
  equal(reported?.took, '{"why":"The rehearsal lets step create fail"}');
});

Deno.test("failures that are named are played alone, each once, with the error that is given", async () => {
  const error = { error_code: "taken", error_message: "The address is taken" };

  const { runs, problems, isOk } = await rehearse(SIGNUP, {
    failures: [{ step: "create", error }, { step: "create", error }, { step: "nobody" }],
  });

  deepEqual(runs.map(({ fails }) => fails), [undefined, "create"]);
  equal(
    runs[1]?.steps.find(({ step }) => step === "report")?.took,
    '{"why":"The address is taken"}',
  );
  equal(isOk, false);
  deepEqual(problems.map(({ code, step }) => [code, step]), [["unknown_step", "nobody"]]);
});

Deno.test("a step whose input breaks its contract is found before anything runs for real", async () => {
  const { isOk, runs: [good] } = await rehearse(`${HEAD}
workflow_steps:
  - { name: count, owner: a, event_pattern: a.count, result: { type: object, required: [n], properties: { n: { type: integer } } } }
  - name: use
    owner: a
    event_pattern: a.use
    with: { n: "\${count.n} pieces" }
    input: { type: object, required: [n], properties: { n: { type: string, maxLength: 3 } } }
`);

  equal(isOk, false);
  equal(good?.end, "failed");
  deepEqual(good?.problems.map(({ code, step }) => [code, step]), [["contract_broken", "use"]]);
  match(good?.problems[0]?.text ?? "", /^The input breaks the input contract: n: /);
});

Deno.test("a deadline that is too near, and steps that never run, are found", async () => {
  const { isOk, problems, runs } = await rehearse(`${HEAD}
deadline: 5s
workflow_steps:
  - { name: rest, sleep: 1m }
  - { name: late, owner: a, event_pattern: a.late, depends_on: rest }
`);

  equal(isOk, false);
  deepEqual(runs.map(({ end }) => end), ["failed"]);
  deepEqual(runs[0]?.problems.map(({ code }) => code), ["not_completed"]);
  match(runs[0]?.problems[0]?.text ?? "", /^its deadline ends the task/);
  deepEqual(problems.map(({ code, step }) => [code, step]), [["never_runs", "late"]]);
});

Deno.test("a failure path behind a step that parks when its attempts are used up is reported", async () => {
  const { isOk, problems } = await rehearse(SIGNUP.replaceAll("    on_exhausted: fail\n", ""));

  ok(isOk);
  deepEqual(problems.map(({ code, severity }) => [code, severity]), [
    ["waits_when_exhausted", "warning"],
  ]);
  match(problems[0]?.text ?? "", /all attempts of create, greet are used up.*before report runs/);
});

Deno.test("an input that breaks its contract plays nothing, and says why", async () => {
  const { isOk, runs, problems } = await rehearse(SIGNUP, { input: { email: 5 } });

  equal(isOk, false);
  deepEqual(runs, []);
  deepEqual(problems.map(({ code }) => code), ["input_does_not_fit"]);
});

Deno.test("a result for which nothing fits its contract is reported, with what helps", async () => {
  const { runs: [good] } = await rehearse(`${HEAD}
workflow_steps:
  - { name: order, owner: a, event_pattern: a.b, result: { type: string, pattern: "^\\\\d{9}-[xyz]$" } }
`);

  deepEqual(good?.problems.map(({ code, step }) => [code, step]), [
    ["no_value", "order"],
    ["contract_broken", "order"],
  ]);
  match(good?.problems[0]?.text ?? "", /give one as "examples" in the schema/);
});

Deno.test("credentials and what a contract marks as sensitive are not shown", async () => {
  const text = SIGNUP.replace(
    "properties: { email: { type: string, format: email } }",
    "properties: { email: { type: string, format: email }, pin: { type: string, writeOnly: true } }",
  ).replace("with: { email: $.input.email }", "with: { email: $.input.email, note: $.input.pin }");

  const shown = JSON.stringify(
    await rehearse(text, {
      input: { email: "a@b.example", pin: "geheim-4711", key: "password=hunter2-x" },
    }),
  );

  ok(shown.includes("<sensitive>"));
  deepEqual(["geheim-4711", "hunter2-x"].filter((secret) => shown.includes(secret)), []);
});

Deno.test("long values are cut, and a whole rehearsal is bounded", async () => {
  const steps = Array.from(
    { length: 500 },
    (_, index) =>
      `  - { name: s${index}, owner: a, event_pattern: a.b, with: { v: $.input.v }` +
      `${index === 0 ? "" : `, depends_on: s${index - 1}`} }`,
  );
  const text = `name: big\nnamespace: shop\nversion: 1.0.0\nworkflow_steps:\n${steps.join("\n")}\n`;

  const { isOk, runs, leftOut } = await rehearse(text, { input: { v: "x".repeat(20_000) } });

  ok(isOk);
  equal(runs.length + leftOut, 501);
  ok(runs.length <= 40, `${runs.length} runs`);
  equal(runs[0]?.tookMs, 500_000);
  equal(runs[0]?.steps[0]?.took?.length, 1_001);
  ok(JSON.stringify(runs).length < 2_000_000);
});

Deno.test("what a document breaks is refused with its places, as when it is loaded", async () => {
  await rejects(rehearse(`${HEAD}workflow_steps:\n  - { name: a, depends_on: b, sleep: 1s }\n`), {
    code: "definition.invalid",
    message: /workflow.yaml:7/,
  });
});

Deno.test("a rehearsal that is not wanted any more ends", async () => {
  await rejects(rehearse(SIGNUP, { signal: AbortSignal.abort() }), { code: "api.busy" });
});
