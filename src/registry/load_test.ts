import { deepEqual, equal, ok, rejects } from "node:assert/strict";
import { implement, remote, step, workflow, z } from "../mod.ts";
import {
  digest,
  MemoryDefinitions,
  refusal,
  withFolder,
} from "../../tests/support/registry_fixture.ts";
import { openRegistry, type RegistryOptions } from "./load.ts";

const WORKFLOWS = new URL("../../workflows", import.meta.url).pathname;

const Input = z.object({ id: z.string() });

/** A workflow of one step. */
function one(version: string, { name = "one", owner = "app", timeoutMs = 5 } = {}) {
  return workflow({ namespace: "tests", name, version, input: Input }, (w) => {
    w.step("go", step({ owner, timeoutMs, input: Input, success: z.null(), run: () => null }));
  });
}

function open(options: Partial<RegistryOptions>) {
  return openRegistry({
    definitions: new MemoryDefinitions(),
    digest,
    onWarning: () => {},
    ...options,
  });
}

Deno.test("openRegistry() loads the workflows that this repository serves", async () => {
  const definitions = new MemoryDefinitions();
  const warnings: string[] = [];

  const registry = await open({
    folder: WORKFLOWS,
    definitions,
    onWarning: (text) => warnings.push(text),
  });

  const names = registry.names();
  for (const name of ["examples/hello", "orders/distributed_order_processing"]) {
    ok(names.includes(name), name);
  }
  deepEqual(
    [...definitions.stored.keys()].sort(),
    registry.list().map(({ plan }) => plan.hash).sort(),
  );
  deepEqual(warnings, []);
});

Deno.test("openRegistry() refuses workflows of others in the namespace of Tasker's own", async () => {
  const foreign = workflow(
    { namespace: "tasker", name: "mine", version: "1.0.0", input: Input },
    (w) => {
      w.step("go", step({ input: Input, success: z.null(), run: () => null }));
    },
  );

  const error = await refusal(() => open({ modules: [foreign] }));
  const registry = await open({ own: [foreign] });

  deepEqual(error.faults.map(({ path, code }) => [path, code]), [[
    "tasker/mine@1.0.0",
    "own_namespace",
  ]]);
  deepEqual(registry.names(), ["tasker/mine"]);
});

Deno.test("openRegistry() refuses a definition that changed under its version, with the difference", async () => {
  const definitions = new MemoryDefinitions();
  await open({ modules: [one("1.0.0")], definitions });
  const before = [...definitions.stored.keys()];

  const error = await refusal(() =>
    open({ modules: [one("1.0.0", { owner: "shop" }), one("1.1.0")], definitions })
  );

  equal(error.code, "definition.changed");
  deepEqual(error.faults.map(({ path }) => path), ["tests/one@1.0.0"]);
  ok(error.message.includes('step "go": owner was "app", is "shop"'), error.message);
  deepEqual([...definitions.stored.keys()], before);
});

Deno.test("openRegistry() takes a changed definition under its version, once the old one is forgotten", async () => {
  const definitions = new MemoryDefinitions();
  await open({ modules: [one("1.0.0")], definitions });
  const [before] = definitions.stored.keys();
  const asked: string[] = [];
  const forgetVersion = (hash: string) => Promise.resolve((asked.push(hash), []));

  const registry = await open({
    modules: [one("1.0.0", { owner: "shop" })],
    definitions,
    forgetVersion,
  });

  deepEqual(asked, [before]);
  ok(definitions.stored.has(registry.find("tests/one")?.hash ?? ""));
});

Deno.test("openRegistry() names the tasks that keep a changed definition from its version", async () => {
  const definitions = new MemoryDefinitions();
  await open({ modules: [one("1.0.0")], definitions });
  const before = [...definitions.stored.keys()];

  const error = await refusal(() =>
    open({
      modules: [one("1.0.0", { owner: "shop" })],
      definitions,
      forgetVersion: () => Promise.resolve(["t_1", "t_2"]),
    })
  );

  equal(error.code, "definition.changed");
  ok(error.message.includes("tasks have not ended (t_1, t_2)"), error.message);
  deepEqual([...definitions.stored.keys()], before);
});

Deno.test("openRegistry() stores a changed policy under the same hash", async () => {
  const definitions = new MemoryDefinitions();
  await open({ modules: [one("1.0.0")], definitions });

  await open({ modules: [one("1.0.0", { timeoutMs: 9 })], definitions });

  const policies = [...definitions.stored.values()].map(({ steps }) => steps[0]?.policy);
  deepEqual(policies, [{ timeoutMs: 9 }]);
});

