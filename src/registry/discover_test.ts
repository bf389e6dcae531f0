import { deepEqual, equal, ok } from "node:assert/strict";
import { withFolder } from "../../tests/support/registry_fixture.ts";
import { discover } from "./discover.ts";
import { Faults } from "./fault.ts";

const SDK = new URL("../mod.ts", import.meta.url).href;

/** A module that exports a workflow. */
function moduleOf(name: string, end = ""): string {
  return `import { workflow, z } from "${SDK}";
const meta = { namespace: "tests", version: "1.0.0", input: z.object({}) };
const one = (name: string) => workflow({ ...meta, name }, (w) => { w.sleep("rest", { ms: 1 }); });
export default one("${name}")${end};
`;
}

Deno.test("discover() imports every module by name, except tests and those that begin with _", () =>
  withFolder({
    "b.ts": moduleOf("b"),
    "a.ts": moduleOf("a").replace("default one", "default [one").replace(
      `("a")`,
      `("a"), one("a2")]`,
    ),
    "_shared.ts": "throw new Error()",
    "a_test.ts": "throw new Error()",
    "types.d.ts": "export type A = 1;",
    "notes.md": "# Notes",
  }, async (folder) => {
    const faults = new Faults();

    const { modules } = await discover(folder, faults);

    deepEqual(modules.map(({ name }) => name), ["a", "a2", "b"]);
    deepEqual(faults.list, []);
  }));

/** A module that is not there. */
const AWAY = new URL("nowhere.ts", "file:///away/").href;

/** A module whose import fails with this text. */
function failing(text: string): string {
  return `throw new TypeError(${JSON.stringify(text)});`;
}

Deno.test("discover() says how to import what the server may not", () =>
  withFolder({
    "env.ts": failing('Requires env access to "DEBUG", run again with the --allow-env flag'),
    "remote.ts": failing(
      'A remote specifier was requested: "https://x.org/a.ts", but --no-remote is specified.',
    ),
    "unlocked.ts": failing(
      "The lockfile is out of date. Run `deno install --frozen=false`\nchanges:\n" +
        ' 12\x1b[0m |\x1b[0m \x1b[32m+\x1b[0m    \x1b[42m"npm:ms@*": "2.1.3",\x1b[0m\n' +
        ' 13 | + "npm:@scope/lodash@4.17.21": "4.17.21",\n 14 | +    "ms@2.1.3": {',
    ),
    "victim.ts": moduleOf("victim"),
  }, async (folder) => {
    const faults = new Faults();

    const { modules } = await discover(folder, faults);

    deepEqual(modules, []);
    deepEqual(faults.list.map(({ path, code }) => [path, code]), [
      ["env.ts", "module_threw"],
      ["remote.ts", "remote_import"],
      ["unlocked.ts", "not_locked"],
    ]);
    const details = faults.list.map(({ detail }) => detail).join("\n");
    ok(details.includes('add "DEBUG" to TASKER_ALLOW_ENV'), details);
    ok(details.includes('imports "https://x.org/a.ts"'), details);
    ok(details.includes("`deno add npm:ms npm:@scope/lodash@4.17.21`"), details);
    ok(details.includes('import it as "ms" "@scope/lodash",'), details);
  }));

Deno.test("discover() says what is wrong with each module, and goes on", () =>
  withFolder({
    "away.ts": `import { a } from "${SDK}";\n import b from "${AWAY}";\nexport default b;`,
    "broken.ts": "export default {",
    "empty.ts": "export const a = 1;",
    "fine.ts": moduleOf("fine"),
    "list.ts": moduleOf("x").replace("default one", "default [1, one").replace(`("x")`, `("x")]`),
    "number.ts": "export default 42;",
    "throws.ts": "\n  null!.x;\nexport default 1;",
  }, async (folder) => {
    const faults = new Faults();

    const { modules } = await discover(folder, faults);

    deepEqual(modules.map(({ name }) => name), ["fine", "x"]);
    deepEqual(faults.list.map(({ path, code }) => [path, code]), [
      ["away.ts", "module_threw"],
      ["broken.ts", "module_threw"],
      ["empty.ts", "no_workflow"],
      ["list.ts", "no_workflow"],
      ["number.ts", "no_workflow"],
      ["throws.ts", "module_threw"],
    ]);
    const away = faults.list.find(({ path }) => path === "away.ts");
    deepEqual([away?.at?.line, away?.at?.column], [2, 16]);
    equal(away?.detail, `Module not found "${AWAY}".`);
    const thrown = faults.list.find(({ path }) => path === "throws.ts");
    equal(thrown?.at?.line, 2);
    ok(faults.list.find(({ path }) => path === "number.ts")?.detail.includes("42"));
  }));
