import { deepEqual, equal, ok } from "node:assert/strict";
import fc from "fast-check";
import { TaskerError } from "../core/errors.ts";
import {
  digest,
  faultsOf,
  MemoryDefinitions,
  withFolder,
} from "../../tests/support/registry_fixture.ts";
import { buildWorkflow } from "./build.ts";
import type { PlacedFault } from "./fault.ts";
import { openRegistry } from "./load.ts";
import { readManifest } from "./manifest.ts";

/** Loads a folder that holds one manifest; returns the places and codes of its faults. */
async function faultsIn(text: string): Promise<readonly string[]> {
  let faults: readonly string[] = [];
  await withFolder({ "bad.yaml": text }, async (folder) => {
    faults = await faultsOf(() =>
      openRegistry({ folder, definitions: new MemoryDefinitions(), digest, onWarning: () => {} })
    );
  });
  return faults;
}

const HEAD = "name: bad\nversion: 1.0.0\n";
const INPUT = "input: { type: object, required: [n], properties: { n: { type: integer } } }\n";

/** Manifests with one mistake each: a step begins on line 5, a whole manifest on line 1. */
const STEPS: Readonly<Record<string, readonly [step: string, ...faults: string[]]>> = {
  "an unknown field": [
    "- {name: a, sleep: 1s, slep: 2}",
    "5:26 workflow_steps[0].slep unknown_field",
  ],
  "no name": ["- {sleep: 1s}", "5:5 workflow_steps[0].name invalid_type"],
  "a bad name": ["- {name: A b, sleep: 1s}", "5:12 workflow_steps[0].name bad_name"],
  "a step named like the task's input": [
    "- {name: input, transform: 1}",
    "5:12 workflow_steps[0].name bad_name",
  ],
  "a number that would be another": [
    "- {name: a, transform: {id: 9007199254740993}}",
    "5:31 workflow_steps[0].transform.id bad_number",
  ],
  "a literal that cannot be stored": [
    '- {name: a, transform: "x\\0"}',
    "5:26 workflow_steps[0].transform bad_text",
  ],
  "a schema that refers to itself": [
    "- {name: a, signal: {form: {properties: {b: {$ref: '#/properties/b'}}}}}",
    "5:54 workflow_steps[0].signal.form.properties.b.$ref bad_schema",
  ],
  "a header that the engine sets": [
    "- {name: a, http: {method: GET, url: 'https://h/', headers: {Host: b}}}",
    "5:70 workflow_steps[0].http.headers.Host bad_header",
  ],
  "a header whose name is none": [
    '- {name: a, http: {method: GET, url: "https://h/", headers: {"a\\r\\nb": c}}}',
    "5:74 workflow_steps[0].http.headers.a\r\nb bad_header",
  ],
  "a header that begins another": [
    '- {name: a, http: {method: GET, url: "https://h/", headers: {a: "x\\r\\ny: ${input.n}"}}}',
    "5:67 workflow_steps[0].http.headers.a bad_header",
  ],
  "a prefix that begins another header": [
    '- {name: a, http: {method: GET, url: "https://h/", headers: {a: {secret: S, prefix: "x\\r\\n"}}}}',
    "5:67 workflow_steps[0].http.headers.a bad_header",
  ],
  "a password in a URL": [
    "- {name: a, http: {method: GET, url: 'https://u:p@h/'}}",
    "5:40 workflow_steps[0].http.url bad_url",
  ],
  "a name that is taken": [
    "- {name: a, sleep: 1s}\n  - {name: a, sleep: 1s}",
    "6:12 workflow_steps[1].name name_taken",
  ],
  "nothing that runs it": ["- {name: a, owner: b}", "5:5 workflow_steps[0] bad_binding"],
  "no owner": ["- {name: a, event_pattern: x.y}", "5:5 workflow_steps[0].owner invalid_type"],
  "a bad owner": [
    "- {name: a, owner: B, event_pattern: x.y}",
    "5:22 workflow_steps[0].owner bad_name",
  ],
  "a bad event": [
    "- {name: a, owner: b, event_pattern: 'X y'}",
    "5:40 workflow_steps[0].event_pattern bad_event",
  ],
  "an event of Tasker's own": [
    "- {name: a, owner: b, event_pattern: tasker.x}",
    "5:40 workflow_steps[0].event_pattern bad_event",
  ],
  "a handler and an event": [
    "- {name: a, owner: b, handler: H, event_pattern: x.y}",
    "5:34 workflow_steps[0].handler bad_binding",
  ],
  "two kinds": ["- {name: a, sleep: 1s, signal: {}}", "5:34 workflow_steps[0].signal two_kinds"],
  "three kinds": [
    "- {name: a, sleep: 1s, transform: 1, event_pattern: x.y}",
    "5:37 workflow_steps[0].transform two_kinds",
  ],
  "a retry of a sleep": [
    "- {name: a, sleep: 1s, retry: {attempts_max: 2}}",
    "5:33 workflow_steps[0].retry not_of_kind",
  ],
  "an owner of a signal": [
    "- {name: a, signal: {}, owner: b}",
    "5:34 workflow_steps[0].owner not_of_kind",
  ],
  "a mapping of a signal": [
    "- {name: a, signal: {}, with: 1}",
    "5:33 workflow_steps[0].with not_of_kind",
  ],
  "a sleep of no length": ["- {name: a, sleep: soon}", "5:22 workflow_steps[0].sleep bad_duration"],
  "a sleep of a list": ["- {name: a, sleep: [1]}", "5:22 workflow_steps[0].sleep invalid_union"],
  "an unknown field of a signal": [
    "- {name: a, signal: {timout: 1s}}",
    "5:24 workflow_steps[0].signal.timout unknown_field",
  ],
  "a bad time-out of a signal": [
    "- {name: a, signal: {timeout: 1x}}",
    "5:33 workflow_steps[0].signal.timeout custom",
  ],
  "a choice that is none": [
    "- {name: a, signal: {on_timeout: prk}}",
    "5:36 workflow_steps[0].signal.on_timeout invalid_value",
  ],
  "a form that is no schema": [
    "- {name: a, signal: {form: text}}",
    "5:30 workflow_steps[0].signal.form bad_schema",
  ],
  "a form of an unknown type": [
    "- {name: a, signal: {form: {type: strng}}}",
    "5:37 workflow_steps[0].signal.form.type bad_schema",
  ],
  "a keyword of OpenAPI": [
    "- {name: a, signal: {form: {type: string, nullable: true}}}",
    "5:55 workflow_steps[0].signal.form.nullable unknown_keyword",
  ],
  "an unknown format": [
    "- {name: a, signal: {form: {format: emial}}}",
    "5:39 workflow_steps[0].signal.form.format unknown_format",
  ],
  "a reference out of a schema": [
    "- {name: a, signal: {form: {$ref: 'x.json'}}}",
    "5:37 workflow_steps[0].signal.form.$ref bad_schema",
  ],
  "a pattern that is none": [
    "- {name: a, signal: {form: {pattern: '('}}}",
    "5:30 workflow_steps[0].signal.form bad_schema",
  ],
  "an unknown parent": [
    "- {name: a, sleep: 1s, depends_on: b}",
    "5:38 workflow_steps[0].depends_on unknown_step",
  ],
  "a `when` without parents": [
    "- {name: a, sleep: 1s, when: failed}",
    "5:32 workflow_steps[0].when when_without_parents",
  ],
  "a `when` that is none": [
    "- {name: a, sleep: 1s, when: faild}",
    "5:32 workflow_steps[0].when invalid_value",
  ],
  "a cycle": [
    "- {name: a, sleep: 1s, depends_on: b}\n  - {name: b, sleep: 1s, depends_on: a}",
    "5:38 workflow_steps[0].depends_on graph.cycle",
  ],
  "an empty mapping": [
    "- {name: a, owner: b, event_pattern: x.y, with: }",
    "5:51 workflow_steps[0].with bad_value",
  ],
  "a broken reference": [
    "- {name: a, transform: $.input.}",
    "5:26 workflow_steps[0].transform bad_reference",
  ],
  "a broken text": [
    "- {name: a, transform: {x: '${input.n'}}",
    "5:30 workflow_steps[0].transform.x bad_reference",
  ],
  "an expression": [
    "- {name: a, transform: {x: '${input.n + 1}'}}",
    "5:30 workflow_steps[0].transform.x bad_reference",
  ],
  "a reference to no step": [
    "- {name: a, transform: {x: [$.inptu.n]}}",
    "5:31 workflow_steps[0].transform.x[0] unknown_step",
  ],
  "a reference to no field": [
    "- {name: a, transform: {x: $.input.m}}",
    "5:30 workflow_steps[0].transform.x no_such_field",
  ],
  "a reference into a number": [
    "- {name: a, transform: {x: $.input.n.m}}",
    "5:30 workflow_steps[0].transform.x no_such_field",
  ],
  "a reference to a sleep": [
    "- {name: a, sleep: 1s}\n  - {name: b, transform: $.a}",
    "6:26 workflow_steps[1].transform gives_nothing",
  ],
  "a reference to itself": [
    "- {name: a, transform: $.a}",
    "5:5 workflow_steps[0].depends_on graph.cycle",
  ],
  "a result of another type": [
    "- {name: a, transform: $.input.n, result: {type: string}}",
    "5:26 workflow_steps[0].transform type_mismatch",
  ],
  "a time-out of no unit": [
    "- {name: a, owner: b, event_pattern: x.y, timeout: '30'}",
    "5:54 workflow_steps[0].timeout custom",
  ],
  "too many attempts": [
    "- {name: a, owner: b, event_pattern: x.y, retry: {attempts_max: 9999}}",
    "5:67 workflow_steps[0].retry.attempts_max bad_policy",
  ],
  "a capability that nobody has": [
    "- {name: a, owner: b, capability: x.y}",
    "5:37 workflow_steps[0].capability no_capability",
  ],
  "a key that is set twice": [
    "- {name: a, sleep: 1s, name: b}",
    "5:26 workflow_steps[0].name bad_key",
  ],
  "an alias": [
    "- {name: a, sleep: &x 1s, depends_on: *x}",
    "5:41 workflow_steps[0].depends_on alias",
  ],
  "a merge key": [
    "- {name: a, sleep: 1s, <<: {when: always}}",
    "5:26 workflow_steps[0].<< unknown_field",
  ],
  "__proto__": [
    "- {name: a, transform: {__proto__: 1}}",
    "5:27 workflow_steps[0].transform.__proto__ bad_key",
  ],
};

