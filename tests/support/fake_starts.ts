/** What can be started, over plans in memory; inputs are taken as they come. */

import type { ApiDeps } from "../../src/api/deps.ts";
import { TaskerError } from "../../src/core/errors.ts";
import { planFork } from "../../src/core/fork.ts";
import type { Plan } from "../../src/core/plan.ts";

/** Opens it over a list that may grow. */
export function fakeStarts(plans: readonly Plan[]): ApiDeps["starts"] {
  return {
    list: () => plans,
    versionOf: () => undefined,
    fileOf: () => undefined,
    check({ workflow, input, fork }) {
      const plan = plans.find((one) => one.workflow === workflow);
      if (plan === undefined) throw new TaskerError("definition.unknown", "Cannot find it");
      const planned = fork && planFork(fork, plan);
      const { hash, definition } = plan;
      return { hash, definition, input, ...(planned !== undefined && { fork: planned }) };
    },
  };
}
