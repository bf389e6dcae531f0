import { deepEqual, equal, ok } from "node:assert/strict";
import { problemsIn, yamlDocument } from "./_fixture.ts";
import { newText } from "./convert.ts";
import { edit } from "./edit.ts";
import { openModules } from "./module_language.ts";
import { problems } from "./problems.ts";

const HEAD = "name: a\nversion: 1.0.0\n";

Deno.test("a text that is too large, or stands for more than it is, is a problem and no load", () => {
  const bomb = Array.from({ length: 30 }, (_, n) => {
    const before = n === 0 ? "x" : `*a${n - 1}, *a${n - 1}, *a${n - 1}`;
    return `k${n}: &a${n} [${before}]`;
  });

  deepEqual(problemsIn(`${HEAD}description: ${"x".repeat(1024 * 1024)}\n`), ["1:1  W08"]);
  ok(problemsIn(`${HEAD}${bomb.join("\n")}\n`).every((one) => one.endsWith("W01")));
  const twice = Array.from({ length: 9_000 }, (_, n) => `k${n}: 1\nk${n}: 1\n`);
  equal(problemsIn(`${HEAD}${twice.join("")}`).length, 500);
  deepEqual(problemsIn(`${HEAD}x: ${"[".repeat(50_000)}\n`).length, 1);
});

Deno.test("a module that is nested too deep for its parser is a problem", async () => {
  const modules = await openModules();
  for (const text of ["[".repeat(60_000), "!".repeat(100_000), "a?b:".repeat(30_000)]) {
    const read = modules.read("a.ts", `export default ${text}`);
    ok(!read.ok);
    deepEqual(read.problems.map(({ code }) => code), ["W08"]);
  }
});

/** 500 steps, each after the one before, with all that steps usually have. */
function largeText(): string {
  const steps = Array.from({ length: 500 }, (_, n) => ({
    name: `step_${n}`,
    owner: "shop",
    event_pattern: "shop.work",
    ...(n > 0 && { depends_on: [`step_${n - 1}`] }),
    with: { id: "$.input.id", ...(n > 0 && { last: `$.step_${n - 1}.id` }) },
    result: { type: "object", required: ["id"], properties: { id: { type: "string" } } },
    timeout: "30s",
    retry: { attempts_max: 5, backoff: "exponential" },
  }));
  return newText(
    { name: "large", namespace: "n", version: "1.0.0", workflow_steps: steps },
    "yaml",
  );
}

Deno.test("an edit in the middle of 500 steps changes its line, in a manifest and in a module", async () => {
  const manifest = yamlDocument(largeText());
  const modules = await openModules();
  const read = modules.read("a.ts", newText(manifest.value, "module"));
  ok(read.ok);

  for (const document of [manifest, read.document]) {
    const field = ["timeout"];
    const { text } = edit(document, [{ kind: "set", step: "step_250", field, value: "31s" }]);
    const lines = text.split("\n");
    equal(document.text.split("\n").filter((line, at) => line !== lines[at]).length, 1);
    deepEqual(problems(document), []);
  }
});
