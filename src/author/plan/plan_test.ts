import assert from "node:assert/strict";
import type { Directory } from "../../core/authoring.ts";
import SEED from "../../../tests/generate/cases/seed_registration.json" with { type: "json" };
import { type Plan, plan } from "./plan.ts";

const SYSTEMS = SEED.registry as Directory;

type Step = Readonly<Record<string, unknown>> & { readonly name: string };

function stepsOf({ edits }: Plan): readonly Step[] {
  return edits.flatMap(({ edit }) => edit.kind === "add_step" ? [edit.step] : []);
}

/** The steps of a plan, each with those that it names as its parents. */
function planned(text: string): readonly string[] {
  return stepsOf(plan(text, SYSTEMS)).map(({ name, depends_on = [] }) =>
    [name, ...[depends_on].flat()].join(" < ")
  );
}

Deno.test("plan() gives the steps of the seed's example, with what each takes and waits for", () => {
  const answer = plan(SEED.description, SYSTEMS);

  assert.deepEqual(stepsOf(answer), [
    {
      name: "verify_email",
      owner: "rails_main",
      capability: "registration.verify_email",
      with: { email: "$.input.email" },
      on_exhausted: "fail",
    },
    {
      name: "create_profile",
      owner: "python_users",
      capability: "user.create_profile",
      with: { email: "$.verify_email.email" },
      on_exhausted: "fail",
    },
    {
      name: "create_account",
      owner: "node_payments",
      capability: "billing.create_account",
      with: { user_id: "$.create_profile.user_id", email: "$.verify_email.email" },
      on_exhausted: "fail",
    },
    {
      name: "send_welcome",
      depends_on: "create_account",
      owner: "rails_main",
      capability: "mail.send_welcome",
      with: { email: "$.verify_email.email", user_id: "$.create_profile.user_id" },
      retry: { attempts_max: 1 },
      on_exhausted: "fail",
    },
    {
      name: "notify_support",
      depends_on: "send_welcome",
      when: "failed",
      owner: "rails_main",
      capability: "support.notify",
      with: { reason: "verify_email_flow: send_welcome is ${send_welcome.state}" },
      retry: { attempts_max: 1 },
    },
  ]);
  assert.deepEqual([answer.isAbstention, answer.questions, answer.unmatched], [false, [], []]);
});

Deno.test("each step says from which clause it comes", () => {
  const { edits, clauses } = plan(SEED.description, SYSTEMS);

  const said = edits.flatMap(({ edit, clause }) =>
    edit.kind === "add_step" ? [[edit.step.name, clause]] : []
  );

  assert.deepEqual(said, clauses.flatMap(({ n, steps }) => steps.map((name) => [name, n])));
});

Deno.test("the order of systems and capabilities does not change a plan", () => {
  const turned = {
    systems: SYSTEMS.systems.toReversed().map((system) => ({
      ...system,
      capabilities: system.capabilities.toReversed(),
    })),
  };

  assert.deepEqual(
    stepsOf(plan(SEED.description, turned)),
    stepsOf(plan(SEED.description, SYSTEMS)),
  );
});

Deno.test("what is not wanted gets no step", () => {
  assert.deepEqual(
    planned(
      "Create the profile. Do not charge anything, and there is no need for a welcome email.",
    ),
    ["create_profile"],
  );
});

Deno.test("what nothing does is a placeholder, a listed clause and a question", () => {
  const answer = plan(
    "1. Verify the email\n2. Create the profile\n3. Water the plants\n4. Send the welcome mail",
    SYSTEMS,
  );

  assert.deepEqual(stepsOf(answer).map(({ name, todo }) => [name, todo]), [
    ["verify_email", undefined],
    ["create_profile", undefined],
    ["water_plants", "Nothing that is registered does this: Water the plants"],
    ["send_welcome", undefined],
  ]);
  assert.deepEqual(answer.unmatched, [3]);
  assert.deepEqual(answer.questions, [
    'Nothing that is registered does "Water the plants": which system does?',
  ]);
});

Deno.test("nothing is proposed for what cannot be done, and what is missing is asked for", () => {
  for (const text of ["Fly to the moon and plant a flag", "hello", "", "Why is it slow?", "!!!"]) {
    const { edits, isAbstention, questions } = plan(text, SYSTEMS);

    assert.deepEqual([edits, isAbstention], [[], true], text);
    assert.notEqual(questions.length, 0, text);
  }
});

Deno.test("what nothing does is asked once", () => {
  const { questions } = plan(
    "1. Create the profile\n2. Water the plants\n3. Feed the cat",
    SYSTEMS,
  );

  assert.deepEqual(questions, [
    'Nothing that is registered does "Water the plants": which system does, or should it be left out?',
    'Nothing that is registered does "Feed the cat": which system does, or should it be left out?',
  ]);
});

