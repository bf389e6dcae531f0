import assert from "node:assert/strict";
import { randomOf } from "../../tests/support/chaos.ts";
import { loadAll } from "../../tests/support/loaded.ts";
import { definitionOf } from "../../tests/support/task_driver.ts";
import {
  BEGIN_MS,
  completedAt,
  JournalBench,
  type JournalNode,
  newTask,
  startedAt,
  startRow,
  turnRow,
  valuesOf,
} from "../../tests/support/journal_node.ts";
import { mintTaskId, type TaskId } from "../core/ids.ts";
import type { TaskFilter } from "../core/ports.ts";
import type { TaskStateName } from "../core/state.ts";
import { codeOf } from "./sqlstate.ts";

const ALL: TaskFilter = { namespaces: undefined, limit: 200 };

Deno.test("task() gives what the turns left: state, reason, tags and times", async () => {
  await using bench = await JournalBench.open();
  const node = await bench.node();
  const taskId = newTask();
  await node.journal.append(startRow(taskId, { tags: ["a", '{b,"c"}'] }));
  const blocked = { state: "blocked", blockedReason: "parked", resident: true } as const;
  await node.journal.append({ ...turnRow(taskId, 2), change: blocked });

  const summary = {
    taskId,
    namespace: "test",
    workflow: "chain",
    version: "1.0.0",
    definitionHash: "hash",
    state: "blocked",
    blockedReason: "parked",
    tags: ["a", '{b,"c"}'],
    createdAtMs: BEGIN_MS,
    endedAtMs: undefined,
    labels: [],
  };
  assert.deepEqual(await node.history.task(taskId), summary);
  const ended = {
    state: "failed",
    blockedReason: null,
    resident: true,
    endedAtMs: BEGIN_MS + 7,
  } as const;
  await node.journal.append({ ...turnRow(taskId, 3), change: ended });

  assert.deepEqual(await node.history.task(taskId), {
    ...summary,
    state: "failed",
    blockedReason: undefined,
    endedAtMs: BEGIN_MS + 7,
  });
  assert.equal(await node.history.task(newTask()), undefined);
});

Deno.test("turns() pages through a task by turn", async () => {
  await using bench = await JournalBench.open();
  const node = await bench.node();
  const taskId = newTask();
  await node.journal.append(startRow(taskId));
  for (const turn of [2, 3, 4]) await node.journal.append(turnRow(taskId, turn));

  const page = async (after: number, limit: number) =>
    (await node.history.turns(taskId, after, limit)).turns.map(({ turn }) => turn);
  assert.deepEqual(await page(0, 2), [1, 2]);
  assert.deepEqual(await page(2, 9), [3, 4]);
  assert.deepEqual(await page(4, 9), []);
});

Deno.test("turns() refuses a row that a newer version wrote, and load() names its task", async () => {
  await using bench = await JournalBench.open();
  const node = await bench.node();
  const [known, newer] = [newTask(), newTask()];
  await node.journal.append(startRow(known));
  await node.journal.append(startRow(newer));
  await bench.watch()`update tasker.journal set events = '[2,{}]' where task_id = ${newer}`;

  const isUnknown = (error: unknown) => codeOf(error) === "journal.format_unknown";
  await assert.rejects(node.history.turns(newer, 0, 9), isUnknown);
  await assert.rejects(loadAll(node.journal, [known, newer]), (error: { ids?: unknown }) => {
    assert.deepEqual(error.ids, { taskId: newer, turn: 1 });
    return isUnknown(error);
  });
});

Deno.test("tasks() lists newest first, in pages that hold when tasks come in between", async () => {
  await using bench = await JournalBench.open();
  const node = await bench.node();
  const ids = await startAt(node, [1, 2, 3, 4, 5].map((n) => BEGIN_MS + n));

  const first = await node.history.tasks({ ...ALL, limit: 2 });
  await startAt(node, [BEGIN_MS + 6]);
  const second = await node.history.tasks({ ...ALL, limit: 9, after: first.next as TaskId });

  assert.equal(second.next, undefined);
  const listed = [...first.tasks, ...second.tasks].map(({ taskId }) => taskId);
  assert.deepEqual(listed, ids.toReversed());
});

