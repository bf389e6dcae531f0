import { deepEqual, equal } from "node:assert/strict";
import type { TaskRange, WholeTask } from "../core/ports.ts";
import { Counts } from "../core/statistics.ts";
import { IncidentRun } from "../../tests/support/incident_run.ts";
import { readDemand, readFacts, readIncidents } from "./reading.ts";

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

Deno.test("demand reads tasks only where workflows share a system, of four workflows at once", async () => {
  const atOnceOf = async (workflows: number) => {
    let [open, most] = [0, 0];
    const deps = {
      statistics: {
        read: ({ workflow }: { readonly workflow?: string }) =>
          Promise.resolve(
            workflow !== undefined ? [] : Array.from({ length: workflows }, (_, at) => ({
              ...{ workflow: `shop/w${at}`, version: "1", policyVersion: 0, counts: new Counts() },
              ...{ fromMs: 0, untilMs: 60_000 },
            })),
          ),
      },
      tasks: {
        async *tasks() {
          most = Math.max(most, ++open);
          await Promise.resolve();
          open--;
          yield { turns: [{ events: [{ kind: "TaskStarted", priority: 2 }] }] };
        },
      },
      plans: {
        find: () => ({ steps: [{ name: "charge", definition: { owner: "pay" } }], definition: {} }),
      },
    } as unknown as Parameters<typeof readDemand>[0];
    const demand = await readDemand(deps, {
      ...{ system: "pay", nowMs: 60_000 },
      degradation: { workflow: "shop/w0", sinceMs: 0, windowMs: 60_000 } as Parameters<
        typeof readDemand
      >[1]["degradation"],
    });
    return { most, priorities: demand.map(({ priorities }) => priorities) };
  };

  deepEqual(await atOnceOf(1), { most: 0, priorities: [[]] });
  deepEqual(await atOnceOf(6), { most: 4, priorities: Array.from({ length: 6 }, () => [2]) });
});

/** The limits by which tasks are read, of so many that have no attempt yet. */
async function limitsOf(tasks: number): Promise<readonly number[]> {
  const limits: number[] = [];
  const reader = {
    async *tasks({ limit }: TaskRange) {
      limits.push(limit);
      await Promise.resolve();
      const waiting = { summary: { definitionHash: "hash" }, turns: [] } as unknown as WholeTask;
      for (let one = 0; one < Math.min(tasks, limit); one++) yield waiting;
    },
  };
  const plans = { byHash: () => Promise.resolve(undefined) };
  await readFacts({ tasks: reader, plans } as unknown as Parameters<typeof readFacts>[0], {
    ...{ workflow: "shop/order", step: "charge", fromMs: 0, untilMs: 60_000, olderMs: 0 },
  });
  return limits;
}

Deno.test("a larger sample is read where most tasks of the first stand in a line", async () => {
  deepEqual(await limitsOf(500), [600], "all of them");
  deepEqual(await limitsOf(5_000), [600, 2_400]);
});
