import { deepEqual, equal, match, ok } from "node:assert/strict";
import type { Client } from "@modelcontextprotocol/client";
import { fakeMcp } from "../../tests/support/fake_mcp.ts";
import { valueOf } from "../../tests/support/mcp.ts";
import { changedLines } from "../core/changed_lines.ts";

const MANIFEST = `# Greets people.
name: hello
namespace: people
version: 1.0.0
workflow_steps:
  - name: rest # before it says anything
    sleep: 1s
`;

const EDITS = [
  { kind: "set", field: ["version"], value: "1.1.0" },
  { kind: "set", step: "rest", field: ["sleep"], value: "2s" },
];

/** A client whose person answers as given, and what the person was asked. */
async function withPerson(
  fake: ReturnType<typeof fakeMcp>,
  answer: { action: "accept" | "decline"; content?: { approve: boolean; reason?: string } },
): Promise<{ client: Client; asked: string[] }> {
  const client = await fake.connect({ capabilities: { elicitation: { form: {} } } });
  const asked: string[] = [];
  client.setRequestHandler("elicitation/create", ({ params }) => {
    asked.push(params.message);
    return answer;
  });
  return { client, asked };
}

const YES = { action: "accept", content: { approve: true, reason: "looks right" } } as const;

Deno.test("a person approves a change, and it is deployed and can be reverted", async () => {
  const fake = fakeMcp();
  const { client, asked } = await withPerson(fake, YES);
  const change = { text: MANIFEST, reason: "first" };

  const first = await valueOf(client, "apply_change", change);
  const second = await valueOf(client, "apply_change", {
    workflow: "people/hello",
    edits: EDITS,
    reason: "rest longer",
  });
  const undo = second.undo as { tool: string; arguments: Record<string, unknown> };
  const preview = await valueOf(client, undo.tool, { ...undo.arguments, dry_run: true });
  const reverted = await valueOf(client, undo.tool, undo.arguments);

  equal(first.applied, true);
  equal(asked.length, 2);
  match(asked[1] ?? "", /people\/hello 1\.1\.0/);
  deepEqual(second.diff, [
    "- version: 1.0.0",
    "+ version: 1.1.0",
    "-     sleep: 1s",
    "+     sleep: 2s",
  ]);
  equal(undo.arguments.change, "workflow:people/hello@1.0.0");
  equal(preview.outcome, "dry_run");
  equal(reverted.starts, "1.0.0");
});

Deno.test("a description becomes edits, which can be applied in its place", async () => {
  const fake = fakeMcp();
  const { client } = await withPerson(fake, YES);
  const workflow = "people/hello";
  await valueOf(client, "apply_change", { text: MANIFEST, reason: "first" });

  const description = "rename rest to breathe. wait 5 minutes instead of 1 second";
  const proposed = await valueOf(client, "propose_change", { workflow, description });
  const { edits, diff } = proposed;
  const applied = await valueOf(client, "apply_change", { workflow, edits, reason: "asked for" });

  deepEqual(diff, [
    "- version: 1.0.0",
    "+ version: 1.1.0",
    "-   - name: rest # before it says anything",
    "-     sleep: 1s",
    "+   - name: breathe # before it says anything",
    "+     sleep: 5m",
  ]);
  match(String(proposed.next), /apply_change with these edits/);
  deepEqual([applied.applied, applied.diff], [true, diff]);
});

Deno.test("a description that names nothing is answered with a question, and no edits", async () => {
  const fake = fakeMcp();
  const client = await fake.connect();

  const asked = await valueOf(client, "propose_change", {
    text: MANIFEST,
    description: "remove the invoice step",
  });
  const both = await valueOf(client, "propose_change", {
    text: MANIFEST,
    description: "wait longer",
    edits: EDITS,
  });

  deepEqual(asked.edits, []);
  match(JSON.stringify(asked.questions), /invoice/);
  match(String(asked.next), /Answer the questions/);
  match(JSON.stringify(both.error), /either/);
});

const REACHING = `name: welcome
namespace: people
version: 1.0.0
input: { type: object, required: [email], properties: { email: { type: string } } }
workflow_steps:
  - name: profile
    owner: inventory
    event_pattern: profile.create
    with: { email: $.input.email }
  - name: mail
    depends_on: profile
    http: { method: POST, url: "https://mail.example/send", headers: { x-key: { secret: MAIL } } }
    retry: { attempts_max: 3 }
`;

