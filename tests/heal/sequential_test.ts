/** How often a canary is judged wrongly, over all looks: counted in simulations with fixed seeds. */

import { equal, ok } from "node:assert/strict";
import { Counts } from "../../src/core/statistics.ts";
import { chanceAbove, type Part } from "../../src/heal/comparison.ts";
import { type Block, evidenceAbove, evidenceOf } from "../../src/heal/sequential.ts";
import { compare, type Groups, type Rescues } from "../../src/heal/verdict.ts";
import { Draw } from "../../src/simulation/draw.ts";

/** Shares of the tasks that try a change, by interval of ten seconds, and attempts in one. */
const shareAt = (interval: number) => interval < 3 ? 0.05 : interval < 6 ? 0.25 : 0.5;
const INTERVALS = 90;
const ATTEMPTS = 10;

/** Intervals between two looks. */
const LOOK = 6;

const NONE: Part = { count: 0, of: 0 };

function plus(one: Part, other: Part): Part {
  return { count: one.count + other.count, of: one.of + other.of };
}

/** The intervals of one canary; attempts of each group fail with its probability, `tries` at once. */
function drawn(
  seed: number,
  { changed, unchanged, tries = 1 }: {
    readonly changed: number;
    readonly unchanged: number;
    readonly tries?: number;
  },
): readonly Block[] {
  const draw = new Draw(`canary ${seed}`);
  return Array.from({ length: INTERVALS }, (_, interval) => {
    let [one, other] = [NONE, NONE];
    for (let at = 0; at < ATTEMPTS; at++) {
      const isChanged = draw.uniform() < shareAt(interval);
      const failed = draw.uniform() < (isChanged ? changed : unchanged);
      const part = { count: failed ? tries : 0, of: tries };
      if (isChanged) one = plus(one, part);
      else other = plus(other, part);
    }
    return { changed: one, unchanged: other, together: tries };
  });
}

/** Of so many canaries, how many the evidence answers at one of its looks. */
function answered(
  canaries: number,
  of: Parameters<typeof drawn>[1],
  is: "less" | "greater",
  chance: number,
): number {
  return Array.from({ length: canaries }, (_, seed) => drawn(seed, of)).filter((blocks) =>
    looks().some((look) =>
      evidenceOf(blocks.slice(0, look), { is, usual: of.unchanged }) >= -Math.log(chance)
    )
  ).length;
}

function looks(): readonly number[] {
  return Array.from({ length: INTERVALS / LOOK }, (_, at) => (at + 1) * LOOK);
}

Deno.test("groups that are alike are called different in at most as many canaries as allowed, over all looks", () => {
  const counts = [0.02, 0.2, 0.5].flatMap((share) =>
    (["less", "greater"] as const).map((is) => {
      const wrong = answered(1_000, { changed: share, unchanged: share }, is, 0.05);
      return `${share} ${is}: ${wrong} of 1000`;
    })
  );

  ok(counts.every((text) => Number(/: (\d+) of/.exec(text)?.[1]) <= 50), counts.join(", "));
});

Deno.test("one test at p <= 0.01 asked at each look errs more often than one in a hundred", () => {
  const wrong = Array.from(
    { length: 1_000 },
    (_, seed) => drawn(seed, { changed: 0.2, unchanged: 0.2 }),
  ).filter((blocks) =>
    looks().some((look) => {
      const seen = blocks.slice(0, look);
      const changed = seen.map((block) => block.changed).reduce(plus);
      const unchanged = seen.map((block) => block.unchanged).reduce(plus);
      const isLess = chanceAbove(unchanged, changed) <= 0.01;
      return isLess || chanceAbove(changed, unchanged) <= 0.01;
    })
  ).length;

  ok(wrong > 40, String(wrong));
});

Deno.test("attempts that fail together are not taken for so many answers", () => {
  const alike = { changed: 0.2, unchanged: 0.2, tries: 4 };

  const wrong = answered(1_000, alike, "greater", 0.05);

  ok(wrong <= 50, String(wrong));
});

Deno.test("a change that halves failures, or doubles them, is found in time in most canaries", () => {
  const better = answered(300, { changed: 0.1, unchanged: 0.2 }, "less", 0.1);
  const worse = answered(300, { changed: 0.4, unchanged: 0.2 }, "greater", 0.05);

  ok(better > 240 && worse > 285, `${better} ${worse}`);
});

Deno.test("a change that holds is not called worse by looking at it for hours", () => {
  const wrong = Array.from({ length: 1_000 }, (_, seed) =>
    drawn(seed, {
      changed: 0.3,
      unchanged: 0.3,
    })).filter((blocks) => {
      const parts = blocks.map(({ changed, unchanged }) => ({
        part: plus(changed, unchanged),
        together: 1,
      }));
      return looks().some((look) => evidenceAbove(parts.slice(0, look), 0.3) >= -Math.log(0.05));
    }).length;

  ok(wrong <= 50, String(wrong));
});

/** Both groups of an interval, with as many tasks as attempts; tasks take one second, or two. */
function groupsOf(block: Block, draw: Draw): Groups {
  const of = ({ count, of }: Part) => {
    const counts = new Counts();
    counts.starts = of;
    if (count > 0) counts.addOutcome("timed_out", count);
    if (of > count) counts.addOutcome("completed", of - count);
    for (let at = 0; at < of - count; at++) counts.ran.add(1_000 * (1 + draw.uniform()));
    return counts;
  };
  const group = (part: Part) => ({ step: of(part), tasks: of(part) });
  return { changed: group(block.changed), unchanged: group(block.unchanged) };
}

