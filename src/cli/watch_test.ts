import { deepEqual, equal, ok } from "node:assert/strict";
import type { Event } from "../core/event.ts";
import type { TaskId } from "../core/ids.ts";
import { encodePayload } from "../core/payload.ts";
import { type CliHarness, openCliHarness } from "../../tests/support/cli_harness.ts";

const SIZE = { columns: 60, rows: 20 };

function start(cli: CliHarness, id: TaskId, step: number): void {
  const atMs = cli.fake.runtime.now();
  const common = { atMs, step, attempt: 1 };
  cli.fake.engine.commit(id, { kind: "StepStarted", ...common, waitedMs: 0, policyVersion: 0 });
}

function complete(cli: CliHarness, id: TaskId, step: number, ...more: Event[]): void {
  const atMs = cli.fake.runtime.now();
  const result = encodePayload(step, "result");
  cli.fake.engine.commit(
    id,
    { kind: "StepCompleted", atMs, step, attempt: 1, ranMs: 5, result },
    ...more,
  );
}

function end(cli: CliHarness, kind: "completed" | "failed"): Event {
  return { kind: "TaskEnded", atMs: cli.fake.runtime.now(), end: kind };
}

/** The last picture, without what moves the cursor. */
function picture({ raw }: CliHarness): string[] {
  const drawn = raw.filter((text) => text.includes("\n")).at(-1) ?? "";
  // deno-lint-ignore no-control-regex -- escape sequences begin with one
  return drawn.replaceAll(/\x1b\[\d*[A-Z]|\r/g, "").split("\n").slice(0, -1);
}

Deno.test("watch prints one line a change where there is no terminal, to the end", async () => {
  const cli = openCliHarness();
  const id = await cli.fake.started();
  const watching = cli.type("watch", id);
  await cli.fake.runtime.settle();

  start(cli, id, 0);
  const parked = {
    atMs: cli.fake.runtime.now(),
    step: 0,
    attempt: 1,
    ranMs: 5,
    policyVersion: 0,
  };
  const choices = ["retry", "skip"] as const;
  cli.fake.engine.commit(
    id,
    { kind: "StepParked", ...parked, reason: "attempts_exhausted", choices },
  );
  cli.fake.engine.commit(id, end(cli, "failed"));
  await cli.fake.runtime.settle();

  deepEqual({ code: await watching, out: cli.out, err: cli.err }, {
    code: 1,
    out: [
      '1.1     00:00:00.000  TaskStarted        input {"id":1}',
      "2.1     00:00:00.000  StepStarted        validate  attempt 1 · waited 0 ms",
      "3.1     00:00:00.000  StepParked         validate  attempt 1 · ran 5 ms · reason attempts_exhausted · choices retry, skip",
      `    → deno task tasker retry ${id} validate`,
      `    → deno task tasker skip ${id} validate`,
      "4.1     00:00:00.000  TaskEnded          end failed",
    ],
    err: [],
  });
});

Deno.test("watch warns once of what a task waits for, and says what to do about it", async () => {
  const cli = openCliHarness();
  const { residents } = cli.fake.deps;
  const id = await cli.fake.started();
  const peek = residents.peek.bind(residents);
  residents.peek = (taskId) => {
    const task = peek(taskId);
    return task &&
      { ...task, row: { state: "waiting", blockedReason: 'step "reserve": no_worker' } };
  };
  const watching = cli.type("watch", id);
  await cli.fake.runtime.settle();
  start(cli, id, 0);
  await cli.fake.runtime.settle();

  deepEqual(cli.err, [
    'waiting: step "reserve": no_worker\n  → start a worker of inventory: deno task tasker systems',
  ]);
  residents.peek = peek;
  cli.fake.engine.commit(id, end(cli, "completed"));
  await cli.fake.runtime.settle();
  equal(await watching, 0);
});

Deno.test("watch --json prints one event a line, and exits with 0 when the task completed", async () => {
  const cli = openCliHarness({ size: SIZE });
  const id = await cli.fake.started();
  cli.fake.engine.commit(id, end(cli, "completed"));

  const { code, out } = await cli.say("watch", id, "--json");

  equal(code, 0);
  deepEqual(out.map((line) => JSON.parse(line).kind), ["TaskStarted", "TaskEnded"]);
});

Deno.test("watch draws the tree over and over in a terminal, and leaves the last one", async () => {
  const cli = openCliHarness({ size: SIZE, env: { NO_COLOR: "1" } });
  const id = await cli.fake.started();
  start(cli, id, 0);
  const watching = cli.type("watch", id);
  await cli.fake.runtime.advance(500); // the first tick

  deepEqual(picture(cli), [
    `orders/process 1.0.0  ${id}`,
    "● running  0 of 3 steps ended · started 500 ms ago",
    "",
    "● validate    running  orders     attempt 1/3  for 500 ms",
    "├ ○ reserve   pending  inventory",
    "└ ○ approval  pending  orders",
    "",
    "░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░ 0/3",
    "Ctrl-C stops watching; the task goes on",
  ]);

  complete(cli, id, 0);
  await cli.fake.runtime.advance(100);
  deepEqual(picture(cli).slice(3, 4).concat(picture(cli).slice(7, 8)), [
    "✓ validate    completed  orders     attempt 1/3  500 ms",
    "██████████░░░░░░░░░░░░░░░░░░░░ 1/3",
  ]);

  cli.fake.engine.commit(id, end(cli, "failed"));
  await cli.fake.runtime.advance(100);
  equal(await watching, 1);
  deepEqual(picture(cli), [
    `orders/process 1.0.0  ${id}`,
    "✗ failed  1 of 3 steps ended · took 600 ms, ended 2026-01-0…",
    "",
    "✓ validate    completed  orders     attempt 1/3  500 ms",
    "├ ○ reserve   pending    inventory",
    "└ ○ approval  pending    orders",
  ]);
  ok(cli.raw.join("").endsWith("\x1b[?25h"), "the cursor is back");
});

Deno.test("watch outlives its server, and says that it is gone", async () => {
  const cli = openCliHarness({ size: SIZE, env: { NO_COLOR: "1" } });
  const id = await cli.fake.started();
  const watching = cli.type("watch", id);
  await cli.fake.runtime.advance(500);

  cli.isUp = false;
  await cli.fake.runtime.advance(60_000);
  equal(
    picture(cli).at(-1)?.startsWith("Tasker cannot be reached; trying again in "),
    true,
    picture(cli).at(-1),
  );

  cli.isUp = true;
  cli.fake.engine.commit(id, end(cli, "completed"));
  await cli.fake.runtime.advance(10_000);
  equal(await watching, 0);
});

Deno.test("Ctrl-C leaves the watch, gives the cursor back, and the task goes on", async () => {
  const cli = openCliHarness({ size: SIZE });
  const id = await cli.fake.started();
  const watching = cli.type("watch", id);
  await cli.fake.runtime.advance(500);

  cli.interrupt.abort();

  equal(await watching, 1);
  deepEqual(cli.err, ["interrupted; tasks that were started go on"]);
  ok(cli.raw.join("").endsWith("\x1b[?25h"));
  deepEqual(cli.fake.engine.commands, []);
});

/** Parks the first step, with which nothing of the task can go on. */
function park(cli: CliHarness, id: TaskId): void {
  const atMs = cli.fake.runtime.now();
  const attempt = { atMs, step: 0, attempt: 1, ranMs: 5, policyVersion: 0 };
  const choices = ["retry"] as const;
  const reason = "attempts_exhausted";
  cli.fake.engine.commit(id, { kind: "StepParked", ...attempt, reason, choices });
}

for (const size of [undefined, SIZE]) {
  const where = size === undefined ? "in a pipe" : "in a terminal";

  Deno.test(`watch ${where} leaves a blocked task with exit code 3, and says why`, async () => {
    const cli = openCliHarness({ ...(size === undefined ? {} : { size }), env: { NO_COLOR: "1" } });
    const id = await cli.fake.started();
    start(cli, id, 0);
    const watching = cli.type("watch", id);
    await cli.fake.runtime.advance(500);

    park(cli, id);
    await cli.fake.runtime.advance(1_000);

    deepEqual({ code: await watching, err: cli.err }, {
      code: 3,
      err: [
        'blocked: step "validate" is parked: attempts_exhausted; the task waits for you: ' +
        `deno task tasker show ${id}`,
      ],
    });
  });

  Deno.test(`watch ${where} leaves with exit code 4 when --timeout is over`, async () => {
    const cli = openCliHarness({ ...(size === undefined ? {} : { size }), env: { NO_COLOR: "1" } });
    const id = await cli.fake.started();
    start(cli, id, 0);

    const watching = cli.type("watch", id, "--timeout", "90s");
    await cli.fake.runtime.advance(89_900);
    deepEqual(cli.err, []);
    await cli.fake.runtime.advance(200);

    deepEqual({ code: await watching, err: cli.err }, {
      code: 4,
      err: [`the task is still running after 90s; it goes on: deno task tasker watch ${id}`],
    });
  });
}

Deno.test("watch in a terminal shows what the steps answered", async () => {
  const cli = openCliHarness({ size: SIZE, env: { NO_COLOR: "1" } });
  const id = await cli.fake.started();
  start(cli, id, 0);
  complete(cli, id, 0, end(cli, "completed"));

  const { code, out } = await cli.say("watch", id);

  deepEqual([code, out], [0, ["", "results", "validate  0"]]);
});

Deno.test("watch refuses a --timeout that is no duration, and one without --watch", async () => {
  const cli = openCliHarness();
  const id = await cli.fake.started();

  const wrong = await cli.say("watch", id, "--timeout", "soon");
  const alone = await cli.say("start", "orders/process", "--timeout", "5s");

  const both = await cli.say("start", "orders/process", "--watch", "--timeout", "soon");

  deepEqual([wrong.code, alone.code, both.code], [2, 2, 2]);
  equal(cli.fake.engine.starts.length, 1);
  ok(wrong.err[0]?.includes("`30s`"), wrong.err[0]);
  ok(alone.err[0]?.includes("--watch"), alone.err[0]);
  deepEqual(cli.fake.engine.commands, []);
});

Deno.test("watch says at once that there is no such task", async () => {
  const cli = openCliHarness({ size: SIZE });

  const { code, err } = await cli.say("watch", "abc");

  deepEqual([code, err.length, cli.raw], [1, 3, []]);
});

Deno.test("start --watch follows what it has started", async () => {
  const cli = openCliHarness();
  const watching = cli.say("start", "orders/process", "--watch");
  await cli.fake.runtime.settle();
  const [task] = await cli.fake.engine.tasks({ namespaces: undefined, limit: 1 });
  if (task === undefined) throw new Error("nothing was started");
  cli.fake.engine.commit(task.taskId, end(cli, "completed"));

  const { code, out } = await watching;

  deepEqual([code, out.length], [0, 2]);
});
