import { deepEqual, match } from "node:assert/strict";
import { openCliHarness } from "../../tests/support/cli_harness.ts";

Deno.test("limits of a system are shown by version, and what is no capability is refused by name", async () => {
  const cli = openCliHarness();
  const put = (limits: object) =>
    cli.say(
      ...["limits", "put", "inventory", "--reason", "it is slow"],
      ...["--limits", JSON.stringify(limits)],
    );

  const none = await cli.say("limits", "inventory");
  const wrong = await put({ concurrencyMax: 5 });
  await put({ "*": { concurrencyMax: 5 } });
  const { out } = await cli.say("limits", "inventory");

  deepEqual(none.out, ["inventory  no limits: it gets as much as its steps ask for"]);
  match(wrong.err[0] ?? "", /concurrencyMax: expected "\*", or a capability such as "user.create"/);
  match(out[2] ?? "", /^version 1 {2}.+, in force$/);
  deepEqual([out[0], ...out.slice(3)], [
    "inventory",
    "    it is slow",
    '    *  {"concurrencyMax":5}',
  ]);
});
