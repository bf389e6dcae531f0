import { deepEqual, equal, match } from "node:assert/strict";
import { TaskerError } from "../core/errors.ts";
import { openCliHarness } from "../../tests/support/cli_harness.ts";

Deno.test("without a verb all verbs are shown, on stderr, as bad usage", async () => {
  const { code, out, err } = await openCliHarness().say();

  deepEqual([code, out.length], [2, 0]);
  deepEqual(err.filter(({ length }) => length > 100), []);
  deepEqual(err.join("\n").replaceAll(/\n {20,}/g, " ").split("\n"), [
    "deno task tasker VERB: start, watch and repair tasks",
    "",
    "  start WORKFLOW                    Starts a task; the same --key and input give the same task",
    "  list                              Lists tasks, newest first",
    "  show ID                           Shows a task, its steps and its journal",
    "  watch ID                          Follows a task until it ends or is blocked, and shows its results",
    "  journal ID                        Shows the events of a task's journal",
    "  replay ID                         Rebuilds a task from its journal, as it was after any turn",
    "  cancel ID                         Cancels a task; its running steps are asked to stop",
    "  pause ID                          Pauses a task: no step starts until it is resumed",
    "  resume ID                         Resumes a paused task",
    "  signal ID NAME                    Sends a signal; one that comes early is kept until the step waits for it",
    "  retry ID STEP                     Tries a parked step again at once",
    "  resolve ID STEP                   Ends a parked step with the given result",
    "  skip ID STEP                      Skips a step",
    "  choose ID STEP CHOICE             Decides how a parked step goes on; what comes of it is remembered",
    "  count                             Counts tasks by state: exactly up to 1,000, or how many there are at least",
    "  bulk ACTION                       Retries, resolves, skips, cancels, pauses or resumes all tasks of a filter, or chooses for them; without --yes it only counts them. Exit code 1 when one was refused",
    "  export [WHAT]                     Writes all tasks of a filter, or all events of their journals, as JSON lines or Parquet",
    "  fork ID STEP                      Starts a new task that takes the results of the steps before, and runs from this one",
    "  logs ID                           Lists what the code of a task's steps logged, by step and attempt",
    "  workflows [WORKFLOW]              Lists workflows, or shows one with its contracts and steps",
    "  compare WORKFLOW                  Says what a version of a workflow breaks for those who rely on another one; exit code 1 when something breaks",
    "  deploy FILE                       Deploys a manifest as a new version of its workflow, without a restart; exit code 1 when a dry run finds that it would be refused",
    "  workflows revert WORKFLOW         Lets starts take a version again that was deployed before; tasks keep theirs",
    "  workflows source WORKFLOW         Shows the document of a version that was deployed, with who deployed it and why",
    "  workflows history WORKFLOW        Lists what was deployed of a workflow and what was reverted, newest first",
    "  check FILE                        Says what is wrong with a workflow's file; exit code 1 when it would not be loaded",
    "  suggest FILE                      Says which step could come next in a manifest, and why",
    "  rehearse FILE                     Runs a manifest on a virtual clock, sending nothing: the good path, and each step failing; exit code 1 when something is wrong",
    "  generate DESCRIPTION              Proposes a workflow, or a change of one, for a description in plain language, for @FILE or for what is piped (-); exit code 1 when something is missing",
    "  systems                           Lists the owners of steps, with circuit and queue",
    "  system SYSTEM                     Shows what a system offers, and its instances",
    "  systems register SYSTEM INSTANCE  Registers an instance of a system, or renews its lease",
    "  systems remove SYSTEM INSTANCE    Ends an instance's lease: it gets no more steps, and is shown as gone for an hour",
    "  types                             Writes types of what systems are asked for, for workers in other languages",
    "  policies WORKFLOW                 Shows every version of a workflow's policy overlay, with author and reason",
    "  policies put WORKFLOW             Adds a version of a workflow's policy overlay, which replaces the one before",
    "  limits NAME                       Shows every version of a system's limits, with author and reason",
    "  limits put NAME                   Adds a version of a system's limits, which all nodes share; it replaces the one before",
    "  policies arms WORKFLOW            Says whether tasks that try the newest policy do better than the others",
    "  optimise WORKFLOW                 Says what the tasks of a workflow show that would make it faster or cheaper",
    "  whatif WORKFLOW                   Plays stored tasks again under a changed policy, and says what would have changed",
    "  diagnose ID                       Says what kind of failure stopped a task, where it began, and what helped before",
    "  stats [WORKFLOW]                  Shows how long tasks and steps wait and run, and how they end",
    "  stats systems                     Shows how systems answer in the last hour: attempts of all steps that name them, up to 10 s old",
    "  incidents [INCIDENT]              Lists incidents, or reports one: what, why, what was done, and its effect",
    "  proposals                         Lists what incidents propose or have changed",
    "  proposals show INCIDENT           Shows an incident: what, why, what was done, and its effect",
    "  proposals approve INCIDENT        Approves what an incident proposes and waits for",
    "  proposals reject INCIDENT         Rejects what an incident proposes: nothing is changed",
    "  proposals revert INCIDENT         Puts back what an incident has changed, or withdraws what it proposes",
    "  healing                           Shows how far the healer may go, with every version",
    "  healing put                       Sets how far the healer may go, and leaves what is not named as it is; unless the mode is `on`, what is not decided yet is taken back",
    "  keys                              Lists keys, without their secrets",
    "  keys own                          Shows the key that is used: its scopes, namespaces and systems",
    "  keys make                         Makes a key with at most the rights of the key that is used; it is shown once",
    "  keys remove ID                    Removes a key; other nodes stop accepting it within seconds",
    "  audit                             Lists calls that changed something, or tried to: who, what, and what came of it",
    "  sign-in                           Makes a link that signs one browser in, once, with the rights of the key that is used",
    "  webhooks                          Lists webhooks, with how their deliveries go",
    "  webhooks put NAME                 Makes a webhook, or changes it; all nodes follow within ten seconds",
    "  webhooks enable NAME              Sends events again, from now on",
    "  webhooks disable NAME             Sends no further events; what happens meanwhile is not sent later",
    "  webhooks remove NAME              Removes a webhook; deliveries that have begun go on",
    "  webhooks test NAME                Sends the event `webhook.test`, also while it is disabled",
    "  webhooks resend NAME              Sends deliveries again that were given up, newest first, under the ids that their receiver knows, to the URL of now",
    "  triggers                          Lists triggers: which events start tasks, or signal them",
    "  triggers put TRIGGER              Makes a trigger, or changes it; all nodes follow within two seconds",
    "  triggers enable TRIGGER           Takes events again, from now on",
    "  triggers disable TRIGGER          Takes no further events; they are not kept for it",
    "  triggers remove TRIGGER           Removes a trigger; tasks that it has started go on",
    "  events send FILE                  Sends the event in a JSON file, or a list of up to 100, to the triggers of a namespace; exit code 1 when something was refused",
    "  dead                              Lists dead letters, oldest first",
    "  dead show ID                      Shows a dead letter with its body",
    "  dead replay ID                    Puts a dead letter back into its channel",
    "  dead discard ID                   Discards a dead letter",
    "  dead replay-many SYSTEM           Puts dead letters of a system back into their channels",
    "  dead discard-many SYSTEM          Discards dead letters of a system",
    "  nodes                             Lists the nodes that share the work of the database: their versions, since when",
    "  import FILE                       Makes a manifest of a workflow of an older Tasker: import old.yaml > workflows/new.yaml",
    "  doctor                            Checks address, key, versions and every part of the server",
    "  call                              Lists all operations of the API; `call OPERATION` sends one",
    "",
    "Every verb takes --json, and --help for its options. JSON|@file is JSON, or a file with it.",
    "Exit codes: 0 done, 1 failed, 2 bad usage; of a watch also 3, the task is blocked and waits",
    "for a person, and 4, the time of --timeout has passed.",
    "The address and the key come from TASKER_URL and TASKER_KEY, or from the files that a server",
    "leaves in TASKER_DATA (default: .tasker).",
  ]);
});

