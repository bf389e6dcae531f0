/** Outages: a real Postgres goes away for longer than attempts have, and comes back. */

import assert from "node:assert/strict";
import { openOracle } from "../ffi/oracle.ts";
import { JOURNAL } from "../src/core/outages.ts";
import { step, workflow, z } from "../src/mod.ts";
import { openRuntime } from "../src/server/runtime.ts";
import { openRealEngine, type RealEngine } from "./support/engine.ts";
import { makeDatabase } from "./support/postgres.ts";
import { PostgresProxy } from "./support/postgres_proxy.ts";
import { until } from "./support/serve.ts";

const TASKS = 100;

/** More than any machine needs to start the tasks: none may time out before the outage. */
const TIMEOUT_MS = 600_000;

/** The platform's runtime, with a clock that can be put forward. */
function openClock() {
  const runtime = openRuntime();
  let skippedMs = 0;
  return {
    runtime: { ...runtime, now: () => runtime.now() + skippedMs },
    skip(ms: number) {
      skippedMs += ms;
    },
  };
}

/** Counts the events of a node's tasks by kind. */
function countEvents({ engine }: RealEngine): Record<string, number> {
  const counts: Record<string, number> = {};
  engine.supervisor.subscribe(({ turn }) => {
    for (const { kind } of turn.events) counts[kind] = (counts[kind] ?? 0) + 1;
  });
  return counts;
}

Deno.test("an outage of Postgres, longer than an attempt has, parked tasks", async () => {
  const { url } = await makeDatabase();
  await using proxy = PostgresProxy.open(url);
  const [during, after] = [Promise.withResolvers<null>(), Promise.withResolvers<null>()];
  const ends = { during: during.promise, after: after.promise };
  const input = z.object({ end: z.enum(["during", "after"]) });
  const work = workflow({ namespace: "test", name: "outage", version: "1.0.0", input }, (w) => {
    const policy = { timeoutMs: TIMEOUT_MS, retry: { attemptsMax: 1 } };
    w.step(
      "work",
      step({ ...policy, input, success: z.null(), run: ({ input }) => ends[input.end] }),
    );
  });
  const { runtime, skip } = openClock();
  await using node = await openRealEngine(proxy.url, {
    modules: [work],
    runtime,
    readiness: openOracle(),
  });
  const { engine, journal: { journal } } = node;
  const counts = countEvents(node);
  await Promise.all(
    Array.from(
      { length: TASKS },
      (_, count) => node.start("test/outage", { end: count % 2 === 0 ? "during" : "after" }),
    ),
  );

  proxy.refuse();
  const sinceMs = runtime.now();
  during.resolve(null);
  await until("the node to know of the outage", 30_000, () => {
    const time = { sinceMs, dueAtMs: sinceMs + TIMEOUT_MS, nowMs: runtime.now() };
    return engine.outages.postponed([JOURNAL], time) > time.dueAtMs || undefined;
  });
  skip(2 * TIMEOUT_MS);
  engine.alarm.clockChanged();
  await new Promise<void>((rung) => runtime.after(0, rung));
  const { commits } = journal.figures();
  proxy.accept();
  await until(
    "Postgres to take turns again",
    30_000,
    () => journal.figures().commits > commits || undefined,
  );
  after.resolve(null);
  await until(
    () => `${TASKS} tasks to end or park; their events: ${JSON.stringify(counts)}`,
    60_000,
    () => (counts.TaskEnded ?? 0) + (counts.StepParked ?? 0) >= TASKS || undefined,
  );

  const each = { TaskStarted: TASKS, StepStarted: TASKS, StepCompleted: TASKS, TaskEnded: TASKS };
  assert.deepEqual(counts, each);
});
