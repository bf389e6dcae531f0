/** Same tasks: whether the same tasks fail again and again while others go well beside them. Pure. */

import type { AttemptFact } from "../core/attempt_fact.ts";
import { compared } from "./contrast.ts";
import type { Evidence } from "./evidence.ts";
import { hasCompleted, type Scene } from "./scene.ts";
import type { Weights } from "./symptom_table.ts";
import { entriesOf, type Symptoms } from "./symptoms.ts";

/** First attempts of other tasks that an attempt is compared with: those that ended nearest to it. */
const BESIDE = 6;

/** Tasks that fail each time and are single cases. */
const FEW = 2;

/** Attempts of one task that show something, and how likely chance may make it fail so often. */
const OWN_MIN = 4;
const CHANCE_MAX = 0.05;

/** Retries, and tasks that made them, that show something; of more, the newest are compared. */
const RETRIES_MIN = 5;
const RETRIES_MAX = 300;
const TASKS_MIN = 2;

/** The least share of the retries that fail, and the greatest of the attempts beside them. */
const FAILED_MIN = 0.8;
const BESIDE_FAILED_MAX = 0.4;

/**
 * Whether it is in the tasks: what failed once fails again, while the first attempts of other tasks at
 * the same moments go well. Cost: O(attempts), and a binary search for each of at most 300 retries.
 */
export function ofSameTasks(scene: Scene, symptoms: Symptoms): Evidence | undefined {
  const facts = compared(scene.since, scene.isAlike);
  const firsts = facts.filter(({ attempt }) => attempt === 1);
  const besideOf = (of: AttemptFact) => nearest(firsts, of);
  const found = ofThisTask(scene, { facts, besideOf }) ?? ofSuchTasks(scene, { facts, besideOf });
  // What names its cause is believed more than that it comes again.
  const isNamed = entriesOf(symptoms.weights).some(([, weight]) => weight >= NAMED_MIN) &&
    scene.failure.outcome !== "timed_out";
  return found && isNamed ? { ...found, weights: { poison: 1, data_quality: 1 } } : found;
}

const NAMED_MIN = 5;

/** The attempts of other tasks that ended nearest to one. Shape: `firsts` by the time they ended. */
function nearest(firsts: readonly AttemptFact[], { taskId, endedAtMs }: AttemptFact) {
  let [low, high] = [0, firsts.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((firsts[middle]?.endedAtMs ?? Infinity) < endedAtMs) low = middle + 1;
    else high = middle;
  }
  const found: AttemptFact[] = [];
  let [earlier, later] = [low - 1, low];
  while (found.length < BESIDE) {
    const [before, after] = [firsts[earlier], firsts[later]];
    const beforeMs = endedAtMs - (before?.endedAtMs ?? -Infinity);
    const afterMs = (after?.endedAtMs ?? Infinity) - endedAtMs;
    const next = beforeMs <= afterMs ? before : after;
    if (next === undefined) break;
    if (next === before) earlier--;
    else later++;
    if (next.taskId !== taskId) found.push(next);
  }
  return found;
}

interface Compared {
  readonly facts: readonly AttemptFact[];
  besideOf(fact: AttemptFact): readonly AttemptFact[];
}

/** This task fails each time, and none of so many would if its attempts failed as those beside them. */
function ofThisTask({ failure }: Scene, { facts, besideOf }: Compared): Evidence | undefined {
  const byTask = Map.groupBy(facts, ({ taskId }) => taskId);
  const always = [...byTask.values()].filter((of) =>
    of.length >= OWN_MIN && !of.some(hasCompleted)
  );
  const own = byTask.get(failure.taskId)?.slice(-RETRIES_MAX) ?? [];
  // More than a few are of a kind.
  if (own.length < OWN_MIN || own.some(hasCompleted) || always.length > FEW) return undefined;
  const beside = own.map(besideOf);
  const chance = beside.reduce(
    (product, of) => product * (failedIn(of) + 1) / (of.length + 2),
    byTask.size,
  );
  if (chance > CHANCE_MAX) return undefined;
  const all = beside.flat();
  return {
    id: "same_task",
    text: `this task failed in all of its ${own.length} attempts, and of ${all.length} first ` +
      `attempts of others beside them ${failedIn(all)} did`,
    weights: { poison: 6, data_quality: 2.5, latency_shift: -1 },
  };
}

/** Some tasks fail each time. */
function ofSuchTasks({ failure }: Scene, { facts, besideOf }: Compared): Evidence | undefined {
  const failedOnce = new Set<string>();
  const retries = facts.filter((fact) => {
    const isRetry = failedOnce.has(fact.taskId);
    if (!hasCompleted(fact)) failedOnce.add(fact.taskId);
    return isRetry;
  }).slice(-RETRIES_MAX);
  const tasks = new Set(retries.map(({ taskId }) => taskId)).size;
  if (retries.length < RETRIES_MIN || tasks < TASKS_MIN) return undefined;
  const failed = failedIn(retries);
  const beside = retries.flatMap(besideOf);
  const besideFailed = failedIn(beside);
  if (failed < FAILED_MIN * retries.length || besideFailed > BESIDE_FAILED_MAX * beside.length) {
    return undefined;
  }
  return {
    id: "same_tasks",
    text: `it is in the tasks: ${failed} of ${retries.length} retries of ${tasks} tasks failed ` +
      `again, and ${besideFailed} of ${beside.length} first attempts of others beside them`,
    weights: WEIGHTS[failure.outcome] ?? {},
  };
}

function failedIn(facts: readonly AttemptFact[]): number {
  return facts.filter((fact) => !hasCompleted(fact)).length;
}

/** What has become slow, or is down, is so for all tasks. */
const WEIGHTS: Readonly<Record<string, Weights>> = {
  timed_out: { timeout: 2.5, data_quality: 2.5, poison: 2, latency_shift: -2.5 },
  thrown: { data_quality: 4, poison: 1, dependency_down: -1 },
  failed: { data_quality: 4, poison: 1 },
  contract_violation: { data_quality: 2 },
};
