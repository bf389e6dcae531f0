/** Asks: what one piece of a description wants: a capability, a person, time, a policy, or nothing. Pure. */

import { nearestOf } from "../../core/nearest.ts";
import type { CapabilityIndex, Match } from "./capability_index.ts";
import LEXICON from "./lexicon.json" with { type: "json" };
import { fieldsOf, requiredOf } from "./contracts.ts";
import type { Piece } from "./pieces.ts";
import { newStep, type PlannedStep } from "./planned_step.ts";
import {
  conceptsOf,
  isSilent,
  isVerb,
  isVerbLike,
  stemOf,
  tokensOf,
  withoutPhrases,
  wordsOf,
} from "./words.ts";

/** What may be tuned of a step, as a person says it. */
export interface AskedPolicy {
  readonly timeoutMs?: number;
  readonly attemptsMax?: number;
}

/** What a piece wants. */
export type Ask =
  | { readonly kind: "capability"; readonly match: Match; readonly rival?: Match }
  | { readonly kind: "person"; readonly text: string }
  | { readonly kind: "wait"; readonly ms: number }
  | { readonly kind: "policy" }
  /** Something is to be done, and nothing that is registered does it. */
  | { readonly kind: "nobody"; readonly near?: string }
  /** Everything done so far is taken back. */
  | { readonly kind: "undo" }
  /** It asks for nothing: said beside the point, refused, a question, a fact, a time of day. */
  | {
    readonly kind: "nothing";
    readonly why: "aside" | "negated" | "question" | "fact" | "schedule";
  };

/** What is said in passing asks for a step only if it says it plainly. */
export const IMPLIED_SCORE_MIN = 0.6;
/** A worse match is none. */
const SCORE_MIN = 0.45;
/** A capability that matches so well is meant, although the words are those of an approval. */
const SCORE_SURE = 0.72;
/** A match that is fed by the steps before, and has no other near it, may be as bad as this. */
const FED_SCORE_MIN = 0.28;
const ALONE = 0.65;
/** Matches of different systems that are nearer than this are too much alike. */
const RIVAL_WITHIN = 0.02;

const NEGATED =
  /^(?:nobody|no one|nothing) (?:should|must|needs to|has to|is to|may)\b|^(?:(?:we|you|i|it|please|also)\s+)?(?:do not|don't|dont|never|no need|there is no need|not necessary|must not|should not|shall not|no\b(?! one)|without|skip|leave out|(?:personally )?do not (?:want|care|need))|\b(?:do not|don't) (?:want|need|care)\b|\bno need\b|\bnot (?:be )?(?:needed|necessary|wanted)\b/i;
const PERSON_WORDS =
  /\b(?:approv(?:e|es|ed|al|als|ing)|signoff|signs? off|signed off|go-ahead|acknowledg(?:e|es|ed|ement)|authoris\w+|authoriz\w+|consents?|greenlights?|\(human\)|manual(?:ly)?|by hand|ack)\b/i;
const PERSON_MISSPELT = ["approval", "approve", "approves", "approved"];
const PEOPLE =
  "manager|lead|leader|head|boss|cfo|ceo|cto|coo|director|officer|supervisor|moderator|reviewer|legal|human|person|somebody|someone|team member|scientist|engineer|doctor|owner|editor|operator|colleague|brand team|committee|board";
const PERSON_DECIDES = new RegExp(
  `\\b(?:${PEOPLE})\\b.*\\b(?:decides?|reviews?|confirms?|accepts?|agrees?|checks?|looks?|has a look|signs?|signoff|inspects?|rejects?|chooses?|answers?|judges?|picks|pick)\\b|\\b(?:review(?:ed)?|decision|decided|confirmed|accepted|checked|signed) (?:by|from|of) (?:the |a |an |our |their )?(?:${PEOPLE})\\b|\\b(?:legal|human|manual|peer|editorial|expert) (?:review|check|decision)\\b`,
  "i",
);
const WAIT =
  /^(?:we |they |then )*(?:wait|waits|pause|pauses|sleep|sleeps|hold off|let (?:it|them|things|that|this|everything) (?:soak|rest|settle|sit|cool|bake)|delay|give (?:it|them))\b/i;
const WAIT_EVENT =
  /^(?:we |they |then )*(?:wait|waits|pause|pauses|hold)\b.*\b(?:for|until|till)\b/i;
