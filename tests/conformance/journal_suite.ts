/** The laws of the Journal port, for every implementation of it. */

import assert from "node:assert/strict";
import { loadAll } from "../support/loaded.ts";
import { appendIdOf, type Incarnation, slotOf } from "../../src/core/ids.ts";
import type {
  Attendance,
  Definitions,
  Deployments,
  Journal,
  Nodes,
  StatisticsStore,
  TaskReader,
} from "../../src/core/ports.ts";
import {
  BEGIN_MS,
  completedAt,
  newTask,
  startedAt,
  startRow,
  turnRow,
} from "../support/journal_node.ts";
import { testDeployments } from "./deployment_laws.ts";
import { testStatistics } from "./statistics_laws.ts";
import { testTaskReader } from "./task_reader_laws.ts";

/** A fresh, empty journal, and the node that has joined it. */
export interface JournalUnderTest extends AsyncDisposable {
  readonly journal: Journal;
  readonly nodes: Nodes;
  readonly tasks: TaskReader;
  readonly statistics: StatisticsStore;
  readonly attendance: Attendance;
  readonly definitions: Definitions;
  readonly deployments: Deployments;
  readonly incarnation: Incarnation;
}

/** Registers the suite. */
export function testJournal(name: string, open: () => Promise<JournalUnderTest>): void {
  const law = (title: string, test: (of: JournalUnderTest) => Promise<void>) =>
    Deno.test(`${name}: ${title}`, async () => {
      await using under = await open();
      await test(under);
    });
  testTurns(law);
  testNodes(law);
  testMany(law);
  testKeys(law);
  testAnswers(law);
  testInbox(law);
  testFence(law);
  testTaskReader(law);
  testStatistics(law);
  testDeployments(law);
  testAttendance(law);
}

function testNodes(law: Law): void {
  law(
    "a turn names the node that appended it; one with a random append id names none",
    async (of) => {
      const taskId = newTask();
      const appendId = appendIdOf(of.incarnation, crypto.randomUUID());
      await of.journal.append({ ...startRow(taskId), appendId });
      await of.journal.append(turnRow(taskId, 2));

      const turns = (await loadAll(of.journal, [taskId])).get(taskId);

      assert.deepEqual(turns?.map(({ node }) => node), [of.incarnation.slice(0, 8), undefined]);
    },
  );
}

function testAttendance(law: Law): void {
  law(
    "note() extends the span of looks that follow each other, and begins one after a gap",
    async (of) => {
      const look = async (nowMs: number, sinceMs = 0) => {
        const times = { nowMs: BEGIN_MS + nowMs, gapMs: 300, sinceMs: BEGIN_MS + sinceMs };
        const spans = await of.attendance.note(times);
        return spans.map(({ fromMs, untilMs }) => [fromMs - BEGIN_MS, untilMs - BEGIN_MS]);
      };
      for (const nowMs of [0, 200, 500, 1_000, 1_100]) await look(nowMs);

      assert.deepEqual(await look(1_200), [[0, 500], [1_000, 1_200]]);
      assert.deepEqual(await look(1_300, 700), [[1_000, 1_300]]);
    },
  );
}

/** Registers one test. */
export type Law = (title: string, test: (of: JournalUnderTest) => Promise<void>) => void;

