import { deepEqual, equal } from "node:assert/strict";
import { openCliHarness } from "../../tests/support/cli_harness.ts";

const FILES = {
  "/home/ada/signup.yaml": `name: signup
namespace: shop
version: 1.0.0
input: { type: object, required: [email], properties: { email: { type: string } } }
workflow_steps:
  - name: create
    owner: users
    event_pattern: user.create
    with: { email: $.input.email }
    on_exhausted: fail
  - { name: rest, sleep: 10m, depends_on: create }
  - name: greet
    depends_on: rest
    owner: mail
    event_pattern: mail.send
    with: { id: $.create.id }
    on_exhausted: fail
  - { name: report, depends_on: [create, greet], when: failed, owner: mail, event_pattern: mail.report }
`,
  "/home/ada/short.yaml": `name: short
namespace: shop
version: 1.0.0
deadline: 5s
workflow_steps:
  - { name: rest, sleep: 1m }
`,
};

const open = () => openCliHarness({ env: { INIT_CWD: "/home/ada" }, files: FILES });

Deno.test("rehearse draws the good path over virtual time, and says how each failure ends", async () => {
  const { code, out } = await open().say("rehearse", "signup.yaml");

  equal(code, 0);
  deepEqual(out, [
    "shop/signup 1.0.0 rehearsed; 1.0 s is assumed for each step",
    'input, made out of its contract: {"email":"email"}',
    "",
    "all goes well: completed after 10 m 2 s",
    "  create ✓ ━━━       0 ms – 1.0 s",
    "  rest   ✓    ···    1.0 s – 10 m 1 s (sleep)",
    "  greet  ✓       ━━━ 10 m 1 s – 10 m 2 s",
    "  not reached: report",
    "",
    "if create fails: failed after 2.0 s, report ran",
    "if greet fails: failed after 10 m 3 s, report ran",
  ]);
});

Deno.test("rehearse --fail draws what a failure changes, with values where they are asked for", async () => {
  const { out } = await open().say(
    "rehearse",
    "signup.yaml",
    "--fail",
    "create",
    "--values",
    "--input",
    '{"email":"ada"}',
  );

  deepEqual(out.slice(1, 6), [
    'input, {"email":"ada"}',
    "",
    "all goes well: completed after 10 m 2 s",
    "  create ✓ ━━━       0 ms – 1.0 s",
    '      took {"email":"ada"}',
  ]);
  deepEqual(out.slice(out.indexOf("if create fails: failed after 2.0 s, report ran")), [
    "if create fails: failed after 2.0 s, report ran",
    "  what goes otherwise than when all goes well:",
    "  create ✗ ━━━    0 ms – 1.0 s",
    '      took {"email":"ada"}',
    '      error {"error_code":"rehearsed","error_message":"The rehearsal lets step create fail"}',
    "  report ✓    ━━━ 1.0 s – 2.0 s",
    '      took {"email":"ada"}',
    "      gave {}",
    "  not reached: rest, greet",
  ]);
});

Deno.test("rehearse ends with code 1 when something is wrong, and with 2 without a file", async () => {
  const wrong = await open().say("rehearse", "short.yaml");
  const absent = await open().say("rehearse", "gone.yaml");

  equal(wrong.code, 1);
  equal(wrong.out[3], "all goes well: failed after 5.0 s");
  equal(
    wrong.out.at(-1),
    "  ✗ its deadline ends the task before its steps are done, although each takes only a second here",
  );
  deepEqual([absent.code, absent.out], [2, []]);
});

Deno.test("rehearse --test writes a test beside the manifest and runs it, unless it is there", async () => {
  const cli = open();

  const first = await cli.say("rehearse", "signup.yaml", "--test");
  const second = await cli.say("rehearse", "signup.yaml", "--test");

  equal(first.code, 0);
  deepEqual(first.out.slice(-2), ["✓ wrote signup_test.ts", "✓ it compiles and passes"]);
  deepEqual(Object.keys(cli.written), ["/home/ada/signup_test.ts"]);
  equal(second.code, 1);
});
