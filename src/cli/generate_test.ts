import { deepEqual, equal, match } from "node:assert/strict";
import { openCliHarness } from "../../tests/support/cli_harness.ts";
import type { SystemSummary } from "../core/ports.ts";

const field = (name: string) => ({
  type: "object",
  required: [name],
  properties: { [name]: { type: "string" } },
});

const USERS: SystemSummary = {
  name: "users",
  kind: "remote",
  workflows: [],
  circuit: "closed",
  instances: [{
    system: "users",
    instance: "host-1",
    version: "1.0.0",
    state: "healthy",
    isDeclared: false,
    namespaces: [],
    capabilities: [
      { name: "profile.create", input: field("email"), output: field("user_id") },
      { name: "mail.send_welcome", input: field("user_id"), output: field("message_id") },
    ],
  }],
};

function open(files: Record<string, string> = {}) {
  return openCliHarness({
    env: { INIT_CWD: "/home/ada" },
    deps: { systems: () => [USERS] },
    files,
  });
}

const WORDS = "Create a profile. Then send a welcome mail.";

Deno.test("generate shows each part of a description with what does it, and the manifest", async () => {
  const { code, out } = await open().say("generate", WORDS, "--name", "signup");

  equal(code, 0);
  deepEqual(out.slice(0, 5), [
    "default/signup made without a model, ready",
    "  1  Create a profile",
    '     → create_profile: profile.create of users does it, by "create", "profile"',
    "  2  send a welcome mail",
    '     → send_welcome: mail.send_welcome of users does it, by "send", "welcome", "mail"',
  ]);
  match(out.join("\n"), /^name: signup$/m);
  match(out.join("\n"), /^rehearsed: if all goes well, completed after 2\.0 s;/m);
});

Deno.test("generate says which parts need no step, and nothing of parts that are not taken", async () => {
  const words = `${WORDS} Do not create a second profile.`;
  const all = await open().say("generate", words);
  const some = await open().say("generate", words, "--part", "1,2");

  deepEqual(all.out.slice(5, 7), ["  3  Do not create a second profile", "     needs no step"]);
  equal(some.out[5], "  3  Do not create a second profile");
  equal(some.out.includes("     needs no step"), false);
});

