/**
 * Rescues: the attempts that tasks would not have had, not yet, or not to their end, without a change that is
 * tried. One that completes has saved its task, which needs no other tasks to be seen.
 */

import type { AttemptFact } from "../core/attempt_fact.ts";
import type { HealingAction, Proposal } from "../core/healing.ts";
import { policyUnder } from "../core/policy.ts";
import { INTERVAL_MS } from "../core/statistics_tiers.ts";
import type { HealerDeps } from "./healer_deps.ts";
import type { AppliedIncident } from "./incident.ts";
import { readFacts } from "./reading.ts";
import type { Rescues } from "./verdict.ts";

/** What was seen of a change that is tried. */
interface Seen extends Rescues {
  /**
   * Why it helps nobody: attempts take longer than a longer time-out as well, or hang by chance, so that the next
   * one completes; or more attempts fail as those before them did. Absent: it is not known to be so.
   */
  readonly inVain?: "longer" | "hangs" | "fails";
  /** Whether those that are given up may be so sooner: their next attempts complete, and no others are lost. */
  readonly maySooner?: boolean;
}

/** Tasks that a time-out has saved before a shorter one is tried, and so many for each that may be lost then. */
const SOONER = { tasks: 2, lostPart: 1 / 3 };

/**
 * Attempts that may take longer; the part of them that completes at most where that helps nobody; and the part of
 * those that come next: where more complete, attempts hang by chance.
 */
const BEYOND = { attempts: 8, completedPart: 0.05, nextPart: 0.2 };

/** A change that is tried. */
interface Changed extends AppliedIncident {
  readonly action: HealingAction | undefined;
  readonly load: Proposal["load"];
}

/**
 * The attempts that tasks would not have had yet, or not to their end, without a change, in each interval since
 * they may; undefined: it gives none. Of more than 600 tasks a sample is read: then the bound of the test holds for one look.
 */
export async function rescuesOf(
  deps: Pick<HealerDeps, "statistics" | "tasks" | "plans" | "runtime">,
  of: Changed,
  { tried, everTried, timeoutMs, shorterMs }: {
    /** The versions under which tasks try the values of now, and those before. */
    readonly tried: readonly { readonly version: number }[];
    readonly everTried: readonly { readonly version: number }[];
    /** The time-out that they try, and the one that may be tried next. */
    readonly timeoutMs: number | undefined;
    readonly shorterMs: number | undefined;
  },
): Promise<Seen | undefined> {
  const { incident: { degradation: { workflow, step } }, applied, action } = of;
  const isMore = action?.kind === "set_retry" && action.only === undefined;
  const isSooner = action?.kind === "set_timeout" && of.load === "reduces";
  if (!isMore && !isSooner && !isLonger(of)) return undefined;
  const span = { workflow, fromMs: applied.atMs, untilMs: deps.runtime.now(), olderMs: 0 };
  const facts = (await readFacts(deps, { step, ...span })).filter((fact) => fact.step === step);
  const isIn = (versions: typeof tried) => ({ policyVersion }: AttemptFact) =>
    versions.some(({ version }) => version === policyVersion);
  const isTried = isIn(tried);
  if (isSooner) {
    // Whoever was given up later than now, and completed, was saved as well.
    return {
      ...soonerIn(facts, { isTried: isIn(everTried), timeoutMs: timeoutMs ?? action.timeoutMs }),
      maySooner: maySooner(facts.filter(isTried), shorterMs),
    };
  }
  if (isLonger(of)) return longerIn(facts.filter(isTried), valueBefore(deps, of, "timeoutMs"));
  const before = valueBefore(deps, of, "attemptsMax");
  if (before === undefined) return undefined;
  const beyond = facts.filter((fact) => fact.attempt > before && isTried(fact));
  return moreIn(beyond, before);
}

/** The attempts beyond those that tasks had before. */
export function moreIn(beyond: readonly AttemptFact[], before: number): Seen {
  const completed = completedOf(beyond).length;
  const tasks = new Set(beyond.map(({ taskId }) => taskId)).size;
  const ended = beyond.filter(({ isRetried }) => !isRetried).length;
  return {
    says: `${completed} of the ${tasks} tasks that used more than ${before} attempts completed`,
    gives: "more",
    blocks: blocksBy(beyond),
    ...(ended >= BEYOND.attempts && completed <= BEYOND.completedPart * ended &&
      { inVain: "fails" }),
  };
}

/**
 * The attempts that follow those that a shorter time-out has cut off; and beside them, as those that were lost
 * for nothing, the attempts without it that completed after that time.
 */