Deno.test("tasks() filters by namespace, workflow, state, tag and time of creation", async () => {
  await using bench = await JournalBench.open();
  const node = await bench.node();
  for (const namespace of ["test", "other"]) {
    const definition = { ...definitionOf([]), namespace, name: "chain" };
    await node.definitions.put(`${namespace}/chain`, definition);
  }
  const [old, tagged, other] = [taskAt(BEGIN_MS - 1), taskAt(BEGIN_MS), taskAt(BEGIN_MS + 1)];
  await node.journal.append(bornAt(old, BEGIN_MS - 1));
  await node.journal.append(bornAt(tagged, BEGIN_MS, { tags: ["x"] }));
  await node.journal.append(bornAt(other, BEGIN_MS + 1, { namespace: "other" }));
  const change = { state: "waiting", blockedReason: null, resident: true } as const;
  await node.journal.append({ ...turnRow(old, 2), change });

  const found = async (filter: Partial<TaskFilter>) =>
    (await node.history.tasks({ ...ALL, ...filter })).tasks.map(({ taskId }) => taskId);
  assert.deepEqual(await found({ namespaces: ["test", "no"] }), [tagged, old]);
  assert.deepEqual(await found({ namespaces: [] }), []);
  assert.deepEqual(await found({ workflow: "other/chain" }), [other]);
  assert.deepEqual(await found({ workflow: "other/none" }), []);
  assert.deepEqual(await found({ namespaces: ["test"], workflow: "other/chain" }), []);
  assert.deepEqual(await found({ states: ["waiting"] }), [old]);
  assert.deepEqual(await found({ tags: ["x"] }), [tagged]);
  assert.deepEqual(await found({ sinceMs: BEGIN_MS }), [other, tagged]);
  assert.deepEqual(await found({ untilMs: BEGIN_MS }), [old]);
  assert.deepEqual(await found({ sinceMs: BEGIN_MS, untilMs: BEGIN_MS + 1 }), [tagged]);
});

Deno.test("a list by time finds tasks whose ids were minted before or after their first turn", async () => {
  await using bench = await JournalBench.open();
  const node = await bench.node();
  const [early, late] = [taskAt(BEGIN_MS - 600_000), taskAt(BEGIN_MS + 600_000)];
  for (const taskId of [early, late]) await node.journal.append(bornAt(taskId, BEGIN_MS));

  const found = await node.history.tasks({ ...ALL, sinceMs: BEGIN_MS, untilMs: BEGIN_MS + 1 });

  assert.deepEqual(found.tasks.map(({ taskId }) => taskId), [late, early]);
});

Deno.test("a list by tag follows a task through all its states, and forgets none of its tags", async () => {
  await using bench = await JournalBench.open();
  const node = await bench.node();
  await node.definitions.put("hash", { ...definitionOf([]), namespace: "test", name: "chain" });
  const [taskId, other] = [taskAt(BEGIN_MS), taskAt(BEGIN_MS + 1)];
  const change = { blockedReason: null, resident: true };
  const states = ["waiting", "running", "waiting", "running", "blocked", "running", "running"];
  const listed = async (state?: TaskStateName) => {
    const filter = { ...ALL, ...(state !== undefined && { states: [state] }) };
    const of = async (tag: string) =>
      (await node.history.tasks({ ...filter, tags: [tag] })).tasks.map((task) => task.taskId);
    assert.deepEqual(await of("no"), []);
    assert.deepEqual(await of("a"), await of('{b,"c"}'));
    return (await of("a")).length;
  };

  await node.journal.append(bornAt(taskId, BEGIN_MS, { tags: ["a", '{b,"c"}', "a"] }));
  await node.journal.append(bornAt(other, BEGIN_MS, { tags: ["other"] }));
  let turn = 2;
  let before: TaskStateName = "running";
  for (const state of [...states, "completed"] as TaskStateName[]) {
    assert.deepEqual([await listed(), await listed(before)], [1, 1], before);
    const ended = state === "completed" ? { endedAtMs: BEGIN_MS + 9 } : {};
    await node.journal.append({
      ...turnRow(taskId, turn++),
      change: { ...change, state, ...ended },
    });
    if (state !== before) assert.equal(await listed(before), 0, `${state} was ${before}`);
    before = state;
  }

  assert.deepEqual([await listed(), await listed("completed")], [1, 1]);
  const rows = await valuesOf(bench.watch(), "select task_id from tasker.task_by_tag");
  assert.deepEqual(rows, [[taskId], [taskId]]);
});

/** States and labels that a task of the next test may have. */
const LABELS = [
  "k:region=eu",
  "k:region=us",
  "n:total=5",
  "n:total=50",
  "step:pay",
  "needs:choice",
];
/** A tag may be the text of a label; such a task does not have that label. */
const TAGS = ["x", "y", "step:pay", "needs:choice"];
const WORKFLOWS = ["chain", "other"];