Deno.test("the form for a new workflow shows whom it asks, with which secrets, its runs and its text", async () => {
  const fake = fakeMcp();
  const { client, asked } = await withPerson(fake, YES);

  const applied = await valueOf(client, "apply_change", { text: REACHING, reason: "first" });

  equal(applied.applied, true, JSON.stringify(applied));
  const lines = asked[0]?.split("\n") ?? [];
  equal(lines[0], "Deploy people/welcome 1.0.0? It is new.");
  for (
    const line of [
      "- system inventory: profile.create",
      "- POST https://mail.example, with secret MAIL",
      "- all goes well: completed",
      "+ input: { type: object, required: [email], properties: { email: { type: string } } }",
      "+     retry: { attempts_max: 3 }",
    ]
  ) {
    ok(lines.includes(line), `${line} in ${asked[0]}`);
  }
});

Deno.test("a form cuts the text and never whom a workflow asks; more than fits is not asked at all", async () => {
  const fake = fakeMcp();
  const { client, asked } = await withPerson(fake, YES);
  const host = (at: number) => `https://host${at}-${"x".repeat(50)}.example`;
  const http = (at: number) => `  - { name: s${at}, http: { method: GET, url: "${host(at)}/" } }\n`;
  const manifest = (steps: number) =>
    `name: wide\nnamespace: people\nversion: 1.${steps}.0\nworkflow_steps:\n` +
    Array.from({ length: steps }, (_, at) => http(at)).join("");

  const fits = await valueOf(client, "apply_change", { text: manifest(30), reason: "x" });
  const tooMuch = await valueOf(client, "apply_change", { text: manifest(60), reason: "x" });

  equal(fits.applied, true);
  equal(asked.length, 1);
  ok(asked[0]?.includes(`- GET ${host(29)}\n`), asked[0]);
  ok((asked[0]?.length ?? 0) < 8_100);
  equal((tooMuch.error as { code: string }).code, "approval.too_large");
});

Deno.test("a change that a person declines, or nobody can be asked about, is not made", async () => {
  const fake = fakeMcp();
  const no = await withPerson(fake, { action: "accept", content: { approve: false } });
  const declines = await withPerson(fake, { action: "decline" });
  const silent = await fake.connect();
  const change = { text: MANIFEST, reason: "first" };

  const answers = [
    await valueOf(no.client, "apply_change", change),
    await valueOf(declines.client, "apply_change", change),
    await valueOf(silent, "apply_change", change),
  ];

  deepEqual(answers.map(({ applied }) => applied), [false, false, undefined]);
  equal((answers[2]?.error as { code: string }).code, "approval.no_person");
  deepEqual(await valueOf(silent, "search_tasks", { workflow: "people/hello" }), { tasks: [] });
  const { error } = await valueOf(silent, "propose_change", { workflow: "people/hello" });
  match(JSON.stringify(error), /definition/);
});

Deno.test("an approval counts for what was shown, and for nothing else", async () => {
  const fake = fakeMcp();
  const key = fake.key();
  const ask = fake.raw({ key, capabilities: { elicitation: {} } });
  const call = (args: object, more = {}) =>
    ask("tools/call", { name: "apply_change", arguments: { reason: "x", ...args }, ...more });
  const approval = {
    inputResponses: { approval: { action: "accept", content: { approve: true } } },
  };

  const shown = await call({ text: MANIFEST });
  const state = { ...approval, requestState: shown.requestState };
  const other = await call({ text: MANIFEST.replace("1s", "9s") }, state);
  const policy = await call({ text: `${MANIFEST}deadline: 1h\n` }, state);
  const comment = await call({ text: `${MANIFEST}# more\n` }, state);
  const unasked = await call({ text: MANIFEST }, approval);
  const forged = await call({ text: MANIFEST }, { ...approval, requestState: "v1.e30.AAAA" })
    .catch(({ code }) => code);
  const foreign = await fake.raw({ capabilities: { elicitation: {} } })("tools/call", {
    name: "apply_change",
    arguments: { reason: "x", text: MANIFEST },
    ...state,
  }).catch(({ code }) => code);
  const same = await call({ text: MANIFEST }, state);

  equal(shown.resultType, "input_required");
  equal(other.resultType, "input_required");
  equal(policy.resultType, "input_required");
  equal(comment.resultType, "input_required");
  equal(unasked.resultType, "input_required");
  equal(forged, -32602);
  equal(foreign, -32602);
  equal((same.structuredContent as { applied: boolean }).applied, true);
});

