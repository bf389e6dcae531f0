/** Task plans: which plan a task follows, remembered because it never changes. */

import type { TaskId } from "../core/ids.ts";
import type { Plan } from "../core/plan.ts";

/** Tasks whose plan is remembered; the longest unused is forgotten first. */
export const PLANS_KEPT_MAX = 10_000;

/** Finds the plan of a task; undefined when there is no such task. */
export type FindPlan = (taskId: TaskId) => Promise<Plan | undefined>;

/** Remembers what `find` found. A task that is not there yet is asked for again. */
export function rememberPlans(find: FindPlan): FindPlan {
  const kept = new Map<TaskId, Plan>();
  return async (taskId) => {
    const plan = kept.get(taskId) ?? await find(taskId);
    if (plan === undefined) return undefined;
    kept.delete(taskId);
    kept.set(taskId, plan);
    if (kept.size > PLANS_KEPT_MAX) forgetOldest(kept);
    return plan;
  };
}

function forgetOldest(kept: Map<TaskId, Plan>): void {
  for (const oldest of kept.keys()) {
    kept.delete(oldest);
    return;
  }
}
