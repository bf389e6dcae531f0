import { deepEqual, equal, match } from "node:assert/strict";
import { TaskerError } from "../core/errors.ts";
import { openCliHarness } from "./_cli_harness.ts";

Deno.test("without a verb all verbs are shown, on stderr, as bad usage", async () => {
  const { code, out, err } = await openCliHarness().say();

  deepEqual([code, out.length], [2, 0]);
  deepEqual(err, [
    "deno task tasker VERB: start, watch and fix tasks",
    "",
    "  start WORKFLOW              Starts a task; the same --key and input give the same task",
    "  show ID                     Shows a task, its steps and its journal",
    "  list                        Lists tasks, newest first; 50 unless --limit says more",
    "  watch ID                    Follows a task until it ends or is blocked, and shows its results",
    "  cancel ID                   Cancels a task; its running steps are told",
    "  pause ID                    Lets no step of a task start until it is resumed",
    "  resume ID                   Lets a paused task go on",
    "  retry ID STEP               Tries a parked step again, at once",
    "  skip ID STEP                Goes on without a step; a later one that needs it asks for --result",
    "  resolve ID STEP             Gives a parked step its result, checked against its contract",
    "  signal ID NAME              Sends a signal; one that comes early is kept",
    "  workflows [NAME]            Lists workflows, or shows one with its contracts and steps",
    "  systems                     Lists owners of steps, with circuit and queue",
    "  dead [replay|discard] [ID]  Lists dead letters, puts one back into its channel, or discards it",
    "  replay ID                   Folds a task's journal here and shows it as it was after turn --at",
    "  doctor                      Checks address, key, versions and every part of the server",
    "",
    "Each takes --json, and --help for its options. Exit codes: 0 done, 1 failed, 2 bad usage;",
    "of a watch also 3: the task is blocked and waits for a person, and 4: --timeout is over.",
    "Address and key come from TASKER_URL and TASKER_KEY, else from what a server left in",
    "TASKER_DATA (.tasker).",
  ]);
});

Deno.test("who asks for help gets it on stdout, and it is no failure", async () => {
  const desk = openCliHarness();

  equal((await desk.say("--help")).code, 0);
  deepEqual(await desk.say("skip", "--help"), {
    code: 0,
    out: [
      "deno task tasker skip ID STEP [--result JSON|@file] [--by TEXT] [--reason TEXT] [--json]",
      "",
      "Goes on without a step; a later one that needs it asks for --result",
    ],
    err: [],
  });
});

Deno.test("what cannot be read is bad usage, with the usage of its verb", async () => {
  const desk = openCliHarness();

  deepEqual(await desk.say("shwo"), {
    code: 2,
    out: [],
    err: [
      '✗ Cannot do "shwo": there is no such verb, did you mean "show"?',
      "  usage: deno task tasker help",
    ],
  });
  deepEqual((await desk.say("list", "--stat", "failed")).err, [
    '✗ Cannot read "--stat": list has no such option, did you mean "--state"?',
    "  usage: deno task tasker list [--state S] [--workflow WORKFLOW] [--tag TAG] [--limit N] [--json]",
  ]);
  deepEqual((await desk.say("start", "orders/process", "--input", "{id: 1}")).err.slice(0, 1), [
    `✗ Cannot read --input: it is no JSON; put it in quotes: --input '{"id": 1}'`,
  ]);
  const { code, err } = await desk.say("list", "--state", "done", "--json");
  equal(code, 2);
  equal(
    JSON.parse(err[0] ?? "").what,
    'Cannot list state "done": it is none of running, waiting, blocked, paused, completed, failed, cancelled',
  );
});

Deno.test("a failure says what happened, what comes next and what a person can do", async () => {
  const desk = openCliHarness();

  deepEqual(await desk.say("show", "abc"), {
    code: 1,
    out: [],
    err: [
      '✗ Cannot read task id "abc": it is no UUIDv7',
      "  next:    nothing was changed",
      "  you can: see deno task tasker list for ids",
    ],
  });
  deepEqual((await desk.say("show", "abc", "--json")).err.map((line) => JSON.parse(line)), [{
    code: "task.id_invalid",
    what: 'Cannot read task id "abc": it is no UUIDv7',
    next: "nothing was changed",
    action: "see deno task tasker list for ids",
    places: [],
  }]);
});

