/**
 * Pieces: a sentence as what it asks for, one thing each, with the words that say when. Only the form of
 * English is looked at here; what the pieces mean is decided with the registry at hand.
 */

import type { Condition } from "./conditions.ts";
import type { Sentence } from "./sentences.ts";
import {
  LENGTH,
  readSubordinate,
  splitSubordinate,
  startsAction,
  SUBORDINATE,
  untilNextOrder,
} from "./subordinates.ts";
import { tokensOf } from "./words.ts";

/** One thing that a sentence asks for. */
export interface Piece {
  readonly text: string;
  /** How it follows what was said before. */
  readonly join: "then" | "and" | "parallel" | "last" | "first";
  /** Pieces of one number run side by side. */
  readonly group?: number;
  readonly conditions: readonly Condition[];
  /** It comes after, or before, what this names. */
  readonly after?: string;
  readonly before?: string;
  /** It happens this long after what was said before: a duration in words. */
  readonly later?: string;
  /** It is asked for each of these, within one task. */
  readonly each?: string;
  readonly isItem: boolean;
  readonly isQuestion: boolean;
}

const PARALLEL =
  "(?:in parallel|at the same time|simultaneously|concurrently|meanwhile|in the meantime|side by side|alongside(?: that| this)?)";
const SAME_TIME = new RegExp(`^(?:and\\s+)?,?\\s*${PARALLEL}\\b[,:]?\\s*`, "i");
/** Between two pieces. */
const MIDDLE = new RegExp(
  `,?\\s+(?:(?:and|but|while)\\s*,?\\s*)?(?:and\\s+)?${PARALLEL}\\b,?\\s+(?!then\\b|and then\\b|after\\b|while\\b|as\\b|with\\b)(?=\\w)`,
  "gi",
);
const END = new RegExp(
  `,?\\s*(?:(?:and|all|both)\\s+)?${PARALLEL}\\s*(?=$|[,.;]|\\s+(?:then|while|and then)\\b)`,
  "gi",
);
const WHILE = /,?\s+while\s+/gi;
/** What two pieces are divided by that run side by side. */
const BESIDE = "\u0001";

const THEN =
  /\s*(?:;|->|\s-\s|,?\s+(?:and\s+|but\s+)?(?:then|after (?:that|this|which)|afterwards|subsequently|thereafter)\b,?|,?\s+followed by\b)\s*/i;