Deno.test("help that was asked for goes to stdout, and is not a failure", async () => {
  const cli = openCliHarness();

  equal((await cli.say("--help")).code, 0);
  deepEqual(await cli.say("skip", "--help"), {
    code: 0,
    out: [
      "deno task tasker skip ID STEP [--by BY] [--reason REASON] [--result JSON|@file] [--key KEY]",
      "    [--json]",
      "",
      "Skips a step",
      "",
      "  --by BY              Who decides; the name of the key unless given",
      "  --reason REASON      Why, for the journal",
      "  --result JSON|@file  Required if a later step needs it",
      "  --key KEY            Names this command: a repeat changes nothing",
      "  --json               Prints JSON for programs",
      "  --help               Shows this text",
    ],
    err: [],
  });
});

Deno.test("arguments that cannot be read are bad usage, shown with the usage of the verb", async () => {
  const cli = openCliHarness();

  deepEqual(await cli.say("shwo"), {
    code: 2,
    out: [],
    err: [
      '✗ Cannot run "shwo": there is no such verb, did you mean "show"?',
      "  usage: deno task tasker help",
    ],
  });
  deepEqual((await cli.say("list", "--stat", "failed")).err, [
    '✗ Cannot read "--stat": list has no such option, did you mean "--state"?',
    "  usage: deno task tasker list [--workflow WORKFLOW] [--version VERSION] [--state STATE,STATE]",
    "    [--tag TAG,TAG] [--where WHERE,WHERE] [--failed-step FAILED-STEP]",
    "    [--error-class ERROR-CLASS] [--error-code ERROR-CODE] [--needs NEED,NEED] [--priority N]",
    "    [--fork-of FORK-OF] [--since TIME] [--until TIME] [--ended-since TIME] [--ended-until TIME]",
    "    [--limit N] [--json]",
  ]);
  deepEqual((await cli.say("start", "orders/process", "--input", "{id: 1}")).err.slice(0, 1), [
    `✗ Cannot read --input: it is not valid JSON at line 1, column 2; put it in quotes: --input '{"id": 1}'`,
  ]);
  const { code, err } = await cli.say("list", "--state", "done", "--json");
  equal(code, 2);
  equal(
    JSON.parse(err[0] ?? "").what,
    'Cannot read --state "done": expected one of "running"|"waiting"|"blocked"|"paused"|"completed"|"failed"|"cancelled"',
  );
});

