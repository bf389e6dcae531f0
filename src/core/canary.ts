/** Canaries: a share of a workflow's tasks that tries a version of its policy before all do. */

import { TaskerError } from "./errors.ts";
import { canonicalJson } from "./json.ts";
import { hash32, type TaskId } from "./ids.ts";
import type { Canary, NewOverlay, PolicyOverlay } from "./ports.ts";

/** The least and the greatest share that tries a version; without one, all do. */
export const CANARY_PERCENT = { min: 1, max: 99 } as const;

/** In how many parts the hash of a task divides: a hundredth of a percent. */
const PARTS = 10_000;

/** Whether a task is under the overlay itself; without a canary all are. Cost: O(1). */
export function isInSlice(canary: Canary | undefined, taskId: TaskId): boolean {
  if (canary === undefined) return true;
  return hash32(`${canary.salt}/${taskId}`) % PARTS < canary.percent * (PARTS / 100);
}

/**
 * Completes a canary that is to be put on the newest version.
 *
 * More tasks may try the same, or the same tasks other values: with the same salt, and either the same values
 * and a greater share or other values and the same share, the others stay under the same base. Any other
 * canary on a canary is refused: with three groups at a time, none could be compared with what was there
 * before, and taking one back would bring another with it.
 *
 * @throws {TaskerError} policy.conflict
 */
export function canaryOn(
  newest: PolicyOverlay | undefined,
  { canary, steps }: Pick<NewOverlay, "canary" | "steps">,
  name: string,
): Canary | undefined {
  if (canary === undefined) return undefined;
  if (newest?.canary !== undefined) {
    const { base, salt, percent } = newest.canary;
    const isSame = canonicalJson(steps) === canonicalJson(newest.steps);
    const goesOn = isSame ? canary.percent > percent : canary.percent === percent;
    if (canary.salt === salt && goesOn) return { ...canary, base };
    throw new TaskerError(
      "policy.conflict",
      `Cannot let a share of the tasks of "${name}" try a policy: a share already tries version ` +
        `${newest.version}, wanted none, the same for a greater share, or other values for the same ` +
        `share; put that for all first, or put version ${base.version} again`,
    );
  }
  return { ...canary, base: { version: newest?.version ?? 0, steps: newest?.steps ?? {} } };
}
