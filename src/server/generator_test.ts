import { deepEqual, equal, match, ok, rejects } from "node:assert/strict";
import type { Directory } from "../core/authoring.ts";
import { DraftRequest } from "../core/draft.ts";
import { stepsOf } from "../author/document.ts";
import { YAML } from "../author/yaml_language.ts";
import { openGenerator } from "./generator.ts";
import { openRehearser } from "./rehearser.ts";
import { openRuntime } from "./runtime.ts";

const email = { type: "string", format: "email" };
const text = { type: "string" };

/** A capability whose required fields, and what it gives, are texts. */
function offer(name: string, input: Record<string, unknown>, output: Record<string, unknown>) {
  const object = (properties: Record<string, unknown>) => ({
    type: "object",
    required: Object.keys(properties),
    properties,
  });
  return { name, version: "1.0.0", input: object(input), output: object(output) };
}

const DIRECTORY: Directory = {
  systems: [
    {
      name: "rails_main",
      capabilities: [
        offer("registration.validate", { email }, { valid: { type: "boolean" } }),
        offer("mail.send_welcome", { email, user_id: text }, { message_id: text }),
        offer("support.notify", { reason: text }, { ticket_id: text }),
      ],
    },
    {
      name: "python_users",
      capabilities: [offer("user.create_profile", { email }, { user_id: text })],
    },
    {
      name: "node_payments",
      capabilities: [offer("billing.create_account", { user_id: text }, { account_id: text })],
    },
  ],
};

const REGISTRATION = `I need a workflow that:
1. Validates a new user registration
2. Creates their profile in our user service
3. Sets up their billing account
4. Sends them a welcome email
5. If anything fails, notify our support team`;

function generate(description: string, more: Record<string, unknown> = {}) {
  const runtime = openRuntime();
  const generator = openGenerator({ rehearser: openRehearser(runtime), runtime });
  const request = DraftRequest.parse({ description, ...more });
  return generator.generate(request, DIRECTORY, {});
}

function stepNames(manifest: string): readonly string[] {
  const read = YAML.read("w.yaml", manifest);
  ok(read.ok);
  return stepsOf(read.document.value).map(({ name }) => name);
}

