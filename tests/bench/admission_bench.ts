/** What it costs to ask for a start, with nobody waiting and with a crowd. */

import process from "node:process";
import { NodeAdmission } from "../../actors/admission.ts";
import { mintTaskId, type TaskId } from "../../src/core/ids.ts";
import { planOf } from "../../src/core/plan.ts";
import { openRuntime } from "../../src/server/runtime.ts";
import { definitionOf } from "../support/task_driver.ts";
import type { Figure } from "./figure.ts";

const TIMES = 200_000;

/** Steps that wait for a place that none gives back. */
const CROWD = 100_000;

/** Nanoseconds of CPU that each of some calls takes. */
function nsOf(times: number, call: (at: number) => void): number {
  const before = process.cpuUsage();
  for (let at = 0; at < times; at++) call(at);
  const { user, system } = process.cpuUsage(before);
  return (user + system) * 1_000 / times;
}

/** Asks and gives back, over and over. */
export function benchAdmission(): Promise<Figure[]> {
  const runtime = openRuntime();
  const admission = new NodeAdmission({
    runtime,
    canStart: () => true,
    granted: () => {},
    reconcileSoon: () => {},
  });
  const plan = planOf("hash", definitionOf([{ name: "free" }, { name: "full" }]));
  const ids = Array.from({ length: CROWD }, (_, n) => mintTaskId(n, 0, runtime.uuid()));
  const ask = (taskId: TaskId, step: number) =>
    admission.admit({
      taskId,
      plan,
      step,
      isRetry: false,
      concurrencyMax: step === 1 ? 1 : undefined,
    });
  const startAndEnd = (at: number) => {
    const taskId = ids[at % CROWD] as TaskId;
    ask(taskId, 0);
    admission.release(taskId, 0, "answered");
  };
  nsOf(TIMES, startAndEnd); // warm-up
  const alone = nsOf(TIMES, startAndEnd);
  const waiting = nsOf(CROWD, (at) => void ask(ids[at] as TaskId, 1));
  const beside = nsOf(TIMES, startAndEnd);
  const granting = nsOf(CROWD, (at) => admission.release(ids[at] as TaskId, 1, "answered"));
  const bench = "admission";
  return Promise.resolve([
    { bench, metric: "ns", value: alone, unit: "ns/start" },
    { bench, metric: "ns_to_wait", value: waiting, unit: "ns/step" },
    { bench, metric: "ns_beside_100k", value: beside, unit: "ns/start" },
    { bench, metric: "ns_to_grant", value: granting, unit: "ns/step" },
  ]);
}