Deno.test("a list by labels has exactly the tasks that have them, whatever changed before", async () => {
  await using bench = await JournalBench.open();
  const node = await bench.node();
  const random = randomOf(7_411);
  for (const name of WORKFLOWS) {
    await node.definitions.put(name, { ...definitionOf([]), namespace: "test", name });
  }
  const kept = new Map<TaskId, Kept>();
  for (let n = 0; n < 25; n++) {
    const taskId = taskAt(BEGIN_MS + n);
    const task: Kept = {
      workflow: pick(random, WORKFLOWS),
      version: pick(random, ["1.0.0", "2.0.0"]),
      state: "running",
      labels: some(random, LABELS),
      tags: some(random, TAGS),
    };
    kept.set(taskId, task);
    const { workflow, version, tags, labels } = task;
    const row = bornAt(taskId, BEGIN_MS + n, { workflow, version, tags });
    await node.journal.append({ ...row, change: { ...RUNNING, labels } });
    for (let turn = 2; turn < 2 + 6 * random(); turn++) {
      task.state = pick(random, ["running", "waiting", "blocked", "paused"] as const);
      if (random() < 0.5) task.labels = some(random, LABELS);
      const change = { ...RUNNING, state: task.state, labels: task.labels };
      await node.journal.append({ ...turnRow(taskId, turn), change });
    }
  }

  const newest = [...kept].sort(([one], [other]) => one < other ? 1 : -1);
  for (let n = 0; n < 60; n++) {
    const filter = randomFilter(random);
    const expected = newest.filter(([, task]) => isAsked(task, filter)).map(([id]) => id);
    assert.deepEqual(await allOf(node, filter), expected, JSON.stringify(filter));
    const counts = await node.history.counts({ ...ALL, ...filter });
    const counted = Object.values(counts).reduce((sum, { count }) => sum + count, 0);
    assert.equal(counted, expected.length, JSON.stringify(filter));
  }
  const listed = await valuesOf(
    bench.watch(),
    `select task_id from tasker.task_by_tag except select task_id from tasker.task`,
  );
  assert.deepEqual(listed, []);
});

interface Kept {
  readonly workflow: string;
  readonly version: string;
  readonly tags: string[];
  state: TaskStateName;
  labels: string[];
}

const RUNNING = { state: "running", blockedReason: null, resident: true } as const;

function randomFilter(random: () => number): Partial<TaskFilter> {
  const maybe = <T>(value: () => T, put: (value: T) => Partial<TaskFilter>) =>
    random() < 0.4 ? put(value()) : {};
  return {
    ...maybe(() => `test/${pick(random, WORKFLOWS)}`, (workflow) => ({ workflow })),
    ...maybe(() => pick(random, ["1.0.0", "2.0.0"]), (version) => ({ version })),
    ...maybe(
      () => some(random, ["running", "waiting", "blocked"] as TaskStateName[]),
      (states) => states.length === 0 ? {} : { states },
    ),
    ...maybe(() => some(random, TAGS), (tags) => ({ tags })),
    ...maybe(() => [some(random, LABELS), some(random, LABELS)], (labels) => ({
      labels: labels.filter((group) => group.length > 0),
    })),
    ...maybe(() => 20, (min) => ({ ranges: [{ name: "n:total", min }] })),
  };
}

function isAsked(task: Kept, filter: Partial<TaskFilter>): boolean {
  const { workflow, version, states, tags = [], labels = [], ranges = [] } = filter;
  return (workflow ?? `test/${task.workflow}`) === `test/${task.workflow}` &&
    (version ?? task.version) === task.version && (states?.includes(task.state) ?? true) &&
    tags.every((tag) => task.tags.includes(tag)) &&
    labels.every((group) => group.some((label) => task.labels.includes(label))) &&
    ranges.every(({ min = 0 }) => {
      const total = task.labels.find((label) => label.startsWith("n:total="));
      return total !== undefined && Number(total.split("=")[1]) >= min;
    });
}

/** Reads all pages, of three tasks each. */
async function allOf(node: JournalNode, filter: Partial<TaskFilter>): Promise<TaskId[]> {
  const found: TaskId[] = [];
  let page = await node.history.tasks({ ...ALL, ...filter, limit: 3 });
  while (true) {
    found.push(...page.tasks.map(({ taskId }) => taskId));
    if (page.next === undefined) return found;
    page = await node.history.tasks({ ...ALL, ...filter, limit: 3, after: page.next });
  }
}

