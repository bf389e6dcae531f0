/** Outages: a real Postgres goes away for longer than attempts have, and comes back. */

import assert from "node:assert/strict";
import { openOracle } from "../ffi/oracle.ts";
import { JOURNAL } from "../src/core/outages.ts";
import { step, workflow, z } from "../src/mod.ts";
import { openRealEngine } from "./support/engine.ts";
import { makeDatabase } from "./support/postgres.ts";
import { PostgresProxy } from "./support/postgres_proxy.ts";
import { until } from "./support/serve.ts";

const TASKS = 100;
const TIMEOUT_MS = 2_000;

Deno.test("an outage of Postgres, longer than an attempt has, parked tasks", async () => {
  const { url } = await makeDatabase();
  await using proxy = PostgresProxy.open(url);
  const [during, after] = [Promise.withResolvers<null>(), Promise.withResolvers<null>()];
  const ends = { during: during.promise, after: after.promise };
  const work = workflow(
    {
      namespace: "test",
      name: "outage",
      version: "1.0.0",
      input: z.object({ end: z.enum(["during", "after"]) }),
    },
    (w) => {
      w.step(
        "work",
        step({
          timeoutMs: TIMEOUT_MS,
          retry: { attemptsMax: 1 },
          input: z.object({ end: z.enum(["during", "after"]) }),
          success: z.null(),
          run: ({ input }) => ends[input.end],
        }),
      );
    },
  );
  await using node = await openRealEngine(proxy.url, {
    modules: [work],
    readiness: openOracle(),
  });
  const ended: string[] = [];
  node.engine.supervisor.subscribe(({ turn }) => {
    for (const { kind } of turn.events) if (kind !== "StepStarted") ended.push(kind);
  });
  for (let count = 0; count < TASKS; count++) {
    await node.start("test/outage", { end: count % 2 === 0 ? "during" : "after" });
  }

  proxy.refuse();
  const sinceMs = node.engine.deps.runtime.now();
  during.resolve(null);
  await until("an outage longer than the attempts have", 30_000, () => {
    const nowMs = node.engine.deps.runtime.now();
    const time = { sinceMs, dueAtMs: sinceMs + TIMEOUT_MS, nowMs };
    const isOut = node.engine.outages.postponed([JOURNAL], time) > nowMs;
    return isOut && nowMs > sinceMs + 2 * TIMEOUT_MS || undefined;
  });
  const commits = node.journal.journal.figures().commits;
  proxy.accept();
  await until(
    "Postgres to take turns again",
    30_000,
    () => node.journal.journal.figures().commits > commits || undefined,
  );
  after.resolve(null);
  await until(
    "all tasks to end or park",
    60_000,
    () =>
      ended.filter((kind) => kind === "TaskEnded" || kind === "StepParked").length >= TASKS ||
      undefined,
  );

  assert.deepEqual([...new Set(ended)].sort(), ["StepCompleted", "TaskEnded", "TaskStarted"]);
});
