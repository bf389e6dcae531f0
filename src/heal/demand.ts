/** Demand: whether a system is asked for more than before, by the same workflow or by another. Pure. */

import { quantileOf } from "./bootstrap.ts";
import type { Evidence } from "./evidence.ts";
import { hasCompleted, type Scene, type Starts } from "./scene.ts";
import { isOutage, type Symptoms } from "./symptoms.ts";

const MINUTE_MS = 60_000;

/** Load may rise this long before what comes of it, and is compared with as much time before at most. */
const LEAD_MS = 5 * MINUTE_MS;
const BEFORE_MS_MAX = 60 * MINUTE_MS;
const BEFORE_MS_MIN = 5 * MINUTE_MS;
const SINCE_MS_MAX = 20 * MINUTE_MS;

/** So many times as many tasks are more, by so many standard deviations no chance, and so many are many. */
const MORE = 1.3;
const DEVIATIONS = 4;
const MANY = 2;

/** Completed attempts that show how long they take, and how many times longer is far longer. */
const COMPLETED_MIN = 5;
const FAR_LONGER = 3;

/** What is asked of the system beside the step that failed, or by it. */
export function demandEvidence(scene: Scene, symptoms: Symptoms): readonly Evidence[] {
  return [ofStarts(scene, symptoms), ofOtherSteps(scene)].flatMap((one) => one ?? []);
}

/** Tasks that start, of the workflow itself and of others at the system. */
function ofStarts(scene: Scene, symptoms: Symptoms): Evidence | undefined {
  const { failure, input: { starts } } = scene;
  const rises = [...starts ?? []].flatMap(([workflow, cells]) => {
    const rise = riseOf(cells, scene);
    return rise === undefined ? [] : { workflow, ...rise };
  });
  const most = rises.find(({ workflow }) => workflow === failure.workflow) ??
    rises.toSorted((a, b) => b.now - a.now)[0];
  if (most === undefined) return undefined;
  // A refusal that names its reason is not explained by load, but that of a limit.
  const isOpen = failure.outcome === "timed_out" || isOutage(symptoms);
  const isMany = most.now >= MANY * most.was;
  return {
    id: "demand",
    text: `${most.workflow} starts ${most.now.toFixed(1)} tasks a minute around that time, and ` +
      `${most.was.toFixed(1)} before`,
    weights: isOpen
      ? { overload: isMany ? 3.5 : 2, dependency_down: -2, latency_shift: -1.5 }
      : (symptoms.weights.rate_limit ?? 0) > 0
      ? { rate_limit: 1.5 }
      : { overload: 0.5 },
  };
}

/** Tasks a minute around the beginning and before; undefined: not more. */
function riseOf(
  cells: readonly Starts[],
  { beganAtMs, failure }: Scene,
): { readonly now: number; readonly was: number } | undefined {
  const splitMs = beganAtMs - LEAD_MS;
  const within = (fromMs: number, untilMs: number) => {
    const some = cells.filter((cell) => cell.fromMs >= fromMs && cell.untilMs <= untilMs);
    const first = Math.min(...some.map((cell) => cell.fromMs));
    const last = Math.max(...some.map((cell) => cell.untilMs));
    return {
      minutes: some.length === 0 ? 0 : (last - first) / MINUTE_MS,
      starts: some.reduce((sum, cell) => sum + cell.starts, 0),
    };
  };
  const was = within(splitMs - BEFORE_MS_MAX, splitMs);
  const untilMs = Math.min(failure.endedAtMs, beganAtMs + SINCE_MS_MAX);
  const [now] = [within(splitMs, beganAtMs), within(beganAtMs, untilMs)]
    .filter(({ minutes }) => minutes > 0)
    .toSorted((one, other) => other.starts / other.minutes - one.starts / one.minutes);
  if (was.minutes * MINUTE_MS < BEFORE_MS_MIN || now === undefined) return undefined;
  const expected = (was.starts + 1) * now.minutes / was.minutes;
  // Both counts vary.
  const deviation = Math.sqrt(expected * (1 + now.minutes / was.minutes));
  return now.starts >= MORE * expected && now.starts - expected >= DEVIATIONS * deviation
    ? { now: now.starts / now.minutes, was: was.starts / was.minutes }
    : undefined;
}

/** Another step at the system whose attempts have come to take far longer than these do. */
function ofOtherSteps({ all, since, before, beganAtMs, failure, system, systemOf }: Scene) {
  const usualMs = medianOf(before);
  if (failure.outcome !== "timed_out" || usualMs === undefined) return undefined;
  const ownMs = medianOf(since) ?? usualMs;
  const others = Map.groupBy(
    all.filter((fact) =>
      systemOf(fact) === system &&
      (fact.workflow !== failure.workflow || fact.step !== failure.step)
    ),
    ({ workflow, step }) => `${workflow}/${step}`,
  );
  for (const [name, facts] of others) {
    const now = medianOf(facts.filter(({ endedAtMs }) => endedAtMs >= beganAtMs));
    const was = medianOf(facts.filter(({ endedAtMs }) => endedAtMs < beganAtMs));
    if (now === undefined || was === undefined) continue;
    if (now < FAR_LONGER * ownMs || now * usualMs < FAR_LONGER * was * ownMs) continue;
    return {
      id: "other_step",
      text: `${name} takes ${Math.round(now)} ms of ${system} for an attempt now, and took ` +
        `${Math.round(was)} ms before`,
      // What becomes slow by itself is so for all of its steps alike.
      weights: { overload: 5, timeout: -1, latency_shift: -2, dependency_down: -1 },
    };
  }
  return undefined;
}

function medianOf(facts: Scene["all"]): number | undefined {
  const ran = facts.filter(hasCompleted).map(({ ranMs }) => ranMs);
  return ran.length < COMPLETED_MIN ? undefined : quantileOf(ran, 0.5);
}
