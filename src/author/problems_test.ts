import { deepEqual, equal } from "node:assert/strict";
import type { Directory } from "../core/authoring.ts";
import { edit } from "./edit.ts";
import { problems } from "./problems.ts";
import { problemsIn, yamlDocument } from "./_fixture.ts";

const HEAD = "name: a\nnamespace: n\nversion: 1.0.0\n";

/** A manifest with these steps; the first begins on line 5. */
function steps(...lines: readonly string[]): string {
  return `${HEAD}workflow_steps:\n${lines.map((line) => `  - { ${line} }\n`).join("")}`;
}

const SENT = "owner: b, event_pattern: x.y";

/** One document for each code, and its problems: line and column, path, code; `?`: a warning. */
const CASES: Readonly<Record<string, readonly [text: string, ...problems: string[]]>> = {
  "no text": ["", "1:1  W01"],
  "no YAML": ["a: [", "1:5  W01"],
  "no map": ["- a", "1:1  W01"],
  "a key that is set twice": [`${HEAD}name: b\n`, "4:1 name W01"],
  "an alias": [
    steps("name: &x a, sleep: 1s, depends_on: *x"),
    "5:42 workflow_steps.0.depends_on W01",
  ],
  "an unknown field": [steps("name: a, slep: 1s, sleep: 1s"), "5:16 workflow_steps.0.slep W02"],
  "a field of another kind": [
    steps("name: a, sleep: 1s, owner: b"),
    "5:34 workflow_steps.0.owner W02",
  ],
  "a name that is taken": [
    steps("name: a, sleep: 1s", "name: a, sleep: 1s"),
    "6:13 workflow_steps.1.name W03",
  ],
  "a name that is reserved": [steps("name: input, sleep: 1s"), "5:13 workflow_steps.0.name W03"],
  "a parent that is not there": [
    steps("name: a, sleep: 1s, depends_on: b"),
    "5:39 workflow_steps.0.depends_on W04",
  ],
  "a cycle": [
    steps("name: a, sleep: 1s, depends_on: b", "name: b, sleep: 1s, depends_on: a"),
    "5:39 workflow_steps.0.depends_on W05",
  ],
  "a step without part in the rest": [
    steps("name: a, sleep: 1s", "name: b, sleep: 1s, depends_on: a", "name: c, sleep: 1s"),
    "7:5 workflow_steps.2 W06?",
  ],
  "no steps": [`${HEAD}workflow_steps: []\n`, "4:17 workflow_steps W07"],
  "too many levels": [
    `${HEAD}x: ${"[".repeat(40)}${"]".repeat(40)}\n`,
    "4:36 x.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0 W08",
  ],
  "a value that the field cannot have": [
    steps("name: a, sleep: 1s, when: soon"),
    "5:33 workflow_steps.0.when W09",
  ],
  "an owner that the manifest does not declare": [
    `${HEAD}systems: { c: { capabilities: [] } }\nworkflow_steps:\n  - { name: a, ${SENT} }\n`,
    "6:23 workflow_steps.0.owner W10",
  ],
  "a capability that nobody offers": [
    `${HEAD}systems: { b: { capabilities: [] } }\nworkflow_steps:\n  - { name: a, owner: b, capability: x.y }\n`,
    "6:38 workflow_steps.0.capability W11",
  ],
  "a capability that another system offers": [
    `${HEAD}systems: { b: {}, c: { capabilities: [x.y] } }\nworkflow_steps:\n  - { name: a, owner: b, capability: x.y }\n`,
    "6:38 workflow_steps.0.capability W12",
  ],
  "a version that is not offered": [
    `${HEAD}systems: { b: { capabilities: [{ name: x.y, version: 1.0.0 }] } }\nworkflow_steps:\n  - { name: a, owner: b, capability: x.y@^2 }\n`,
    "6:38 workflow_steps.0.capability W13",
  ],
  "a placeholder": [steps("name: a, todo: what pays"), "5:22 workflow_steps.0.todo W16"],
  "nothing that runs a step": [steps("name: a, owner: b"), "5:5 workflow_steps.0 W16"],
  "a required field without a source": [
    steps(`name: a, ${SENT}, with: {}, input: { type: object, required: [id] }`),
    "5:52 workflow_steps.0.with W20",
  ],
  "a value of another type": [
    steps("name: a, transform: 1, result: { type: string }"),
    "5:27 workflow_steps.0.transform W21",
  ],
  "a reference to no step": [
    steps("name: a, transform: $.b.c"),
    "5:27 workflow_steps.0.transform W22",
  ],
  "a reference that is none": [
    steps("name: a, transform: $.input."),
    "5:27 workflow_steps.0.transform W22",
  ],
  "a value that may be absent": [
    steps(
      `name: a, ${SENT}, result: { type: object, properties: { id: { type: string } } }`,
      "name: b, transform: { id: $.a.id }, result: { type: object, required: [id] }",
    ),
    "6:33 workflow_steps.1.transform.id W23",
  ],
  "an error that nobody handles": [
    steps(`name: a, ${SENT}, error: { type: object }`),
    "5:53 workflow_steps.0.error W24?",
  ],
  "a result that is read and not described": [
    steps(`name: a, ${SENT}`, "name: b, transform: $.a.id"),
    "5:5 workflow_steps.0 W25?",
  ],
  "a contract that is no schema": [
    steps(`name: a, ${SENT}, input: { tpye: object }`),
    "5:61 workflow_steps.0.input.tpye W26",
  ],
  "a time-out of nothing": [
    steps(`name: a, ${SENT}, timeout: 0`),
    "5:55 workflow_steps.0.timeout W30",
  ],
  "a time-out without a unit": [
    steps(`name: a, ${SENT}, timeout: '5'`),
    "5:55 workflow_steps.0.timeout W30",
  ],
  "a time-out beyond the deadline": [
    `${HEAD}deadline: 5s\nworkflow_steps:\n  - { name: a, ${SENT}, timeout: 6s }\n`,
    "6:55 workflow_steps.0.timeout W31?",
  ],
  "a retry of what cannot be taken back": [
    `${HEAD}systems: { b: { capabilities: [{ name: x.y, effect: external }] } }\nworkflow_steps:\n  - { name: a, owner: b, capability: x.y }\n`,
    "6:5 workflow_steps.0.retry W32?",
  ],
  "attempts without end": [
    steps(`name: a, ${SENT}, retry: { attempts_max: 5000 }`),
    "5:69 workflow_steps.0.retry.attempts_max W33",
  ],
  "nothing that takes back what cannot be repeated": [
    `${HEAD}systems: { b: { capabilities: [{ name: x.y, effect: external }] } }
workflow_steps:
  - { name: a, owner: b, capability: x.y, at_most_once: true }
  - { name: c, sleep: 1s, depends_on: a }
`,
    "6:5 workflow_steps.0 W35?",
  ],
  "a secret": [
    steps(`name: a, ${SENT}, with: { password: hunter2-and-more }`),
    "5:64 workflow_steps.0.with.password W41",
  ],
  "a password in a URL": [
    steps("name: a, http: { method: GET, url: 'https://u:p@h.example/' }"),
    "5:42 workflow_steps.0.http.url W41",
  ],
  "a host that the task's data decide": [
    steps("name: a, http: { method: GET, url: $.input.url }"),
    "5:42 workflow_steps.0.http.url W42?",
  ],
  "a template of another language": [
    steps(`name: a, ${SENT}, with: { text: 'Hi {{ name }}' }`),
    "5:60 workflow_steps.0.with.text W43?",
  ],
  "a destruction that nobody approves": [
    `${HEAD}systems: { b: { capabilities: [{ name: user.delete, effect: external }] } }
workflow_steps:
  - { name: a, owner: b, capability: user.delete, at_most_once: true }
`,
    "6:5 workflow_steps.0 W45?",
  ],
};

