import assert from "node:assert/strict";
import fc from "fast-check";
import {
  JournalBench,
  newTask,
  startRow,
  turnRow,
  valuesOf,
} from "../../tests/support/journal_node.ts";
import type { Fault } from "../../tests/support/postgres_proxy.ts";
import type { TurnRow } from "../core/ports.ts";

const SEED = Number(Deno.env.get("CHAOS_SEED") ?? Date.now() % 2 ** 31);
console.log(`chaos: CHAOS_SEED=${SEED}`);

/** Flushes of one run, each broken in a way of its own. */
const ROUNDS = 30;

/** Tasks that share them. */
const TASKS = 5;

/** What breaks a flush, and what breaks the search for its outcome. */
const rounds = fc.record({
  write: fc.constantFrom<Fault>(
    "lose_request",
    "lose_answer",
    "stall_request",
    "stall_answer",
    "stall_sync",
  ),
  control: fc.constantFrom<Fault | undefined>(
    undefined,
    undefined,
    "lose_request",
    "lose_answer",
    "stall_request",
  ),
});

Deno.test("whatever breaks, what is reported as inserted is there once, with all that hangs on it", async () => {
  await using bench = await JournalBench.open();
  const node = await bench.node();
  const sql = bench.watch();
  const faults = fc.sample(rounds, { numRuns: ROUNDS, seed: SEED });
  const starts = Array.from({ length: TASKS }, () => startRow(newTask()));
  await Promise.all(starts.map((row) => node.journal.append(row)));
  const sent: TurnRow[] = [...starts];

  for (const [round, { write, control }] of faults.entries()) {
    const rows = starts.map(({ taskId }) => withAnswer(turnRow(taskId, round + 2)));
    sent.push(...rows);
    const broken = [bench.proxy.break(/write/, write)];
    if (control !== undefined) broken.push(bench.proxy.break(/control/, control));
    const appended = Promise.all(rows.map((row) => node.journal.append(row)));
    for (const { happened } of broken) {
      await happened;
      node.runtime.fireDeadlines();
    }

    const kinds = new Set((await appended).map(({ kind }) => kind));
    assert.deepEqual(kinds, new Set(["inserted"]), `round ${round}: ${write}, ${control}`);
  }

  assert.deepEqual(
    await valuesOf(sql, "select append_id from tasker.journal order by append_id"),
    sent.map(({ appendId }) => [appendId]).sort(),
  );
  const ids = sent.flatMap(({ answers }) => answers).map(({ commandId }) => [commandId]);
  assert.deepEqual(
    await valuesOf(sql, "select command_id from tasker.answer order by command_id"),
    ids.sort(),
  );
});

function withAnswer(row: TurnRow): TurnRow {
  return { ...row, answers: [{ commandId: row.appendId, body: "{}" }] };
}