Deno.test("a failure says what happened, what came of it and what a person can do", async () => {
  const cli = openCliHarness();

  deepEqual(await cli.say("show", "abc"), {
    code: 1,
    out: [],
    err: [
      '✗ Cannot read task id "abc": it is not a UUIDv7',
      "  result:  nothing was changed",
      "  you can: run deno task tasker list to see task ids",
    ],
  });
  deepEqual((await cli.say("show", "abc", "--json")).err.map((line) => JSON.parse(line)), [{
    code: "task.id_invalid",
    what: 'Cannot read task id "abc": it is not a UUIDv7',
    result: "nothing was changed",
    action: "run deno task tasker list to see task ids",
    places: [],
  }]);
});

Deno.test("a server that cannot be reached is asked again for a while, then reported", async () => {
  const cli = openCliHarness();
  cli.isUp = false;

  deepEqual(await cli.say("list"), {
    code: 1,
    out: [],
    err: [
      "✗ Cannot reach http://tasker.test: refused",
      "  result:  no task is lost: all are stored, and go on when a server runs",
      "  you can: start a server with `deno task serve`, or set TASKER_URL; deno task tasker doctor checks both",
    ],
  });
});

Deno.test("a write without an answer is not reported as having changed nothing", async () => {
  const cli = openCliHarness();
  cli.isUp = false;
  const resultOf = async (...words: string[]) => (await cli.say(...words)).err[1];

  equal(
    await resultOf("dead"),
    "  result:  no task is lost: all are stored, and go on when a server runs",
  );
  for (const words of [["dead", "discard", "d1"], ["cancel", "t"]]) {
    equal(
      await resultOf(...words),
      "  result:  the server may have carried it out; no task is lost",
    );
  }
});

Deno.test("a start that may have happened is reported with the key that repeats it", async () => {
  const cli = openCliHarness();
  cli.isUp = false;

  deepEqual((await cli.say("start", "orders/process", "--key", "A-1")).err.slice(1), [
    "  result:  the server may have carried it out; no task is lost",
    "  you can: check that a server runs, then repeat the command with --key A-1: it is carried out once",
  ]);
});

