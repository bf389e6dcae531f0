import { deepEqual } from "node:assert/strict";
import type { AttemptFact } from "../core/attempt_fact.ts";
import { factsOf, type Went } from "./_facts.ts";
import { soonerIn } from "./judging.ts";

/** Tasks of which the even ones try a time-out of a second instead of ten. */
function seen(tried: readonly Went[], others: readonly Went[]) {
  const facts = factsOf(40, (task) => task % 2 === 0 ? tried : others);
  const isTried = ({ taskId }: AttemptFact) => Number(taskId.slice("task".length)) % 2 === 0;
  const { blocks, says } = soonerIn(facts, { isTried, timeoutMs: 1_000 });
  const sum = (of: "count" | "of") => blocks.reduce((all, { part }) => all + part[of], 0);
  return { completed: sum("count"), of: sum("of"), says };
}

Deno.test("a shorter time-out is seen by what completes after it, and by what would have without it", () => {
  const usual: Went[] = [["timed_out", 10_000], ["ok", 100]];
  deepEqual(seen([["timed_out", 1_000], ["ok", 100]], usual), {
    ...{ completed: 20, of: 20 },
    says:
      "20 of 20 attempts completed that came after one was given up at 1000 ms, and 0 without " +
      "the change after that time",
  });
  const again = seen([["timed_out", 1_000], ["timed_out", 1_000]], usual);
  deepEqual([again.completed, again.of], [0, 20], "what is cut off each time");
  const slow = seen([["timed_out", 1_000], ["ok", 100]], [["ok", 3_000]]);
  deepEqual([slow.completed, slow.of], [20, 40], "what only takes longer");
});
