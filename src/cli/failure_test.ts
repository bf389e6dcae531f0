import { deepEqual } from "node:assert/strict";
import { TaskerError } from "../core/errors.ts";
import { openCliHarness } from "../../tests/support/cli_harness.ts";

Deno.test("an action whose node cannot reach Postgres is reported with the key that repeats it", async () => {
  const cli = openCliHarness();
  const id = await cli.fake.started();
  const away = new TaskerError("journal.unavailable", "away");
  Object.defineProperty(cli.fake.engine, "refusal", { get: () => away, set: () => {} });

  deepEqual((await cli.say("cancel", id, "--key", "A-1")).err.slice(1), [
    "  result:  the server may have carried it out; no task is lost",
    "  you can: check that a server runs, then repeat the command with --key A-1: it is carried out once",
  ]);
});
