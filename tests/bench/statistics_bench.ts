/** What statistics cost beside the work: counting each step, and writing out an interval. */

import { Statistics } from "../../src/heal/statistics.ts";
import { MemoryStatistics } from "../../src/journal/memory_stores.ts";
import type { CommittedTurn } from "../../src/core/ports.ts";
import { VirtualRuntime } from "../../src/server/virtual_runtime.ts";
import { SILENT_LOG } from "../../src/telemetry/log.ts";
import { Metrics } from "../../src/telemetry/metrics.ts";
import { TaskDriver } from "../support/task_driver.ts";
import type { Figure } from "./figure.ts";

const STEPS = 5;
const TASKS = 200_000;
const WARM_UP = 20_000;

/** What an interval has that is written out. */
const WORKFLOWS = 1_000;
const STEPS_OF_EACH = 50;
const CELLS = WORKFLOWS * STEPS_OF_EACH;

/** Counts the turns of many tasks, then writes out an interval of many cells. */
export async function benchStatistics(): Promise<Figure[]> {
  const statistics = new Statistics({
    runtime: new VirtualRuntime(),
    log: SILENT_LOG,
    metrics: new Metrics(),
    feed: { subscribe: () => () => {} },
    store: new MemoryStatistics(),
    retentionMs: Infinity,
    isMine: () => true,
  });
  const turns = turnsOfTask("played", STEPS);
  const count = (tasks: number) => {
    for (let task = 0; task < tasks; task++) for (const turn of turns) statistics.count(turn);
  };
  count(WARM_UP);
  const since = performance.now();
  count(TASKS);
  const countedMs = performance.now() - since;
  await statistics.write();
  for (let at = 0; at < WORKFLOWS; at++) {
    for (const turn of turnsOfTask(`played_${at}`, STEPS_OF_EACH)) statistics.count(turn);
  }
  const sinceWrite = performance.now();
  const size = await statistics.write();
  const writtenMs = performance.now() - sinceWrite;
  const bench = "statistics_fold";
  return [
    { bench, metric: "us_per_step", value: countedMs * 1_000 / (TASKS * STEPS), unit: "us" },
    { bench, metric: "us_per_cell", value: writtenMs * 1_000 / CELLS, unit: "us" },
    { bench, metric: "bytes_per_cell", value: size / CELLS, unit: "bytes" },
  ];
}

/** The turns of one task, a chain of steps, each with a duration of its own. */
function turnsOfTask(name: string, steps: number): readonly CommittedTurn[] {
  const names = Array.from({ length: steps }, (_, at) => `step_${at}`);
  const driver = new TaskDriver(
    names.map((name, at) => ({ name, ...(at > 0 && { after: [`step_${at - 1}`] }) })),
    { name },
  ).start();
  names.forEach((name, at) => {
    driver.nowMs += 7 ** (at % 5);
    driver.complete(name);
  });
  const { taskId, plan, state: newest } = driver.actor;
  return driver.turns.map(({ events }, index) => ({
    ...{ taskId, plan, newest, namespace: "test", state: "running", resident: undefined },
    turn: { turn: index + 1, commandIds: [], events },
  }));
}
