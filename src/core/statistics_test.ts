import assert from "node:assert/strict";
import {
  CellMerger,
  Counts,
  decodeCells,
  encodeCells,
  ERROR_CODES_MAX,
  OTHER_ERRORS,
  type StatisticsCell,
} from "./statistics.ts";
import { dueTiers, mergeRows, StatisticsAnswer } from "./statistics_tiers.ts";

const HOUR_MS = 3_600_000;

/** Counts of `ran` as if each was one completed attempt. */
function countsOf(ran: readonly number[], errors: readonly string[] = []): Counts {
  const counts = new Counts();
  for (const ms of ran) {
    counts.starts++;
    counts.addOutcome("completed");
    counts.waited.add(1);
    counts.ran.add(ms);
  }
  for (const code of errors) {
    counts.addOutcome("failed");
    counts.addError(code);
  }
  return counts;
}

function cellAt(
  fromMs: number,
  counts: Counts,
  more: Partial<StatisticsCell> = {},
): StatisticsCell {
  const of = { workflow: "shop/order", version: "1.0.0", step: "pay", policyVersion: 0 };
  return { ...of, fromMs, untilMs: fromMs + 10_000, counts, ...more };
}

const rowAt = (fromMs: number, cells: readonly StatisticsCell[], everyMs = 10_000) => ({
  workflow: "shop/order",
  ofSteps: true,
  ...{ fromMs, untilMs: fromMs + 10_000, everyMs },
  body: encodeCells(cells),
});

Deno.test("cells that are stored and read again are the same cells", () => {
  const odd = ["__proto__", "\u0000", "\ud800", '"'];
  const cells = [
    cellAt(0, countsOf([5, 70], odd)),
    cellAt(0, countsOf([90_000]), { policyVersion: 3 }),
  ];
  const { step: _, ...whole } = cellAt(0, countsOf([7]));

  const found = decodeCells(rowAt(0, [...cells, whole]));

  assert.deepEqual(found.map(({ counts: _, ...key }) => key), [
    ...cells.map(({ counts: _, ...key }) => key),
    (({ counts: _, ...key }) => key)(whole),
  ]);
  assert.deepEqual(encodeCells(found), encodeCells([...cells, whole]));
  assert.deepEqual([...found[0]!.counts.errors.keys()], odd);
});

Deno.test("a cell names a bounded number of error codes; merging keeps the most frequent", () => {
  const many = Array.from({ length: 10_000 }, (_, at) => `E${at}`);
  const first = countsOf([], many);
  const second = countsOf([], ["rare", ...Array.from({ length: 9 }, () => "frequent")]);

  first.merge(second);

  assert.equal(first.failed, 10_010);
  assert.equal(first.errors.get("frequent"), 9);
  assert.equal(first.errors.size, ERROR_CODES_MAX + 1);
  assert.equal([...first.errors.values()].reduce((sum, count) => sum + count, 0), 10_010);
  assert.ok((first.errors.get(OTHER_ERRORS) ?? 0) > 9_900);
});

Deno.test("a merger adds up what lies in one interval, and keeps versions and policies apart", () => {
  const merger = new CellMerger({ originMs: 0, everyMs: 60_000, cellsMax: 100 });
  merger.add(cellAt(50_000, countsOf([30])));
  merger.add(cellAt(10_000, countsOf([10, 20])));
  merger.add(cellAt(10_000, countsOf([40]), { policyVersion: 2 }));
  merger.add(cellAt(60_000, countsOf([50])));

  const found = merger.cells().map(({ fromMs, untilMs, policyVersion, counts }) => [
    ...[fromMs, untilMs, policyVersion, counts.starts, counts.ran.sum],
  ]);

  assert.deepEqual(found, [
    [10_000, 60_000, 0, 3, 60],
    [10_000, 20_000, 2, 1, 40],
    [60_000, 70_000, 0, 1, 50],
  ]);
});

Deno.test("with more cells than wanted a merger makes its intervals longer, and loses nothing", () => {
  const merger = new CellMerger({ originMs: 0, everyMs: 10_000, cellsMax: 10 });
  for (let at = 0; at < 1_000; at++) merger.add(cellAt(at * 10_000, countsOf([at])));

  const found = merger.cells();

  assert.ok(found.length <= 10 && found.length >= 5, `${found.length} cells`);
  assert.equal(found.reduce((sum, { counts }) => sum + counts.starts, 0), 1_000);
});

Deno.test("a merger that is full of one interval keeps all of it", () => {
  const merger = new CellMerger({ originMs: 0, everyMs: 10_000, cellsMax: 10 });
  for (let at = 0; at < 50; at++) merger.add(cellAt(0, countsOf([at]), { step: `s${at}` }));

  assert.equal(merger.cells().length, 50);
});

Deno.test("mergeRows() adds up the rows of each longer interval", () => {
  const rows = [0, 10_000, 290_000, 300_000].map((at) => rowAt(at, [cellAt(at, countsOf([5]))]));

  const merged = mergeRows(rows);

  assert.deepEqual(merged.map(({ fromMs, untilMs, everyMs }) => [fromMs, untilMs, everyMs]), [
    [0, 300_000, 300_000],
    [300_000, 310_000, 300_000],
  ]);
  assert.deepEqual(
    merged.flatMap(decodeCells).map(({ counts }) => [counts.starts, counts.ran.sum]),
    [[3, 15], [1, 5]],
  );
});

Deno.test("rows become older tiers in turn, and the last tier stays", () => {
  assert.deepEqual(dueTiers(100 * 24 * HOUR_MS).map(({ everyMs }) => everyMs), [
    10_000,
    300_000,
    HOUR_MS,
  ]);
  const day = mergeRows([rowAt(0, [cellAt(0, countsOf([1]))], HOUR_MS)]);
  assert.deepEqual(day.map(({ everyMs }) => everyMs), [24 * HOUR_MS]);
});

Deno.test("an answer has the wanted step alone, in intervals of a 360th of the range", () => {
  const answer = new StatisticsAnswer({ step: "pay", sinceMs: 0, untilMs: 10 * HOUR_MS });
  for (let at = 0; at < 20; at++) {
    const fromMs = at * 10_000;
    answer.add(rowAt(fromMs, [
      cellAt(fromMs, countsOf([1])),
      cellAt(fromMs, countsOf([2]), { step: "ship" }),
    ]));
  }

  const found = answer.cells();

  assert.deepEqual(found.map(({ step, counts }) => [step, counts.starts]), [
    ["pay", 10],
    ["pay", 10],
  ]);
});

Deno.test("a row that cannot be read holds up no other", () => {
  const row = { workflow: "shop/order", fromMs: 0, untilMs: 10, ofSteps: true };

  const found = ["", "{}", "[[]]", "[1]", "null"].map((body) => decodeCells({ ...row, body }));

  assert.deepEqual(found, [[], [], [], [], []]);
});
