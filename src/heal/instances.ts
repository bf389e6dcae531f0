/** Instances: which one of a system goes otherwise than the others, by what it completes. Pure. */

import { quantileOf } from "./bootstrap.ts";
import { fisherExact } from "./contrast.ts";
import type { Evidence } from "./evidence.ts";
import { hasCompleted, type Scene } from "./scene.ts";

/** What times out names no instance: it is the one of several that completes next to nothing since. */
export function ofSilentInstance({ since, before, failure }: Scene): Evidence | undefined {
  if (failure.outcome !== "timed_out") return undefined;
  const [now, was] = [since, before].map((facts) =>
    facts.flatMap((fact) => hasCompleted(fact) ? fact.instance ?? [] : [])
  ) as [string[], string[]];
  const names = [...new Set(was)];
  const countOf = (of: readonly string[], name: string) => of.filter((one) => one === name).length;
  const isLess = (name: string) =>
    countOf(now, name) * was.length < SILENT * countOf(was, name) * now.length;
  const [silent, ...others] = names.filter(isLess);
  if (silent === undefined || others.length > 0 || names.length < SEVERAL) return undefined;
  if (now.some((name) => !names.includes(name))) return undefined;
  const [of, ofBefore] = [countOf(now, silent), countOf(was, silent)];
  const chance = fisherExact(of, now.length - of, ofBefore, was.length - ofBefore);
  if (chance * names.length > CHANCE_MAX) return undefined;
  return {
    id: "silent_instance",
    text: `instance "${silent}" completed ${of} of ${now.length} attempts since then, and ` +
      `${ofBefore} of ${was.length} before; the other ${names.length - 1} go on`,
    weights: { worker_local: 7, latency_shift: -2, dependency_down: -2, overload: -2 },
  };
}

/** How many times less than its share an instance completes, of how many, and how likely by chance. */
const SILENT = 1 / 4;
const SEVERAL = 3;
const CHANCE_MAX = 0.01;

/** Attempts that show how an instance fares; so many times as long is slow. */
const SHOWN_MIN = 4;
const SLOW = 2;

/** Of a slow instance at least this share is slow, and of one that is as ever at most that. */
const SLOW_MIN = 0.6;
const QUICK_MAX = 0.25;

/** Some instances take far longer than they did while others are as quick as ever: behind a line all would be slow. */
export function ofSlowInstances({ since, before, failure }: Scene): Evidence | undefined {
  const was = before.filter(hasCompleted).map(({ ranMs }) => ranMs);
  if (failure.outcome !== "timed_out" || was.length === 0) return undefined;
  const usualMs = quantileOf(was, 0.5);
  const byInstance = Map.groupBy(since.filter(hasCompleted), ({ instance }) => instance ?? "");
  const shares = [...byInstance].flatMap(([name, facts]) => {
    const slow = facts.filter(({ ranMs }) => ranMs >= SLOW * usualMs).length;
    return name === "" || facts.length < SHOWN_MIN ? [] : { name, slow, of: facts.length };
  });
  const slow = shares.filter(({ slow, of }) => slow >= SLOW_MIN * of);
  const quick = shares.filter(({ slow, of }) => slow <= QUICK_MAX * of);
  if (slow.length === 0 || quick.length === 0) return undefined;
  const [inSlow, ofSlow] = totalOf(slow);
  const [inQuick, ofQuick] = totalOf(quick);
  if (fisherExact(inSlow, ofSlow - inSlow, inQuick, ofQuick - inQuick) > CHANCE_MAX) {
    return undefined;
  }
  return {
    id: "slow_instances",
    text:
      `${inSlow} of ${ofSlow} attempts that ${slow.map(({ name }) => `"${name}"`).join(", ")} ` +
      `completed took twice as long as usual, and ${inQuick} of ${ofQuick} of ${quick.length} others`,
    weights: slow.length === 1
      ? { worker_local: 6.5, latency_shift: 2, overload: -4 }
      : { latency_shift: 5, worker_local: 3, overload: -4 },
  };
}

function totalOf(all: readonly { readonly slow: number; readonly of: number }[]): [number, number] {
  return all.reduce(([some, sum], { slow, of }) => [some + slow, sum + of], [0, 0]);
}