Deno.test("without address or key nothing is sent, and it is said where they were looked for", async () => {
  const lost = openCliHarness({ env: { TASKER_DATA: "/nowhere" } });
  const keyless = openCliHarness({ env: { TASKER_URL: "http://tasker.example" } });

  deepEqual(await lost.say("list"), {
    code: 1,
    out: [],
    err: [
      "✗ Cannot find a server: TASKER_URL is not set, and there is no file /nowhere/address",
      "  result:  nothing was sent",
      "  you can: start a server here with `deno task serve`, or set TASKER_URL",
    ],
  });
  match((await keyless.say("list")).err[0] ?? "", /^✗ Cannot find a key: TASKER_KEY is not set/);
});

Deno.test("show draws a task, its steps and its journal", async () => {
  const cli = openCliHarness();
  const id = await cli.fake.started();
  const atMs = cli.fake.runtime.now();
  const first = { atMs, step: 0, attempt: 1 };
  cli.fake.engine.commit(
    id,
    { kind: "StepStarted", ...first, waitedMs: 2, policyVersion: 0, dueAtMs: atMs + 30_000 },
  );

  deepEqual(await cli.say("show", id), {
    code: 0,
    out: [
      `orders/process 1.0.0  ${id}`,
      "● running  0 of 3 steps ended · started 0 ms ago",
      "",
      "● validate    running  orders     attempt 1/3  for 0 ms, times out in 30.0 s",
      "├ ○ reserve   pending  inventory",
      "└ ○ approval  pending  orders",
      "",
      "journal, 2026-01-01 UTC",
      '1.1  00:00:00.000  TaskStarted            input {"id":1}',
      "2.1  00:00:00.000  StepStarted  validate  attempt 1 · waited 2 ms · due at 00:00:30.000",
    ],
    err: [],
  });
  const { out } = await cli.say("show", id, "--json");
  const { id: shown, state, steps, events } = JSON.parse(out[0] ?? "");
  deepEqual([out.length, shown, state, steps.length, events.length], [1, id, "running", 3, 2]);
});

Deno.test("list draws tasks, newest first, and says when there are more", async () => {
  const cli = openCliHarness();
  const older = await cli.fake.started();
  await cli.fake.runtime.advance(60_000);
  const body = { workflow: "billing/bill", input: 1, tags: ["vip"] };
  const newer = await cli.fake.started({ body });

  deepEqual((await cli.say("list")).out, [
    `ID                                    STATE      WORKFLOW              CREATED (UTC)`,
    `${newer}  ● running  billing/bill 1.0.0    2026-01-01 00:01:00  vip`,
    `${older}  ● running  orders/process 1.0.0  2026-01-01 00:00:00`,
  ]);
  equal((await cli.say("list", "--limit", "1")).out.at(-1), "… there are more: --limit 4");
  deepEqual((await cli.say("list", "--tag", "nobody")).out, [
    "no tasks; see which can be started: deno task tasker workflows",
  ]);
  deepEqual(JSON.parse((await cli.say("list", "--json")).out[0] ?? "").length, 2);
});

Deno.test("operator actions are sent to the task, and reported", async () => {
  const cli = openCliHarness();
  const id = await cli.fake.started();

  deepEqual([
    ...(await cli.say("pause", id, "--by", "ada", "--reason", "look")).out,
    ...(await cli.say("resume", id)).out,
    ...(await cli.say("cancel", id)).out,
    ...(await cli.say("signal", id, "approval", "--payload", "{}")).out,
    ...(await cli.say("retry", id, "reserve")).out,
    ...(await cli.say("resolve", id, "reserve", "--result", "7")).out,
    ...(await cli.say("skip", id, "reserve")).out,
  ], [
    `Task ${id} is paused (turn 1)`,
    `Task ${id} goes on (turn 1)`,
    `Task ${id} is being cancelled (turn 1)`,
    `Task ${id} received signal approval (turn 1)`,
    `Step reserve of task ${id} is tried again (turn 1)`,
    `Step reserve of task ${id} is resolved (turn 1)`,
    `Step reserve of task ${id} is skipped (turn 1)`,
  ]);
  deepEqual(cli.fake.engine.commands.map(({ kind }) => kind), [
    "PauseTask",
    "ResumeTask",
    "CancelTask",
    "SendSignal",
    "RetryStep",
    "ResolveStep",
    "SkipStep",
  ]);
  deepEqual(JSON.parse((await cli.say("pause", id, "--json")).out[0] ?? ""), {
    id,
    turn: 1,
    changed: true,
  });
});

