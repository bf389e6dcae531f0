import { deepEqual, match } from "node:assert/strict";
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

Deno.test("what a server advises is shown as it is typed here", async () => {
  const cli = openCliHarness();
  const id = await cli.fake.started();
  cli.fake.engine.refusal = new TaskerError("step.choice_invalid", "no");

  const { err } = await cli.say("skip", id, "reserve");

  match(err.at(-1) ?? "", /`deno task tasker show ID`/);
});

Deno.test("a start that its contract refuses says first that --input is missing", async () => {
  const cli = openCliHarness();
  const faults = ["input.id", "input.email"].map((path) => ({ path, code: "type", detail: "no" }));
  const refused = new TaskerError("contract.violation", "Cannot start", { faults });

  cli.fake.engine.refusal = refused;
  const { err } = await cli.say("start", "orders/process");
  cli.fake.engine.refusal = refused;
  const given = await cli.say("start", "orders/process", "--input", "{}");

  deepEqual(err, [
    '✗ Cannot start "orders/process": --input is missing, and its contract asks for id, email',
    "  result:  nothing was changed",
    "  you can: give --input JSON or --input @FILE; deno task tasker workflows orders/process " +
    "shows the contract",
  ]);
  deepEqual(given.err[0], "✗ Cannot start");
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