function pick<T>(random: () => number, from: readonly T[]): T {
  return from[Math.floor(random() * from.length)] as T;
}

/** A task has one value of each attribute. */
function some<T extends string>(random: () => number, from: readonly T[]): T[] {
  const names = new Set<string>();
  return from.filter((one) => {
    const [name = ""] = one.split("=");
    if (names.has(name) || random() < 0.5) return false;
    names.add(name);
    return true;
  });
}

Deno.test("the view tasker.task_event shows events by name, with their steps and payloads", async () => {
  await using bench = await JournalBench.open();
  const node = await bench.node();
  await node.definitions.put("hash", definitionOf([{ name: "reserve" }, { name: "pay" }]));
  const taskId = taskAt(BEGIN_MS - 5);
  const failure = { class: "thrown", error: '{"error_message":"no"}' } as const;
  const ran = { attempt: 1, ranMs: 9, policyVersion: 0 };
  await node.journal.append({ ...startRow(taskId), commandIds: ["c1"] });
  await node.journal.append(turnRow(taskId, 2, [
    completedAt(BEGIN_MS + 10, '{"sku":["a"]}'),
    { kind: "StepFailed", atMs: BEGIN_MS + 12, step: 1, ...ran, failure: failure as never },
  ]));

  const rows = await valuesOf(
    bench.watch(),
    `select turn, number, kind, step_name, payload::text, (extract(epoch from at) * 1000)::float8
     from tasker.task_event where task_id = $1 order by turn, number`,
    taskId,
  );

  assert.deepEqual(rows, [
    [1, 1, "TaskStarted", null, '{"orderId": "o1"}', BEGIN_MS],
    [2, 1, "StepCompleted", "reserve", '{"sku": ["a"]}', BEGIN_MS + 10],
    [2, 2, "StepFailed", "pay", '["thrown", {"error_message": "no"}]', BEGIN_MS + 12],
  ]);
});

Deno.test("the view tasker.task_event shows kinds it does not know by their number", async () => {
  await using bench = await JournalBench.open();
  const node = await bench.node();
  const taskId = newTask();
  await node.journal.append(startRow(taskId, {}));
  const sql = bench.watch();
  await sql`update tasker.journal set events = '[1,0,[],[99,0,1]]' where task_id = ${taskId}`;

  const rows = await valuesOf(sql, "select kind, step_name, payload from tasker.task_event");

  assert.deepEqual(rows, [["99", null, null]]);
});

function taskAt(ms: number): TaskId {
  return mintTaskId(ms, 7, crypto.randomUUID());
}

function bornAt(
  taskId: TaskId,
  createdAtMs: number,
  more: Parameters<typeof startRow>[1] = {},
): ReturnType<typeof startRow> {
  const row = startRow(taskId, { events: [startedAt(createdAtMs)], ...more });
  return row.birth === undefined ? row : { ...row, birth: { ...row.birth, createdAtMs } };
}

async function startAt(node: JournalNode, times: readonly number[]): Promise<TaskId[]> {
  const ids = times.map(taskAt);
  for (const [at, taskId] of ids.entries()) {
    await node.journal.append(bornAt(taskId, times[at] as number));
  }
  return ids;
}

Deno.test("one row that jsonb cannot hold does not break the view tasker.task_event", async () => {
  await using bench = await JournalBench.open();
  const node = await bench.node();
  const sql = bench.watch();
  const deep = `${"[".repeat(100_000)}${"]".repeat(100_000)}`;
  const payloads = [
    ['"a\\u0000b"', '"a\ufffdb"'],
    ['"\\ud83d, \\ude00, \\ud83d\\ude00"', '"\ufffd, \ufffd, 😀"'],
    ['{"\\ud83dx":"\\\\u0000"}', '{"\ufffdx": "\\\\u0000"}'],
    ["9007199254740993", "9007199254740993"],
    [deep, null],
  ] as const;
  for (const [kept] of payloads) {
    const taskId = newTask();
    await node.journal.append(startRow(taskId, {}));
    const text = `[1,0,[],[99,0,${kept}]]`;
    await sql`update tasker.journal set events = convert_to(${text}, 'utf8') where task_id = ${taskId}`;
  }

  const rows = await valuesOf(
    sql,
    "select kind, (fields -> 2)::text from tasker.task_event order by task_id",
  );

  assert.deepEqual(
    rows,
    payloads.map(([, shown]) => [shown === null ? null : "99", shown]),
  );
});
