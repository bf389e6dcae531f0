import { deepEqual, equal, match } from "node:assert/strict";
import { manifestText } from "../../tests/support/deploying.ts";
import { openCliHarness } from "../../tests/support/cli_harness.ts";

const DECLARED = ["systems: { stock: { base_url: 'http://stock' } }"];

const FILES = {
  "v1.yaml": manifestText("1.0.0", { lines: DECLARED }),
  "v2.yaml": manifestText("2.0.0", {
    lines: [...DECLARED, "input: { type: object, required: [id] }"],
    steps: ["{ name: rest, depends_on: reserve, sleep: 1m }"],
  }),
  "bad.yaml": "name: x",
};

Deno.test("deploy shows what a document changes, whom it breaks and how its rehearsal ends", async () => {
  const cli = openCliHarness({ files: FILES });

  const first = await cli.say("deploy", "v1.yaml", "--reason", "first");
  const dry = await cli.say("deploy", "v2.yaml", "--dry-run");
  const again = await cli.say("deploy", "v1.yaml", "--reason", "again");

  deepEqual([first.code, dry.code, again.code], [0, 0, 0]);
  deepEqual(first.out, [
    "orders/process 1.0.0 is deployed; starts take it (its first version)",
    "",
    "+ step reserve  remote of stock, stock.reserve",
    "",
    "asks system stock: stock.reserve",
    "",
    'W10 line 6: no worker of system "stock" has registered: its steps will wait for the first',
  ]);
  deepEqual(dry.out.slice(0, 5), [
    "orders/process 2.0.0 can be deployed (compared with 1.0.0)",
    "",
    "+ contract input  is checked from now on",
    "+ step rest  sleep",
    "+ edge reserve → rest",
  ]);
  match(dry.out.join("\n"), /rehearsed: completed\nif reserve fails: failed/);
  equal(again.out[0], "orders/process 1.0.0 was there already; nothing was changed");
});

Deno.test("what was deployed is listed, shown as it was sent, and reverted to", async () => {
  const cli = openCliHarness({ files: FILES });
  await cli.say("deploy", "v1.yaml", "--reason", "first");
  await cli.say("deploy", "v2.yaml", "--reason", "second");

  const source = await cli.say("workflows", "source", "orders/process", "--version", "1.0.0");
  const revert = await cli.say(
    ...["workflows", "revert", "orders/process", "--to", "1.0.0", "--reason", "too slow"],
  );
  const history = await cli.say("workflows", "history", "orders/process");

  equal(source.out.join("\n"), FILES["v1.yaml"]);
  equal(revert.out[0], "Starts take orders/process 1.0.0 again (compared with 2.0.0)");
  deepEqual(history.out.map((line) => line.replace(/ {2}\d{4}.*/, "")), [
    "● 1.0.0  starts take it again",
    "    too slow",
    "○ 2.0.0  deployed",
    "    second",
    "○ 1.0.0  deployed",
    "    first",
  ]);
});

Deno.test("a reason cannot rewrite the terminal", async () => {
  const cli = openCliHarness({ files: FILES });
  await cli.say("deploy", "v1.yaml", "--reason", "\x1b[31mred \u202eback");

  const history = await cli.say("workflows", "history", "orders/process");

  deepEqual(history.out.slice(1), ["    �[31mred �back"]);
});

Deno.test("a version that was not deployed is looked for in the history of its workflow", async () => {
  const cli = openCliHarness({ files: FILES });
  await cli.say("deploy", "v1.yaml", "--reason", "first");

  const failed = [
    await cli.say(
      ...["workflows", "revert", "orders/process", "--to", "9.0.0", "--reason", "too slow"],
    ),
    await cli.say("workflows", "source", "orders/process", "--version", "9.0.0"),
  ];

  for (const { code, err } of failed) {
    equal(code, 1);
    equal(
      err.at(-1),
      "  you can: run deno task tasker workflows history orders/process" +
        " to see which versions were deployed",
    );
  }
});

Deno.test("deploy says where a document is wrong, and demands a reason", async () => {
  const cli = openCliHarness({ files: FILES });

  const bad = await cli.say("deploy", "bad.yaml", "--dry-run");
  const without = await cli.say("deploy", "v1.yaml");
  const missing = await cli.say("deploy", "none.yaml", "--reason", "r");

  equal(bad.code, 1);
  match(bad.err.join("\n"), /bad\.yaml:1:1 version/);
  deepEqual([without.code, missing.code], [2, 2]);
});

Deno.test("a module is not deployed or rehearsed, and it is said how it is served and tested", async () => {
  const cli = openCliHarness({ files: { "flow.ts": "export default 1;" } });

  const deployed = await cli.say("deploy", "flow.ts", "--reason", "first");
  const rehearsed = await cli.say("rehearse", "flow.ts");

  deepEqual([deployed.code, rehearsed.code], [2, 2]);
  match(deployed.err.join(), /TASKER_WORKFLOWS/);
  match(rehearsed.err.join(), /openTestEngine/);
});