Deno.test("openRegistry() lists the faults of all modules at once, and stores nothing", () => {
  const sdk = new URL("../mod.ts", import.meta.url).href;
  const text = (name: string, step: string) =>
    `import { step, workflow, z } from "${sdk}";
const Input = z.object({});
export default workflow({ namespace: "tests", name: "${name}", version: "1", input: Input }, (w) => {
  ${step}
});
`;
  return withFolder({
    "bad_name.ts": text("Bad", `w.sleep("rest", { ms: 1 });`),
    "bad_sleep.ts": text("sleep", `w.sleep("rest", { ms: -1 });`),
    "fine.ts": text("fine", `w.sleep("rest", { ms: 1 });`),
    "manifest.ts": `import { implement, z } from "${sdk}";
export default implement("flow.yaml", { namespace: "tests", input: z.object({}) });
`,
    "flow.yaml": "name: flow\nversion: 1.0.0\nworkflow_steps:\n  - name: a\n    ownr: b\n",
    "lost.ts": `import { implement, z } from "${sdk}";
export default implement("lost.yaml", { namespace: "tests", input: z.object({}) });
`,
    "throws.ts": `throw new Error("no");`,
  }, async (folder) => {
    const definitions = new MemoryDefinitions();

    const error = await refusal(() => open({ folder, definitions }));

    equal(error.code, "definition.invalid");
    deepEqual(
      error.faults.map(({ path, code }) => `${path} ${code}`),
      [
        "throws.ts module_threw",
        "name bad_name",
        "steps.rest.ms bad_duration",
        "lost.yaml no_manifest",
        "workflow_steps[0] bad_binding",
        "workflow_steps[0].ownr unknown_field",
      ].toSorted((a, b) => order(error.message, a) - order(error.message, b)),
    );
    const name = folder.slice(folder.lastIndexOf("/") + 1);
    ok(error.message.includes(`  ${name}/bad_sleep.ts:4:5 steps.rest.ms: `), error.message);
    ok(error.message.includes(`  ${name}/flow.yaml:5:5 workflow_steps[0].ownr: `), error.message);
    equal(definitions.stored.size, 0);
  });
});

Deno.test("openRegistry() refuses two modules of one name and version", async () => {
  const error = await refusal(() => open({ modules: [one("1.0.0"), one("1.0.0")] }));

  deepEqual(error.faults.map(({ path, code }) => [path, code]), [[
    "tests/one@1.0.0",
    "name_taken",
  ]]);
});

Deno.test("openRegistry() loads manifests that no module implements", () =>
  withFolder({
    "alone.yaml": "name: alone\nversion: 1.0.0\nworkflow_steps:\n  - {name: rest, sleep: 1s}\n",
    "other.yml": `name: other
namespace: tests
version: 1.0.0
workflow_steps:
  - {name: ask, owner: b, event_pattern: x.y, result: {type: string}}
`,
    "bound.yaml": "name: bound\nversion: 1.0.0\nworkflow_steps:\n  - {name: rest, sleep: 1s}\n",
    "bound.ts": `import { implement, z } from "${new URL("../mod.ts", import.meta.url).href}";
export default implement("bound.yaml", { namespace: "tests", input: z.object({}) });
`,
    "_not.yaml": "nothing",
  }, async (folder) => {
    const warnings: string[] = [];

    const registry = await open({ folder, onWarning: (text) => warnings.push(text) });

    deepEqual([...registry.names()].toSorted(), ["default/alone", "tests/bound", "tests/other"]);
    deepEqual(warnings, []);
  }));

Deno.test("openRegistry() loads the seed's manifest without a module, and names what has no code", async () => {
  const warnings: string[] = [];

  const registry = await open({
    modules: [new URL("../../workflows/order_processing.yaml", import.meta.url)],
    onWarning: (text) => warnings.push(text),
  });

  const plan = registry.find("default/distributed_order_processing");
  deepEqual(plan?.steps.map(({ name, definition: { kind, owner } }) => [name, kind, owner]), [
    ["validate_order", "local", "rails_app"],
    ["check_inventory", "remote", "python_inventory"],
    ["process_payment", "remote", "node_payments"],
    ["finalize_order", "local", "rails_app"],
  ]);
  const name = "default/distributed_order_processing@2.0.0";
  ok(warnings[1]?.endsWith(`${name} "validate_order", ${name} "finalize_order"`), warnings[1]);
});

Deno.test("openRegistry() names a manifest that is not there", async () => {
  const error = await refusal(() => open({ modules: [new URL("file:///no/such.yaml")] }));

  deepEqual(error.faults.map(({ path, code }) => [path, code]), [
    ["file:///no/such.yaml", "no_manifest"],
  ]);
});

Deno.test("openRegistry() refuses a folder that is not there", async () => {
  await rejects(open({ folder: "/no/such/folder" }), { code: "config.invalid" });
});

Deno.test("openRegistry() says in one warning each which steps have no contract, and no code", () =>
  withFolder({
    "flow.yaml": `name: flow
version: 1.0.0
workflow_steps:
  - {name: a, owner: b, event_pattern: x.y}
  - {name: c, owner: b, handler: H}
`,
  }, async (folder) => {
    const warnings: string[] = [];
    const module = implement("flow.yaml", {
      namespace: "tests",
      input: Input,
      base: `file://${folder}/module.ts`,
    });

    await open({ modules: [module], onWarning: (text) => warnings.push(text) });

    equal(warnings.length, 2);
    ok(warnings[0]?.endsWith('tests/flow@1.0.0 "a", tests/flow@1.0.0 "c"'), warnings[0]);
    ok(warnings[1]?.endsWith('implement(): tests/flow@1.0.0 "c"'), warnings[1]);
  }));

