/** The laws of the StatisticsStore port, for every implementation of it. */

import assert from "node:assert/strict";
import type { StatisticsQuery } from "../../src/core/ports.ts";
import { Counts, encodeCells, type StatisticsRow } from "../../src/core/statistics.ts";
import { BEGIN_MS } from "../support/journal_node.ts";
import type { JournalUnderTest, Law } from "./journal_suite.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** What a node counted in one interval of a workflow: one completed attempt of each step. */
export function countedRow(
  fromMs: number,
  { workflow = "shop/order", steps = ["pay"], ranMs = 5 }: {
    workflow?: string;
    steps?: readonly string[];
    ranMs?: number;
  } = {},
): StatisticsRow {
  const cells = steps.map((step) => {
    const counts = new Counts();
    counts.starts = 1;
    counts.addOutcome("completed");
    counts.ran.add(ranMs);
    return { version: "1.0.0", ...(step !== "" && { step }), policyVersion: 0, counts };
  });
  return {
    ...{ workflow, fromMs, untilMs: fromMs + 10_000, ofSteps: steps[0] !== "" },
    body: encodeCells(cells),
  };
}

/** What was read, in few words: when, of what, how many, and how long they took together. */
export async function readCells(
  { statistics }: Pick<JournalUnderTest, "statistics">,
  query: Partial<StatisticsQuery>,
): Promise<(string | number)[][]> {
  const range = { sinceMs: BEGIN_MS, untilMs: BEGIN_MS + 400 * DAY_MS, ...query };
  return (await statistics.read(range)).map(({ workflow, step = "", fromMs, counts }) => [
    ...[fromMs - BEGIN_MS, workflow, step, counts.starts, counts.ran.sum],
  ]);
}

/** Registers the laws. */
export function testStatistics(law: Law): void {
  testReading(law);
  testActive(law);
  testMerging(law);
}

function testReading(law: Law): void {
  law("statistics that are written twice under one number count once", async (of) => {
    for (const number of [1, 1, 2]) await of.statistics.write(number, [countedRow(BEGIN_MS)]);

    const found = await readCells(of, { workflow: "shop/order" });
    assert.deepEqual(found, [[0, "shop/order", "pay", 2, 10]]);
  });

  law("read() has the wanted workflow, step and time, in the wanted intervals", async (of) => {
    const both = { steps: ["pay", "ship"] };
    const rows = [0, 10_000, 20_000].map((at) => countedRow(BEGIN_MS + at, both));
    await of.statistics.write(1, [...rows, countedRow(BEGIN_MS, { workflow: "shop/return" })]);
    const query = { workflow: "shop/order", step: "ship", untilMs: BEGIN_MS + 20_000 };

    assert.deepEqual(await readCells(of, query), [
      [0, "shop/order", "ship", 1, 5],
      [10_000, "shop/order", "ship", 1, 5],
    ]);
    assert.deepEqual(await readCells(of, { ...query, everyMs: 60_000 }), [
      [0, "shop/order", "ship", 2, 10],
    ]);
    assert.deepEqual(await readCells(of, { ...query, sinceMs: BEGIN_MS + 1 }), [
      [10_000, "shop/order", "ship", 1, 5],
    ]);
  });

  law("read() without a workflow has the whole tasks of all, and no steps", async (of) => {
    const ofTasks = (workflow: string) => countedRow(BEGIN_MS, { workflow, steps: [""] });
    await of.statistics.write(1, [ofTasks("shop/order"), ofTasks("a/b"), countedRow(BEGIN_MS)]);

    assert.deepEqual(await readCells(of, {}), [
      [0, "a/b", "", 1, 5],
      [0, "shop/order", "", 1, 5],
    ]);
  });
}

function testActive(law: Law): void {
  law("active() names each workflow whose tasks began or ended in a span, once", async (of) => {
    const tasksOf = (workflow: string, ms: number) =>
      countedRow(BEGIN_MS + ms, { workflow, steps: [""] });
    await of.statistics.write(1, [
      ...[tasksOf("shop/early", 0), tasksOf("shop/order", 10_000), tasksOf("shop/late", 30_000)],
      countedRow(BEGIN_MS + 10_000, { workflow: "shop/steps" }),
    ]);
    await of.statistics.write(2, [tasksOf("shop/order", 20_000), tasksOf("other/a", 20_000)]);

    const names = await of.statistics.active({
      sinceMs: BEGIN_MS + 10_000,
      untilMs: BEGIN_MS + 30_000,
    });

    assert.deepEqual(names.toSorted(), ["other/a", "shop/order"]);
  });
}

function testMerging(law: Law): void {
  law("merge() makes old intervals longer and loses nothing; new ones stay", async (of) => {
    const times = [0, 10_000, 20_000, 300_000, HOUR_MS, 2 * HOUR_MS - 10_000];
    await of.statistics.write(1, times.map((at) => countedRow(BEGIN_MS + at)));
    const query = { everyMs: 1, workflow: "shop/order" };
    const retentionMs = 90 * DAY_MS;
    const counted = async () => (await readCells(of, query)).map(([at, , , count]) => [at, count]);

    await of.statistics.merge({ nowMs: BEGIN_MS + 2 * HOUR_MS, retentionMs });
    assert.deepEqual(await counted(), [[0, 3], [300_000, 1], [HOUR_MS, 1], [
      2 * HOUR_MS - 10_000,
      1,
    ]]);

    await of.statistics.merge({ nowMs: BEGIN_MS + 30 * DAY_MS, retentionMs });
    assert.deepEqual(await counted(), [[0, 6]]);
  });

  law(
    "merge() waits until a longer interval is due as a whole, and makes one of it",
    async (of) => {
      const hour = Array.from({ length: 12 }, (_, at) => countedRow(BEGIN_MS + at * 300_000));
      await of.statistics.write(1, hour);
      const rows = async () => (await readCells(of, { everyMs: 1, workflow: "shop/order" })).length;

      for (let minutes = 0; minutes < 60; minutes += 5) {
        const nowMs = BEGIN_MS + DAY_MS + minutes * 60_000;
        await of.statistics.merge({ nowMs, retentionMs: 90 * DAY_MS });
      }
      assert.equal(await rows(), 12);
      const nowMs = BEGIN_MS + DAY_MS + HOUR_MS;
      await of.statistics.merge({ nowMs, retentionMs: 90 * DAY_MS });
      assert.equal(await rows(), 1);
    },
  );

  law("merge() removes what is no longer kept, and only what this node merges", async (of) => {
    const rows = ["a/mine", "b/other"].flatMap((workflow) =>
      [0, 2 * DAY_MS].map((at) => countedRow(BEGIN_MS + at, { workflow }))
    );
    await of.statistics.write(1, rows);

    await of.statistics.merge({
      nowMs: BEGIN_MS + 3 * DAY_MS,
      retentionMs: 2 * DAY_MS,
      isMine: (workflow) => workflow === "a/mine",
    });

    const left = async (workflow: string) => (await readCells(of, { workflow })).map(([at]) => at);
    assert.deepEqual(await left("a/mine"), [2 * DAY_MS]);
    assert.deepEqual(await left("b/other"), [0, 2 * DAY_MS]);
  });
}