Deno.test("a server that cannot be reached is asked again for a while, then told", async () => {
  const desk = openCliHarness();
  desk.isUp = false;

  deepEqual(await desk.say("list"), {
    code: 1,
    out: [],
    err: [
      "✗ Cannot reach http://tasker.test: refused",
      "  next:    tasks lose nothing: they wait in the journal until a server runs",
      "  you can: start a server with `deno task serve`, or set TASKER_URL; deno task tasker doctor",
    ],
  });
});

Deno.test("a write whose answer never came is not said to have changed nothing", async () => {
  const desk = openCliHarness();
  desk.isUp = false;
  const next = async (...words: string[]) => (await desk.say(...words)).err[1];

  equal(
    await next("dead"),
    "  next:    tasks lose nothing: they wait in the journal until a server runs",
  );
  for (const words of [["dead", "discard", "d1"], ["cancel", "t"]]) {
    equal(
      await next(...words),
      "  next:    it is not known whether the server took it; tasks lose nothing",
    );
  }
});

Deno.test("a start that may have happened is told with the key that repeats it", async () => {
  const desk = openCliHarness();
  desk.isUp = false;

  deepEqual((await desk.say("start", "orders/process", "--key", "A-1")).err.slice(1), [
    "  next:    it is not known whether the task was started",
    "  you can: see that a server runs, then send the same again with --key A-1: it starts once",
  ]);
});

Deno.test("without address or key nothing is sent, and it is said where they were looked for", async () => {
  const lost = openCliHarness({ env: { TASKER_DATA: "/nowhere" } });
  const keyless = openCliHarness({ env: { TASKER_URL: "http://tasker.example" } });

  deepEqual(await lost.say("list"), {
    code: 1,
    out: [],
    err: [
      "✗ Cannot find a server: TASKER_URL is not set, and /nowhere/address is not there",
      "  next:    nothing was sent",
      "  you can: start a server here with `deno task serve`, or set TASKER_URL",
    ],
  });
  match((await keyless.say("list")).err[0] ?? "", /^✗ Cannot find a key: TASKER_KEY is not set/);
});

Deno.test("start says which task it is, with the input out of a file beside the typist", async () => {
  const desk = openCliHarness({
    env: { INIT_CWD: "/home/ada" },
    files: { "/home/ada/o.json": '{"id":7}' },
  });

  const { code, out } = await desk.say(
    ...["start", "orders/process", "--input", "@o.json", "--key", "A-1", "--tags", "vip,test"],
  );

  const [task] = await desk.world.engine.tasks({ namespaces: undefined, limit: 1 });
  equal(code, 0);
  deepEqual(out, [
    `Task ${task?.taskId} of orders/process 1.0.0 is running`,
    `→ deno task tasker watch ${task?.taskId}`,
  ]);
  deepEqual([desk.world.engine.starts[0]?.input, task?.tags], [{ id: 7 }, ["vip", "test"]]);
  deepEqual((await desk.say("start", "orders/process", "--input", "@no.json")).code, 2);
});

