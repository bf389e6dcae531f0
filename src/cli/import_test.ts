import { deepEqual, equal, match } from "node:assert/strict";
import { openCliHarness } from "../../tests/support/cli_harness.ts";

const FILES = {
  "/home/ada/old.yaml":
    "name: x\nversion: 1.0.0\nstep_templates:\n  - { name: a, skippable: true }\n",
  "/home/ada/new.yaml": "workflow_steps: []\n",
};

Deno.test("import prints the manifest alone on stdout, and what is lost on stderr", async () => {
  const cli = openCliHarness({ env: { INIT_CWD: "/home/ada" }, files: FILES });

  const { code, out, err } = await cli.say("import", "old.yaml");

  equal(code, 0);
  deepEqual(out.join("\n").split("\n"), [
    "name: x",
    "namespace: default",
    "version: 1.0.0",
    "workflow_steps:",
    "  - name: a",
    "    owner: default",
    "    event_pattern: x.a",
    "    with:",
    "      context: $.input",
  ]);
  match(err[0] ?? "", /^old\.yaml:4:16 step_templates\[0\]\.skippable: lost: /);
  match(err[1] ?? "", /^1 without a counterpart, 0 changed/);
});

Deno.test("import refuses what is no older workflow, and prints nothing", async () => {
  const cli = openCliHarness({ env: { INIT_CWD: "/home/ada" }, files: FILES });

  const manifest = await cli.say("import", "new.yaml");
  const absent = await cli.say("import", "gone.yaml");

  deepEqual([manifest.code, manifest.out], [1, []]);
  match(manifest.err.join("\n"), /new\.yaml:1:1 .*is a manifest already/);
  deepEqual([absent.code, absent.out], [2, []]);
});
