import { deepEqual } from "node:assert/strict";
import { TaskerError } from "../core/errors.ts";
import { openCliHarness } from "../../tests/support/cli_harness.ts";
import { failureLines } from "./failure.ts";
import { noPaint } from "./format.ts";

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

Deno.test("a failure that names several faults shows each on its own line", () => {
  const what = "Cannot load the document: found 2 faults\n  a.yaml:1:1 name\n  a.yaml:2:1 version";
  const failure = { code: "definition.invalid", what, result: "r", action: "a", places: [] };

  deepEqual(failureLines(failure, noPaint), [
    "✗ Cannot load the document: found 2 faults",
    "    a.yaml:1:1 name",
    "    a.yaml:2:1 version",
    "  result:  r",
    "  you can: a",
  ]);
});