for (const [what, [text, ...expected]] of Object.entries(CASES)) {
  Deno.test(`problems() finds ${what}, and where`, () => {
    deepEqual(problemsIn(text), expected);
  });
}

const DIRECTORY: Directory = {
  systems: [
    {
      name: "users",
      capabilities: [{
        name: "user.create",
        version: "1.2.0",
        effect: "idempotent",
        timeoutMs: 5_000,
        input: { type: "object", required: ["email"], properties: { email: { type: "string" } } },
        output: { type: "object", required: ["id"], properties: { id: { type: "string" } } },
      }],
    },
    { name: "mail", healthy: false, capabilities: [{ name: "mail.send" }] },
    { name: "bank", granted: false, capabilities: [{ name: "bank.pay", effect: "external" }] },
  ],
  hosts: ["*.company.com", "*.partner.com:8443", "shop.example:443"],
};

const WITH_DIRECTORY: typeof CASES = {
  "a system that is not registered": [
    steps("name: a, owner: user, event_pattern: x.y"),
    "5:23 workflow_steps.0.owner W10",
  ],
  "a declared system that has not registered yet": [
    `${HEAD}systems: { b: {} }\nworkflow_steps:\n  - { name: a, ${SENT} }\n`,
    "6:23 workflow_steps.0.owner W10?",
  ],
  "a capability that nobody offers": [
    steps("name: a, capability: user.crate"),
    "5:28 workflow_steps.0.capability W11",
  ],
  "a version that nobody offers": [
    steps("name: a, capability: user.create@^2"),
    "5:28 workflow_steps.0.capability W13",
  ],
  "a system that is away": [
    steps("name: a, owner: mail, event_pattern: x.y"),
    "5:23 workflow_steps.0.owner W14?",
  ],
  "a capability of systems that are away": [
    steps("name: a, capability: mail.send"),
    "5:28 workflow_steps.0.capability W14?",
  ],
  "a system that the key may not use": [
    steps("name: a, capability: bank.pay, at_most_once: true"),
    "5:28 workflow_steps.0.capability W15",
  ],
  "what a capability takes": [
    steps("name: a, capability: user.create, with: { mail: x }"),
    "5:47 workflow_steps.0.with W20",
  ],
  "what a capability gives": [
    steps("name: a, capability: user.create, with: { email: x }", "name: b, transform: $.a.ids"),
    "6:27 workflow_steps.1.transform W22",
  ],
  "a time-out below what a capability asks for": [
    steps("name: a, capability: user.create, with: { email: x }, timeout: 1s"),
    "5:70 workflow_steps.0.timeout W31?",
  ],
  "a retry of an event that cannot be taken back": [
    steps("name: a, owner: bank, event_pattern: bank.pay"),
    "5:5 workflow_steps.0.retry W32?",
    "5:23 workflow_steps.0.owner W15",
  ],
  "a host that is not registered": [
    steps(
      "name: a, http: { method: GET, url: 'https://evil.example/x' }",
      "name: b, http: { method: GET, url: 'https://api.company.com/x' }",
      "name: c, http: { method: GET, url: 'https://a.partner.com/x' }",
      "name: d, http: { method: GET, url: 'https://a.partner.com:8443/x' }",
      "name: e, http: { method: GET, url: 'https://shop.example/x' }",
      "name: f, http: { method: GET, url: 'http://shop.example/x' }",
    ),
    "5:42 workflow_steps.0.http.url W42",
    "7:42 workflow_steps.2.http.url W42",
    "10:42 workflow_steps.5.http.url W42",
  ],
};