function testTurns(law: Law): void {
  law(
    "load() gives back the turns of tasks in order, and leaves out those it has not",
    async (of) => {
      const [first, second, unknown] = [newTask(), newTask(), newTask()];
      await of.journal.append({ ...startRow(first), commandIds: ["c1"] });
      await of.journal.append(startRow(second));
      for (const turn of [2, 3]) await of.journal.append(turnRow(first, turn));

      const journals = await loadAll(of.journal, [first, unknown, second]);

      const started = startRow(first).events;
      assert.deepEqual([...journals.keys()].sort(), [first, second].sort());
      assert.deepEqual(journals.get(first), [
        { turn: 1, commandIds: ["c1"], events: started },
        { turn: 2, commandIds: [], events: turnRow(first, 2).events },
        { turn: 3, commandIds: [], events: turnRow(first, 3).events },
      ]);
    },
  );

  law("append() encodes a turn when it is called: what changes later is not seen", async (of) => {
    const taskId = newTask();
    const events = [startedAt(1)];

    const appended = of.journal.append({ ...startRow(taskId), events });
    events.push(completedAt(2));
    await appended;

    const [turn] = (await loadAll(of.journal, [taskId])).get(taskId) ?? [];
    assert.equal(turn?.events.length, 1);
  });

  law("a turn sent twice under one append id is inserted once", async (of) => {
    const row = startRow(newTask());

    const outcomes = [await of.journal.append(row), await of.journal.append(row)];

    assert.deepEqual(outcomes, [{ kind: "inserted" }, { kind: "inserted" }]);
    assert.equal((await loadAll(of.journal, [row.taskId])).get(row.taskId)?.length, 1);
  });

  law("a turn that another append has taken is ownership lost", async (of) => {
    const row = startRow(newTask());
    await of.journal.append(row);

    const outcome = await of.journal.append({ ...row, appendId: crypto.randomUUID() });

    assert.deepEqual(outcome, { kind: "ownership_lost" });
  });
}

function testMany(law: Law): void {
  law("turns of many tasks at once are all inserted", async (of) => {
    const rows = Array.from({ length: 100 }, () => startRow(newTask()));

    const outcomes = await Promise.all(rows.map((row) => of.journal.append(row)));

    assert.deepEqual(new Set(outcomes.map(({ kind }) => kind)), new Set(["inserted"]));
    assert.equal((await loadAll(of.journal, rows.map(({ taskId }) => taskId))).size, 100);
    assert.equal(of.journal.figures().rows, 100);
  });

  law("idle() resolves when what came before it is settled", async (of) => {
    const settled: string[] = [];

    const appended = of.journal.append(startRow(newTask())).then(() => settled.push("appended"));
    await of.journal.idle();
    settled.push("idle");
    await appended;
    await of.journal.idle();

    assert.deepEqual(settled, ["appended", "idle"]);
  });
}

function testKeys(law: Law): void {
  for (const sameBody of [true, false]) {
    law(
      `a key that another task has names it; the body is ${sameBody ? "the same" : "another"}`,
      async (of) => {
        const [first, second] = [newTask(), newTask()];
        await of.journal.append(startRow(first, { key: "k" }));

        const bodyHash = sameBody ? "body" : "other";
        const outcome = await of.journal.append(startRow(second, { key: "k", bodyHash }));

        assert.deepEqual(outcome, { kind: "key_taken", taskId: first, sameBody });
        assert.equal((await loadAll(of.journal, [second])).size, 0);
        assert.deepEqual(await of.nodes.residents([7]), [first]);
      },
    );
  }

  law("one key in two namespaces is two keys, each with its own task", async (of) => {
    const [first, second] = [newTask(), newTask()];

    const outcomes = [
      await of.journal.append(startRow(first, { key: "k" })),
      await of.journal.append(startRow(second, { key: "k", namespace: "other" })),
      await of.journal.append(startRow(newTask(), { key: "k" })),
      await of.journal.append(startRow(newTask(), { key: "k", namespace: "other" })),
    ];

    const taken = { kind: "key_taken", sameBody: true };
    assert.deepEqual(outcomes, [
      { kind: "inserted" },
      { kind: "inserted" },
      { ...taken, taskId: first },
      { ...taken, taskId: second },
    ]);
  });

  law("a start sent twice under one append id keeps its key", async (of) => {
    const row = startRow(newTask(), { key: "k" });

    const outcomes = await Promise.all([of.journal.append(row), of.journal.append(row)]);

    assert.deepEqual(outcomes, [{ kind: "inserted" }, { kind: "inserted" }]);
  });
}

