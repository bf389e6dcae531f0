import { deepEqual, equal, ok, throws } from "node:assert/strict";
import fc from "fast-check";
import { TaskerError } from "../core/errors.ts";
import { isWorkflowModule, type WorkflowModule } from "../core/workflow_module.ts";
import { importWorkflow } from "../registry/import.ts";
import { openRegistry } from "../registry/load.ts";
import { digest, MemoryDefinitions, withFolder } from "../../tests/support/registry_fixture.ts";
import { yamlDocument } from "./_fixture.ts";
import { workflow } from "./_arbitrary.ts";
import { convertedText, newText } from "./convert.ts";
import { type Fields, stepsOf } from "./document.ts";
import { edit } from "./edit.ts";
import { openModules } from "./module_language.ts";
import { problems } from "./problems.ts";

const MODULES = await openModules();

function moduleDocument(text: string) {
  const reading = MODULES.read("a.ts", text);
  ok(reading.ok, reading.ok ? "" : JSON.stringify(reading.problems));
  return reading.document;
}

/** Manifest → module → manifest; returns the value at the end. */
function roundTrip(text: string): Fields {
  const module = convertedText(yamlDocument(text), "module");
  return yamlDocument(convertedText(moduleDocument(module), "yaml")).value;
}

Deno.test("nothing of a workflow is lost from manifest to module and back", () => {
  fc.assert(
    fc.property(workflow, (value) => {
      const text = newText(value, "yaml");

      deepEqual(yamlDocument(text).value, value);
      deepEqual(roundTrip(text), value);
    }),
    { numRuns: 400 },
  );
});

/** Real DAGs, where they are at hand. */
const WORLD = new URL("../../../shared/data/wfinstances/", import.meta.url);

/** A real DAG as a workflow: its tasks are remote steps. */
function dagOf(file: string): Fields {
  const { tasks } = JSON.parse(Deno.readTextFileSync(new URL(file, WORLD)));
  const ids = (tasks as { id: string }[]).map(({ id }) => id);
  const nameOf = (id: string) => `s${ids.indexOf(id)}`;
  return {
    name: file.replace(/\.json$/, "").replaceAll(/[^a-z0-9]/g, "_"),
    namespace: "dag",
    version: "1.0.0",
    workflow_steps: (tasks as { id: string; parents: string[] }[]).map(({ id, parents }) => ({
      name: nameOf(id),
      owner: "grid",
      event_pattern: "grid.run",
      ...(parents.length > 0 && { depends_on: parents.map(nameOf) }),
    })),
  };
}

function worldFiles(): readonly string[] {
  try {
    return [...Deno.readDirSync(WORLD)].map(({ name }) => name)
      .filter((name) => name.endsWith(".json")).sort();
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    console.log("DAGs of the world are not converted: none are here");
    return [];
  }
}

for (const file of worldFiles()) {
  Deno.test(`nothing of the real DAG ${file} is lost in a module, and one edit changes one line`, () => {
    const value = dagOf(file);
    const text = newText(value, "yaml");
    const document = yamlDocument(text);

    deepEqual(problems(document).filter(({ severity }) => severity === "error"), []);
    deepEqual(roundTrip(text), value);
    for (const one of [document, moduleDocument(convertedText(document, "module"))]) {
      const last = stepsOf(value).at(-1)?.name ?? "";
      const field = ["event_pattern"];
      const after = edit(one, [{ kind: "set", step: last, field, value: "grid.other" }]).text;
      const lines = after.split("\n");
      equal(one.text.split("\n").filter((line, at) => line !== lines[at]).length, 1);
    }
  });
}

const RAILS = `
name: order/OrderSync
module_namespace: Shop
version: 2.1.0
step_templates:
  - name: fetch_cart
    description: Fetch the cart
    handler_class: CartFetch
    default_retry_limit: 5
    handler_config: { params: { api_key: "\${ECOMMERCE_API_KEY}", price: "$5" } }
  - name: create_order
    depends_on_step: fetch_cart
    handler_class: CreateOrder
`;

