import assert from "node:assert/strict";
import type { Directory } from "../core/authoring.ts";
import type { FollowTable } from "../core/suggestion.ts";
import SEED from "../../tests/generate/cases/seed_registration.json" with { type: "json" };
import { yamlDocument } from "./_fixture.ts";
import { edit } from "./edit.ts";
import { problems } from "./problems.ts";
import { suggestSteps } from "./suggest.ts";

const SYSTEMS = SEED.registry as Directory;

const BEGUN = yamlDocument(`name: registration
version: 1.0.0
input: { type: object, required: [email], properties: { email: { type: string, format: email } } }
systems:
  python_users: { capabilities: [user.create_profile] }
workflow_steps:
  - name: create_profile # the first one
    owner: python_users
    capability: user.create_profile
    with: { email: $.input.email }
`);

const NO_HISTORY: FollowTable = new Map();

function suggested(follows: FollowTable = NO_HISTORY, limit = 10) {
  return suggestSteps(BEGUN.value, { directory: SYSTEMS, follows, limit });
}

Deno.test("suggested is what takes a result of the steps so far, with its input mapped", () => {
  const [first] = suggested();

  assert.deepEqual(first, {
    step_name: "create_account",
    description: "Opens a billing account in Stripe",
    handler_template: [
      "name: create_account",
      "owner: node_payments",
      "capability: billing.create_account",
      "with:",
      "  user_id: $.create_profile.user_id",
      "  email: $.input.email",
      "",
    ].join("\n"),
    dependencies: ["create_profile"],
    risk_level: "medium",
    why: ['takes "user_id" of create_profile'],
    edits: first?.edits,
  });
});

Deno.test("what followed in other workflows comes first, with how often", () => {
  const follows = new Map([["user.create_profile", {
    of: 7,
    next: new Map([["mail.send_welcome", 6], ["billing.create_account", 1]]),
  }]]);

  const [first, second] = suggested(follows);

  assert.deepEqual([first?.step_name, first?.why], ["send_welcome", [
    "follows user.create_profile in 6 of 7 workflows",
    'takes "user_id" of create_profile',
  ]]);
  assert.equal(second?.step_name, "create_account");
});

Deno.test("a person who is to hear of failures is suggested while nobody does", () => {
  const notify = suggested().find(({ step_name }) => step_name === "notify_support");

  assert.deepEqual(notify?.why, ["nobody hears of a failure so far"]);
  assert.match(notify?.handler_template ?? "", /^when: failed$/m);
});

Deno.test("each suggestion can be added as it is: the document has no errors, and keeps its comments", () => {
  for (const { step_name, edits } of suggested()) {
    const after = edit(BEGUN, edits);
    const errors = problems(after, SYSTEMS).filter(({ severity }) => severity === "error");

    assert.deepEqual(errors, [], step_name);
    assert.match(after.text, /# the first one/);
  }
});

Deno.test("nothing that is there, unhealthy or not granted is suggested, and no more than asked", () => {
  const [users, ...others] = SYSTEMS.systems.toReversed();
  const directory = {
    systems: [
      {
        ...users,
        name: users?.name ?? "",
        capabilities: users?.capabilities ?? [],
        healthy: false,
      },
      ...others.map((one) => ({ ...one, granted: false })),
    ],
  };

  assert.deepEqual(suggestSteps(BEGUN.value, { directory, follows: NO_HISTORY, limit: 10 }), []);
  assert.equal(suggested(NO_HISTORY, 2).length, 2);
  assert.ok(suggested().every(({ step_name }) => step_name !== "create_profile"));
});

Deno.test("a document without steps gets no suggestion out of nothing", () => {
  const { value } = yamlDocument("name: a\n");

  assert.deepEqual(suggestSteps(value, { directory: SYSTEMS, follows: NO_HISTORY, limit: 5 }), []);
});

Deno.test("a workflow that forks and joins sixty times gets suggestions, though its paths are too many to walk", () => {
  const forks = Array.from({ length: 60 }, (_, n) => [
    `  - { name: left_${n}, owner: s, capability: a.b${
      n === 0 ? "" : `, depends_on: join_${n - 1}`
    } }`,
    `  - { name: right_${n}, owner: s, capability: a.b${
      n === 0 ? "" : `, depends_on: join_${n - 1}`
    } }`,
    `  - { name: join_${n}, owner: s, capability: a.b, depends_on: [left_${n}, right_${n}] }`,
  ]).flat();
  const { value } = yamlDocument(
    `name: forks\nversion: 1.0.0\nworkflow_steps:\n${forks.join("\n")}\n`,
  );

  const [first] = suggestSteps(value, { directory: SYSTEMS, follows: NO_HISTORY, limit: 1 });

  assert.deepEqual(first?.dependencies, ["join_59"]);
});

Deno.test("a capability that is asked for by name is suggested although nothing speaks for it", () => {
  const context = { directory: SYSTEMS, follows: NO_HISTORY, limit: 5 };

  const asked = { ...context, owner: "python_users", capability: "user.create_profile" };
  const [first, ...others] = suggestSteps(BEGUN.value, asked);

  assert.deepEqual([first?.step_name, first?.dependencies, first?.why], [
    "create_profile_2",
    ["create_profile"],
    [],
  ]);
  assert.deepEqual(others, []);
  assert.deepEqual(suggestSteps(BEGUN.value, { ...asked, owner: "other" }), []);
});