Deno.test("generate --out writes the manifest and its test, and runs the test", async () => {
  const cli = open();

  const { code, out } = await cli.say("generate", WORDS, "--out", "made.yaml");

  equal(code, 0);
  deepEqual(Object.keys(cli.written), ["/home/ada/made.yaml", "/home/ada/made_test.ts"]);
  match(cli.written["/home/ada/made_test.ts"] ?? "", /new URL\("\.\/made\.yaml"/);
  equal(cli.ran.length, 1);
  match(cli.ran[0] ?? "", /^test .*--allow-read .*\/home\/ada\/made_test\.ts$/);
  deepEqual(out.slice(-4), [
    "✓ wrote made.yaml",
    "✓ wrote made_test.ts",
    "✓ it compiles and passes",
    "→ deno task tasker rehearse made.yaml",
  ]);
});

Deno.test("generate --out writes a module where the name asks for one", async () => {
  const cli = open();

  const { code } = await cli.say("generate", WORDS, "--out", "made.ts");

  equal(code, 0);
  deepEqual(Object.keys(cli.written), ["/home/ada/made.ts", "/home/ada/made_test.ts"]);
  match(cli.written["/home/ada/made.ts"] ?? "", /^import \{ implement \} from "tasker";$/m);
  match(cli.written["/home/ada/made_test.ts"] ?? "", /^import MANIFEST from "\.\/made\.ts";$/m);
});

Deno.test("generate overwrites no file, and reads descriptions from files and pipes", async () => {
  const cli = open({ "/home/ada/made.yaml": "mine", "/home/ada/words.txt": WORDS, "-": WORDS });

  const refused = await cli.say("generate", "@words.txt", "--out", "made.yaml");
  const piped = await cli.say("generate", "-", "--json");

  equal(refused.code, 1);
  match(refused.err.join("\n"), /Cannot write "made.yaml": there is such a file already/);
  deepEqual(cli.written, {});
  equal(JSON.parse(piped.out[0] ?? "").isReady, true);
});

Deno.test("generate asks where it cannot propose, and ends with code 1", async () => {
  const { code, out } = await open().say("generate", "Launch the rocket");

  equal(code, 1);
  equal(out[0], "Nothing is proposed yet: answer the questions, and try again");
  match(out.join("\n"), /\? Nothing that is registered does "Launch the rocket"/);
});

Deno.test("generate refuses options that it cannot read", async () => {
  const codes = await Promise.all([
    open().say("generate", WORDS, "--part", "one"),
    open().say("generate", WORDS, "--by", "magic"),
    open().say("generate", WORDS, "--out", "made.txt"),
    open().say("generate", "@gone.txt"),
  ]);

  deepEqual(codes.map(({ code }) => code), [2, 2, 2, 2]);
});

const SIGNUP = `name: signup # of people
version: 1.0.0
input: { type: object, required: [email], properties: { email: { type: string } } }
systems:
  users:
    capabilities:
      - name: profile.create
        output: { type: object, required: [user_id], properties: { user_id: { type: string } } }
workflow_steps:
  - { name: create_profile, owner: users, capability: profile.create, with: { email: $.input.email } }
`;

Deno.test("generate --base shows what a description changes of a file, line by line", async () => {
  const cli = open({ "/home/ada/signup.yaml": SIGNUP });

  const { code, out } = await cli.say(
    "generate",
    "After create_profile, send a welcome mail.",
    ...["--base", "signup.yaml"],
  );

  equal(code, 0);
  deepEqual(out.slice(0, 3), [
    "default/signup made without a model, ready",
    "  1  send a welcome mail",
    '     → add step "send_welcome": mail.send_welcome of users does it, by "send", "welcome", "mail"',
  ]);
  equal(out.includes("- version: 1.0.0"), true);
  equal(out.includes("+   - name: send_welcome"), true);
  equal(out.includes("+   - name: create_profile"), false);
  deepEqual(cli.written, {});
});

Deno.test("generate --base with --out changes the file in its place, and leaves its test", async () => {
  const files = { "/home/ada/signup.yaml": SIGNUP, "/home/ada/signup_test.ts": "// mine" };
  const cli = open(files);

  const { code, out } = await cli.say(
    "generate",
    "After create_profile, send a welcome mail. Retry it 3 times.",
    ...["--base", "signup.yaml", "--out", "signup.yaml", "--part", "1"],
  );

  equal(code, 0);
  deepEqual(Object.keys(cli.written), ["/home/ada/signup.yaml"]);
  match(
    cli.written["/home/ada/signup.yaml"] ?? "",
    /^name: signup # of people\nversion: 1\.1\.0$/m,
  );
  equal(cli.written["/home/ada/signup.yaml"]?.includes("attempts_max"), false);
  deepEqual(out.slice(-4), [
    "✓ wrote signup.yaml",
    "· left signup_test.ts as it is",
    "✓ it compiles and passes",
    "→ deno task tasker rehearse signup.yaml",
  ]);
});

Deno.test("generate --base asks where a description is unclear, and refuses a file that is not there", async () => {
  const cli = open({ "/home/ada/signup.yaml": SIGNUP });

  const unclear = await cli.say("generate", "add an approval", "--base", "signup.yaml");
  const gone = await cli.say("generate", "add an approval", "--base", "gone.yaml");

  equal(unclear.code, 1);
  match(
    unclear.out.join("\n"),
    /\? "approval": after or before which step\? There are: create_profile/,
  );
  equal(gone.code, 2);
  match(gone.err.join("\n"), /Cannot read "gone.yaml": there is no such file/);
});

Deno.test("generate --out says what the compiler says of a module, and where", async () => {
  const cli = openCliHarness({
    env: { INIT_CWD: "/home/ada" },
    deps: { systems: () => [USERS] },
    failing: ([verb]) =>
      verb === "check"
        ? "TS2322 [ERROR]: Type 'string' is not assignable to type 'number'.\n    at file:///a.ts:3:7\n"
        : undefined,
  });

  const { code, out } = await cli.say("generate", WORDS, "--out", "made.ts");

  equal(code, 1);
  equal(
    out.find((line) => line.includes("W44")),
    "✗ W44 made.ts does not compile: TS2322 [ERROR]: Type 'string' is not assignable to type " +
      "'number'. at file:///a.ts:3:7",
  );
});
