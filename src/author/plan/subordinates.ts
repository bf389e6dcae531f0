/** Subordinate clauses: where what is said of when ends, and what it means. Pure. */

import { type Condition, conditionOf } from "./conditions.ts";
import type { Piece } from "./pieces.ts";
import { isVerb, isVerbLike, tokensOf, withoutPhrases } from "./words.ts";

/** A length of time in words. */
export const LENGTH =
  "(?:\\d+|an?|one|two|three|four|five|six|seven|ten|twelve|fifteen|twenty|thirty|sixty|ninety)\\s+(?:seconds?|minutes?|hours?|days?|weeks?|months?)";
/** `after two days`. */
const ONLY_LENGTH = new RegExp(`^(?:another\\s+|further\\s+)?(${LENGTH})(?:\\s+more)?$`, "i");
/** Words that begin what is said of when. */
export const SUBORDINATE =
  "if|in case(?: that| of)?|in the event (?:of|that)|should|when|whenever|once|as soon as|only after|only once|only when|only if|after|before|between|unless|until|on(?=\\s+(?:any\\s+)?(?:error|failure|success|problem))|upon|provided(?: that)?|as long as";

/** `the load is done, refresh …`: what is said of when, and what is to be done. */
export function splitSubordinate(text: string): readonly [string, string] {
  const commas = [...text.matchAll(/,\s+(?:then\s+)?|\s+then\s+|:\s+/g)];
  for (const { index, 0: separator } of commas) {
    const [inner, rest] = [text.slice(0, index), text.slice(index + separator.length)];
    if (startsAction(rest, true)) return [inner, rest];
  }
  const [first] = commas;
  if (first !== undefined) {
    return [text.slice(0, first.index), text.slice(first.index + first[0].length)];
  }
  return splitWithoutComma(text);
}

/** What is said of when ends so. */
const ENDED =
  /\b(?:done|finished|complete|ready|over|there|through|wrong|fails?|failed|error|failure|succeeds?|exists?|approved|accepted|confirmed|rejected|refused|declined|denied|valid|ok|okay|fine|available|healthy|(?:is|are|be|been|gets?|got) \w+ed|\d[\d.,]*\s?%?(?:\s?(?:euros?|dollars?|eur|usd))?)$/i;

function splitWithoutComma(text: string): readonly [string, string] {
  const words = text.split(/\s+/);
  for (let at = 1; at < words.length; at++) {
    const [inner, rest] = [words.slice(0, at).join(" "), words.slice(at).join(" ")];
    const word = words[at] ?? "";
    const isNominal =
      /^(?:(?:the|an?|any)\s+)?(?!\w+thing$)\w+(?:tion|ment|ing|al|error|failure|problem)$/i.test(
        inner,
      );
    const isVerbNext =
      /^(?:is|are|was|were|has|have|had|can|can't|cannot|could|couldn't|will|must|should|does|doesn't|isn't|gets?)$/i
        .test(word);
    const isBase = isVerb(word) && !/ed$/i.test(word) &&
      (!/s$/i.test(word) || /(?:ed|so|not)$/i.test(inner));
    const isSubject = /^(?:the|an?|our|their|its|it|they|we|somebody|someone)$/i.test(word) &&
      startsAction(rest, true);
    if (ENDED.test(inner) && (isBase || isSubject)) return [inner, rest];
    if (isNominal && !isVerbNext && (isBase || (at === 1 && startsAction(rest, true)))) {
      return [inner, rest];
    }
    if (isSubject && at > 2 && /\d/.test(inner)) return [inner, rest];
  }
  return [text, ""];
}

/** `… before it ships and retry the charge twice`: an order ends what is said of when. */
export function untilNextOrder(text: string): readonly [string, string?] {
  for (const { index, 0: separator } of text.matchAll(/\s+and\s+(?:then\s+|also\s+)?/gi)) {
    const rest = text.slice(index + separator.length);
    const [first = "", second] = tokensOf(rest);
    const isOrder = isVerb(first) && !/(?:ed|ing|s)$/.test(first) && second !== undefined;
    if (isOrder) return [text.slice(0, index), rest];
  }
  return [text];
}

/** Reads a word such as `if` or `after`, and what follows it. */
export function readSubordinate(word: string, inner: string): {
  readonly conditions: readonly Condition[];
  readonly anchor: Pick<Piece, "after" | "before" | "later">;
} {
  const condition = conditionOf(word, inner);
  if (condition !== undefined) return { conditions: [condition], anchor: {} };
  const [, later] = /^after$/i.test(word) ? ONLY_LENGTH.exec(inner.trim()) ?? [] : [];
  if (later !== undefined) return { conditions: [], anchor: { later } };
  if (/^between$/i.test(word)) {
    const [after = "", before] = inner.split(/\s+and\s+/i);
    return { conditions: [], anchor: before === undefined ? {} : { after, before } };
  }
  const isBefore = /^(?:before|until)$/i.test(word);
  return { conditions: [], anchor: isBefore ? { before: inner } : { after: inner } };
}

const LEAD_WORDS =
  /^(?:then|also|please|finally|next|first|only|just|immediately|afterwards|we|they|i|you|it|who|which|that|to|should|must|will|can|have to|has to|need to|needs to|try to|try)\b\s*/i;

/** Whether a text says that something is done: it begins with a verb, or has one in its middle. */
export function startsAction(text: string, isWhole: boolean): boolean {
  let rest = withoutPhrases(text).trim();
  for (let before = ""; before !== rest;) [before, rest] = [rest, rest.replace(LEAD_WORDS, "")];
  const words = tokensOf(rest);
  const [first = ""] = words;
  if (isVerbLike(first) && !/ed$/.test(first)) return true;
  if (/^(?:do|don)$/.test(first)) return true;
  const joined = words.join(" ");
  const isPassive =
    /\b(?:is|are|was|were|be|been|being|gets?|got|must|should|has|have|will|can|shall|happens?)\b/
      .test(joined) && words.some((word) => isVerb(word));
  if (isPassive) return true;
  const finite = words.slice(1, -1).some((word, index) =>
    /s$/.test(word) && isVerb(word) &&
    !/^(?:the|a|an|of|to|our|their|its)$/.test(words[index] ?? "")
  );
  return finite || (isWhole && words.length > 0 && words.length <= 3 && isVerb(first));
}