export function soonerIn(
  facts: readonly AttemptFact[],
  { isTried, timeoutMs }: {
    readonly isTried: (fact: AttemptFact) => boolean;
    readonly timeoutMs: number;
  },
): Rescues {
  const cut = facts.filter((fact) => fact.outcome === "timed_out" && isTried(fact));
  const next = nextOf(facts, cut);
  const late = facts.filter((fact) => !isTried(fact) && fact.outcome === "completed")
    .filter(({ ranMs }) => ranMs > timeoutMs);
  const lost = late.map((fact): AttemptFact => ({ ...fact, outcome: "timed_out" }));
  return {
    says: `${completedOf(next).length} of ${next.length} attempts completed that came after one ` +
      `was given up at ${timeoutMs} ms, and ${late.length} without the change after that time`,
    gives: "sooner",
    blocks: blocksBy([...next, ...lost]),
  };
}

/**
 * Whether a time-out may be made shorter still: the next attempts of those that it cut off mostly complete in
 * the shorter time, and hardly any other attempt takes longer than that. It is little that is known of a shorter
 * one then, so it is only tried, as this one was.
 */
export function maySooner(tried: readonly AttemptFact[], shorterMs = 0): boolean {
  const next = nextOf(tried, tried.filter(({ outcome }) => outcome === "timed_out"));
  const saved = completedOf(next).filter(({ ranMs }) => ranMs <= shorterMs).length;
  const lost = completedOf(tried).filter(({ ranMs }) => ranMs > shorterMs).length;
  return saved >= SOONER.tasks && saved > next.length / 2 && lost <= SOONER.lostPart * saved;
}

function isLonger({ action, load }: Pick<Changed, "action" | "load">): boolean {
  return action?.kind === "set_timeout" && load === "adds";
}

/** The attempts of those that may take longer which a time-out of before would have cut off. */
export function longerIn(
  facts: readonly AttemptFact[],
  timeoutMs: number | undefined,
): Seen | undefined {
  if (timeoutMs === undefined) return undefined;
  const beyond = facts.filter(({ ranMs, outcome }) =>
    ranMs > timeoutMs && (outcome === "completed" || outcome === "timed_out")
  );
  const completed = completedOf(beyond).length;
  const next = nextOf(facts, beyond.filter(({ outcome }) => outcome === "timed_out"));
  return {
    says: `${completed} of ${beyond.length} attempts completed that took longer ` +
      `than ${timeoutMs} ms`,
    gives: "longer",
    blocks: blocksBy(beyond),
    ...(beyond.length >= BEYOND.attempts && completed <= BEYOND.completedPart * beyond.length && {
      inVain: completedOf(next).length > BEYOND.nextPart * next.length ? "hangs" : "longer",
    }),
  };
}

/** The attempts that come next to some, of the same tasks. */
function nextOf(
  facts: readonly AttemptFact[],
  of: readonly AttemptFact[],
): readonly AttemptFact[] {
  const next = new Set(of.map(({ taskId, attempt }) => `${taskId}/${attempt + 1}`));
  return facts.filter(({ taskId, attempt }) => next.has(`${taskId}/${attempt}`));
}

function completedOf(facts: readonly AttemptFact[]): readonly AttemptFact[] {
  return facts.filter(({ outcome }) => outcome === "completed");
}

/** Attempts by the interval in which they ended; those of one task count as one. */
function blocksBy(facts: readonly AttemptFact[]): Rescues["blocks"] {
  const intervals = Map.groupBy(facts, (fact) => Math.floor(fact.endedAtMs / INTERVAL_MS));
  return [...intervals].toSorted(([one], [other]) => one - other).map(([, facts]) => ({
    part: { count: completedOf(facts).length, of: facts.length },
    together: facts.length / new Set(facts.map(({ taskId }) => taskId)).size,
  }));
}

/** A number of the step's policy as it was before a change; undefined: its code is not loaded. */
function valueBefore(
  { plans }: Pick<HealerDeps, "plans">,
  { incident: { degradation: { workflow, step } }, applied }: Changed,
  name: "attemptsMax" | "timeoutMs",
): number | undefined {
  const plan = plans.find(workflow);
  const definition = plan?.steps[plan.indexOf.get(step) ?? -1]?.definition;
  const old = applied.inverse?.changes.find(({ path }) => path.at(-1) === name)?.value;
  const before = old ?? (definition && policyUnder(definition)[name]);
  return typeof before === "number" ? before : undefined;
}