/** The verdicts of canaries whose tasks fail in a fifth, looked at until one is clear. */
function verdictsOf(
  canaries: number,
  rescues?: {
    readonly completed: number;
    readonly attempts: number;
    readonly gives?: Rescues["gives"];
  },
): readonly string[] {
  return Array.from({ length: canaries }, (_, seed) => {
    const draw = new Draw(`groups ${seed}`);
    const blocks = drawn(seed, { changed: 0.2, unchanged: 0.2 })
      .map((block) => groupsOf(block, draw));
    const saved = blocks.map(() => {
      const of = rescues?.attempts ?? 0;
      const completed = Array.from({ length: of }, () => draw.chance(rescues?.completed ?? 0));
      return { part: { count: completed.filter(Boolean).length, of }, together: 1 };
    });
    for (const look of looks()) {
      const { gives = "more" } = rescues ?? {};
      const beyond = rescues && { says: "some completed", gives, blocks: saved.slice(0, look) };
      const { verdict } = compare(blocks.slice(0, look), 0.2, beyond);
      if (verdict !== "unclear") return verdict;
    }
    return "unclear";
  });
}

function countOf(verdicts: readonly string[], verdict: string): number {
  return verdicts.filter((one) => one === verdict).length;
}

Deno.test("a canary that changes nothing is kept, or called worse, as seldom as allowed by all it is compared by", () => {
  const verdicts = verdictsOf(200);

  ok(countOf(verdicts, "better") <= 20 && countOf(verdicts, "worse") <= 10);
});

Deno.test("more attempts of which one in ten completes are kept as seldom as allowed, and those of which a third does are kept", () => {
  const few = verdictsOf(200, { completed: 0.1, attempts: 2 });
  const many = verdictsOf(200, { completed: 0.33, attempts: 2 });

  const shown = `${countOf(few, "better")} ${countOf(many, "better")}`;
  ok(countOf(few, "better") <= 20 && countOf(many, "better") >= 180, shown);
});

Deno.test("attempts that come sooner are kept as seldom as allowed where a third completes, and are kept where most do", () => {
  const third = verdictsOf(200, { completed: 0.33, attempts: 2, gives: "sooner" });
  const most = verdictsOf(200, { completed: 0.7, attempts: 2, gives: "sooner" });

  const shown = `${countOf(third, "better")} ${countOf(most, "better")}`;
  ok(countOf(third, "better") <= 20 && countOf(most, "better") >= 180, shown);
});

Deno.test("what a change does to less than a tenth of the tasks is seen, at the quantile of those that fail", () => {
  const hung = (seed: number, hungMs: number) => {
    const draw = new Draw(`hung ${seed} ${hungMs}`);
    return Array.from({ length: INTERVALS }, () => {
      const counts = new Counts();
      counts.starts = ATTEMPTS;
      counts.addOutcome("completed", ATTEMPTS);
      for (let at = 0; at < ATTEMPTS; at++) counts.ran.add(draw.chance(0.08) ? hungMs : 300);
      return { step: counts, tasks: counts };
    });
  };
  const verdicts = (share: number) =>
    Array.from({ length: 50 }, (_, seed) => {
      const [changed, unchanged] = [hung(seed, 7_500), hung(seed, 15_000)];
      const blocks = changed.flatMap((group, at): Groups[] =>
        unchanged[at] === undefined ? [] : [{ changed: group, unchanged: unchanged[at] }]
      );
      return compare(blocks, share).verdict;
    });

  ok(countOf(verdicts(0.08), "better") >= 45);
});

Deno.test("a change by which more of the slow tasks complete is not called worse for how long those take", () => {
  const slow = (seed: number, completes: number) => {
    const draw = new Draw(`slow ${seed} ${completes}`);
    return Array.from({ length: INTERVALS }, () => {
      const [step, tasks] = [new Counts(), new Counts()];
      step.starts = ATTEMPTS;
      for (let at = 0; at < ATTEMPTS; at++) {
        const isSlow = draw.chance(0.3);
        const isLost = isSlow && !draw.chance(completes);
        step.addOutcome(isLost ? "timed_out" : "completed");
        // A task that waits for a person has not ended.
        for (const counts of [step, tasks]) if (isLost) counts.parked++;
        if (isLost) continue;
        tasks.addOutcome("completed");
        for (const { ran } of [step, tasks]) ran.add(isSlow ? 8_000 : 300);
      }
      return { step, tasks };
    });
  };
  const verdicts = Array.from({ length: 50 }, (_, seed) => {
    const [changed, unchanged] = [slow(seed, 0.4), slow(seed, 0)];
    const blocks = changed.flatMap((group, at): Groups[] =>
      unchanged[at] === undefined ? [] : [{ changed: group, unchanged: unchanged[at] }]
    );
    return looks().map((look) => compare(blocks.slice(0, look), 0.3).verdict)
      .find((verdict) => verdict !== "unclear") ?? "unclear";
  });

  equal(countOf(verdicts, "worse"), 0);
});