for (const [what, [text, ...expected]] of Object.entries(WITH_DIRECTORY)) {
  Deno.test(`problems() finds, with a directory, ${what}`, () => {
    deepEqual(problemsIn(text, DIRECTORY), expected);
  });
}

Deno.test("a manifest in order has no problems, with and without a directory", () => {
  const text = `${HEAD}workflow_steps:
  - name: create
    capability: user.create@^1
    with: { email: $.input.email }
    retry: { attempts_max: 5, backoff: exponential }
  - name: approve
    depends_on: create
    signal: { form: { type: object, properties: { ok: { type: boolean } } } }
  - name: notify
    depends_on: approve
    http:
      method: POST
      url: 'https://hooks.company.com/\${create.id}'
      headers: { Authorization: { secret: HOOK_TOKEN, prefix: 'Bearer ' } }
      body: { token: $.input.token, text: "password: \${input.hint}" }
`;

  deepEqual(problemsIn(text, DIRECTORY), []);
  deepEqual(problemsIn(text), ["5:5 workflow_steps.0 W25?"]);
});

Deno.test("how a step ended needs no contract; what it gave does", () => {
  const path = (read: string) =>
    steps(
      "name: a, owner: b, event_pattern: x.y",
      `name: c, owner: b, event_pattern: x.z, depends_on: a, when: failed, with: { why: ${read} }`,
    );

  deepEqual(problemsIn(path("$.a.state")), []);
  deepEqual(problemsIn(path("$.a.error.error_message")), []);
  deepEqual(problemsIn(path("$.a.result.id")), ["5:5 workflow_steps.0 W25?"]);
});

Deno.test("a fix is certain: after its edits the problem is gone", () => {
  const texts = [
    steps("name: check, sleep: 1s", "name: b, sleep: 1s, depends_on: chek"),
    steps("name: check, sleep: 1s", "name: b, sleep: 1s, depends_on: [chek]"),
    steps("name: a, owner: b, event_patern: x.y"),
    CASES["a retry of what cannot be taken back"]?.[0] ?? "",
  ];
  for (const text of texts) {
    const document = yamlDocument(text);
    const fixes = problems(document).flatMap(({ code, fix }) => fix ? [{ code, fix }] : []);
    const [{ code, fix } = { code: "", fix: undefined }] = fixes;

    equal(fixes.length, 1, text);
    const after = problems(edit(document, fix?.edits ?? []));
    deepEqual(after.filter((one) => one.code === code), [], text);
  }
});
