import { deepEqual, equal } from "node:assert/strict";
import type { TaskRange } from "../core/ports.ts";
import { IncidentRun } from "../../tests/support/incident_run.ts";
import { readIncidents } from "./reading.ts";

Deno.test("an incident that has ended is read once, and is known from then on", async () => {
  await using run = await IncidentRun.open({ tried: "canary" });
  const read: string[][] = [];
  const { deps } = run;
  const tasks = {
    async *tasks(range: TaskRange) {
      const ids: string[] = [];
      read.push(ids);
      for await (const task of deps.tasks.tasks(range)) {
        ids.push(task.summary.taskId);
        yield task;
      }
    },
  };
  await run.runtime.advance(20_000);
  const incidents = () => readIncidents({ ...deps, tasks }, { nowMs: run.runtime.now() });

  const open = await incidents();
  await run.minutes(60);
  const ended = await incidents();
  const again = await incidents();

  equal(open[0]?.phase, "observing");
  equal(open[0]?.triedPercent, open[0]?.apply?.percent);
  equal(ended[0]?.phase, "ended");
  equal(ended[0]?.triedPercent, undefined);
  deepEqual(again, ended);
  deepEqual(read.map((ids) => ids.length), [0, 1, 0, 1, 0, 0]);
});
