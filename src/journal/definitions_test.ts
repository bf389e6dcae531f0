import assert from "node:assert/strict";
import { JournalBench } from "../../tests/support/journal_node.ts";
import { codeOf } from "./sqlstate.ts";

Deno.test("a version stands for one definition, whose policies may change", async () => {
  await using bench = await JournalBench.open();
  const { definitions } = await bench.node();
  const definition = {
    namespace: "test",
    name: "chain",
    version: "1.0.0",
    failurePolicy: "continue_independent",
    steps: [],
  } as const;
  await definitions.put("h1", definition);

  const changed = definitions.put("h2", definition);
  await assert.rejects(changed, (error) => codeOf(error) === "definition.changed");
  await definitions.put("h1", { ...definition, failurePolicy: "fail_fast" });

  assert.equal((await definitions.get("h1"))?.failurePolicy, "fail_fast");
  assert.equal(await definitions.get("h9"), undefined);
  assert.deepEqual((await definitions.list()).map(({ hash }) => hash), ["h1"]);
});