Deno.test("nothing of an imported workflow is lost in a module, and its comments stay in an edit", () => {
  const { manifest } = importWorkflow("old.yaml", RAILS);
  const document = yamlDocument(manifest);

  deepEqual(roundTrip(manifest), document.value);
  const step = "create_order";
  const { text } = edit(document, [{ kind: "set", step, field: ["timeout"], value: "5s" }]);
  equal(text.split("\n").filter((line) => !manifest.split("\n").includes(line)).length, 1);
  equal(text.match(/#.*/g)?.join(), manifest.match(/#.*/g)?.join());
});

Deno.test("a module with code is not written as a manifest: it says which part is code", () => {
  const text = `import { implement } from "tasker";
const rest = { name: "rest", sleep: 1 } as const;
export default implement({ name: "a", version: "1.0.0", workflow_steps: [rest] });
`;

  throws(
    () => convertedText(moduleDocument(text), "yaml"),
    (error) =>
      error instanceof TaskerError && /workflow_steps\[0\] is code \(rest\)/.test(error.message),
  );
});

/** Loads one workflow: its definition, or the codes and paths of its faults. */
async function loaded(one: WorkflowModule | URL): Promise<unknown> {
  const definitions = new MemoryDefinitions();
  try {
    await openRegistry({ modules: [one], definitions, digest, onWarning: () => {} });
    return await definitions.list();
  } catch (error) {
    if (!(error instanceof TaskerError)) throw error;
    return error.faults.map(({ path, code }) => `${path} ${code}`).sort();
  }
}

Deno.test("a workflow as a module compiles, and is loaded or refused as its manifest is", async () => {
  const inOrder = workflow.filter((value) =>
    problems(yamlDocument(newText(value, "yaml"))).every(({ severity }) => severity !== "error")
  );
  const values = [...fc.sample(workflow, 30), ...fc.sample(inOrder, 10)];
  const files = values.flatMap((value, index) => [
    [`w${index}.ts`, newText(value, "module")],
    [`w${index}.yaml`, newText(value, "yaml")],
  ]);
  await withFolder(Object.fromEntries(files), async (folder) => {
    const config = new URL("../../deno.json", import.meta.url).pathname;
    const args = ["check", "--quiet", "--config", config, ...values.map((_, at) => `w${at}.ts`)];
    const { success, stderr } = await new Deno.Command(Deno.execPath(), { args, cwd: folder })
      .output();
    ok(success, new TextDecoder().decode(stderr));
    let good = 0;
    for (const at of values.keys()) {
      const { default: module } = await import(`file://${folder}/w${at}.ts`);
      ok(isWorkflowModule(module));
      const stated = await loaded(module);

      deepEqual(stated, await loaded(new URL(`file://${folder}/w${at}.yaml`)));
      if (typeof (stated as unknown[])[0] === "object") good++;
    }
    ok(good >= 10, `only ${good} of ${values.length} were loaded`);
  });
});

Deno.test("a new module looks as it is formatted", async () => {
  const values = fc.sample(workflow, { numRuns: 30 });
  const quotes = ['"', `'`, `"'`, `""'`, `\\"`, `"\n`, `"\u0001`, `\\"'"`];
  const described = quotes.map((description) => ({ ...values[0]!, description }));
  const texts = [...values, ...described].map((value) => newText(value, "module"));
  const files = Object.fromEntries(texts.map((text, index) => [`w${index}.ts`, text]));
  await withFolder(files, async (folder) => {
    const config = new URL("../../deno.json", import.meta.url).pathname;
    const args = ["fmt", "--quiet", "--config", config, ...Object.keys(files)];
    const { success } = await new Deno.Command(Deno.execPath(), { args, cwd: folder }).output();
    ok(success);
    for (const [name, text] of Object.entries(files)) {
      equal(await Deno.readTextFile(`${folder}/${name}`), text);
    }
  });
});
