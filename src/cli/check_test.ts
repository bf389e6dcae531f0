import { deepEqual, equal } from "node:assert/strict";
import { openCliHarness } from "../../tests/support/cli_harness.ts";

const HEAD = "name: x\nversion: 1.0.0\nworkflow_steps:\n";
const FILES = {
  "/home/ada/bad.yaml":
    `${HEAD}  - { name: check, sleep: 1s }\n  - { name: b, sleep: 1s, depends_on: chek }\n`,
  "/home/ada/fair.yaml": `${HEAD}  - { name: a, owner: nobody, event_pattern: x.y }\n`,
};

Deno.test("check names each problem with its place, its code and its fix, and fails on errors", async () => {
  const cli = openCliHarness({ env: { INIT_CWD: "/home/ada" }, files: FILES });

  const { code, out } = await cli.say("check", "bad.yaml", "--offline");

  deepEqual([code, out], [1, [
    'bad.yaml:5:39 error W04 workflow_steps[1].depends_on: there is no step "chek", did you mean ' +
    '"check" (fix: Depend on "check")',
    "bad.yaml: 1 error, 0 warnings",
  ]]);
});

Deno.test("check asks the server what is registered, unless it is to stay offline", async () => {
  const cli = openCliHarness({ env: { INIT_CWD: "/home/ada" }, files: FILES });

  const asked = await cli.say("check", "fair.yaml");
  const offline = await cli.say("check", "fair.yaml", "--offline");

  deepEqual([asked.code, asked.out[0]], [
    1,
    'fair.yaml:4:23 error W10 workflow_steps[0].owner: no system "nobody" is registered, ' +
    "declare it under systems if it is still to come",
  ]);
  deepEqual([offline.code, offline.out], [0, ["fair.yaml: nothing is wrong"]]);
});

Deno.test("check of a file that is not there is bad usage", async () => {
  const cli = openCliHarness({ env: { INIT_CWD: "/home/ada" }, files: FILES });

  equal((await cli.say("check", "gone.yaml")).code, 2);
});
