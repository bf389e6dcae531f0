import assert from "node:assert/strict";
import { TaskDriver } from "../../tests/support/task_driver.ts";
import { TaskerError } from "../core/errors.ts";
import type { CommittedTurn, StatisticsStore } from "../core/ports.ts";
import type { Counts } from "../core/statistics.ts";
import type { JsonText } from "../core/payload.ts";
import { MemoryStatistics } from "../journal/memory_stores.ts";
import { VirtualRuntime } from "../server/virtual_runtime.ts";
import { SILENT_LOG } from "../telemetry/log.ts";
import { Metrics } from "../telemetry/metrics.ts";
import { Statistics } from "./statistics.ts";

const DAY_MS = 24 * 3_600_000;

/** Statistics over a store in memory, on a clock that the test moves. */
class Bench {
  readonly runtime = new VirtualRuntime();
  readonly memory = new MemoryStatistics();
  readonly metrics = new Metrics();
  readonly statistics: Statistics;
  #count: (committed: CommittedTurn) => void = () => {};

  constructor(store: Partial<StatisticsStore> = {}) {
    const { memory } = this;
    this.statistics = new Statistics({
      runtime: this.runtime,
      log: SILENT_LOG,
      metrics: this.metrics,
      feed: {
        subscribe: (call) => {
          this.#count = call;
          return () => this.#count = () => {};
        },
      },
      store: {
        write: (number, rows) => memory.write(number, rows),
        read: (query) => memory.read(query),
        active: (range) => memory.active(range),
        merge: (how) => memory.merge(how),
        ...store,
      },
      retentionMs: 90 * DAY_MS,
      isMine: () => true,
    });
  }

  /** Commits all turns of a task, whose actor is at its end already. */
  commit(driver: TaskDriver): void {
    const { taskId, plan, state: newest } = driver.actor;
    for (const [index, open] of driver.turns.entries()) {
      const turn = { turn: index + 1, commandIds: [], events: open.events };
      const of = { namespace: "test", state: "running" as const, resident: undefined };
      this.#count({ taskId, plan, turn, newest, ...of });
    }
  }

  async cells(): Promise<Record<string, Counts>> {
    const nowMs = this.runtime.now();
    const cells = await this.memory.read({
      ...{ workflow: "test/played", sinceMs: nowMs - DAY_MS, untilMs: nowMs + DAY_MS },
      everyMs: 2 * DAY_MS,
    });
    return Object.fromEntries(cells.map(({ step = "", policyVersion, counts }) => [
      `${step}/${policyVersion}`,
      counts,
    ]));
  }
}

const work = { name: "a", policy: { timeoutMs: 100, retry: { attemptsMax: 2, delayMsMin: 10 } } };

Deno.test("what a node commits is written after the interval, by step and for whole tasks", async () => {
  const bench = new Bench();
  const driver = new TaskDriver([work, { name: "b", after: ["a"] }]).start();
  driver.nowMs += 7;
  driver.throw("a").after(60_000);
  driver.nowMs += 30;
  driver.complete("a");
  driver.nowMs += 2_000;
  driver.complete("b");

  bench.commit(driver);
  await bench.runtime.advance(10_000);

  const { "a/0": a, "b/0": b, "/0": task } = await bench.cells();
  assert.deepEqual([a?.starts, a?.retries, a?.waited.count], [2, 1, 2]);
  assert.deepEqual([...a?.outcomes ?? []], [["thrown", 1], ["completed", 1]]);
  assert.deepEqual([...a?.errors ?? []], [["thrown", 1]]);
  assert.deepEqual([a?.ran.count, a?.ran.sum], [1, 30]);
  assert.deepEqual([b?.starts, b?.ran.sum], [1, 2_000]);
  assert.deepEqual([task?.starts, task?.outcome("completed"), task?.ran.sum], [1, 1, 62_037]);
});

Deno.test("nothing that a task carries reaches a cell, and of errors the code alone does", async () => {
  let written = "";
  const bench = new Bench({
    write: (_, rows) => {
      written += rows.map(({ body }) => body).join();
      return Promise.resolve();
    },
  });
  const canary = "canary_4929";
  const driver = new TaskDriver([work, { name: "b", after: ["a"] }]).start({ card: canary });
  driver.result("a", {
    kind: "failed",
    failure: {
      class: "thrown",
      error: JSON.stringify({ code: "declined", message: canary, details: { canary } }) as JsonText,
    },
    retryable: true,
  }).after(60_000);
  driver.complete("a", { card: canary });
  driver.complete("b", canary);

  bench.commit(driver);
  await bench.runtime.advance(10_000);

  assert.ok(written.includes("declined"), written);
  assert.ok(!written.includes(canary), written);
});

Deno.test("a parked step counts as parked and by its failure, a cancelled attempt as cancelled", async () => {
  const bench = new Bench();
  const parked = new TaskDriver([{ name: "a", policy: { retry: { attemptsMax: 1 } } }]).start()
    .throw("a").send({ kind: "CancelTask", by: "ada", reason: "test" });
  const cancelled = new TaskDriver([{ name: "a" }, { name: "b", after: ["a"] }]).start()
    .send({ kind: "CancelTask", by: "ada", reason: "test" });

  for (const driver of [parked, cancelled]) bench.commit(driver);
  await bench.runtime.advance(10_000);

  const { "a/0": a, "b/0": b, "/0": task } = await bench.cells();
  assert.deepEqual([a?.parked, task?.parked], [1, 1]);
  assert.deepEqual([a?.outcome("thrown"), a?.outcome("cancelled")], [1, 2]);
  assert.equal(b, undefined);
  assert.equal(task?.outcome("cancelled"), 2);
});