Deno.test("Registry.find() takes the highest loaded version, or the one that is named", async () => {
  const definitions = new MemoryDefinitions();
  await open({ modules: [one("3.0.0")], definitions });

  const registry = await open({ modules: [one("1.9.0"), one("1.10.0")], definitions });

  equal(registry.find("tests/one")?.definition.version, "1.10.0");
  equal(registry.find("tests/one", "1.9.0")?.definition.version, "1.9.0");
  equal(registry.find("tests/one", "3.0.0")?.definition.version, "3.0.0");
  equal(registry.find("tests/one", "4.0.0"), undefined);
  equal(registry.find("tests/two"), undefined);
  deepEqual(
    registry.list().map(({ plan, isLoaded }) => [plan.definition.version, isLoaded]),
    [["3.0.0", false], ["1.10.0", true], ["1.9.0", true]],
  );
});

Deno.test("Registry.byHash() reads a definition that another node stored, once", async () => {
  const definitions = new MemoryDefinitions();
  const registry = await open({ modules: [one("1.0.0")], definitions });
  await open({ modules: [one("2.0.0")], definitions });
  const hash = [...definitions.stored].find(([, { version }]) => version === "2.0.0")?.[0] ?? "";

  equal(registry.cached(hash), undefined);
  const plan = await registry.byHash(hash);

  equal(plan?.definition.version, "2.0.0");
  equal(await registry.byHash(hash), plan);
  equal(registry.cached(hash), plan);
  equal(registry.codeOf(hash), undefined);
  equal(definitions.gets, 1);
  equal(await registry.byHash("unknown"), undefined);
});

Deno.test("Registry.owners() are local where a module implements them, or where they are named", async () => {
  const charge = remote({ system: "payments", event: "x.y", input: Input, success: z.null() });
  const module = workflow({ namespace: "tests", name: "two", version: "1", input: Input }, (w) => {
    w.step("charge", charge);
  });

  const byCode = await open({ modules: [one("1.0.0"), module] });
  const byName = await open({ modules: [one("1.0.0"), module], systems: ["warehouse"] });

  deepEqual(byCode.owners().map(({ name, kind, workflows }) => [name, kind, workflows]), [
    ["app", "local", ["tests/one"]],
    ["payments", "remote", ["tests/two"]],
  ]);
  equal(byCode.isLocalOwner("app"), true);
  equal(byCode.isLocalOwner("payments"), false);
  deepEqual(byName.owners().map(({ name, kind }) => [name, kind]), [
    ["app", "remote"],
    ["payments", "remote"],
    ["warehouse", "local"],
  ]);
});

/** Where a fault stands in a message. */
function order(message: string, fault: string): number {
  const path = fault.split(" ")[0] ?? "";
  return message.indexOf(` ${path}: `);
}

Deno.test("a check that JSON Schema cannot say is named, and skipped only without the code", async () => {
  const definitions = new MemoryDefinitions();
  const warnings: string[] = [];
  const input = z.object({ day: z.string().refine((day) => day !== "sunday") });
  const module = workflow(
    { namespace: "tests", name: "one", version: "1.0.0", input },
    (w) => void w.signal("said", { success: input }),
  );

  const loaded = await open({
    modules: [module],
    definitions,
    onWarning: (one) => warnings.push(one),
  });
  const stored = await open({ definitions });

  equal(warnings.length, 1);
  ok(
    warnings[0]?.endsWith(
      "tests/one@1.0.0 input.day (.refine()), tests/one@1.0.0 steps.said.success.day (.refine())",
    ),
    warnings[0],
  );
  const oks = [loaded, stored].map((registry) => {
    const plan = registry.find("tests/one", "1.0.0");
    return [
      plan?.checkInput({ day: "sunday" }).ok,
      plan?.steps[0]?.check("success")({ day: "sunday" }).ok,
    ];
  });
  deepEqual(oks, [[false, false], [true, true]]);
});

Deno.test("openRegistry() warns of patterns of code that may hold up the server", async () => {
  const warnings: string[] = [];
  const input = z.object({ slug: z.string().regex(/^(?!-)([a-z]+-?)+$/) });
  const rest = step({ input: z.object({}), success: z.null(), run: () => null });
  const module = workflow(
    { namespace: "tests", name: "slugs", version: "1.0.0", input },
    (w) => void w.step("rest", rest, { with: () => ({}) }),
  );

  await open({ modules: [module], onWarning: (text) => warnings.push(text) });

  equal(warnings.length, 1);
  ok(warnings[0]?.endsWith("tests/slugs@1.0.0 input.slug (/^(?!-)([a-z]+-?)+$/)"), warnings[0]);
});
