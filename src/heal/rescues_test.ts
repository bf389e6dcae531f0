import { deepEqual, equal } from "node:assert/strict";
import type { AttemptFact } from "../core/attempt_fact.ts";
import { factsOf, type Went } from "./_facts.ts";
import { Counts } from "../core/statistics.ts";
import { longerIn, maySooner, moreIn, soonerIn } from "./rescues.ts";
import { compare } from "./verdict.ts";

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

Deno.test("a longer time-out is seen by what completes after the time of the one before", () => {
  const seen = (tasks: number, ...went: readonly Went[]) => {
    const rescues = longerIn(factsOf(tasks, () => went), 1_000);
    return [rescues?.says, rescues?.inVain];
  };

  const says = (count: number, of: number) =>
    `${count} of ${of} attempts completed that took longer than 1000 ms`;
  deepEqual(seen(20, ["ok", 1_500]), [says(20, 20), undefined]);
  deepEqual(
    seen(20, ["timed_out", 2_000]),
    [says(0, 20), "longer"],
    "all take longer than that, too",
  );
  deepEqual(seen(7, ["timed_out", 2_000]), [says(0, 7), undefined], "too few to say");
  const byChance = seen(20, ["timed_out", 2_000], ["ok", 100]);
  deepEqual(byChance, [says(0, 20), "hangs"], "the next attempt completes");
  equal(longerIn([], undefined), undefined, "what it was before is not known");
});

Deno.test("a time-out is made shorter still once it has saved tasks, unless others would be lost", () => {
  const may = (tasks: number, ...went: readonly Went[]) =>
    maySooner(factsOf(tasks, () => went), 500);

  equal(may(2, ["timed_out", 1_000], ["ok", 100]), true);
  equal(may(1, ["timed_out", 1_000], ["ok", 100]), false, "one may be saved by chance");
  equal(may(2, ["timed_out", 1_000], ["ok", 800]), false, "the next one would be cut off as well");
  equal(may(9, ["ok", 100]), false, "nothing was given up");
  const mostlyAgain = factsOf(20, (task) => [
    ["timed_out", 1_000],
    task % 2 === 0 ? ["ok", 100] : ["timed_out", 1_000],
  ]);
  equal(maySooner(mostlyAgain, 500), false, "half of the next ones are given up as well");
  const late = factsOf(
    20,
    (task) => task % 2 === 0 ? [["timed_out", 1_000], ["ok", 100]] : [["ok", 800]],
  );
  equal(maySooner(late, 500), false, "as many others take longer than that");
  equal(maySooner(late, undefined), false, "it is as short as may be");
});

Deno.test("more attempts that fail as those before them did are in vain, and that few tasks have failed yet shows nothing", () => {
  const [lost, ok] = [["thrown", 100], ["ok", 100]] as const;
  const beyond = (last: Went) => {
    const facts = factsOf(
      20,
      () => [lost, lost, lost, last],
      (task) => ({ startMs: task * 5_000 }),
    );
    return moreIn(facts.filter(({ attempt }) => attempt > 2), 2);
  };
  const group = (parked: number) => {
    const counts = new Counts();
    counts.starts = 10;
    counts.addOutcome("completed", 10 - parked);
    counts.addOutcome("thrown", parked);
    counts.parked = parked;
    return { step: counts, tasks: new Counts() };
  };
  const blocks = Array.from({ length: 40 }, () => ({ changed: group(0), unchanged: group(3) }));
  // The attempts fail alike: what differs is only who waits for a person.
  for (const { changed } of blocks) changed.step.addOutcome("thrown", 4);
  const [vain, saved] = [beyond(lost), beyond(ok)];

  deepEqual([vain.inVain, vain.says], [
    "fails",
    "0 of the 20 tasks that used more than 2 attempts completed",
  ]);
  equal(saved.inVain, undefined);
  deepEqual([vain, saved].map((rescues) => compare(blocks, 0.3, rescues).verdict), [
    "unclear",
    "better",
  ]);
});
