import { equal, match, ok } from "node:assert/strict";
import { openRehearser } from "../server/rehearser.ts";
import { openRuntime } from "../server/runtime.ts";

const ROOT = new URL("../../", import.meta.url).pathname;

const MANIFESTS: Readonly<Record<string, string>> = {
  signup: `name: signup
namespace: shop
version: 1.0.0
input: { type: object, required: [email], properties: { email: { type: string, format: email } } }
workflow_steps:
  - name: create
    owner: users
    event_pattern: user.create
    with: { email: $.input.email }
    result: { type: object, required: [id], properties: { id: { type: string, format: uuid } } }
    error: { type: object, required: [code], properties: { code: { enum: [taken, closed] } } }
  - name: confirm
    depends_on: create
    signal: { form: { type: object, required: [ok], properties: { ok: { const: true } } }, timeout: 2d }
  - { name: rest, depends_on: confirm, sleep: 10m }
  - name: card
    depends_on: rest
    transform: { title: "Welcome \${create.id}", "odd key": 1 }
  - name: greet
    owner: mail
    event_pattern: mail.send
    with: { card: $.card, quote: 'a "quoted" text' }
  - name: report
    depends_on: [create, confirm, greet]
    when: failed
    owner: support
    event_pattern: support.report
    with: { state: $.create.state, code: $.create.error.code }
output: { with: { id: $.create.id, mail: $.greet.mail_id } }
`,
  call: `name: call
namespace: shop
version: 1.0.0
workflow_steps:
  - name: fetch
    http: { method: GET, url: "https://api.example.com/items/\${input.id}", query: { full: true } }
    result: { type: object, required: [price], properties: { price: { type: number, minimum: 5 } } }
  - { name: store, owner: shop_db, event_pattern: item.store, with: { price: $.fetch.price } }
  - { name: undo, depends_on: [fetch, store], when: failed, owner: shop_db, event_pattern: item.undo }
`,
};

Deno.test("generated tests compile and pass, and fail when the manifest says something else", async () => {
  const folder = await Deno.makeTempDir();
  const rehearser = openRehearser(openRuntime());
  try {
    for (const [name, text] of Object.entries(MANIFESTS)) {
      const { test, isOk } = await rehearser.rehearse({ text });
      ok(isOk && test !== undefined, name);
      await Deno.writeTextFile(`${folder}/${name}.yaml`, text);
      await Deno.writeTextFile(`${folder}/${name}_test.ts`, test);
    }

    const first = await run(folder);
    await Deno.writeTextFile(
      `${folder}/signup.yaml`,
      (MANIFESTS.signup ?? "").replace(
        "with: { email: $.input.email }",
        "with: { mail: $.input.email }",
      ),
    );
    const second = await run(folder);

    equal(first.code, 0, first.output);
    match(first.output, /\b7 passed\b/);
    equal(second.code, 1);
    match(second.output, /signup completes when every step succeeds/);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

async function run(folder: string): Promise<{ code: number; output: string }> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "test",
      "--quiet",
      "--no-prompt",
      `--config=${ROOT}deno.json`,
      "--allow-read",
      "--allow-env=LOG_STREAM,LOG_TOKENS",
      folder,
    ],
    env: { NO_COLOR: "1" },
  }).output();
  return { code, output: [stdout, stderr].map((one) => new TextDecoder().decode(one)).join("\n") };
}

Deno.test("a manifest whose steps code runs, or nobody yet, has no test of itself", async () => {
  const { test } = await openRehearser(openRuntime()).rehearse({
    text: `name: x
version: 1.0.0
workflow_steps:
  - { name: later, todo: who does it }
`,
  });

  equal(test, undefined);
});