Deno.test("an action that the task refuses is reported as having changed nothing", async () => {
  const cli = openCliHarness();
  const id = await cli.fake.started();
  cli.fake.engine.refusal = new TaskerError("task.ended", "Cannot cancel: it has ended");

  deepEqual(await cli.say("cancel", id), {
    code: 1,
    out: [],
    err: [
      "✗ Cannot cancel: it has ended",
      "  result:  nothing was changed",
      `  you can: run deno task tasker show ${id} to see how it ended`,
    ],
  });
});

Deno.test("workflows draws the list, and one with its steps", async () => {
  const cli = openCliHarness();

  deepEqual((await cli.say("workflows")).out, [
    "WORKFLOW        STEPS  VERSIONS (highest first)  DEFINED BY",
    "billing/bill    3      1.0.0                     not loaded here",
    "orders/process  3      1.0.0                     not loaded here",
  ]);
  deepEqual((await cli.say("workflows", "orders/process")).out, [
    "orders/process 1.0.0  hash0",
    "input  {}",
    "",
    "validate    local   orders",
    "├ reserve   remote  inventory  inventory.reserve",
    "└ approval  signal  orders     payload {}",
  ]);
  deepEqual((await cli.say("workflows", "process")).err, [
    '✗ Cannot show workflow "process": no workflow of that name is loaded',
    "  result:  nothing was changed",
    "  you can: run deno task tasker workflows orders/process",
  ]);
});

Deno.test("replay rebuilds the task up to any turn", async () => {
  const cli = openCliHarness();
  const id = await cli.fake.started();
  const atMs = cli.fake.runtime.now();
  cli.fake.engine.commit(id, { kind: "TaskPaused", atMs, by: "ada", reason: "" });
  cli.fake.engine.commit(id, { kind: "TaskResumed", atMs, by: "ada", reason: "" });

  deepEqual((await cli.say("replay", id, "--at", "2")).out, [
    `orders/process 1.0.0  ${id}`,
    "‖ paused  0 of 3 steps ended · started 0 ms ago",
    "",
    "○ validate    pending  orders",
    "├ ○ reserve   pending  inventory",
    "└ ○ approval  pending  orders",
    "",
    "rebuilt from 2 events, turns 1 to 2 of 3; turn 2:",
    "2.1  00:00:00.000  TaskPaused    by ada",
  ]);
  equal(JSON.parse((await cli.say("replay", id, "--json")).out[0] ?? "").state, "running");
  const { code, err } = await cli.say("replay", id, "--at", "9");
  deepEqual([code, err[0]], [2, "✗ Cannot replay to turn 9: the journal ends at 3"]);
});

Deno.test("colours are for terminals alone, and off with NO_COLOR", async () => {
  const size = { columns: 80, rows: 24 };
  const first = async (options: Parameters<typeof openCliHarness>[0], ...more: string[]) =>
    (await openCliHarness(options).say("systems", ...more)).out[0];

  equal(
    await first({ size }),
    "\x1b[2mSYSTEM\x1b[22m     \x1b[2mKIND\x1b[22m    \x1b[2mSTATE\x1b[22m" +
      "   \x1b[2mINSTANCES\x1b[22m  \x1b[2mQUEUED\x1b[22m  \x1b[2mWORKFLOWS\x1b[22m",
  );
  equal(
    await first({ size, env: { NO_COLOR: "1" } }),
    "SYSTEM     KIND    STATE   INSTANCES  QUEUED  WORKFLOWS",
  );
  equal(await first({}), "SYSTEM     KIND    STATE   INSTANCES  QUEUED  WORKFLOWS");
});