Deno.test("a proposal says what is wrong before and after, and stores nothing", async () => {
  const fake = fakeMcp();
  const client = await fake.connect();

  const sound = await valueOf(client, "propose_change", { text: MANIFEST, edits: EDITS });
  const broken = await valueOf(client, "propose_change", {
    text: MANIFEST,
    edits: [{ kind: "connect", from: "rest", to: "rest" }],
  });

  match(String(sound.text), /^# Greets people\.\n[\s\S]*sleep: 2s\n$/);
  deepEqual(sound.problems_after, sound.problems_before);
  equal((sound.rehearsal as { isOk: boolean }).isOk, true);
  equal((sound.deployment as { outcome: string }).outcome, "dry_run");
  ok(broken.error !== undefined || JSON.stringify(broken.problems_after).includes("W05"));
  equal(
    (await valueOf(client, "validate_workflow", { text: MANIFEST })).problems !== undefined,
    true,
  );
});

Deno.test("a whole text is compared with the one that was deployed, or with none", async () => {
  const fake = fakeMcp();
  const { client } = await withPerson(fake, YES);
  const other = await fake.connect({ key: fake.key(["deploy"], ["people"]) });
  const next = MANIFEST.replace("1.0.0", "1.1.0").replace("1s", "2s");
  const change = { text: next, reason: "rest longer" };
  const lines = ["- version: 1.0.0", "+ version: 1.1.0", "-     sleep: 1s", "+     sleep: 2s"];

  const fresh = await valueOf(client, "propose_change", { text: MANIFEST });
  await valueOf(client, "apply_change", { text: MANIFEST, reason: "first" });
  const proposal = await valueOf(client, "propose_change", { text: next });
  const unseen = await valueOf(other, "apply_change", { ...change, dry_run: true });
  const preview = await valueOf(client, "apply_change", { ...change, dry_run: true });
  const applied = await valueOf(client, "apply_change", change);

  deepEqual(fresh.diff, MANIFEST.trimEnd().split("\n").map((line) => `+ ${line}`));
  deepEqual(fresh.problems_before, []);
  deepEqual([proposal.diff, preview.diff, applied.diff], [lines, lines, lines]);
  deepEqual([unseen.outcome, unseen.diff], ["dry_run", undefined]);
});

Deno.test("a key that may not deploy is offered no change, and sees proposals", async () => {
  const fake = fakeMcp();
  const client = await fake.connect({ key: fake.key(["read", "write", "operate"], ["people"]) });

  const names = (await client.listTools()).tools.map(({ name }) => name);
  const { error } = await valueOf(client, "apply_change", { text: MANIFEST, reason: "x" });
  const proposal = await valueOf(client, "propose_change", { text: MANIFEST });

  ok(names.includes("propose_change") && !names.includes("apply_change"), names.join());
  equal((error as { code: string }).code, "api.forbidden");
  equal(proposal.deployment, undefined);
});

Deno.test("a rehearsal takes the document with its edits, and sends nothing", async () => {
  const fake = fakeMcp();
  const client = await fake.connect();

  const rehearsal = await valueOf(client, "simulate_change", { text: MANIFEST, edits: EDITS });

  equal(rehearsal.version, "1.1.0");
  deepEqual(fake.engine.starts, []);
});

Deno.test("changedLines() shows what was taken out and put in, in the order of the text", () => {
  const lines = changedLines("a\nb\nc\nd\n", "a\nc\nx\nd\n");

  deepEqual(lines, ["- b", "+ x"]);
  deepEqual(changedLines("same\n", "same\n"), []);
  ok(changedLines("a\n".repeat(100_000), "b\n".repeat(100_000)).length <= 401);
});

Deno.test("a description becomes a proposal, and a clause that nothing does is named", async () => {
  const fake = fakeMcp();
  const client = await fake.connect();

  const draft = await valueOf(client, "create_workflow_from_description", {
    description: "1. Wait ten minutes. 2. Then paint the office green.",
    target_systems: ["inventory"],
  });
  const { error } = await valueOf(client, "create_workflow_from_description", {});

  match(JSON.stringify(draft), /paint/);
  equal(draft.isReady, false);
  match(JSON.stringify(error), /description/);
});

Deno.test("a draft for a key that does not cover the usual namespace belongs to one that it covers", async () => {
  const fake = fakeMcp();
  const description = "Paint the office green.";
  const draft = async (...namespaces: string[]) => {
    const client = await fake.connect({ key: fake.key(["read"], namespaces) });
    const { namespace } = await valueOf(client, "create_workflow_from_description", {
      description,
    });
    return namespace;
  };

  deepEqual(
    [await draft("people"), await draft("people", "default"), await draft("*")],
    ["people", "default", "default"],
  );
});
