import { deepEqual, equal } from "node:assert/strict";
import { digest, faultsOf } from "../../tests/support/registry_fixture.ts";
import { buildWorkflow } from "./build.ts";
import { readManifest } from "./manifest.ts";

const HEAD = [
  "name: called",
  "namespace: tests",
  "version: 1.0.0",
  "input:",
  "  type: object",
  "  required: [email]",
  "  properties: { email: { type: string }, nick: { type: string }, who: { type: object } }",
  "workflow_steps:",
  "  - name: send",
];

function build(...lines: readonly string[]) {
  const text = [...HEAD, ...lines.map((line) => `    ${line}`)].join("\n");
  const manifest = readManifest("called.yaml", text);
  const at = () => ({ file: "called.yaml", line: 1, column: 1 });
  const module = { kind: "workflow", of: Symbol(), at, wires: [] } as const;
  return buildWorkflow(module, { digest, manifest });
}

Deno.test("an http step keeps its method, its host and the names of its secrets beside its mapping", () => {
  const { definition } = build(
    "http:",
    "  method: POST",
    "  url: 'https://Mail.company.com:443/send/${input.email}'",
    "  query: { a: $.input.nick }",
    "  headers: { x-kind: a, Authorization: { secret: MAIL_TOKEN, prefix: 'Bearer ' } }",
    "  body: { to: $.input.email }",
    "  retry_on: [409]",
    "  response_headers: [location]",
    "timeout: 5s",
    "retry: { attempts_max: 2 }",
    "at_most_once: true",
    "result: { type: object }",
  );

  const step = definition.steps[0];
  deepEqual(step?.http, {
    method: "POST",
    origin: "https://mail.company.com",
    secrets: { Authorization: { secret: "MAIL_TOKEN", prefix: "Bearer " } },
    retryOn: [409],
    responseHeaders: ["location"],
  });
  deepEqual(step?.with, {
    url: "https://Mail.company.com:443/send/${input.email}",
    query: { a: "$.input.nick" },
    headers: { "x-kind": "a" },
    body: { to: "$.input.email" },
  });
  deepEqual(step?.policy, { timeoutMs: 5_000, retry: { attemptsMax: 2 } });
  deepEqual([step?.kind, step?.owner, step?.atMostOnce], ["http", "tests", true]);
});

Deno.test("a host that a mapping makes has no origin", () => {
  for (const url of ["$.input.email", "'https://${input.email}/a'", "'https://a${input.email}'"]) {
    const { definition } = build(`http: { method: GET, url: ${url} }`);
    equal(definition.steps[0]?.http?.origin, undefined);
  }
});

const REFUSED: Readonly<Record<string, readonly [http: string, fault: string]>> = {
  "a secret to a host that a mapping makes": [
    "{ method: GET, url: $.input.email, headers: { a: { secret: A } } }",
    "10:31 url secret_to_any_host",
  ],
  "a header that is an object": [
    "{ method: GET, url: 'https://a.b/', headers: { a: { b: c } } }",
    "10:61 headers.a bad_header",
  ],
  "a secret of the engine itself": [
    "{ method: GET, url: 'https://a.b/', headers: { a: { secret: TASKER_MODEL_KEY } } }",
    "10:61 headers.a bad_header",
  ],
  "a body of a GET": ["{ method: GET, url: 'https://a.b/', body: 1 }", "10:53 body not_of_kind"],
  "an unknown method": ["{ method: get, url: 'https://a.b/' }", "10:21 method invalid_value"],
  "a missing url": ["{ method: GET }", "10:11 url invalid_type"],
  "an unknown field": [
    "{ method: GET, url: 'https://a.b/', bodi: 1 }",
    "10:47 bodi unknown_field",
  ],
  "a reference to a field that is not there": [
    "{ method: POST, url: 'https://a.b/', body: $.input.mail }",
    "10:54 body no_such_field",
  ],
  "a text of what may be absent": [
    "{ method: GET, url: 'https://a.b/${input.nick}' }",
    "10:31 url maybe_absent",
  ],
  "a header that a reference makes an object": [
    "{ method: GET, url: 'https://a.b/', headers: { a: $.input.who } }",
    "10:61 headers.a type_mismatch",
  ],
  "a url that is an object": ["{ method: GET, url: $.input.who }", "10:31 url type_mismatch"],
  "a status to try again that is a success": [
    "{ method: GET, url: 'https://a.b/', retry_on: [200] }",
    "10:58 retry_on[0] too_small",
  ],
};

for (const [what, [http, expected]] of Object.entries(REFUSED)) {
  Deno.test(`${what} is refused at its place`, async () => {
    const faults = await faultsOf(() => build(`http: ${http}`));

    deepEqual(faults, [expected.replace(" ", " workflow_steps[0].http.")]);
  });
}

Deno.test("a heartbeat, an owner and an input are not of an http step", async () => {
  const url = "http: { method: GET, url: 'https://a.b/' }";
  for (const field of ["heartbeat: 1s", "owner: a", "input: {}", "with: {}", "sleep: 1s"]) {
    const faults = await faultsOf(() => build(url, field));
    equal(faults.length, 1, `${field}: ${faults.join("\n")}`);
  }
});
