import assert from "node:assert/strict";
import { mintTaskId, slotOf, SLOTS, type TaskId } from "../src/core/ids.ts";
import { DUE_PER_SLOT, type DuePlace, type DueTask } from "../src/core/ports.ts";
import { SILENT_LOG } from "../src/telemetry/log.ts";
import { VirtualRuntime } from "../src/server/virtual_runtime.ts";
import { EngineHarness } from "../tests/support/engine_harness.ts";
import { DueTasks } from "./due_tasks.ts";
import { PASSIVATE_AFTER_MS } from "./supervisor.ts";

/** A node whose due tasks stay due until a test takes them out. */
class Waking {
  readonly runtime = new VirtualRuntime();
  readonly due: TaskId[] = [];
  readonly #ofSlot = new Map<number, TaskId[]>();
  readonly loaded: TaskId[] = [];
  /** Tasks of each read. */
  readonly reads: number[] = [];
  isAway = false;
  recorded = Promise.resolve();
  readonly tasks = new DueTasks({
    runtime: this.runtime,
    log: SILENT_LOG,
    nodes: { due: (places) => this.#read(places) },
    journal: { idle: () => this.recorded },
    owns: (taskId) => slotOf(taskId) !== 9,
    load: (taskIds) => Promise.resolve(void this.loaded.push(...taskIds)),
  });

  /** Makes `count` tasks due in each of some slots. */
  add(count: number, slots: readonly number[]): this {
    for (const slot of slots) {
      const ids = Array.from({ length: count }, (_, n) => mintTaskId(n, slot, this.runtime.uuid()));
      this.#ofSlot.set(slot, ids);
      this.due.push(...ids);
    }
    return this;
  }

  async wake(): Promise<void> {
    this.tasks.wake([...this.#ofSlot.keys()]);
    await this.runtime.settle();
  }

  #read(places: readonly DuePlace[]): Promise<readonly DueTask[]> {
    if (this.isAway) return Promise.reject(new Error("away"));
    const found = places.flatMap(({ slot, after }) =>
      (this.#ofSlot.get(slot) ?? []).filter((taskId) => taskId > (after?.taskId ?? ""))
        .slice(0, DUE_PER_SLOT).map((taskId) => ({ taskId, wakeAt: "" }))
    );
    this.reads.push(found.length);
    return Promise.resolve(found);
  }
}

Deno.test("all that is due is loaded once, though none of it leaves the due ones", async () => {
  const waking = new Waking().add(3 * DUE_PER_SLOT, [7]).add(1, [8]);

  await waking.wake();

  assert.deepEqual(waking.loaded.toSorted(), waking.due.toSorted());
});

Deno.test("a task alone in its slot does not wait behind the crowd of another", async () => {
  const waking = new Waking().add(1_000, [7]).add(1, [8]);

  await waking.wake();

  assert.equal(waking.loaded.findIndex((taskId) => slotOf(taskId) === 8), DUE_PER_SLOT);
});

Deno.test("100,000 due tasks are read in portions, each when the one before last is recorded", async () => {
  const every = Array.from({ length: SLOTS }, (_, slot) => slot).filter((slot) => slot !== 9);
  const waking = new Waking().add(25, every);
  const recorded = Promise.withResolvers<void>();
  waking.recorded = recorded.promise;

  await waking.wake();
  const before = waking.reads.length;
  recorded.resolve();
  await waking.runtime.settle();

  assert.equal(before, 2);
  assert.ok(Math.max(...waking.reads) <= 2_048);
  assert.equal(waking.loaded.length, waking.due.length);
});

Deno.test("a wake while due tasks are read begins no second reading", async () => {
  const waking = new Waking().add(1, Array.from({ length: 1_000 }, (_, at) => 1_000 + at));
  const recorded = Promise.withResolvers<void>();
  waking.recorded = recorded.promise;

  await waking.wake();
  await waking.wake();
  recorded.resolve();
  await waking.runtime.settle();

  assert.equal(waking.loaded.length, 1_000);
});

Deno.test("a database that is away ends a reading; the next wake begins another", async () => {
  const waking = new Waking().add(1, [7]);
  waking.isAway = true;
  await waking.wake();

  waking.isAway = false;
  await waking.wake();

  assert.deepEqual(waking.loaded, waking.due);
});

Deno.test("tasks of slots that have left meanwhile are not loaded, and none after a stop", async () => {
  const waking = new Waking().add(1, [9]);
  await waking.wake();

  waking.tasks.stop();
  await waking.add(1, [7]).wake();

  assert.deepEqual(waking.loaded, []);
});

Deno.test("a due task that is held back is found due once, and is a resident from then on", async () => {
  let runs = 0;
  const retry = { backoff: [3_600_000] };
  const harness = await EngineHarness.open([{
    name: "a",
    policy: { concurrencyMax: 1, timeoutMs: 86_400_000, retry },
  }], {
    a: () => {
      if (++runs === 1) throw new Error("once");
      return new Promise(() => {});
    },
  });
  const { taskId } = await harness.start();
  await harness.runtime.advance(3 * PASSIVATE_AFTER_MS);
  assert.equal(harness.engine.supervisor.has(taskId), false, "it sleeps");
  await harness.start(); // takes the only place

  await harness.runtime.advance(3_600_000);
  const turns = harness.journal.turns(taskId).length;
  await harness.runtime.advance(3_600_000);

  assert.equal(harness.engine.supervisor.has(taskId), true);
  assert.deepEqual((await harness.journal.poll()).dueSlots, []);
  assert.deepEqual(await harness.journal.residents([slotOf(taskId)]), [taskId]);
  assert.equal(harness.journal.turns(taskId).length, turns);
  assert.equal(harness.state(taskId).passivated, undefined);
});
