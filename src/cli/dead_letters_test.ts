import { deepEqual } from "node:assert/strict";
import { openCliHarness } from "../../tests/support/cli_harness.ts";
import { deadLetterOf } from "../../tests/support/fake_dead_letters.ts";

Deno.test("dead draws dead letters, replays and discards them", async () => {
  const cli = openCliHarness();
  const letter = { reason: "no \x1b[2Jtoken", deliveries: 3 };
  cli.fake.letters.push(deadLetterOf("d1", letter), deadLetterOf("d2", letter));

  deepEqual((await cli.say("dead")).out, [
    "ID  AT (UTC)             CHANNEL    DELIVERED  REASON",
    "d1  1970-01-01 00:00:00  t.reply.x  3          no �[2Jtoken",
    "d2  1970-01-01 00:00:00  t.reply.x  3          no �[2Jtoken",
    "→ deno task tasker dead show ID, deno task tasker dead replay ID, " +
    "deno task tasker dead discard ID",
  ]);
  deepEqual((await cli.say("dead", "show", "d1")).out, [
    "d1  1970-01-01 00:00:00  reply of x in t.reply.x, delivered 3 times",
    "no �[2Jtoken",
    "2 bytes:",
    "{}",
  ]);
  deepEqual((await cli.say("dead", "replay", "d1")).out, ["Dead letter d1 is back in t.reply.x"]);
  deepEqual((await cli.say("dead", "discard", "d2")).out, ["Dead letter d2 is discarded"]);
  deepEqual((await cli.say("dead")).out, ["no dead letters"]);
  cli.fake.letters.push(deadLetterOf("d3"), deadLetterOf("d4"), deadLetterOf("d5"));
  deepEqual((await cli.say("dead", "replay-many", "x", "--count", "1")).out, [
    "1 dead letters are back in their channels",
    "there are more: run it again with --until and the time of the first run, because letters that " +
    "fail again come back as new ones",
  ]);
  deepEqual((await cli.say("dead", "discard-many", "x", "--count", "9")).out, [
    "2 dead letters are discarded",
  ]);
  deepEqual((await cli.say("dead", "drop", "d1")).err, [
    '✗ Cannot run "dead drop": there is no such verb, did you mean "dead show"?',
    "  usage: deno task tasker help",
  ]);
});