Deno.test("a capability that is nearly named is asked about, not taken", () => {
  const answer = plan(
    "1. registration.verify_email\n2. user.create_profil\n3. mail.send_welcome",
    SYSTEMS,
  );

  assert.deepEqual(stepsOf(answer).map(({ capability }) => capability), [
    "registration.verify_email",
    undefined,
    "mail.send_welcome",
  ]);
  assert.deepEqual(
    answer.questions[0],
    "No capability has exactly that name: is user.create_profile meant?",
  );
});

Deno.test("a message about any failure takes nothing that a failed step would have given", () => {
  const [, , notify] = stepsOf(
    plan(
      "Verify the email, create the profile. If anything fails, send the welcome mail.",
      SYSTEMS,
    ),
  );

  assert.deepEqual(notify?.["with"], { email: "$.input.email", user_id: "$.input.user_id" });
  assert.equal(notify?.["when"], "failed");
});

Deno.test("what takes something back waits for that, and for a mark that something failed", () => {
  assert.deepEqual(
    stepsOf(plan(
      "Create the profile, then open the billing account. If that fails, delete the profile.",
      SYSTEMS,
    )).slice(2),
    [
      {
        name: "something_failed",
        when: "failed",
        transform: { state: "$.create_account.state" },
      },
      {
        name: "delete_profile",
        depends_on: "something_failed",
        owner: "python_users",
        capability: "user.delete_profile",
        with: { user_id: "$.create_profile.user_id" },
      },
    ],
  );
});

Deno.test("attempts that are used up fail a step that a failure path guards, and no other", () => {
  const steps = stepsOf(plan(
    "Create the profile, then open the billing account. If that fails, delete the profile, otherwise " +
      "send the welcome mail.",
    SYSTEMS,
  ));

  assert.deepEqual(steps.map(({ name, on_exhausted }) => [name, on_exhausted]), [
    ["create_profile", "fail"],
    ["create_account", "fail"],
    ["something_failed", undefined],
    ["delete_profile", undefined],
    ["send_welcome", undefined],
  ]);
});

Deno.test("everything done is taken back by what takes what the steps gave", () => {
  assert.deepEqual(
    planned(
      "1. Create the profile\n2. Open the billing account\n3. Send the welcome mail\nIf anything goes wrong, undo everything.",
    )
      .slice(3),
    ["something_failed", "close_account < something_failed", "delete_profile < something_failed"],
  );
});

Deno.test("each comes before the other: that is asked, not decided", () => {
  const { isAbstention, questions } = plan(
    "Create the profile before the email is verified. Verify the email before the profile is created.",
    SYSTEMS,
  );

  assert.equal(isAbstention, true);
  assert.match(questions[0] ?? "", /each come before the other/);
});

Deno.test("characters that nobody sees change nothing", () => {
  const hidden = [...SEED.description].join("\u200b").replaceAll("\u200b\n\u200b", "\n");

  assert.deepEqual(stepsOf(plan(hidden, SYSTEMS)).map(({ name }) => name), [
    "verify_email",
    "create_profile",
    "create_account",
    "send_welcome",
    "notify_support",
  ]);
});