const SCHEDULE =
  /^(?:on |at )?(?:every|each)\s+(?:other )?(?:\d+ )?(?:second|minute|hour|day|night|morning|evening|afternoon|week|month|quarter|year|monday|tuesday|wednesday|thursday|friday|saturday|sunday|weekday|weekend)s?\b(?:\s+(?:at|in|on|before|after)\s+(?:the\s+)?[\w:]+(?:\s+(?:in the )?(?:morning|evening|afternoon|night|am|pm|o'clock))?)?,?\s*|^(?:nightly|daily|weekly|monthly|hourly|once an? (?:hour|day|week|month))\b,?\s*/i;
const FACT =
  /\b(?:service|system|app|application|api|backend|server|database)\b[^,]*\b(?:is|are|runs|lives)\s+(?:an?|our|the|in|on|written|built|called|hosted)\b|\b(?:is|are) (?:handled|owned|managed|provided|served|run|operated|covered|taken care of) by\b/i;
const ASIDE =
  /^(?:i|we|as discussed|thanks|thank you|regards|cheers|best|sincerely|hi|hello|hey|dear)\b/i;
const UNDO =
  /^(?:undo|revert|roll back|rollback|take back|compensate(?: for)?|reverse)\s+(?:everything|all|what|whatever|the (?:previous|earlier|completed|finished) steps|any completed|any finished|(?:the )?(?:whole )?(?:thing|work|changes?))\b/i;
const UNIT_MS: Readonly<Record<string, number>> = {
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};
const DURATION =
  /(\d+(?:\.\d+)?|\b(?:an?|one|two|three|four|five|six|seven|eight|nine|ten|twelve|fifteen|twenty|thirty|forty|sixty|ninety|half an?|a couple of|a few)\b)[\s-]?(ms|milliseconds?|s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?|d|days?|w|weeks?|months?)\b/i;
const TIMEOUT = new RegExp(
  `\\(?,?\\s*\\b(?:must not take longer than|may take at most|should take at most|no longer than|not longer than|time-?out(?: of| after)?|within at most|max\\.?|at most)\\s+${DURATION.source}\\)?`,
  "i",
);
const ATTEMPTS =
  /\(?,?\s*\b(?:and )?(?:should (?:only )?be |must (?:only )?be |is |try it |try |tried |re-?try |retried |repeat(?:ed)? )*(?:the \w+ )?(?:(?:retry|retries|retried|try|tried|attempts?|repeat(?:ed)?)\s*:?\s*(?:it )?(?:only |up to |at most |max\.? )*)(\d+|once|twice|one|two|three|four|five|six|seven|eight|nine|ten)\s*(?:x|times|attempts)?\b\)?,?/i;

/** `retry the charge 5 times`: what is tried stands between. */
const ATTEMPTS_OF =
  /\b(?:re-?try|try|repeat|attempt)\s+(?:to\s+)?((?!it\b|up\b|at\b|only\b)[^,;]{2,60}?)\s+(?:only |up to |at most |max\.? |maximum )*(\d+|twice|two|three|four|five|six|seven|eight|nine|ten)\s*(?:x|times|attempts)\b/i;

/** Reads a duration; undefined: there is none. Units: milliseconds. */
export function durationIn(text: string): number | undefined {
  const [, amount = "", unit = ""] = DURATION.exec(text) ?? [];
  if (amount === "") return undefined;
  const count = Number.isFinite(Number(amount)) ? Number(amount) : numberOf(amount);
  const letter = unit.toLowerCase();
  if (letter.startsWith("ms") || letter.startsWith("milli")) return Math.round(count);
  if (letter.startsWith("mo")) return Math.round(count * 30 * 86_400_000);
  return Math.round(count * (UNIT_MS[letter[0] ?? ""] ?? 0));
}

/** Takes what is said of time-outs and attempts out of a text. */
export function policyIn(text: string): { readonly policy: AskedPolicy; readonly rest: string } {
  const timeout = TIMEOUT.exec(text);
  const attempts = ATTEMPTS.exec(text) ?? ATTEMPTS_OF.exec(text);
  const [, ofOrCount, countOf] = attempts ?? [];
  const counted = countOf ?? ofOrCount;
  const timeoutMs = timeout === null ? undefined : durationIn(timeout[0]);
  const count = counted === undefined ? undefined : attemptsOf(counted);
  const left = attempts === null
    ? text
    : text.replace(attempts[0], countOf === undefined ? " " : ` ${ofOrCount} `);
  const rest = timeout === null ? left : left.replace(timeout[0], " ");
  return {
    policy: {
      ...(timeoutMs !== undefined && timeoutMs > 0 && { timeoutMs }),
      ...(count !== undefined && count > 0 && { attemptsMax: count }),
    },
    rest: rest.replace(/\(\s*,?\s*\)/g, " ").replace(/\s+/g, " ").trim(),
  };
}

/** Takes the time at which a workflow starts off a text. */
export function withoutSchedule(
  text: string,
): { readonly schedule?: string; readonly rest: string } {
  const [schedule] = SCHEDULE.exec(text) ?? [];
  if (schedule === undefined) return { rest: text };
  return { schedule: schedule.trim().replace(/,$/, ""), rest: text.replace(SCHEDULE, "") };
}

/** Whether a text asks for a person's yes or no. */
export function isApproval(text: string): boolean {
  const plain = withoutPhrases(text);
  return PERSON_WORDS.test(text) || PERSON_WORDS.test(plain) || PERSON_DECIDES.test(plain) ||
    tokensOf(text).some((word) =>
      word.length > 5 && !isVerb(word) && nearestOf(word, PERSON_MISSPELT) !== undefined
    );
}

/** What is known where a piece is read. */
export interface AskContext {
  /** Systems that the description names for it. */
  readonly favoured: ReadonlySet<string>;
  /** Whether earlier steps give what a capability needs. */
  readonly isFed: (match: Match) => boolean;
}

/** What a piece wants. */
export function askOf(
  piece: Pick<Piece, "text" | "isItem" | "isQuestion">,
  index: CapabilityIndex,
  { favoured, isFed }: AskContext,
): Ask {
  const { text } = piece;
  if (piece.isQuestion) return { kind: "nothing", why: "question" };
  if (NEGATED.test(text)) return { kind: "nothing", why: "negated" };
  if (UNDO.test(text)) return { kind: "undo" };
  const ms = WAIT.test(text) ? durationIn(text) : undefined;
  if (ms !== undefined) return { kind: "wait", ms };
  const named = nearMiss(text, index);
  if (named !== undefined) return { kind: "nobody", near: named };
  if (FACT.test(text)) return { kind: "nothing", why: "fact" };
  const [best, ...others] = index.match(text, favoured);
  const isSure = best !== undefined && best.score >= SCORE_SURE && best.hasVerb;
  if (isApproval(text) && !isSure) return { kind: "person", text };
  if (WAIT_EVENT.test(text)) return { kind: "person", text };
  if (best !== undefined && isMeant(piece, best, { second: others[0], isFed })) {
    const rival = others.find((one) => isRival(best, one));
    return { kind: "capability", match: best, ...(rival !== undefined && { rival }) };
  }
  return isDemand(piece) ? { kind: "nobody" } : { kind: "nothing", why: "aside" };
}

/** A worse match will do where the steps before give what the capability needs, and nothing is as near. */
function isMeant(
  { text, isItem }: Pick<Piece, "text" | "isItem">,
  best: Match,
  { second, isFed }: { readonly second: Match | undefined; readonly isFed: AskContext["isFed"] },
): boolean {
  if (!best.hasVerb && !isItem && best.score < SCORE_SURE && hasOtherVerb(text, best.words)) {
    return false;
  }
  if (best.written.length === 0 && namesOther(best, best.others)) return false;
  if (best.score >= SCORE_MIN) return true;
  const isAlone = second === undefined || second.score <= best.score * ALONE;
  return best.score >= FED_SCORE_MIN && isAlone && isFed(best);
}

/** Verbs of messages; to whom they go, no capability needs to know. */
const MESSAGES = new Set(["notify", "message", "post"].map(stemOf).flatMap(conceptsOf));
const PERSONS = new Set(LEXICON.persons.split(" ").map(stemOf));

/** Whether words name something that is done to, of which a capability does not speak. */
function namesOther({ words }: Match, others: readonly string[]): boolean {
  if (words.some((word) => conceptsOf(stemOf(word)).some((one) => MESSAGES.has(one)))) return false;
  return others.some((word) => !PERSONS.has(stemOf(word)) && !isVerbLike(word));
}

/**
 * Whether all that speaks for a match is one word, and something that is done to is nothing that is
 * registered: `train the puppy` for `model.train`.
 */
export function isDoubtful(match: Match): boolean {
  return match.words.length === 1 && namesOther(match, match.unknown);
}

/** Whether somebody does something else: `an employee asks for leave`. */
function hasOtherVerb(text: string, words: readonly string[]): boolean {
  const all = tokensOf(withoutPhrases(text));
  return all.slice(1).some((word, at) =>
    /[^s]s$/.test(word) && isVerb(word) && !words.includes(word) &&
    !/^(?:the|an?|of|to|our|their|its|for|all|and|by)$/.test(all[at] ?? "")
  );
}

/** Another system that would do as well, by another name. */
function isRival(best: Match, other: Match): boolean {
  return other.offer.system !== best.offer.system &&
    other.offer.capability.name !== best.offer.capability.name &&
    best.score - other.score < RIVAL_WITHIN && best.words.join() === other.words.join();
}

/** A capability that is written out, but not quite as it is called; nothing is taken for it. */
function nearMiss(text: string, index: CapabilityIndex): string | undefined {
  const written = text.toLowerCase().match(/\b[a-z_]+\.[a-z_]+(?:\.[a-z_]+)*\b/g) ?? [];
  for (const name of written) {
    if (index.named(name).length > 0) continue;
    const near = nearestOf(name, index.names);
    if (near !== undefined) return near;
  }
  return undefined;
}

/** Whether a text says that something is to be done: an item of a list, an order, a passive. */
function isDemand({ text, isItem }: Pick<Piece, "text" | "isItem">): boolean {
  if (ASIDE.test(text) || wordsOf(text).length === 0) return false;
  if (isItem) return true;
  const plain = withoutPhrases(text).replace(/^(?:also|please|just|only|and)\s+/i, "");
  const [first = "", second = ""] = tokensOf(plain);
  if (["is", "are", "was", "do", "does"].includes(first)) return false;
  // `water the plants`: whatever stands before an article there is an order.
  const isUnheard = !isSilent(first) && /^(?:the|an?|our|their|your|my|his|her|its|each|every|all)$/
    .test(second) &&
    !/(?:ed|ing|ly|s)$/.test(first);
  const isOrder = (isVerb(first) && !/(?:ed|ing)$/.test(first) && second !== "") || isUnheard;
  const isPassive = /\b(?:is|are|be|gets?)\s+(?:\w+ly\s+)?\w+(?:ed|en)\b/i.test(plain) &&
    !/\b(?:i|we|our|currently|already|at the moment)\b/i.test(plain);
  return isOrder || isPassive || /^(?:do|make|have|get)\s+\w+/i.test(plain);
}

function numberOf(text: string): number {
  const word = text.toLowerCase();
  if (word.startsWith("half")) return 0.5;
  const numbers: Readonly<Record<string, number>> = LEXICON.numbers;
  return tokensOf(word).map((one) => numbers[one] ?? 0).reduce((a, b) => Math.max(a, b), 0);
}

function attemptsOf(text: string): number {
  if (/^once$/i.test(text)) return 1;
  if (/^twice$/i.test(text)) return 2;
  return /^\d+$/.test(text) ? Number(text) : numberOf(text);
}

/** Characters of a clause that a placeholder quotes. */
const QUOTED_LENGTH_MAX = 200;

/** The step that an ask is for. */
export function stepFor(ask: Ask, text: string, clause: number): PlannedStep {
  switch (ask.kind) {
    case "capability":
      return newStep("remote", { text, clause, match: ask.match });
    case "person":
      return newStep("signal", { text, clause });
    case "wait":
      return { ...newStep("sleep", { text, clause }), waitMs: ask.ms };
    default: {
      const todo = `Nothing that is registered does this: ${text.slice(0, QUOTED_LENGTH_MAX)}`;
      return { ...newStep("todo", { text, clause }), todo };
    }
  }
}

/** `an answer from the articles found`: what else a text says may be the step that makes its input. */
export function impliedIn(
  text: string,
  match: Match,
  index: CapabilityIndex,
): { readonly match: Match; readonly text: string } | undefined {
  const required = requiredOf(match.offer);
  const fields = new Set(
    required.flatMap((name) => tokensOf(name.replaceAll("_", " ")).map(stemOf)),
  );
  const explained = new Set(match.words.filter((word) => !fields.has(stemOf(word))));
  const left = wordsOf(text).map((word) => word.text).filter((word) => !explained.has(word));
  if (left.length < 2) return undefined;
  const [best] = index.match(left.join(" ")).filter(({ offer, score }) =>
    score >= IMPLIED_SCORE_MIN && offer !== match.offer &&
    Object.keys(fieldsOf(offer.capability.output)).some((name) => required.includes(name))
  );
  return best && { match: best, text: left.join(" ") };
}
