import { deepEqual, equal, match } from "node:assert/strict";
import { TaskerError } from "../core/errors.ts";
import { openCliHarness } from "../../tests/support/cli_harness.ts";

Deno.test("bulk counts all pages without --yes, and with it changes them", async () => {
  const cli = openCliHarness();
  for (let n = 0; n < 5; n++) await cli.fake.started();

  const dry = await cli.say("bulk", "cancel", "--limit", "2");
  deepEqual(dry.out, ["cancel would change 5 tasks: add --yes to do it"]);
  equal(cli.fake.engine.commands.length, 0);

  const done = await cli.say("bulk", "cancel", "--limit", "2", "--reason", "over", "--yes");
  deepEqual(done.out, ["cancel: 5 of 5 tasks changed"]);
  equal(cli.fake.engine.commands.length, 5);
});

Deno.test("bulk changes no more tasks than --max", async () => {
  const cli = openCliHarness();
  for (let n = 0; n < 5; n++) await cli.fake.started();

  await cli.say("bulk", "pause", "--max", "3", "--yes");

  equal(cli.fake.engine.commands.length, 3);
});

Deno.test("bulk names what was refused, does the rest, and ends with exit code 1", async () => {
  const cli = openCliHarness();
  for (let n = 0; n < 3; n++) await cli.fake.started();
  cli.fake.engine.refusal = new TaskerError("task.ended", "Cannot cancel it: it is completed");

  const { code, out, err } = await cli.say("bulk", "cancel", "--yes");

  deepEqual([code, out], [1, ["cancel: 2 of 3 tasks changed, 1 refused (1 task.ended)"]]);
  match(err.join("\n"), /it is completed/);
});

Deno.test("bulk says without --yes what would be refused, and for what", async () => {
  const cli = openCliHarness();
  const task = await cli.fake.started();
  const of = { atMs: 1, step: 0, attempt: 1, ranMs: 1, policyVersion: 0 };
  cli.fake.engine.commit(
    task,
    { kind: "StepParked", ...of, reason: "used up", choices: ["retry"] },
  );

  const { code, out, err } = await cli.say("bulk", "choose", "--choice", "skip");

  const [line] = out;
  equal(code, 0);
  match(
    line ?? "",
    /would change 1 tasks, of which 1 would be refused \(1 step\.choice_invalid\): add --yes/,
  );
  match(err.join("\n"), /Cannot choose "skip" for step "validate": it may be retry/);
});

Deno.test("count shows every state, and filters as list does", async () => {
  const cli = openCliHarness();
  await cli.fake.started();

  const { out } = await cli.say("count", "--state", "running,failed");

  match(out.join("\n"), /running\s+1/);
});
