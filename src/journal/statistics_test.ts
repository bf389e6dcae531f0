import assert from "node:assert/strict";
import { countedRow, readCells } from "../../tests/conformance/statistics_laws.ts";
import { BEGIN_MS, JournalBench } from "../../tests/support/journal_node.ts";

const HOUR_MS = 3_600_000;

Deno.test("read() adds up what nodes counted in the same interval", async () => {
  await using bench = await JournalBench.open();
  const [one, other] = [await bench.node(), await bench.node()];

  for (const node of [one, other]) await node.statistics.write(1, [countedRow(BEGIN_MS)]);

  const found = await readCells(one, { workflow: "shop/order" });
  assert.deepEqual(found, [[0, "shop/order", "pay", 2, 10]]);
});

Deno.test("rows that two nodes merge at once are merged once", async () => {
  await using bench = await JournalBench.open();
  const nodes = [await bench.node(), await bench.node()];
  // More than fit into one statement.
  for (let number = 0; number < 30; number++) {
    const at = (index: number) => BEGIN_MS + (number * 100 + index) * 1_000;
    await nodes[0]!.statistics.write(
      number,
      Array.from({ length: 100 }, (_, index) => countedRow(at(index))),
    );
  }

  const how = { nowMs: BEGIN_MS + 3 * HOUR_MS, retentionMs: 90 * 24 * HOUR_MS };
  await Promise.all(nodes.flatMap(({ statistics }) => [
    statistics.merge(how),
    statistics.merge(how),
  ]));

  const cells = await readCells(nodes[1]!, { workflow: "shop/order", everyMs: 24 * HOUR_MS });
  assert.deepEqual(cells, [[0, "shop/order", "pay", 3_000, 15_000]]);
  const [row] = await bench.watch()`select count(*)::int as rows from tasker.step_statistics`;
  assert.ok(row!.rows < 60, `${row!.rows} rows are left`);
});

Deno.test("read() goes on behind a page that is full, of rows or of bytes", async () => {
  await using bench = await JournalBench.open();
  const node = await bench.node();
  const long = {
    workflow: "shop/large",
    steps: Array.from({ length: 9_000 }, (_, at) => `s${at}`),
  };
  const rows = Array.from({ length: 2_500 }, (_, at) => countedRow(BEGIN_MS + at * 1_000));
  await node.statistics.write(1, rows);
  const tasks = Array.from(
    { length: 1_500 },
    (_, at) => countedRow(BEGIN_MS + at, { workflow: `w/${at % 700}`, steps: [""] }),
  );
  await node.statistics.write(2, tasks);
  await node.statistics.write(
    3,
    Array.from({ length: 12 }, (_, at) => countedRow(BEGIN_MS + at, long)),
  );

  const sum = async (query: object) =>
    (await readCells(node, { everyMs: 24 * HOUR_MS, ...query })).reduce(
      (all, [, , , count]) => all + Number(count),
      0,
    );
  assert.equal(await sum({ workflow: "shop/order" }), 2_500);
  assert.equal(await sum({ workflow: "shop/large" }), 12 * 9_000);
  assert.equal(await sum({ workflow: "shop/large", step: "s17" }), 12);
  assert.equal(await sum({}), 1_500);
});