Deno.test("show draws a task, its steps and its journal", async () => {
  const desk = openCliHarness();
  const id = await desk.world.started();
  const atMs = desk.world.runtime.now();
  const first = { atMs, step: 0, attempt: 1 };
  desk.world.engine.commit(
    id,
    { kind: "StepStarted", ...first, waitedMs: 2, policyVersion: 0, dueAtMs: atMs + 30_000 },
  );

  deepEqual(await desk.say("show", id), {
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
  const { out } = await desk.say("show", id, "--json");
  const { id: shown, state, steps, events } = JSON.parse(out[0] ?? "");
  deepEqual([out.length, shown, state, steps.length, events.length], [1, id, "running", 3, 2]);
});

Deno.test("list draws tasks, newest first, and says when there are more", async () => {
  const desk = openCliHarness();
  const older = await desk.world.started();
  await desk.world.runtime.advance(60_000);
  const body = { workflow: "billing/bill", input: 1, tags: ["vip"] };
  const newer = await desk.world.started({ body });

  deepEqual((await desk.say("list")).out, [
    `ID                                    STATE      WORKFLOW              CREATED (UTC)`,
    `${newer}  ● running  billing/bill 1.0.0    2026-01-01 00:01:00  vip`,
    `${older}  ● running  orders/process 1.0.0  2026-01-01 00:00:00`,
  ]);
  equal((await desk.say("list", "--limit", "1")).out.at(-1), "… and more: --limit 4");
  deepEqual((await desk.say("list", "--tag", "nobody")).out, [
    "no tasks; start one: deno task tasker start WORKFLOW --input JSON",
  ]);
  deepEqual(JSON.parse((await desk.say("list", "--json")).out[0] ?? "").length, 2);
});

Deno.test("hands do what they say, and say what they did", async () => {
  const desk = openCliHarness();
  const id = await desk.world.started();

  deepEqual([
    ...(await desk.say("pause", id, "--by", "ada", "--reason", "look")).out,
    ...(await desk.say("resume", id)).out,
    ...(await desk.say("cancel", id)).out,
    ...(await desk.say("signal", id, "approval", "--payload", "{}")).out,
    ...(await desk.say("retry", id, "reserve")).out,
    ...(await desk.say("resolve", id, "reserve", "--result", "7")).out,
    ...(await desk.say("skip", id, "reserve")).out,
  ], [
    `Task ${id} is paused (turn 1)`,
    `Task ${id} goes on (turn 1)`,
    `Task ${id} is told to cancel (turn 1)`,
    `Task ${id} has got signal approval (turn 1)`,
    `Step reserve of task ${id} is tried again (turn 1)`,
    `Step reserve of task ${id} is resolved (turn 1)`,
    `Step reserve of task ${id} is skipped (turn 1)`,
  ]);
  deepEqual(desk.world.engine.commands.map(({ kind }) => kind), [
    "PauseTask",
    "ResumeTask",
    "CancelTask",
    "SendSignal",
    "RetryStep",
    "ResolveStep",
    "SkipStep",
  ]);
  deepEqual(JSON.parse((await desk.say("pause", id, "--json")).out[0] ?? ""), {
    id,
    turn: 1,
    changed: true,
  });
});

Deno.test("a hand that the task refuses changes nothing, and says so", async () => {
  const desk = openCliHarness();
  const id = await desk.world.started();
  desk.world.engine.refusal = new TaskerError("task.ended", "Cannot cancel: it has ended");

  deepEqual(await desk.say("cancel", id), {
    code: 1,
    out: [],
    err: [
      "✗ Cannot cancel: it has ended",
      "  next:    nothing was changed",
      "  you can: see how it ended: deno task tasker show ID",
    ],
  });
});

Deno.test("workflows draws the list, and one with its steps", async () => {
  const desk = openCliHarness();

  deepEqual((await desk.say("workflows")).out, [
    "WORKFLOW        STEPS  VERSIONS (highest first)",
    "billing/bill    3      1.0.0",
    "orders/process  3      1.0.0",
  ]);
  deepEqual((await desk.say("workflows", "orders/process")).out, [
    "orders/process 1.0.0  hash0",
    "input  {}",
    "",
    "validate    local   orders",
    "├ reserve   remote  inventory  inventory.reserve",
    "└ approval  signal  orders     payload {}",
  ]);
  deepEqual((await desk.say("workflows", "process")).err, [
    '✗ Cannot show workflow "process": it is not loaded',
    "  next:    nothing was changed",
    "  you can: try deno task tasker workflows orders/process",
  ]);
});

Deno.test("systems draws owners with circuit and queue", async () => {
  deepEqual((await openCliHarness().say("systems")).out, [
    "SYSTEM     KIND    CIRCUIT  QUEUED  WORKFLOWS",
    "inventory  remote  closed   3       orders/process, billing/bill",
  ]);
});

Deno.test("systems says of which no worker has ever come", async () => {
  const shipper = { name: "shipper", kind: "remote", workflows: ["a/b"], queued: 0 } as const;
  const systems = () =>
    Promise.resolve([{ ...shipper, circuit: "closed" as const, hasWorker: false }]);

  deepEqual((await openCliHarness({ parts: { systems } }).say("systems")).out, [
    "SYSTEM   KIND    CIRCUIT        QUEUED  WORKFLOWS",
    "shipper  remote  no worker yet  0       a/b",
  ]);
});

Deno.test("dead draws dead letters, replays and discards them", async () => {
  const desk = openCliHarness();
  const letter = { channel: "t.reply.x", reason: "no \x1b[2Jtoken", body: "{}", atMs: 0 };
  desk.world.letters.push({ id: "d1", ...letter }, { id: "d2", ...letter });

  deepEqual((await desk.say("dead")).out, [
    "ID  AT (UTC)             CHANNEL    REASON",
    "d1  1970-01-01 00:00:00  t.reply.x  no �[2Jtoken",
    "d2  1970-01-01 00:00:00  t.reply.x  no �[2Jtoken",
    "→ deno task tasker dead replay|discard ID; --json shows their bodies",
  ]);
  deepEqual((await desk.say("dead", "replay", "d1")).out, ["Dead letter d1 is back in t.reply.x"]);
  deepEqual((await desk.say("dead", "discard", "d2")).out, ["Dead letter d2 is gone"]);
  deepEqual((await desk.say("dead")).out, ["no dead letters"]);
  deepEqual((await desk.say("dead", "bury", "d1")).err, [
    '✗ Cannot "bury" a dead letter: expected replay or discard',
    "  usage: deno task tasker dead [replay|discard] [ID] [--json]",
  ]);
});

Deno.test("replay folds the journal up to any turn", async () => {
  const desk = openCliHarness();
  const id = await desk.world.started();
  const atMs = desk.world.runtime.now();
  desk.world.engine.commit(id, { kind: "TaskPaused", atMs, by: "ada", reason: "" });
  desk.world.engine.commit(id, { kind: "TaskResumed", atMs, by: "ada", reason: "" });

  deepEqual((await desk.say("replay", id, "--at", "2")).out, [
    `orders/process 1.0.0  ${id}`,
    "‖ paused  0 of 3 steps ended · started 0 ms ago",
    "",
    "○ validate    pending  orders",
    "├ ○ reserve   pending  inventory",
    "└ ○ approval  pending  orders",
    "",
    "folded from 2 events, turns 1 to 2 of 3; turn 2:",
    "2.1  00:00:00.000  TaskPaused    by ada",
  ]);
  equal(JSON.parse((await desk.say("replay", id, "--json")).out[0] ?? "").state, "running");
  const { code, err } = await desk.say("replay", id, "--at", "9");
  deepEqual([code, err[0]], [2, "✗ Cannot replay to turn 9: the journal ends at 3"]);
});

Deno.test("colours are for terminals alone, and off with NO_COLOR", async () => {
  const size = { columns: 80, rows: 24 };
  const first = async (options: Parameters<typeof openCliHarness>[0], ...more: string[]) =>
    (await openCliHarness(options).say("systems", ...more)).out[0];

  equal(
    await first({ size }),
    "\x1b[2mSYSTEM\x1b[0m     \x1b[2mKIND\x1b[0m    \x1b[2mCIRCUIT\x1b[0m" +
      "  \x1b[2mQUEUED\x1b[0m  \x1b[2mWORKFLOWS\x1b[0m",
  );
  equal(
    await first({ size, env: { NO_COLOR: "1" } }),
    "SYSTEM     KIND    CIRCUIT  QUEUED  WORKFLOWS",
  );
  equal(await first({}), "SYSTEM     KIND    CIRCUIT  QUEUED  WORKFLOWS");
});
