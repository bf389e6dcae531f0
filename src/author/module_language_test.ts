import { deepEqual, equal, ok, throws } from "node:assert/strict";
import fc from "fast-check";
import type { Edit } from "../core/authoring.ts";
import { TaskerError } from "../core/errors.ts";
import { isWorkflowModule } from "../core/workflow_module.ts";
import { buildWorkflow } from "../registry/build.ts";
import { digest, withFolder } from "../../tests/support/registry_fixture.ts";
import { changedLines } from "./_fixture.ts";
import { editOf, workflow } from "./_arbitrary.ts";
import { type Document, type Fields, isSame, stepsOf } from "./document.ts";
import { edit } from "./edit.ts";
import { openModules } from "./module_language.ts";
import { moduleText } from "./module_text.ts";
import { problems } from "./problems.ts";
import { parentsOf } from "./references.ts";

const RUNS = 300;
const MODULES = await openModules();

function read(text: string, file = "a.ts"): Document {
  const reading = MODULES.read(file, text);
  ok(reading.ok, reading.ok ? "" : `${JSON.stringify(reading.problems)}\n${text}`);
  return reading.document;
}

const REAL = [
  "workflows/hello.ts",
  "workflows/user_onboarding.ts",
  "tests/fixtures/workflows/traced.ts",
  "tests/fixtures/orders/polyglot_order.ts",
];

for (const path of REAL) {
  Deno.test(`the document of ${path} has the steps and edges that the module wires`, async () => {
    const url = new URL(`../../${path}`, import.meta.url);
    const text = await Deno.readTextFile(url);
    const { default: module } = await import(url.href);
    ok(isWorkflowModule(module));
    const { definition } = buildWorkflow(module, { digest });

    const document = read(text, path);

    deepEqual(
      stepsOf(document.value).map((step) => [step.name, [...parentsOf(step)].sort()]),
      definition.steps.map(({ name, needs, after }) => [
        name,
        [...new Set([...Object.values(needs), ...after])].sort(),
      ]),
    );
    deepEqual(problems(document).filter(({ severity }) => severity === "error"), []);
    equal(MODULES.write(document, document.value), text);
  });
}

Deno.test("the document of a module that implements a manifest is what it adds to that", async () => {
  const text = await Deno.readTextFile(
    new URL("../../workflows/order_processing.ts", import.meta.url),
  );

  const { value, manifest, code } = read(text);

  equal(manifest, "order_processing.yaml");
  equal(stepsOf(value).length, 4);
  equal(code.get('["workflow_steps",0,"handler"]')?.name, "validateOrder");
});

const WIRED = `import { step, workflow, z } from "tasker";

const Id = z.object({ id: z.string() });

// Takes the money.
const pay = step({
  input: Id,
  success: Id,
  timeoutMs: 5_000, // as the bank says
  retry: { attemptsMax: 3 },
  run: ({ input }) => input,
});

export default workflow({ namespace: "shop", name: "order", version: "1.0.0", input: Id }, (w) => {
  const paid = w.step("pay", pay);
  w.sleep("rest", { after: [paid], ms: 1_000 });
});
`;

const WIRED_EDITS: Readonly<Record<string, readonly [edit: Edit, ...lines: string[]]>> = {
  "a time-out": [
    { kind: "set", step: "pay", field: ["timeout"], value: 9_000 },
    "-  timeoutMs: 5_000, // as the bank says",
    "+  timeoutMs: 9000, // as the bank says",
  ],
  "a part of the retries": [
    { kind: "set", step: "pay", field: ["retry", "backoff"], value: "linear" },
    "-  retry: { attemptsMax: 3 },",
    '+  retry: { attemptsMax: 3, backoff: "linear" },',
  ],
  "a field that is not there yet": [
    { kind: "set", step: "pay", field: ["at_most_once"], value: true },
    "+  atMostOnce: true,",
  ],
  "a field away": [
    { kind: "unset", step: "pay", field: ["timeout"] },
    "-  timeoutMs: 5_000, // as the bank says",
  ],
  "the name of a step": [
    { kind: "rename_step", name: "pay", to: "charge" },
    '-  const paid = w.step("pay", pay);',
    '+  const paid = w.step("charge", pay);',
  ],
  "the version": [
    { kind: "set", field: ["version"], value: "1.1.0" },
    '-export default workflow({ namespace: "shop", name: "order", version: "1.0.0", input: Id }, (w) => {',
    '+export default workflow({ namespace: "shop", name: "order", version: "1.1.0", input: Id }, (w) => {',
  ],
  "the length of a sleep": [
    { kind: "set", step: "rest", field: ["sleep"], value: 5 },
    '-  w.sleep("rest", { after: [paid], ms: 1_000 });',
    '+  w.sleep("rest", { after: [paid], ms: 5 });',
  ],
};