const WHOLE: Readonly<Record<string, readonly [text: string, ...faults: string[]]>> = {
  "no text": ["", "1:1  empty"],
  "a text that is no YAML": ["a: [", "1:5  bad_yaml"],
  "a list": ["- a", "1:1  invalid_type"],
  "no steps": [`${HEAD}workflow_steps: []`, "3:17 workflow_steps too_small"],
  "a version that is a number": [
    "name: a\nversion: 2.0\nworkflow_steps: [{name: a, sleep: 1s}]",
    "2:10 version invalid_type",
  ],
  "a bad namespace": [
    `${HEAD}namespace: A\nworkflow_steps: [{name: a, sleep: 1s}]`,
    "3:12 namespace bad_name",
  ],
  "an input that is no schema": [
    `${HEAD}input: {tpye: object}\nworkflow_steps: [{name: a, sleep: 1s}]`,
    "3:15 input.tpye unknown_keyword",
  ],
  "a system with a password in its URL": [
    `${HEAD}systems: {s: {base_url: 'http://u:p@h'}}\nworkflow_steps: [{name: a, sleep: 1s}]`,
    "3:25 systems.s.base_url bad_url",
  ],
  "a system with a header that the engine sets": [
    `${HEAD}systems: {s: {base_url: 'http://h', headers: {host: b}}}\n` +
    "workflow_steps: [{name: a, sleep: 1s}]",
    "3:53 systems.s.headers.host invalid_key",
  ],
  "an output without a mapping": [
    `${HEAD}workflow_steps: [{name: a, sleep: 1s}]\noutput: {result: {}}`,
    "4:9 output.with invalid_type",
  ],
  "an output of no step": [
    `${HEAD}workflow_steps: [{name: a, sleep: 1s}]\noutput: {with: $.b}`,
    "4:16 output.with unknown_step",
  ],
};

