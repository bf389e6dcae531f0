import { deepEqual, equal, ok } from "node:assert/strict";
import { Edits } from "../src/core/authoring.ts";
import { PROBLEMS } from "../src/core/problem_codes.ts";
import { openDocuments } from "../src/server/documents.ts";
import { openRuntime } from "../src/server/runtime.ts";

const TEXT = await Deno.readTextFile(new URL("authoring.md", import.meta.url));

function block(language: string): string {
  return new RegExp(`^\`\`\`${language}\n([^]*?)^\`\`\`$`, "m").exec(TEXT)?.[1] ?? "";
}

Deno.test("the page lists every code of a problem, with what it means", () => {
  const rows = [...TEXT.matchAll(/^\| (W\d\d) +\| `(\w+)` +\| (\w+) +\| (.*?) +\|$/gm)];

  deepEqual(
    Object.fromEntries(
      rows.map(([, code, name, severity, text]) => [code, { name, severity, text }]),
    ),
    { ...PROBLEMS },
  );
});

Deno.test("each code of a problem is raised by a test", async () => {
  const source = new URL("../src/", import.meta.url);
  const raised = new Set<string>();
  for (const folder of ["author", "author/plan", "cli", "registry", "server"]) {
    for await (const { name } of Deno.readDir(new URL(`${folder}/`, source))) {
      if (!name.endsWith("_test.ts")) continue;
      const text = await Deno.readTextFile(new URL(`${folder}/${name}`, source));
      for (const [code] of text.matchAll(/\bW\d\d\b/g)) raised.add(code);
    }
  }

  deepEqual(Object.keys(PROBLEMS).filter((code) => !raised.has(code)), []);
});

Deno.test("the page's manifest and module say the same, and its edits can be made", async () => {
  const documents = openDocuments(openRuntime());
  const yaml = block("yaml");

  const { text } = await documents.edit({ text: yaml }, { edits: [], as: "module" });
  const edited = await documents.edit({ text: yaml }, {
    edits: Edits.parse(JSON.parse(block("json"))),
  });

  ok(text.endsWith(block("ts").slice(block("ts").indexOf("import"))));
  deepEqual(edited.problems, []);
  equal(edited.text.match(/attempts_max: 5/g)?.length, 1);
});