for (const [what, [one, ...expected]] of Object.entries(WIRED_EDITS)) {
  Deno.test(`an edit of a wired module puts ${what}, and changes no other line`, () => {
    deepEqual(changedLines(WIRED, edit(read(WIRED), [one]).text), expected);
  });
}

const REFUSED: Readonly<Record<string, Edit>> = {
  "a contract": { kind: "set", step: "pay", field: ["input"], value: { type: "object" } },
  "what runs a step": { kind: "set", step: "pay", field: ["handler"], value: "other" },
  "an edge": { kind: "connect", from: "rest", to: "pay" },
  "a step": { kind: "add_step", step: { name: "more", sleep: "1s" } },
  "a step away": { kind: "remove_step", name: "rest" },
  "a field that modules do not have": { kind: "set", step: "rest", field: ["with"], value: 1 },
};

for (const [what, one] of Object.entries(REFUSED)) {
  Deno.test(`an edit that would rewrite code is refused: ${what}`, () => {
    throws(
      () => edit(read(WIRED), [one]),
      (error) => error instanceof TaskerError && error.code === "document.edit_refused",
    );
  });
}

Deno.test("a workflow written as a module says what its manifest says", () => {
  fc.assert(
    fc.property(workflow, (value) => {
      deepEqual(read(moduleText(value)).value, value);
    }),
    { numRuns: RUNS },
  );
});

Deno.test("random edits of modules say what was meant, or are refused for what they are", () => {
  let made = 0;
  const edits = (value: Fields) =>
    fc.tuple(
      fc.constant(value),
      fc.boolean(),
      fc.array(fc.nat(400), { maxLength: 5 }),
      fc.array(editOf(value), { minLength: 1, maxLength: 4 }),
    );
  fc.assert(
    fc.property(workflow.chain(edits), ([value, isFlat, comments, edits]) => {
      const text = isFlat
        ? `import { implement } from "tasker";\nexport default implement(${
          JSON.stringify(value)
        });\n`
        : withComments(moduleText(value), comments);
      let document = read(text);
      if (!isSame(document.value, value)) return; // a comment fell into a text
      for (const one of edits) {
        try {
          document = edit(document, [one]);
          made++;
        } catch (error) {
          ok(error instanceof TaskerError && error.code === "document.edit_refused", `${error}`);
          ok(!/the text would|by hand/.test(error.message), `${error.message}\n${document.text}`);
        }
      }
      const isAdding = edits.every(({ kind }) => kind === "add_step");
      if (isAdding) {
        equal(document.text.match(/\/\/ note/g)?.length, text.match(/\/\/ note/g)?.length);
      }
    }),
    { numRuns: RUNS },
  );
  ok(made > RUNS / 2, `only ${made} edits were made`);
});

function withComments(text: string, places: readonly number[]): string {
  const all = text.split("\n");
  for (const place of places) {
    const at = 4 + place % Math.max(1, all.length - 6);
    const [indent = ""] = /^ */.exec(all[at] ?? "") ?? [];
    all.splice(at, 0, `${indent}// note`);
  }
  return all.join("\n");
}

