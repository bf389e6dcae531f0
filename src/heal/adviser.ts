/**
 * Asks a model about incidents and diagnoses: for words for people, and an order of equals. Everything goes
 * on as without it when it gives no advice.
 */

import type { Diagnosis } from "../core/diagnosis.ts";
import type { Proposal } from "../core/healing.ts";
import type { Degradation, Finding } from "../core/incident.ts";
import type { Diagnoser } from "../core/ports.ts";
import type { Model } from "../model/model.ts";
import { type Advice, PROMPT_VERSION, promptOf, type Question, readAnswer } from "./advice.ts";

/** For a question, with its repair. */
const TIMEOUT_MS = 20_000;

/** Tokens of an answer, with what a model thinks before it; the longest advice has some 5 KiB. */
const ANSWER_TOKENS_MAX = 4_000;

/** Gives advice about incidents. */
export interface Adviser {
  /**
   * Never throws, and takes at most TIMEOUT_MS. Undefined: there is none, and the log says why. The
   * same question again costs nothing.
   */
  advise(question: Question): Promise<Advice | undefined>;
}

/** Opens an adviser over a model. */
export function openAdviser(model: Pick<Model, "ask">): Adviser {
  return {
    async advise(question) {
      const { namespace, evidence, actions } = question;
      const { value } = await model.ask({
        purpose: "advice",
        namespace,
        prompt: promptOf(question),
        // Ids are not sent, but the same texts may be those of other evidence.
        key: [PROMPT_VERSION, ...[evidence, actions].map((all) => all.map(({ id }) => id))],
        answer: { name: "advice", tokensMax: ANSWER_TOKENS_MAX },
        timeoutMs: TIMEOUT_MS,
        repairsMax: 1,
        decision: { used: "advice used", otherwise: "statistics only" },
        read: (text) => readAnswer(text, question),
      });
      return value;
    },
  };
}

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

/**
 * Adds an explanation to diagnoses for which one is asked. Type, confidence, evidence and suggestions
 * stay what statistics say; without a model, or when it gives no advice, so does the whole diagnosis.
 */
export function openExplained(
  diagnoser: Diagnoser,
  adviser: Pick<Adviser, "advise"> | undefined,
): Diagnoser {
  return {
    async diagnose(question) {
      const diagnosis = await diagnoser.diagnose(question);
      if (!question.isExplained) return diagnosis;
      const advice = await adviser?.advise(questionOf(diagnosis, question.namespace));
      if (advice === undefined) return diagnosis;
      const { name, explanation: statements } = advice;
      return { ...diagnosis, explanation: { name, statements: statements.map(copied) } };
    },
  };
}

function questionOf(diagnosis: Diagnosis, namespace: string): Parameters<Adviser["advise"]>[0] {
  const { failure_type, confidence, means, step, message, evidence, historical_context } =
    diagnosis;
  const error = message === undefined ? diagnosis.class : `${diagnosis.class}: ${message}`;
  return {
    namespace,
    failureType: `${failure_type}: ${means}`,
    confidence,
    cluster: `step "${step}" failed: ${error}`,
    evidence: [...evidence, { id: "history", text: historical_context }],
    actions: [],
  };
}

function copied(
  { text, evidence }: { readonly text: string; readonly evidence: readonly string[] },
) {
  return { text, evidence: [...evidence] };
}