const LEADS: readonly (readonly [RegExp, Lead])[] = [
  [
    /^(?:then|next|after (?:that|this)|afterwards|subsequently|thereafter|only then|from there|following that|with that in hand|as a next step)\b,?\s*/i,
    { join: "then" },
  ],
  [SAME_TIME, { join: "parallel" }],
  [/^(?:second(?:ly)?|third(?:ly)?|fourth(?:ly)?|fifth(?:ly)?|sixth)\s*[,:]\s*/i, { join: "then" }],
  [/^(?:finally|lastly|last|at the (?:very )?end|in the end|to finish)\b,?\s*/i, { join: "last" }],
  [
    /^(?:in any case|in all cases|in every case|whatever happens|no matter what(?: happens)?|either way|always|regardless)\b,?\s*/i,
    { condition: { kind: "always" } },
  ],
  [/^(?:otherwise|or else|else|if not)\b,?\s*/i, { condition: { kind: "else" } }],
  [
    /^(?:first(?: of all)?|firstly|to begin with|it all (?:begins|starts) with|everything (?:begins|starts) with|(?:begin|start) (?:with|by))\b,?\s*/i,
    { join: "first" },
  ],
  [
    /^(?:and|but|so|also|please|plz|pls|now|here|additionally|furthermore|in addition|as well|hi|hello|hey)\b,?\s*/i,
    {},
  ],
];
/** `a day later`, `30 minutes after that`. */
const LATER = new RegExp(`^(${LENGTH})\\s+(?:later|after(?:wards|\\s+that)?)\\b,?\\s*`, "i");
const POLITE =
  /^(?:hi|hello|hey|dear)\b[^,.!:]{0,40}[,!]\s*|^(?:(?:could|can|would|will) you|i would like (?:you )?to|i'd like (?:you )?to|i want (?:you )?to|we want to|we need to|i need to|(?:i|we) (?:need|want|would like)(?: to have)?|please|plz|pls|what i want is|so what i have in mind is this)\s+(?:please\s+)?(?:(?:build|create|make|set up|write|design|have)\s+(?:me\s+|us\s+)?)?(?:(?:an?|some|the)\s+)?(?:new\s+)?(?:workflow|workflw|flow|process|pipeline|automation|something|thing)?\s*(?:that|which|where|in which|to|for)?\s*/i;

/** What is said of each thing of a kind; a capability that takes a list does it at once. */
const FOR_EACH = /^((?:for|with|on) (?:each|every|all(?: of)?(?: the)?) [^,;:]{1,60})[,:]\s*/i;
/** The same at the end: `reserve stock for each item`. */
const EACH_AT_END = /\s+(for (?:each|every)(?: one)?(?: of the)? [^,;:]{1,60})$/i;

interface Lead {
  readonly join?: Piece["join"];
  readonly condition?: Condition;
}

const LEADING = new RegExp(`^(${SUBORDINATE})\\s+(.+)$`, "is");
const TRAILING = new RegExp(
  `^(.+?\\S),?\\s+(${
    SUBORDINATE.replace("|should", "")
  })\\s+([^,;]+?)(?:,\\s+(?:(?:and|but)\\s+)?(.+))?$`,
  "is",
);
/** `…, and once the manager has approved, …` begins a segment of its own. */
const INNER = new RegExp(
  `,?\\s+(?:and|but),?\\s+(?=(?:${SUBORDINATE.replace("|should", "")})\\s+[^,]+(?:,|$))`,
  "gi",
);
/** `…, and if approved …`: the same without a comma behind it. */
const INNER_SHORT =
  /,?\s+(?:and|but)\s+(?=(?:if|once|when|as soon as)\s+(?:it is |it's |it has been )?(?:approved|accepted|confirmed|rejected|refused|declined|denied|not|so)\b)/gi;
const ELSE = /,?\s+(?:and\s+)?(?=(?:otherwise|or else)\b)/gi;
/** `…, and at the end …` is a segment of its own. */
const INNER_LAST =
  /,\s+(?:(?:and|but)\s+)?(?=(?:at the (?:very )?end|in the end|finally|lastly|to finish)\b,?\s+\w+\s+\w)/gi;
/** What a piece ends with. */
const TAILS: readonly (readonly [RegExp, Lead])[] = [
  [/,?\s+(?:at the (?:very )?end|in the end|finally|last)$/i, { join: "last" }],
  [/,?\s+(?:first|as a first step)$/i, { join: "first" }],
  [/,?\s+(?:in any case|either way|in all cases|no matter what|whatever happens)$/i, {
    condition: { kind: "always" },
  }],
  [/,?\s+(?:instead|as well|too|afterwards|again|please|now)$/i, {}],
];

/** Pieces of one description; more are not read. */
const PIECES_MAX = 400;

/** Whether `other` asks for something else than `text` when it has its verb. */
export type IsOther = (text: string, other: string) => string | undefined;

/** Divides sentences into pieces; `isCut`: there are more than are read. Cost: O(length). */
export function piecesOf(sentences: readonly Sentence[], isOther: IsOther): {
  readonly pieces: readonly Piece[];
  readonly isCut: boolean;
} {
  const pieces: Piece[] = [];
  for (const [index, sentence] of sentences.entries()) {
    if (pieces.length > PIECES_MAX) break;
    pieces.push(...new SentenceReader(sentence, (index + 1) * 1_000, isOther).pieces());
  }
  return { pieces: pieces.slice(0, PIECES_MAX), isCut: pieces.length > PIECES_MAX };
}

/** Reads one sentence. */
class SentenceReader {
  readonly #isQuestion: boolean;
  #group: number;
  #conditions: readonly Condition[] = [];

  constructor(
    private readonly sentence: Sentence,
    group: number,
    private readonly isOther: IsOther,
  ) {
    this.#group = group;
    this.#isQuestion = /\?\s*$/.test(sentence.text) &&
      /^(?:what|why|how|which|who|where|when|is|are|do|does|did)\b/i.test(sentence.text);
  }

  pieces(): readonly Piece[] {
    const { text } = this.sentence;
    const polite = text.replace(POLITE, "").replace(FOR_EACH, "").replace(/[.!?]+$/, "");
    const [, each] = FOR_EACH.exec(text.replace(POLITE, "")) ?? [];
    return this.#read(tokensOf(polite).length === 0 ? text : polite).map((piece) => {
      const [end, ofEnd] = EACH_AT_END.exec(piece.text) ?? [];
      const said = ofEnd ?? each;
      if (said === undefined) return piece;
      return { ...piece, each: said, text: piece.text.slice(0, -(end?.length ?? 0) || undefined) };
    });
  }

  #read(text: string): readonly Piece[] {
    const marked = [INNER, INNER_SHORT, ELSE, INNER_LAST]
      .reduce((before, pattern) => before.replace(pattern, "; "), text).replace(MIDDLE, BESIDE);
    const pieces: Piece[] = [];
    for (const part of segmentsOf(marked)) pieces.push(...this.#segment(part));
    return pieces.filter((piece, at) => at === 0 || /[^\W_]{3}|\d/.test(piece.text));
  }

  /** What is divided from the rest by `then`, or by a semicolon. */
  #segment(text: string): readonly Piece[] {
    const { rest, lead, later, hasCondition } = this.#leads(text);
    const colon = /^([^:]{3,80}):\s+(.+)$/s.exec(rest);
    const isParallel = new RegExp(END.source, "i").test(rest.split(BESIDE).at(-1) ?? "") ||
      (colon !== null && new RegExp(PARALLEL, "i").test(colon[1] ?? ""));
    const isBegun = colon !== null && startsAction(colon[1] ?? "", true) &&
      !/\b(?:everything|all of|happen)\b/i.test(colon[1] ?? "");
    const body = isBegun ? colon[1] ?? "" : colon?.[2] ?? rest;
    const plain = body.replaceAll(END, " ").trim();
    const { main, conditions, next, later: laterSaid, ...anchors } = this.#trailing(plain);
    const begin = laterSaid ?? later;
    if (hasCondition || conditions.length > 0) {
      this.#conditions = [...hasCondition ? this.#conditions : [], ...conditions];
    }
    const sides = main.replaceAll(WHILE, BESIDE).split(BESIDE);
    const joined = sides.map((side) => this.#coordinated(side));
    const { group: listed } = this.sentence;
    const group = listed ?? (isParallel || joined.length > 1 ? ++this.#group : undefined);
    const all = joined.flatMap((parts, side) =>
      parts.map((part, index): Piece => {
        const isBeside = isParallel || listed !== undefined ||
          (side === 0 ? index === parts.length - 1 : true);
        return {
          text: part,
          join: index + side === 0 ? "then" : "and",
          conditions: this.#conditions,
          ...(group !== undefined && isBeside && { group }),
          isItem: this.sentence.isItem,
          isQuestion: this.#isQuestion,
        };
      })
    );
    const placed = all.map((piece, index) => ({
      ...withoutTail(piece),
      ...(index === 0 &&
        { ...lead, ...this.#anchor, ...(begin !== undefined && { later: begin }) }),
      ...anchors,
    }));
    const more = isBegun ? colon[2] : undefined;
    return [next, more].reduce<readonly Piece[]>(
      (before, part) => part === undefined ? before : [...before, ...this.#segment(part)],
      placed,
    );
  }

  #anchor: Pick<Piece, "after" | "before" | "later"> = {};

  /** Takes off what a segment begins with: adverbs, conditions, and what it comes after. */
  #leads(text: string) {
    let rest = text.trim();
    let lead: { join?: Piece["join"] } = {};
    let later: string | undefined;
    let hasCondition = false;
    this.#anchor = {};
    for (let round = 0; round < 8; round++) {
      const before = rest;
      const late = LATER.exec(rest);
      if (late !== null) [later, rest] = [late[1], rest.slice(late[0].length)];
      for (const [pattern, { join, condition }] of LEADS) {
        if (!pattern.test(rest)) continue;
        rest = rest.replace(pattern, "");
        if (join !== undefined) lead = { join };
        if (condition === undefined) continue;
        this.#conditions = [condition];
        hasCondition = true;
      }
      const found = this.#leading(rest);
      if (found !== undefined) {
        rest = found.rest;
        if (found.conditions.length > 0) {
          this.#conditions = found.conditions;
          hasCondition = true;
        }
        this.#anchor = { ...this.#anchor, ...found.anchor };
      }
      if (rest === before) break;
    }
    return { rest, lead, later, hasCondition };
  }

  #leading(text: string) {
    const [, word = "", body = ""] = LEADING.exec(text) ?? [];
    if (word === "") return undefined;
    const [inner, rest] = splitSubordinate(body);
    if (rest === "") return undefined;
    return { rest, ...readSubordinate(word, inner) };
  }

  /** `… if the load fails`, `… after the card was credited`. */
  #trailing(text: string) {
    const [, main = "", word = "", inner = "", next] = TRAILING.exec(text) ?? [];
    const isWhole = main !== "" && (startsAction(main, true) || this.sentence.isItem);
    if (!isWhole) return { main: text, conditions: [] };
    const [when, more] = untilNextOrder(inner);
    const { conditions, anchor } = readSubordinate(word, when);
    const rest = [more, next].flatMap((one) => one ?? []).join(", ");
    return { main, conditions, ...anchor, ...(rest !== "" && { next: rest }) };
  }

  /** Divides `a, b and c` where each is something to do. */
  #coordinated(text: string): readonly string[] {
    const tokens = text.split(
      /(\s*,\s+(?:and\s+|or\s+)?(?:also\s+)?|\s+and\s+(?:also\s+)?|\s*&\s*|\s+\+\s+|\s+plus\s+)/i,
    );
    const parts: string[] = [];
    for (let at = 0; at < tokens.length; at += 2) {
      const part = (tokens[at] ?? "").trim();
      const separator = tokens[at - 1] ?? "";
      const before = parts.at(-1);
      if (part === "") continue;
      if (before === undefined) {
        parts.push(part);
        continue;
      }
      const other = startsAction(part, false) || separator.includes("+")
        ? part
        : this.isOther(before, part);
      if (other !== undefined) parts.push(other);
      else parts[parts.length - 1] = `${before}${separator}${part}`;
    }
    return parts;
  }
}

/** Divides at what says `then`, but not within a condition: `if it fails then …`. */
function segmentsOf(text: string): readonly string[] {
  const segments: string[] = [];
  let rest = text;
  for (let round = 0; round < PIECES_MAX && rest !== ""; round++) {
    const [first = "", ...others] = splitOnce(rest, THEN);
    const isOpen = LEADING.test(first) && !LEADS.some(([pattern]) => pattern.test(first)) &&
      splitSubordinate(first.replace(LEADING, "$2"))[1] === "";
    if (isOpen && others.length > 0) {
      const [second = "", ...more] = splitOnce(others[0] ?? "", THEN);
      segments.push(`${first}, ${second}`);
      rest = more[0] ?? "";
    } else {
      segments.push(first);
      rest = others[0] ?? "";
    }
  }
  return segments.filter((segment) => /[^\W_]{3}|\d/.test(segment.replace(/^it's$/i, "")));
}

function splitOnce(text: string, separator: RegExp): readonly string[] {
  const found = separator.exec(text);
  if (found === null) return [text];
  return [text.slice(0, found.index), text.slice(found.index + found[0].length)];
}

/** Takes off what a piece ends with. */
function withoutTail(piece: Piece): Piece {
  const found = TAILS.find(([pattern]) => pattern.test(piece.text));
  if (found === undefined) return piece;
  const [pattern, { join, condition }] = found;
  const text = piece.text.replace(pattern, "");
  if (tokensOf(text).length === 0) return piece;
  return {
    ...piece,
    text,
    ...(join !== undefined && { join }),
    ...(condition !== undefined && { conditions: [condition] }),
  };
}