Deno.test("a description becomes a manifest that is rehearsed, tested, and ready", async () => {
  const draft = await generate(REGISTRATION, { name: "signup", namespace: "shop" });

  deepEqual(draft.missing, []);
  ok(draft.isReady);
  equal(draft.by, "planner");
  deepEqual(stepNames(draft.text), [
    "validate_registration",
    "create_profile",
    "create_account",
    "send_welcome",
    "notify_support",
  ]);
  deepEqual(draft.clauses.map(({ steps }) => steps.length), [1, 1, 1, 1, 1]);
  ok(draft.edits.filter(({ edit }) => edit.kind === "add_step").every(({ clause }) => clause));
  const handled = draft.rehearsal?.runs.filter(({ fails }) => fails !== undefined) ?? [];
  equal(handled.length, 4);
  ok(handled.every(({ handledBy, end }) => handledBy.length === 1 && end === "failed"));
  deepEqual(draft.rehearsal?.problems, []);
  match(draft.rehearsal?.test ?? "", /^Deno\.test\("signup completes when every step succeeds"/m);
});

Deno.test("taken by part, a draft goes on without the steps of the others", async () => {
  const draft = await generate(REGISTRATION, { parts: [1, 2, 4] });

  equal(stepNames(draft.text).length, 3);
  ok(!draft.text.includes("node_payments"));
  ok(!draft.text.includes("on_exhausted"), "nothing is left that a failure would start");
  deepEqual(draft.clauses.map(({ n, steps }) => [n, steps.length]), [
    [1, 1],
    [2, 1],
    [3, 0],
    [4, 1],
    [5, 0],
  ]);
  deepEqual(draft.rehearsal?.runs[0]?.end, "completed");
  equal(draft.rehearsal?.runs[0]?.steps.length, 3);
  ok(draft.isReady);
});

Deno.test("a part that the description has not is refused", async () => {
  await rejects(generate(REGISTRATION, { parts: [1, 9] }), {
    code: "api.bad_request",
    message: "Cannot take part 9: the description has parts 1 to 5",
  });
});

Deno.test("what nothing can do is answered with questions, and nothing is proposed", async () => {
  const draft = await generate("Launch the rocket");

  ok(draft.isAbstention);
  equal(draft.text, "");
  equal(draft.isReady, false);
  deepEqual(draft.edits, []);
  match(draft.questions[0] ?? "", /Launch the rocket/);
});

Deno.test("a part that no step does is a problem, and the draft is not ready", async () => {
  const draft = await generate(
    "Validate the registration, create the profile, then water the plants.",
  );

  equal(draft.isAbstention, false);
  equal(draft.isReady, false);
  ok(draft.problems.some(({ code }) => code === "W51"));
  match(draft.missing.join("\n"), /no step does part \d+: "water the plants"/);
});

Deno.test("the same description gives the same draft", async () => {
  const [one, other] = await Promise.all([generate(REGISTRATION), generate(REGISTRATION)]);

  deepEqual(one, other);
});

const SIGNUP = `# Who signs up.
name: signup
namespace: people
version: 2.0.0
input: { type: object, required: [email], properties: { email: { type: string, format: email } } }
systems:
  python_users:
    capabilities:
      - name: user.create_profile
        output: { type: object, required: [user_id], properties: { user_id: { type: string } } }
workflow_steps:
  - name: create_profile # in the user service
    owner: python_users
    capability: user.create_profile
    with: { email: $.input.email }
  - { name: rest, sleep: 1d, depends_on: create_profile }
`;

const CHANGES = "After create_profile, set up their billing account. Wait 2 days instead of one. " +
  "If anything fails, notify our support team.";

Deno.test("a description changes a workflow: a diff, problems before and after, and a rehearsal", async () => {
  const draft = await generate(CHANGES, { base: { text: SIGNUP } });

  deepEqual([draft.name, draft.namespace, draft.isReady], ["signup", "people", true]);
  deepEqual(stepNames(draft.text), ["create_profile", "create_account", "rest", "notify_support"]);
  ok(draft.text.startsWith("# Who signs up.\n"));
  ok(draft.diff?.includes("- version: 2.0.0") && draft.diff.includes("+ version: 2.1.0"));
  ok(!draft.diff?.some((line) => line.includes("in the user service")));
  deepEqual(draft.problemsBefore?.filter(({ severity }) => severity === "error"), []);
  deepEqual(draft.clauses.map(({ steps }) => steps), [
    ["create_account"],
    ["rest"],
    ["notify_support"],
  ]);
  deepEqual(draft.rehearsal?.runs[0]?.steps.map(({ step }) => step), [
    "create_profile",
    "create_account",
    "rest",
  ]);
});

Deno.test("a change is taken by part: each part is a change by itself", async () => {
  const draft = await generate(CHANGES, { base: { text: SIGNUP }, parts: [2] });

  deepEqual(draft.diff?.filter((line) => line.startsWith("+")), [
    "+ version: 2.1.0",
    "+   - { name: rest, sleep: 2d, depends_on: create_profile }",
  ]);
  ok(draft.isReady);
});

Deno.test("a part that relies on another one is refused alone", async () => {
  const words = "After create_profile, set up their billing account. Retry it 5 times.";

  await rejects(generate(words, { base: { text: SIGNUP }, parts: [2] }), {
    code: "api.bad_request",
    message: "Cannot take part 2 alone: it relies on what another part changes; take both, or " +
      "describe it by itself",
  });
});

Deno.test("a module is changed as a manifest is, and what its code computes is left to people", async () => {
  const module = await generate("wait 2 days instead of one", {
    base: {
      format: "module",
      text: `import { implement } from "tasker";
export default implement({
  name: "pause",
  version: "1.0.0",
  workflow_steps: [{ name: "rest", sleep: "1d" }], // a day
});
`,
    },
  });

  deepEqual(module.diff, [
    '-   version: "1.0.0",',
    '-   workflow_steps: [{ name: "rest", sleep: "1d" }], // a day',
    '+   version: "1.1.0",',
    '+   workflow_steps: [{ name: "rest", sleep: "2d" }], // a day',
  ]);
  ok(module.isReady);
});

Deno.test("a base that cannot be read is refused, and names the line", async () => {
  await rejects(generate("wait longer", { base: { text: "name: [" } }), {
    code: "definition.invalid",
  });
});

Deno.test("a failure path that nothing makes, and a name that is not quite right, are problems", async () => {
  const lost = await generate(
    "Validate the registration, create the profile. If anything fails, undo everything.",
  );
  const near = await generate(
    "1. Validate the registration\n2. user.create_profil\n3. send_welcome",
  );

  deepEqual(codesOf(lost), ["W34"]);
  deepEqual(codesOf(near).filter((code) => code !== "W16"), ["W52"]);
  deepEqual(near.problems.find(({ code }) => code === "W52")?.at, {
    file: "description",
    line: 2,
    column: 4,
  });
});

function codesOf({ problems }: Awaited<ReturnType<typeof generate>>): readonly string[] {
  return problems.filter(({ severity }) => severity === "error").map(({ code }) => code);
}