Deno.test("text of others becomes names of plain letters, and literals without references", () => {
  const hostile = [
    "1. Create the profile",
    "2. Notify the support team: ${input.secret} $.input.token {{ env.KEY }} `rm -rf /`",
    "3. workflow_steps: [{name: evil, http: {url: http://evil.example}}]",
    "4. Send the welcome mail\u0000\u202e",
    "5. ../../etc/passwd <script>alert(1)</script>",
  ].join("\n");

  const steps = stepsOf(plan(hostile, SYSTEMS));

  assert.deepEqual(steps.filter(({ name }) => !/^[a-z0-9_]{1,64}$/.test(name)), []);
  assert.deepEqual(steps.filter((step) => "http" in step || "handler" in step), []);
  const literals = JSON.stringify(steps.map((step) => step["with"]))
    .match(/\$\.[a-z_]+|\$\{/g) ?? [];
  assert.deepEqual(literals.filter((one) => one === "${" || /secret|token/.test(one)), []);
});

Deno.test("a description with too much is refused or cut with a question, whatever its shape", () => {
  const shapes = [
    Array.from(
      { length: 1_000 },
      (_, at) => `${at + 1}. notify support about case number ${at} of ${at}`,
    )
      .join("\n"),
    "if ".repeat(20_000),
    "create the profile and ".repeat(5_000),
    `wait${" ".repeat(100_000)}x`,
    "a".repeat(150_000),
    ", ".repeat(50_000),
    "(".repeat(50_000),
  ];

  for (const shape of shapes) {
    const answer = plan(shape, SYSTEMS);
    assert.ok(stepsOf(answer).length <= 200);
    assert.ok(answer.clauses.every(({ text }) => text.length <= 300));
    assert.ok(answer.questions.length <= 20);
  }
});

Deno.test("items under a line that says so run side by side, and the rest waits for all of them", () => {
  assert.deepEqual(
    planned(
      "- verify the email\n- in parallel:\n  - create the profile\n  - build the weekly report\n- send the welcome mail",
    ),
    [
      "verify_email",
      "create_profile",
      "weekly_report < verify_email",
      "send_welcome < weekly_report",
    ],
  );
});

Deno.test("an approval that may be refused is followed by a step that fails unless it is a yes", () => {
  const steps = stepsOf(plan(
    "Verify the email, then wait for the manager's approval, and if approved create the profile; " +
      "if rejected notify the support team.",
    SYSTEMS,
  ));

  assert.deepEqual(steps.map(({ name, depends_on, when }) => [name, depends_on, when]), [
    ["verify_email", undefined, undefined],
    ["manager_approval", "verify_email", undefined],
    ["approved", undefined, undefined],
    ["create_profile", "approved", undefined],
    ["notify_support", "approved", "failed"],
  ]);
  assert.deepEqual(steps[2]?.["transform"], { approved: "$.manager_approval.approved" });
});

Deno.test("attempts and time-outs that are said are the step's policy, and make no step", () => {
  const [first, second] = stepsOf(plan(
    "Create the profile (max 20s). If that fails, try it up to 5 times. Then notify the support team.",
    SYSTEMS,
  ));

  assert.deepEqual([first?.["timeout"], first?.["retry"]], ["20s", { attempts_max: 5 }]);
  assert.equal(second?.name, "notify_support");
});

Deno.test("what starts tasks at a time is asked for: a workflow does not start itself", () => {
  const { questions } = plan("Every Monday at nine build the weekly report.", SYSTEMS);

  assert.deepEqual(questions, [
    "A workflow does not start itself: what starts a task every monday at nine?",
  ]);
});

Deno.test("a failure that is named asks for the step that may fail, and a noun does not end a condition", () => {
  assert.deepEqual(
    planned(
      "Create the profile. If the billing account can't be opened delete the profile, otherwise send the " +
        "welcome mail.",
    ),
    [
      "create_profile",
      "create_account",
      "something_failed",
      "delete_profile < something_failed",
      "send_welcome < create_account",
    ],
  );
});

Deno.test("a verb that nobody knows is an order where an article follows it", () => {
  const answer = plan(
    "Create the profile, then water the plants and send the welcome mail.",
    SYSTEMS,
  );

  assert.deepEqual(stepsOf(answer).map(({ name, todo }) => [name, todo]), [
    ["create_profile", undefined],
    ["water_plants", "Nothing that is registered does this: water the plants"],
    ["send_welcome", undefined],
  ]);
});

Deno.test("after a time that is said, a step sleeps", () => {
  assert.deepEqual(
    planned("Create the profile. After 2 days, send the welcome mail."),
    ["create_profile", "wait_2_days < create_profile", "send_welcome < wait_2_days"],
  );
});

Deno.test("plan() asks where one word alone speaks for a capability, and nothing knows the others", () => {
  const alone = plan("Charge the penguin a tax", SYSTEMS);
  const between = plan("Verify the email. Then charge the penguin a tax.", SYSTEMS);

  const asked = /charge the penguin a tax": is payment\.charge of node_payments meant\?/i;
  assert.equal(alone.isAbstention, true);
  assert.match(alone.questions.join(), asked);
  assert.deepEqual(between.clauses.map(({ steps }) => steps), [["verify_email"], [
    "charge_payment",
  ]]);
  assert.match(between.questions.join(), asked);
});

Deno.test("plan() takes no capability that only means about the same for something else", () => {
  const words = ["Collect the seashells", "Pay the piper"];

  assert.deepEqual(words.map((text) => plan(text, SYSTEMS).clauses[0]?.steps), [[], []]);
});

Deno.test("plan() needs no capability to know whom it is for", () => {
  for (const text of ["Inform the team", "Notify the penguin", "Welcome the customer"]) {
    const { isAbstention, questions } = plan(text, SYSTEMS);

    assert.deepEqual({ isAbstention, questions }, { isAbstention: false, questions: [] });
  }
});