for (const [what, [step, ...faults]] of Object.entries(STEPS)) {
  Deno.test(`a manifest with ${what} is refused at its line and column`, async () => {
    deepEqual(await faultsIn(`${HEAD}${INPUT}workflow_steps:\n  ${step}\n`), faults);
  });
}

for (const [what, [text, ...faults]] of Object.entries(WHOLE)) {
  Deno.test(`a manifest with ${what} is refused at its line and column`, async () => {
    deepEqual(await faultsIn(text), faults);
  });
}

const GOOD = `${HEAD}namespace: tests
${INPUT}workflow_steps:
  - name: ask
    owner: users
    event_pattern: user.ask
    with: { n: $.input.n, line: "Number \${input.n}" }
    result: { type: object, required: [id], properties: { id: { type: string } } }
    retry: { attempts_max: 5, backoff: exponential, delay_min: 500ms }
  - name: confirm
    depends_on: ask
    signal: { form: { type: object, properties: { ok: { type: boolean } } }, timeout: 2d }
  - { name: rest, depends_on: confirm, sleep: $.input.n }
  - { name: card, depends_on: rest, transform: { id: $.ask.id, ok: [$.confirm.ok] } }
output: { with: { id: $.ask.id }, result: { type: object, required: [id] } }
`;

function load(text: string): readonly PlacedFault[] | "loaded" {
  try {
    const at = () => ({ file: "any.yaml", line: 1, column: 1 });
    const module = { kind: "workflow", of: Symbol(), at, wires: [] } as const;
    buildWorkflow(module, { digest, manifest: readManifest("any.yaml", text) });
    return "loaded";
  } catch (error) {
    ok(error instanceof TaskerError && error.code === "definition.invalid", `${error}`);
    return error.faults as readonly PlacedFault[];
  }
}

Deno.test("a manifest damaged anywhere loads, or has faults with lines and columns; it never crashes", () => {
  equal(load(GOOD), "loaded");
  const damages = fc.array(
    fc.record({
      at: fc.nat(GOOD.length),
      cut: fc.nat(12),
      put: fc.constantFrom(
        "",
        " ",
        "\n",
        "x",
        "$",
        ".",
        "{",
        "}",
        "[",
        "]",
        ":",
        '"',
        "- ",
        "null",
        "1e999",
      ),
    }),
    { minLength: 1, maxLength: 4 },
  );
  let refused = 0;
  fc.assert(
    fc.property(damages, (list) => {
      const text = list.reduce(
        (text, { at, cut, put }) => text.slice(0, at) + put + text.slice(at + cut),
        GOOD,
      );
      const faults = load(text);
      if (faults === "loaded") return;
      refused++;
      const lines = text.split("\n").length;
      for (const { at } of faults) ok(at && at.line >= 1 && at.line <= lines + 1 && at.column >= 1);
    }),
    { numRuns: 400 },
  );
  ok(refused > 100, `only ${refused} of 400 were refused`);
});
