import { deepEqual, equal, ok } from "node:assert/strict";
import { openCliHarness } from "../../tests/support/cli_harness.ts";
import type { Operation } from "../operations/operation.ts";
import { OPERATIONS } from "../operations/table.ts";

Deno.test("every operation that answers once can be called by its name, and has a help", async () => {
  const cli = openCliHarness();
  const { out } = await cli.say("call");

  for (const { name, longLived, path } of Object.values<Operation>(OPERATIONS)) {
    if (longLived === "stream") continue;
    ok(out.some((line) => line.startsWith(`call ${name} `)), name);
    const help = await cli.say("call", name, "--help");
    equal(help.code, 0);
    equal(help.out[0]?.includes("--id"), false, `${path}: what is in the path is an operand`);
  }
});

Deno.test("an operation without a renderer is shown with all its fields", async () => {
  const cli = openCliHarness();

  deepEqual((await cli.say("call", "getHealth")).out, [
    "ok       true",
    "node     node-1",
    "version  0.0.0",
    "now      2026-01-01 00:00:00 UTC",
    "checks   none",
  ]);
  deepEqual((await cli.say("keys")).out.slice(0, 1), [
    "ID                                    NAME    SCOPES                                            NAMESPACES" +
    "  SYSTEMS  CREATED AT",
  ]);
  equal((await cli.say("call", "getMetrics")).code, 0);
});

Deno.test("options are read as the schema of the operation says", async () => {
  const cli = openCliHarness();
  const steps = '{"*": {"timeoutMs": 5}}';

  const made = await cli.say(
    ...[
      "keys",
      "make",
      "--name",
      "ci",
      "--scopes",
      "read,write",
      "--namespaces",
      "orders",
      "--json",
    ],
  );
  await cli.say(
    ...["policies", "put", "orders/process", "--steps", steps, "--reason", "slow"],
    ...["--expected-version", "0"],
  );
  const policies = await cli.say("policies", "orders/process", "--json");
  await cli.say("start", "orders/process", "--deadline", "2m");
  const tasks = '[{"workflow":"orders/process","tags":["batch"]}]';
  await cli.say("call", "startTasks", "--tasks", tasks);

  deepEqual(JSON.parse(made.out[0] ?? "").scopes, ["read", "write"]);
  const [version] = JSON.parse(policies.out[0] ?? "").versions;
  deepEqual([version.version, version.steps], [1, { "*": { timeoutMs: 5 } }]);
  const [one, many] = cli.fake.engine.starts;
  deepEqual([one?.deadlineMs, many?.tags], [120_000, ["batch"]]);
});

Deno.test("an option that its operation cannot take is refused before anything is sent", async () => {
  const cli = openCliHarness();
  cli.isUp = false;

  const said = async (...words: string[]) => (await cli.say(...words)).err[0];
  deepEqual([
    await said("start", "orders/process", "--deadline", "soon"),
    await said("journal", "t", "--after-turn", "x"),
    await said("policies", "process"),
    await said("start", "process"),
    await said("list", "--since", "yesterday"),
    await said("list", "--limit", "0"),
    await said("keys", "make", "--name", "ci", "--scopes", "read,rite"),
    await said("keys", "make", "--name", "ci"),
    await said("call", "getTask"),
    await said("call", "getTsk", "t"),
  ], [
    '✗ Cannot read --deadline "soon": write it as `500ms`, `30s`, `5m`, `2h` or `30d`',
    '✗ Cannot read --after-turn "x": expected a whole number',
    '✗ Cannot read WORKFLOW "process": expected namespace/name',
    '✗ Cannot read WORKFLOW "process": expected namespace/name, of lower-case letters, digits, _ and -',
    '✗ Cannot read --since "yesterday": expected a time such as 2026-01-31T09:30:00Z',
    "✗ Cannot read --limit 0: expected a number from 1",
    '✗ Cannot read --scopes "rite": expected one of "read"|"write"|"operate"|"deploy"|"admin"|"events"|"bus"',
    '✗ Cannot run "keys make": --scopes is missing',
    '✗ Cannot run "call getTask": ID is missing',
    '✗ Cannot run "call getTsk": there is no such verb, did you mean "call getTask"?',
  ]);
});

Deno.test("start takes its input from a file named from where the command was typed", async () => {
  const cli = openCliHarness({
    env: { INIT_CWD: "/home/ada" },
    files: { "/home/ada/o.json": '{"id":7}' },
  });

  const { code, out } = await cli.say(
    ...["start", "orders/process", "--input", "@o.json", "--key", "A-1", "--tags", "vip,test"],
  );

  const [task] = await cli.fake.engine.tasks({ namespaces: undefined, limit: 1 });
  equal(code, 0);
  deepEqual(out, [
    `Task ${task?.taskId} of orders/process 1.0.0 is running`,
    `→ deno task tasker watch ${task?.taskId}`,
  ]);
  deepEqual([cli.fake.engine.starts[0]?.input, task?.tags], [{ id: 7 }, ["vip", "test"]]);
  deepEqual((await cli.say("start", "orders/process", "--input", "@no.json")).code, 2);
});

Deno.test("a verb whose answer takes long says what goes on, and takes that away at its end", async () => {
  const cli = openCliHarness();

  await cli.say("optimise", "orders/process");
  deepEqual(cli.statuses, [""], "it was answered at once");

  cli.isHung = true;
  const waits = cli.type("optimise", "orders/process");
  await cli.fake.runtime.advance(2_500);
  cli.interrupt.abort();
  await waits.catch(() => {});
  deepEqual(cli.statuses.slice(1), [
    "Reads what tasks did, and plays it again under each change … 1 s",
    "Reads what tasks did, and plays it again under each change … 2 s",
    "",
  ]);
});
