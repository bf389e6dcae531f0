/** Advised: what a model adds to an incident, if there is one: words for people, and an order of equals. */

import type { Proposal } from "../core/healing.ts";
import type { Degradation, Finding } from "../core/incident.ts";
import type { Advice } from "./advice.ts";
import type { Adviser } from "./adviser.ts";

/** What was proposed, perhaps in another order, and what a model said about it. */
interface Advised {
  readonly proposals: readonly Proposal[];
  /** The first proposal, where one may be done at all. */
  readonly chosen: Proposal | undefined;
  readonly advice?: Advice;
}

/**
 * Asks the model about an incident. Never throws; without a model, or when it gives no advice, nothing
 * is different. What may be done is decided before and after, by the same rules as without it.
 */
export async function advised(
  adviser: Pick<Adviser, "advise"> | undefined,
  { degradation, finding, proposals, chosen }: {
    readonly degradation: Degradation;
    readonly finding: Finding;
    readonly proposals: readonly Proposal[];
    /** The first of them, or undefined when nothing may be done now. */
    readonly chosen: Proposal | undefined;
  },
): Promise<Advised> {
  const { workflow, step, signal, error } = degradation;
  const advice = await adviser?.advise({
    namespace: workflow.split("/")[0] ?? "",
    failureType: finding.failureType,
    confidence: finding.confidence,
    cluster: `step "${step}": ${signal}${error === undefined ? "" : `, mostly "${error}"`}`,
    evidence: finding.evidence.map(({ id, says }) => ({ id, text: says })),
    actions: proposals.map(({ id, action, expected }) => ({
      id,
      text: `${action.kind}: ${expected}`,
    })),
  });
  if (advice === undefined) return { proposals, chosen };
  const ordered = orderWith(proposals, advice);
  return { proposals: ordered, chosen: chosen && ordered[0], advice };
}

/**
 * Orders proposals as a model advises, where statistics see no difference: the same tier, the same
 * load, the same risk to repeat an effect, and confidence within CONFIDENCE_SAME. So the worst that
 * bad advice does is to take the other one of two that are as good.
 *
 * @param proposals as statistics order them
 */
function orderWith(proposals: readonly Proposal[], advice: Advice): readonly Proposal[] {
  const ranks = new Map(advice.ranking.map((id, rank) => [id, rank]));
  const rankOf = ({ id }: Proposal) => ranks.get(id) ?? ranks.size;
  const groups: Proposal[][] = [];
  for (const proposal of proposals) {
    const group = groups.at(-1);
    if (group?.[0] !== undefined && isSame(group[0], proposal)) group.push(proposal);
    else groups.push([proposal]);
  }
  return groups.flatMap((group) => group.toSorted((one, other) => rankOf(one) - rankOf(other)));
}

/** Lower bounds of confidence that differ by less say nothing about which one is better. */
const CONFIDENCE_SAME = 0.05;

function isSame(one: Proposal, other: Proposal): boolean {
  return one.tier === other.tier && one.load === other.load && one.repeats === other.repeats &&
    Math.abs(one.confidence - other.confidence) <= CONFIDENCE_SAME;
}