function testAnswers(law: Law): void {
  law("a start that lost its key takes nothing out of the inbox", async (of) => {
    await of.journal.append(startRow(newTask(), { key: "k" }));
    const taskId = newTask();
    await of.nodes.claim([{ slot: 7, owner: null, version: 0 }]);
    const command = { kind: "Wake", taskId } as const;
    await of.nodes.post([{ commandId: "c1", slot: 7, command, wantsAnswer: true }]);

    const answers = [{ commandId: "c1", body: "untrue" }];
    const lost = { ...startRow(taskId, { key: "k" }), inbox: ["c1"], answers };
    assert.equal((await of.journal.append(lost)).kind, "key_taken");

    const { inbox } = await of.nodes.poll();
    assert.deepEqual(inbox.map(({ commandId }) => commandId), ["c1"]);
    assert.equal((await of.nodes.takeAnswers(["c1"])).get("c1"), undefined);
  });

  law("a turn takes its inbox rows along, and leaves its answers once", async (of) => {
    const taskId = newTask();
    await of.nodes.claim([{ slot: 7, owner: null, version: 0 }]);
    const command = { kind: "Wake", taskId } as const;
    await of.nodes.post([{ commandId: "c1", slot: 7, command, wantsAnswer: true }]);

    const answers = [{ commandId: "c1", body: "{}" }];
    await of.journal.append({ ...startRow(taskId), inbox: ["c1"], answers });

    assert.deepEqual((await of.nodes.poll()).inbox, []);
    assert.equal((await of.nodes.takeAnswers(["c1"])).get("c1"), "{}");
    assert.equal((await of.nodes.takeAnswers(["c1"])).get("c1"), undefined);
  });

  law("confirm() takes inbox rows along and leaves answers, without a turn", async (of) => {
    const taskId = newTask();
    await of.nodes.claim([{ slot: 7, owner: null, version: 0 }]);
    const command = { kind: "Wake", taskId } as const;
    await of.nodes.post([{ commandId: "c1", slot: 7, command, wantsAnswer: true }]);

    const answers = [{ commandId: "c1", body: "{}" }];
    assert.equal(await of.journal.confirm({ taskId, inbox: ["c1"], answers }), true);

    assert.deepEqual((await of.nodes.poll()).inbox, []);
    assert.equal((await of.nodes.takeAnswers(["c1"])).get("c1"), "{}");
    assert.equal((await loadAll(of.journal, [taskId])).size, 0);
  });
}

function testInbox(law: Law): void {
  law("what a turn sends is in the inbox once the turn is in, and only then", async (of) => {
    const [taskId, other] = [newTask(), newTask()];
    const sent = (commandId: string) => ({
      commandId,
      slot: slotOf(other),
      command: { kind: "CancelTask", taskId: other, commandId, by: "", reason: "" } as const,
      wantsAnswer: false,
    });
    const row = { ...startRow(taskId), sends: [sent("s1"), sent("s2")] };
    await of.nodes.claim((await of.nodes.poll()).slots);

    await of.journal.append(row);
    await of.journal.append(row);
    await of.journal.append({ ...turnRow(taskId, 1), sends: [sent("lost")] });

    const { inbox } = await of.nodes.poll();
    assert.deepEqual(inbox, row.sends);
  });

  law("post() repeated leaves one command, the first", async (of) => {
    const [first, second] = [newTask(), newTask()];
    await of.nodes.claim([{ slot: 7, owner: null, version: 0 }]);

    for (const taskId of [first, second]) {
      const command = { kind: "Wake", taskId } as const;
      await of.nodes.post([{ commandId: "c1", slot: 7, command, wantsAnswer: false }]);
    }

    const { inbox } = await of.nodes.poll();
    assert.deepEqual(inbox.map(({ command }) => command.taskId), [first]);
  });
}

function testFence(law: Law): void {
  law("a node that has left inserts nothing, confirms nothing and changes nothing", async (of) => {
    const taskId = newTask();
    await of.nodes.leave();

    const answers = [{ commandId: "c1", body: "untrue" }];
    const entry = { inbox: [], answers };
    assert.deepEqual(await of.journal.append({ ...startRow(taskId), ...entry }), {
      kind: "fenced",
    });
    assert.equal(await of.journal.confirm({ taskId, ...entry }), false);

    assert.equal((await loadAll(of.journal, [taskId])).size, 0);
    assert.equal((await of.nodes.takeAnswers(["c1"])).get("c1"), undefined);
    assert.equal((await of.nodes.poll()).alive, false);
  });

  law("a fenced node learns what it had inserted before", async (of) => {
    const row = startRow(newTask());
    await of.journal.append(row);
    await of.nodes.leave();

    assert.deepEqual(await of.journal.append(row), { kind: "inserted" });
  });
}