Deno.test("what is no module of one workflow says why, and where", () => {
  const why = (text: string) => {
    const reading = MODULES.read("a.ts", text);
    return reading.ok
      ? "read"
      : reading.problems.map(({ at, code }) => `${at?.line}:${at?.column} ${code}`);
  };

  deepEqual(why("export const a = 1;"), ["1:1 W01"]);
  deepEqual(why("export default [workflow({}), workflow({})];"), ["1:1 W01"]);
  deepEqual(why("export default implement({ name: 'a' ;"), ["1:38 W01"]);
  deepEqual(why(`// ${"x".repeat(600_000)}`), ["1:1 W01"]);
  deepEqual(why("import { implement } from 'tasker'; export default implement({});"), "read");
});

Deno.test("modules are read without any permission", async () => {
  const script = `const { openModules } = await import("${new URL(
    "module_language.ts",
    import.meta.url,
  )}");
    const read = (await openModules()).read("a.ts", "export default implement({ name: 'a' });");
    console.log(read.document.value.name);`;
  await withFolder({ "read.ts": script }, async (folder) => {
    const config = new URL("../../deno.json", import.meta.url).pathname;
    const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "--no-prompt", "--no-check", "--config", config, "read.ts"],
      cwd: folder,
    }).output();

    equal(new TextDecoder().decode(stdout), "a\n", new TextDecoder().decode(stderr));
  });
});

Deno.test("problems() finds code that uses what step code may not have, and where", () => {
  const module = read(`import { step, workflow, z } from "tasker";
import { execSync } from "node:child_process";
const run = step({
  input: z.object({}),
  success: z.object({}),
  run: async () => {
    eval("1"); new Function("return 1")();
    await fetch("https://a.example"); Deno.env.get("HOME");
    new Deno.Command("ls"); await import("./other.ts");
    return { text: "fetch(eval)" };
  },
});
export default workflow(
  { namespace: "a", name: "b", version: "1.0.0", input: z.object({}) },
  (w) => { w.step("c", run, { with: () => ({}) }); },
);
`);

  const found = problems(module).filter(({ code }) => code === "W40");

  deepEqual(found.map(({ severity, at }) => `${at?.line}:${at?.column} ${severity}`), [
    "2:1 error",
    "7:5 error",
    "7:16 error",
    "8:11 warning",
    "8:39 warning",
    "9:9 error",
    "9:35 error",
  ]);
});

const BOUND = `import { implement, step, z } from "tasker";

const pay = step({
  input: z.object({ id: z.string() }),
  success: z.object({ id: z.string() }),
  timeoutMs: 5_000, // as the bank says
  retry: { attemptsMax: 3 },
  run: ({ input }) => input,
});

export default implement("order.yaml", { namespace: "shop", steps: { pay } });
`;

Deno.test("policies of a step that a module defines apart from its manifest are edited there", () => {
  const edited = (...edits: Edit[]) => changedLines(BOUND, edit(read(BOUND), edits).text);
  const refusal = (one: Edit) => {
    try {
      return edited(one).join("\n");
    } catch (error) {
      return error instanceof TaskerError ? `${error.code} ${error.message}` : String(error);
    }
  };

  deepEqual(edited({ kind: "set", step: "pay", field: ["timeout"], value: 9_000 }), [
    "-  timeoutMs: 5_000, // as the bank says",
    "+  timeoutMs: 9000, // as the bank says",
  ]);
  deepEqual(edited({ kind: "set", step: "pay", field: ["retry", "attempts_max"], value: 5 }), [
    "-  retry: { attemptsMax: 3 },",
    "+  retry: { attemptsMax: 5 },",
  ]);
  deepEqual(edited({ kind: "unset", step: "pay", field: ["timeout"] }), [
    "-  timeoutMs: 5_000, // as the bank says",
  ]);
  for (const field of ["input", "handler", "depends_on"]) {
    const said = refusal({ kind: "set", step: "pay", field: [field], value: ["other"] });
    ok(said.startsWith("document.edit_refused "), said);
  }
  ok(refusal({ kind: "rename_step", name: "pay", to: "charge" }).includes("edit_refused"));
});
