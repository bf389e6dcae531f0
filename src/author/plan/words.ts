/** Words: plain text as it is compared: without marks nobody sees, by stem, with what means the same. */

import { stemmer } from "stemmer";
import { Spelling } from "./spelling.ts";
import LEXICON from "./lexicon.json" with { type: "json" };

/** Characters of a description that are read. */
export const DESCRIPTION_LENGTH_MAX = 100_000;

const IRREGULAR: Readonly<Record<string, string>> = LEXICON.irregular;
const PHRASES = LEXICON.phrases.map(([pattern = "", to = ""]) =>
  [new RegExp(`\\b${pattern}`, "gi"), to] as const
);
const STOP = new Set([...split(LEXICON.stop), ...split(LEXICON.generic)]);
const COMMON = new Set(split(LEXICON.common));
const VERBS = new Set(split(LEXICON.verbs).map(stemOf));
/** Stem → the groups of words that mean about the same. */
const CONCEPTS = conceptsByStem();

/** A word that says something. */
export interface Word {
  /** As it is written, in lower case. */
  readonly text: string;
  readonly stem: string;
}

/**
 * Returns a text without what nobody sees (zero-width and control characters, marks of direction), with
 * letters and quotes in their common form, and no longer than DESCRIPTION_LENGTH_MAX.
 */
export function plainText(text: string): string {
  return text.slice(0, DESCRIPTION_LENGTH_MAX).normalize("NFKC")
    .replace(/\p{Cf}|(?![\n\t])\p{Cc}/gu, "")
    .replace(/[‘’`´]/g, "'").replace(/[“”«»]/g, '"').replace(/[–—]/g, " - ")
    .replace(/[→⇒]|=>/g, "->")
    .replace(/\b(?:teh|hte)\b/gi, "the").replace(/\b(?:adn|nad)\b/gi, "and")
    .replace(/\b(?:thn|tehn|hten|thne)\b/gi, "then")
    .replace(/(?<=(?:,|\band)\s)than\b/gi, "then");
}

/** Rewrites phrases of several words as one: `set the items aside` is `reserve the items`. */
export function withoutPhrases(text: string): string {
  return PHRASES.reduce((before, [pattern, to]) => before.replace(pattern, to), text);
}

/** The stem of a word. */
export function stemOf(word: string): string {
  const lower = word.toLowerCase();
  return stemmer(Object.hasOwn(IRREGULAR, lower) ? IRREGULAR[lower] ?? lower : lower);
}

/** Whether a word can be what is done. */
export function isVerb(word: string): boolean {
  return VERBS.has(stemOf(word));
}

/** The same of a word that may be misspelt. */
export function isVerbLike(word: string): boolean {
  if (isVerb(word)) return true;
  if (isCommon(word)) return false;
  spelling ??= new Spelling(split(LEXICON.verbs));
  return spelling.correct(word) !== undefined;
}

let spelling: Spelling | undefined;

/** The words of a text that say something, in order. */
export function wordsOf(text: string): readonly Word[] {
  return tokensOf(withoutPhrases(text))
    .filter((token) => !STOP.has(token) && !/^\d/.test(token))
    .map((token) => ({ text: token, stem: stemOf(token) }));
}

/** All words of a text in lower case; `user.create_profile` is three. */
export function tokensOf(text: string): readonly string[] {
  return text.toLowerCase().replace(/n't\b/g, " not").replace(/'s\b/g, "")
    .match(/[a-z0-9äöüßéèáóñ]+/g) ?? [];
}

/** The groups of words that mean about the same as a stem. */
export function conceptsOf(stem: string): readonly number[] {
  return CONCEPTS.get(stem) ?? [];
}

/** Words of the tables as they are written. */
export function knownWords(): readonly string[] {
  return [
    ...split(LEXICON.verbs),
    ...LEXICON.synonyms.flatMap(split),
    ...split(LEXICON.stop),
    ...split(LEXICON.common),
  ];
}

/** Whether a word of the tables, or one that says nothing, is written so. */
export function isCommon(word: string): boolean {
  return STOP.has(word) || COMMON.has(word) || VERBS.has(stemOf(word)) ||
    CONCEPTS.has(stemOf(word));
}

/** Whether a word says nothing by itself. */
export function isSilent(word: string): boolean {
  return STOP.has(word);
}

function split(words: string): readonly string[] {
  return words.split(" ");
}

function conceptsByStem(): ReadonlyMap<string, readonly number[]> {
  const concepts = new Map<string, number[]>();
  LEXICON.synonyms.forEach((group, index) => {
    for (const stem of new Set(split(group).map(stemOf))) {
      concepts.set(stem, [...concepts.get(stem) ?? [], index]);
    }
  });
  return concepts;
}