Deno.test("an interval that cannot be written is written later, once", async () => {
  let isDown = true;
  const memory = new MemoryStatistics();
  const written: number[] = [];
  const bench = new Bench({
    async write(number, rows) {
      await memory.write(number, rows);
      written.push(number);
      // It arrived, but the answer was lost.
      if (isDown) throw new TaskerError("journal.unavailable", "Cannot write");
    },
  });
  bench.commit(new TaskDriver([work]).start().complete("a"));
  await bench.runtime.advance(10_000);
  isDown = false;
  bench.commit(new TaskDriver([work]).start().complete("a"));
  await bench.runtime.advance(20_000);

  const nowMs = bench.runtime.now();
  const range = { workflow: "test/played", step: "a", sinceMs: 0, untilMs: nowMs };
  const cells = await memory.read({ ...range, everyMs: nowMs });
  assert.deepEqual(written, [1, 1, 2]);
  assert.deepEqual(cells.map(({ counts }) => counts.starts), [2]);
});

Deno.test("a merging that takes long holds up no interval, and no second one begins", async () => {
  let [merges, writes] = [0, 0];
  const bench = new Bench({
    merge: () => {
      merges++;
      return new Promise<void>(() => {});
    },
    write: () => {
      writes++;
      return Promise.resolve();
    },
  });

  for (let interval = 0; interval < 90; interval++) {
    bench.commit(new TaskDriver([work]).start().complete("a"));
    await bench.runtime.advance(10_000);
  }

  assert.deepEqual([merges, writes], [1, 90]);
});

Deno.test("close() writes what was counted, and counts no more", async () => {
  const bench = new Bench();
  const driver = new TaskDriver([work]).start().complete("a");
  bench.commit(driver);

  await bench.statistics.close();
  bench.commit(driver);
  await bench.runtime.advance(60_000);

  assert.equal((await bench.cells())["a/0"]?.starts, 1);
});

Deno.test("after a step back of the clock all is counted once", async () => {
  const bench = new Bench();
  bench.commit(new TaskDriver([work]).start().complete("a"));
  bench.runtime.jump(-3_600_000);
  await bench.runtime.advance(10_000);
  bench.commit(new TaskDriver([work]).start().complete("a"));
  await bench.runtime.advance(10_000);

  assert.equal((await bench.cells())["a/0"]?.starts, 2);
});

Deno.test("what is too much for its interval is written in longer ones, and nothing is left out", async () => {
  const intervals: number[] = [];
  const bench = new Bench({
    write: (_, rows) => {
      intervals.push(...rows.slice(0, 1).map(({ fromMs, untilMs }) => untilMs - fromMs));
      return Promise.resolve();
    },
  });
  // 5,000 steps with 350 bytes each are 1.8 MB.
  const steps = Array.from({ length: 5_000 }, (_, at) => ({ name: `${at}`.padStart(300, "s") }));
  const many = new TaskDriver(steps).start();

  for (let at = 0; at < 5; at++) {
    bench.commit(many);
    await bench.runtime.advance(10_000);
  }

  assert.equal(intervals[0], 10_000);
  assert.ok((intervals[1] ?? 0) > 10_000, intervals.join(" "));
});

Deno.test("metrics have each step's outcomes and quantiles; what did not run has none", async () => {
  const bench = new Bench();
  const driver = new TaskDriver([work]).start();
  driver.nowMs += 2_000;
  bench.commit(driver.complete("a"));
  const lines = async () =>
    (await bench.metrics.text()).split("\n").filter((line) => line.includes('step="a"'));

  await bench.runtime.advance(10_000);
  const ran = await lines();
  bench.commit(new TaskDriver([{ name: "b" }]).start().complete("b"));
  await bench.runtime.advance(10_000);
  const idle = await lines();

  const of = 'workflow="test/played",step="a"';
  assert.ok(ran.includes(`tasker_attempts_total{${of},outcome="completed"} 1`), ran.join("\n"));
  assert.ok(ran.some((line) =>
    line.startsWith(`tasker_step_ran_seconds{${of},quantile="0.95"} `) &&
    Math.abs(Number(line.split(" ").at(-1)) - 2) < 0.05
  ));
  assert.ok(idle.includes(`tasker_attempts_total{${of},outcome="completed"} 1`));
  assert.ok(idle.includes(`tasker_step_ran_seconds{${of},quantile="0.95"} Nan`), idle.join("\n"));
});

Deno.test("metrics name a bounded number of steps; the others are counted together", async () => {
  const bench = new Bench();
  const steps = Array.from({ length: 400 }, (_, at) => ({ name: `s${at}` }));
  const driver = new TaskDriver(steps).start();
  for (const { name } of steps) driver.complete(name);
  bench.commit(driver);

  await bench.runtime.advance(10_000);

  const lines = (await bench.metrics.text()).split("\n");
  const named = lines.filter((line) => line.startsWith("tasker_attempts_total{"));
  assert.equal(named.length, 301);
  assert.ok(
    named.includes('tasker_attempts_total{workflow="other",step="other",outcome="completed"} 101'),
  );
  assert.ok(lines.filter((line) => line.startsWith("tasker_step_ran_seconds{")).length <= 900);
});
