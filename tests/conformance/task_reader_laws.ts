/** The laws of the TaskReader port, for every implementation of it. */

import assert from "node:assert/strict";
import { mintTaskId, type TaskId } from "../../src/core/ids.ts";
import type { TaskRange, TaskReader, WholeTask } from "../../src/core/ports.ts";
import { BEGIN_MS, startRow, turnRow } from "../support/journal_node.ts";
import type { JournalUnderTest, Law } from "./journal_suite.ts";

const RANGE: TaskRange = {
  workflow: "test/chain",
  sinceMs: BEGIN_MS,
  untilMs: BEGIN_MS + 3_600_000,
  limit: 100,
};

/** A task that is made so many milliseconds after BEGIN_MS. */
function taskAt(ms: number): TaskId {
  return mintTaskId(BEGIN_MS + ms, 7, crypto.randomUUID());
}

async function read(
  { journal, tasks }: JournalUnderTest,
  range: Partial<TaskRange>,
): Promise<readonly WholeTask[]> {
  await journal.idle();
  return await Array.fromAsync((tasks satisfies TaskReader).tasks({ ...RANGE, ...range }));
}

async function start({ journal }: JournalUnderTest, ids: readonly TaskId[]): Promise<void> {
  await Promise.all(ids.map((taskId) => journal.append(startRow(taskId))));
}

/** Registers the laws. */
export function testTaskReader(law: Law): void {
  testRanges(law);
  testLabels(law);
  testSamples(law);
}

function testRanges(law: Law): void {
  law("tasks() reads whole tasks, newest first, with what their rows say", async (of) => {
    const [first, second] = [taskAt(0), taskAt(1)];
    await start(of, [first, second]);
    await of.journal.append({
      ...turnRow(second, 2),
      change: { state: "completed", blockedReason: null, resident: true, endedAtMs: BEGIN_MS + 9 },
    });

    const found = await read(of, {});

    const summary = {
      ...{ namespace: "test", workflow: "chain", version: "1.0.0", definitionHash: "hash" },
      ...{ blockedReason: undefined, tags: [], labels: [], createdAtMs: BEGIN_MS },
    };
    const events = startRow(first).events;
    assert.deepEqual(found, [
      {
        summary: { ...summary, taskId: second, state: "completed", endedAtMs: BEGIN_MS + 9 },
        turns: [
          { turn: 1, commandIds: [], events },
          { turn: 2, commandIds: [], events: turnRow(second, 2).events },
        ],
      },
      {
        summary: { ...summary, taskId: first, state: "running", endedAtMs: undefined },
        turns: [{ turn: 1, commandIds: [], events }],
      },
    ]);
  });

  law("a tag may look like a label with a value", async (of) => {
    const tags = ["t:acme", "n:total=many"];
    await of.journal.append(startRow(taskAt(0), { tags }));

    const [task] = await read(of, {});

    assert.deepEqual(task?.summary.tags, tags);
  });

  law(
    "tasks() reads the wanted workflow, version, state and time, and nothing else",
    async (of) => {
      const [wanted, before, after, newer] = [taskAt(500), taskAt(99), taskAt(900), taskAt(501)];
      await start(of, [wanted, before, after]);
      await of.journal.append(startRow(newer, { version: "2.0.0" }));
      await of.journal.append(startRow(taskAt(502), { namespace: "other" }));
      await of.journal.append(startRow(taskAt(503), { workflow: "loop" }));
      const times = { sinceMs: BEGIN_MS + 100, untilMs: BEGIN_MS + 900 };
      const idsOf = async (range: Partial<TaskRange>) =>
        (await read(of, { ...times, ...range })).map(({ summary }) => summary.taskId);

      assert.deepEqual(await idsOf({}), [newer, wanted]);
      assert.deepEqual(await idsOf({ version: "1.0.0" }), [wanted]);
      assert.deepEqual(await idsOf({ states: ["running"] }), [newer, wanted]);
      assert.deepEqual(await idsOf({ states: ["failed"] }), []);
      assert.deepEqual(await idsOf({ limit: 1 }), [newer]);
    },
  );
}

function testLabels(law: Law): void {
  law(
    "tasks() reads the newest tasks with a label, those that run included, and no sample",
    async (of) => {
      const ids = Array.from({ length: 5 }, (_, at) => taskAt(60_000 * at));
      const running = { state: "running", blockedReason: null, resident: true } as const;
      const ended = { ...running, state: "completed", endedAtMs: BEGIN_MS + 400_000 } as const;
      const labels = ["decided:pay"];
      await start(of, ids.slice(0, 1));
      for (const [at, taskId] of ids.slice(1).entries()) {
        const now = at === 0 ? running : ended;
        await of.journal.append(startRow(taskId, { change: { ...now, labels } }));
      }
      const found = async (more: Partial<TaskRange>) =>
        (await read(of, { label: "decided:pay", ...more })).map(({ summary }) => summary.taskId);

      assert.deepEqual(await found({}), ids.slice(1).reverse());
      assert.deepEqual(await found({ limit: 2 }), ids.slice(3).reverse());
      assert.deepEqual(await found({ untilMs: BEGIN_MS + 130_000 }), [ids[2], ids[1]]);
      assert.deepEqual(await found({ label: "decided:ship" }), []);
    },
  );
}

function testSamples(law: Law): void {
  law(
    "tasks() leaves out what the asker has, and reads the others of the same range",
    async (of) => {
      const tasks = Array.from({ length: 4 }, (_, at) => taskAt(at));
      await start(of, tasks);

      const except = new Set(tasks.slice(1, 3));
      const found = await read(of, { except });

      const others = [tasks[3], tasks[0]];
      assert.deepEqual(found.map(({ summary }) => summary.taskId), others);
    },
  );

  law("of more tasks than wanted, tasks() reads a sample of the whole range", async (of) => {
    // One in each minute of an hour, and a burst of as many at its end.
    const hour = Array.from({ length: 60 }, (_, minute) => taskAt(minute * 60_000));
    const burst = Array.from({ length: 60 }, (_, at) => taskAt(3_599_000 + at));
    await start(of, [...hour, ...burst]);

    const found = (await read(of, { limit: 30 })).map(({ summary }) => summary.taskId);

    const inBurst = found.filter((taskId) => burst.includes(taskId)).length;
    assert.equal(found.length, 30);
    assert.deepEqual(found, found.toSorted().reverse());
    assert.ok(inBurst >= 10 && inBurst <= 20, `${inBurst} of 30 are of the burst`);
  });

  law("a sample looks into a short burst of a long range", async (of) => {
    const old = taskAt(0);
    const burst = Array.from({ length: 50 }, (_, at) => taskAt(30 * 86_400_000 + at));
    await start(of, [old, ...burst]);

    const found = await read(of, { limit: 25, untilMs: BEGIN_MS + 31 * 86_400_000 });

    const ids = found.map(({ summary }) => summary.taskId);
    assert.equal(ids.length, 25);
    const places = ids.map((taskId) => burst.indexOf(taskId)).filter((place) => place >= 0);
    assert.ok(Math.min(...places) < 5 && Math.max(...places) > 44, places.join(" "));
  });
}
