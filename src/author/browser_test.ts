import { deepEqual, equal, ok } from "node:assert/strict";
import { createContext, runInContext } from "node:vm";
import { withFolder } from "../../tests/support/registry_fixture.ts";

/** What a page's script would do. */
const SCRIPT = `
import { edit } from "${new URL("edit.ts", import.meta.url)}";
import { newText } from "${new URL("convert.ts", import.meta.url)}";
import { problems } from "${new URL("problems.ts", import.meta.url)}";
import { YAML } from "${new URL("yaml_language.ts", import.meta.url)}";

const TEXT = "name: a\\nversion: 1.0.0\\nworkflow_steps:\\n  - { name: b, sleep: 1s } # short\\n";
const { document } = YAML.read("a.yaml", TEXT);
const { text } = edit(document, [{ kind: "set", step: "b", field: ["sleep"], value: "x" }]);
const after = YAML.read("a.yaml", text).document;
const module = newText(after.value, "module");
globalThis.answer = JSON.stringify({ text, module, codes: problems(after).map(({ code }) => code) });
`;

/** What browsers have beside the language itself. */
const BROWSER = { console, structuredClone, TextEncoder, TextDecoder, URL, URLSearchParams };

Deno.test("documents are read, checked, edited and written in a browser, without Deno and Node", async () => {
  await withFolder({ "page.ts": SCRIPT }, async (folder) => {
    const config = new URL("../../deno.json", import.meta.url).pathname;
    const args = ["bundle", "--quiet", "--config", config, "--platform", "browser"];
    const { success, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [...args, "--format", "iife", "--external", "typescript", "-o", "page.js", "page.ts"],
      cwd: folder,
    }).output();
    ok(success, new TextDecoder().decode(stderr));
    const script = await Deno.readTextFile(`${folder}/page.js`);
    const page = createContext({ ...BROWSER }) as { answer?: string };

    runInContext(script, page);

    const { text, module, codes } = JSON.parse(page.answer ?? "{}");
    equal(text.split("\n")[3], "  - { name: b, sleep: x } # short");
    ok(module.includes('workflow_steps: [\n    { name: "b", sleep: "x" },\n  ],'));
    deepEqual(codes, ["W30"]);
    deepEqual(script.match(/["']node:\w+["']|\bDeno\.\w+/g), null);
  });
});
