import { deepEqual, equal, match } from "node:assert/strict";
import { TaskerError } from "../core/errors.ts";
import { openCliHarness } from "../../tests/support/cli_harness.ts";

Deno.test("bulk counts all pages without --yes, and with it changes them", async () => {
  const cli = openCliHarness();
  for (let n = 0; n < 5; n++) await cli.fake.started();

  const dry = await cli.say("bulk", "cancel", "--limit", "2");
  deepEqual(dry.out, ["cancel would be about 5 tasks: add --yes to do it"]);
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

  deepEqual([code, out], [1, ["cancel: 2 of 3 tasks changed, 1 refused"]]);
  match(err.join("\n"), /it is completed/);
});

Deno.test("count shows every state, and filters as list does", async () => {
  const cli = openCliHarness();
  await cli.fake.started();

  const { out } = await cli.say("count", "--state", "running,failed");

  match(out.join("\n"), /running\s+1/);
});
