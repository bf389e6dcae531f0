/** Instances: which one of a system goes otherwise than the others, by what it completes. Pure. */

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
