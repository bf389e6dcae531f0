import { deepEqual, equal } from "node:assert/strict";
import { openCliHarness } from "../../tests/support/cli_harness.ts";
import { fakeApi } from "../../tests/support/fake_api.ts";
import { definitionOf } from "../../tests/support/task_driver.ts";

Deno.test("compare fails when a version breaks something, and only then", async () => {
  const { deps } = fakeApi();
  const stored = [["1.0.0", { type: "array" }], ["2.0.0", { type: "array", minItems: 1 }]] as const;
  const versions = stored.map(([version, input]) => ({
    hash: version,
    definition: definitionOf([], { namespace: "orders", name: "shop", version, input }),
  }));
  const list = () => Promise.resolve(versions);
  const cli = openCliHarness({ deps: { definitions: { ...deps.definitions, list } } });
  const compare = (from: string, to: string) =>
    cli.say("compare", "orders/shop", "--from", from, "--to", to);

  const broken = await compare("1.0.0", "2.0.0");
  equal(broken.code, 1);
  equal(broken.out[0], "✗ input: needs at least 1 items");
  const fine = await compare("2.0.0", "1.0.0");
  deepEqual([fine.code, fine.out], [0, ["nothing is broken"]]);
});
