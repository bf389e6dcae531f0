/** Conditions: what `if …`, `unless …` and the like ask for. Pure. */

/** When a piece is to be done. */
export type Condition =
  /** Something failed: any step, what was said just before, or what `of` names. */
  | { readonly kind: "failed"; readonly of: "any" | "last" | string }
  /** A person did not agree, or did not answer in time. */
  | { readonly kind: "refused"; readonly within?: string }
  /** The opposite of the condition before. */
  | { readonly kind: "else" }
  | { readonly kind: "always" }
  /** A value decides; no step can be left out for that. */
  | { readonly kind: "value"; readonly of: string };

const FAILURE =
  /\b(?:fails?|failed|failing|failures?|errors?|goes wrong|go wrong|went wrong|wrong|does not work|doesn't work|not work|do not work|impossible|not possible|cannot be|can not be|can't be|could not be|couldn't be|cannot|could not|is declined|are declined|declined|breaks?|broke|broken|timeouts?|times? out|timed out|unsuccessful|not successful|does not succeed|doesn't succeed|crash(?:es|ed)?|unavailable|unreachable|goes bad|problems?)\b/i;
const ANYTHING =
  /\b(?:anything|something|any (?:of|step|part|one)|one of|any|some step|things?|at any point|along the way|a step|steps?|everything|an error|errors?|failures?|problems?)\b/i;
const REFUSAL =
  /\b(?:rejects?|rejected|rejection|refuses?|refused|denies|denied|disapproves?|not approve[ds]?|doesn't approve|does not approve|isn't approved|not approved|nobody|no one|no answer|no response|not acknowledged|does not (?:answer|respond|confirm|acknowledge)|says? no|objects?|vetoe?s?|turned down|turns? (?:it )?down)\b/i;
const APPROVAL =
  /\b(?:approv\w+|agree[sd]?|accept(?:s|ed)?|confirm(?:s|ed)?|says? yes|acknowledged?|signed)\b/i;
const SUCCESS =
  /\b(?:succeeds?|succeeded|successful(?:ly)?|works?|worked|is ok|all is well|goes well|went well|passes|passed|fine|success|done|ready|complete[ds]?|finished)\b/i;
const IT = /^(?:it|this|that|these|they|this step|that step|which)\b/i;
/** Words that say only that something failed. */
const BARE =
  /\b(?:the|a|an|of|it|this|that|step|steps?|one|is|are|be|in|case|event|on|again|still|also|even|then|for|whatever|reason|there|happens?|occurs?|along|way|at|point)\b/gi;
const WITHIN = /\bwithin\s+((?:\d+|\w+)\s+\w+)/i;

/** Reads what follows `if` and the like; undefined: it says only what comes first. */
export function conditionOf(word: string, inner: string): Condition | undefined {
  const isOrder =
    /^(?:when|whenever|once|as soon as|after|only after|only when|before|between|until|upon)$/i
      .test(word.trim());
  const text = inner.trim();
  if (/^unless$/i.test(word)) return { kind: "value", of: `unless ${text}` };
  if (REFUSAL.test(text) && !/^(?:before|between|until|after)$/i.test(word)) {
    const [, within] = WITHIN.exec(text) ?? [];
    return { kind: "refused", ...(within !== undefined && { within }) };
  }
  const isFailure = FAILURE.test(text) ||
    /^on$/i.test(word.trim()) && /^(?:error|failure)/i.test(text);
  if (isFailure && !/^(?:before|between|until|after|once|as soon as)$/i.test(word)) {
    return { kind: "failed", of: failedOf(text) };
  }
  if (isOrder) return undefined;
  if (/^(?:on|in the event of)$/i.test(word.trim()) && SUCCESS.test(text)) return undefined;
  if (APPROVAL.test(text) || (SUCCESS.test(text) && !/\d/.test(text))) return undefined;
  return { kind: "value", of: text };
}

function failedOf(text: string): string {
  const named = text.replace(new RegExp(FAILURE.source, "gi"), " ");
  if (IT.test(text.trim())) {
    const rest = named.replace(BARE, " ").trim();
    return rest.length > 2 ? rest : "last";
  }
  const words = named.replace(BARE, " ").replace(/[^\w\s]/g, " ").trim();
  const isAny = ANYTHING.test(text) &&
    words.replace(new RegExp(ANYTHING.source, "gi"), "").trim() === "";
  if (isAny || words === "") return "any";
  return text;
}
