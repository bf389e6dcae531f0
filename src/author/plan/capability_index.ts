/**
 * Capability index: which capability a clause asks for. Ranked by BM25 over the fields of each
 * capability (Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond", 2009,
 * §3.3: one saturated sum over weighted fields), and by how much of its name is said.
 */

import type { Directory } from "../../core/authoring.ts";
import { Spelling } from "./spelling.ts";
import {
  conceptsOf,
  isCommon,
  knownWords,
  stemOf,
  tokensOf,
  withoutPhrases,
  type Word,
  wordsOf,
} from "./words.ts";

/** A capability of one system. */
export interface Offer {
  readonly system: string;
  readonly capability: Directory["systems"][number]["capabilities"][number];
}

/** How well a capability answers a clause. */
export interface Match {
  readonly offer: Offer;
  /** 0..1: how much of the clause it explains, and how much of its name the clause says. */
  readonly score: number;
  /** Whether the clause says what the capability does, and to what. */
  readonly hasVerb: boolean;
  readonly hasNoun: boolean;
  /** Words of the clause that it explains. */
  readonly words: readonly string[];
  /** Those of them that it has as well, and not only one that means about the same. */
  readonly written: readonly string[];
  /** Words of the clause that it does not explain, and those of them that nothing explains. */
  readonly others: readonly string[];
  readonly unknown: readonly string[];
}

/** What a word counts in which field. */
const WEIGHTS = { name: 3, description: 1.4, fields: 0.5, system: 0.9 };
/** What a word counts that means about the same, or is written nearly so. */
const SYNONYM = 0.6;
const MISSPELT = 0.85;
/** What the verb of a description counts, as a part of that of a name. */
const DESCRIBED = 0.9;
/** Verbs that say no more than that something is done with the noun, and what they count unsaid. */
const VAGUE = new Set(
  ["process", "handle", "perform", "execute", "run", "do", "manage"].map(stemOf),
);
const UNSAID = 0.7;
/** BM25: how soon a word is enough, and what a long text costs. */
const K1 = 1.2;
const B = 0.25;
/** What a word that no capability has costs, as a part of the rarest one. */
const FOREIGN = 0.55;
/** Matches that are returned. */
const MATCHES_MAX = 8;

interface Entry {
  readonly offer: Offer;
  /** Stem → its weight. */
  readonly stems: ReadonlyMap<string, number>;
  readonly length: number;
  readonly verbs: readonly string[];
  readonly nouns: readonly string[];
  /** What its description begins with: `Hands a ticket to second level`. */
  readonly described: string | undefined;
  /** Its words as they are written. */
  readonly words: readonly string[];
  readonly systemStems: readonly string[];
}

type Postings = Map<string, Map<number, number>>;

/** The capabilities of a directory, by their words. Cost: O(words) to build, O(hits) to ask. */
export class CapabilityIndex {
  readonly #entries: readonly Entry[];
  readonly #byStem: Postings = new Map();
  readonly #byConcept: Postings = new Map();
  readonly #averageLength: number;
  readonly #spelling: Spelling;

  constructor(directory: Directory) {
    this.#entries = directory.systems
      .filter(({ granted }) => granted !== false)
      .flatMap(({ name, capabilities }) =>
        capabilities.map((capability) => entryOf({ system: name, capability }))
      );
    this.#entries.forEach(({ stems }, index) => {
      for (const [stem, weight] of stems) {
        addPosting(this.#byStem, stem, index, weight);
        for (const concept of conceptsOf(stem)) {
          addPosting(this.#byConcept, String(concept), index, weight * SYNONYM);
        }
      }
    });
    const total = this.#entries.reduce((sum, { length }) => sum + length, 0);
    this.#averageLength = Math.max(1, total / Math.max(1, this.#entries.length));
    this.#spelling = new Spelling([
      ...this.#entries.flatMap(({ words }) => words),
      ...knownWords(),
    ]);
  }

  /** The offers of a capability by its exact name. */
  named(name: string): readonly Offer[] {
    return this.#entries.filter(({ offer }) => offer.capability.name === name)
      .map(({ offer }) => offer);
  }

  /** All offers. */
  get offers(): readonly Offer[] {
    return this.#entries.map(({ offer }) => offer);
  }

  /** Names of all capabilities. */
  get names(): readonly string[] {
    return [...new Set(this.#entries.map(({ offer }) => offer.capability.name))];
  }

  /** Ranks capabilities for a text; `favoured` systems, which the person names, come first. */
  match(text: string, favoured: ReadonlySet<string> = new Set()): readonly Match[] {
    const words = uniqueWords(this.#compounded(wordsOf(text.replace(/#[\w-]+/g, " "))));
    const hits = words.map((word) => this.#hitsOf(word));
    const rarest = idf(0, this.#entries.length);
    const weights = hits.map(({ docs }) =>
      docs.size === 0 ? rarest * FOREIGN : idf(docs.size, this.#entries.length)
    );
    const attainable = weights.reduce((sum, weight) => sum + weight, 0);
    if (attainable === 0) return [];
    const unknown = words.filter((_, at) => hits[at]?.docs.size === 0).map(({ text }) => text);
    const candidates = new Set(hits.flatMap(({ docs }) => [...docs.keys()]));
    return [...candidates].map((index) => {
      const entry = this.#entries[index] as Entry;
      const norm = 1 - B + B * entry.length / this.#averageLength;
      const gained = hits.reduce((sum, { docs }, at) => {
        const weight = docs.get(index) ?? 0;
        return sum + (weights[at] ?? 0) * weight / (weight + K1 * norm);
      }, 0) * (WEIGHTS.name + K1) / WEIGHTS.name;
      const hit = words.filter((_, at) => hits[at]?.docs.has(index));
      const others = words.filter((word) => !hit.includes(word)).map(({ text }) => text);
      return { ...this.#matchOf(entry, gained / attainable, { hit, favoured }), others, unknown };
    }).sort((a, b) => b.score - a.score || compareOffers(a.offer, b.offer)).slice(0, MATCHES_MAX);
  }

  #matchOf(
    { offer, stems: own, verbs, nouns, described, systemStems }: Entry,
    coverage: number,
    { hit, favoured }: { readonly hit: readonly Word[]; readonly favoured: ReadonlySet<string> },
  ): Omit<Match, "others" | "unknown"> {
    const stems = hit.map((word) => this.#corrected(word));
    const concepts = new Set(stems.flatMap(conceptsOf));
    const said = (stem: string) =>
      stems.includes(stem) ? 1 : conceptsOf(stem).some((one) => concepts.has(one)) ? 0.75 : 0;
    const noun = shareOf(nouns, said);
    const isDescribed = described !== undefined && stems.includes(described);
    const isVague = noun > 0 && verbs.every((stem) => VAGUE.has(stem));
    const verb = Math.max(shareOf(verbs, said), isDescribed ? DESCRIBED : 0, isVague ? UNSAID : 0);
    const name = nouns.length === 0 ? verb : 0.55 * verb + 0.45 * noun;
    const isFavoured = favoured.has(offer.system) ||
      systemStems.some((stem) => stems.includes(stem) && !nouns.includes(stem));
    const score = Math.min(1, 0.55 * Math.min(1, coverage) + 0.45 * name + (isFavoured ? 0.08 : 0));
    return {
      offer,
      score,
      hasVerb: verb > 0,
      hasNoun: noun > 0,
      words: hit.map(({ text }) => text),
      written: hit.flatMap(({ text }, at) => own.has(stems[at] ?? "") ? [text] : []),
    };
  }

  /** `status page` is `statuspage` where a capability writes it so. */
  #compounded(words: readonly Word[]): readonly Word[] {
    const found: Word[] = [];
    for (let at = 0; at < words.length; at++) {
      const [one, next] = [words[at], words[at + 1]];
      if (one === undefined) break;
      const text = `${one.text}${next?.text ?? ""}`;
      const isOne = next !== undefined && this.#byStem.has(stemOf(text));
      found.push(isOne ? { text, stem: stemOf(text) } : one);
      if (isOne) at++;
    }
    return found;
  }

  #corrected({ text, stem }: Word): string {
    if (this.#byStem.has(stem) || isCommon(text)) return stem;
    const corrected = this.#spelling.correct(text);
    return corrected === undefined ? stem : stemOf(corrected);
  }

  /** The documents that have a word, or one that means about the same. */
  #hitsOf(word: Word): { readonly docs: ReadonlyMap<number, number> } {
    const stem = this.#corrected(word);
    return { docs: this.#postingsOf(stem, stem === word.stem ? 1 : MISSPELT) };
  }

  #postingsOf(stem: string, factor: number): ReadonlyMap<number, number> {
    const docs = new Map<number, number>();
    const lists = [
      this.#byStem.get(stem),
      ...conceptsOf(stem).map((concept) => this.#byConcept.get(String(concept))),
    ];
    for (const list of lists) {
      for (const [doc, weight] of list ?? []) {
        docs.set(doc, Math.max(docs.get(doc) ?? 0, weight * factor));
      }
    }
    return docs;
  }
}

function idf(documents: number, all: number): number {
  return Math.log(1 + (all - documents + 0.5) / (documents + 0.5));
}

function shareOf(stems: readonly string[], said: (stem: string) => number): number {
  return stems.length === 0 ? 0 : stems.reduce((sum, stem) => sum + said(stem), 0) / stems.length;
}

function uniqueWords(words: readonly Word[]): readonly Word[] {
  return [...new Map(words.map((word) => [word.stem, word])).values()];
}

function addPosting(postings: Postings, key: string, index: number, weight: number): void {
  const list = postings.get(key) ?? new Map<number, number>();
  list.set(index, Math.max(list.get(index) ?? 0, weight));
  postings.set(key, list);
}

function compareOffers(a: Offer, b: Offer): number {
  const [left, right] = [a, b].map(({ system, capability }) => `${capability.name} ${system}`);
  return (left ?? "") < (right ?? "") ? -1 : 1;
}

/** `user.create_profile`: of what, and what is done; a name without a dot is both. */
function entryOf(offer: Offer): Entry {
  const { system, capability } = offer;
  const parts = capability.name.split(".");
  const action = parts.at(-1) ?? "";
  const nouns = parts.slice(0, -1).flatMap((part) => tokensOf(part.replaceAll("_", " ")));
  const verbs = tokensOf(action.replaceAll(/[_-]/g, " "));
  const stems = new Map<string, number>();
  const add = (words: Iterable<string>, weight: number) => {
    for (const stem of words) stems.set(stem, Math.max(stems.get(stem) ?? 0, weight));
  };
  const [verbStems, nounStems] = [verbs.map(stemOf), nouns.map(stemOf)];
  const systemStems = tokensOf(system.replaceAll(/[_-]/g, " ")).map(stemOf);
  add([...verbStems, ...nounStems], WEIGHTS.name);
  const description = wordsOf(capability.description ?? "");
  add(description.map(({ stem }) => stem), WEIGHTS.description);
  add(fieldWords(capability.input), WEIGHTS.fields);
  add(fieldWords(capability.output), WEIGHTS.fields);
  add(systemStems, WEIGHTS.system);
  return {
    offer,
    stems,
    length: stems.size,
    verbs: verbStems,
    nouns: nounStems,
    described: description[0]?.stem,
    words: [...verbs, ...nouns, ...description.map(({ text }) => text)],
    systemStems,
  };
}

function fieldWords(schema: Readonly<Record<string, unknown>> | undefined): readonly string[] {
  const { properties } = schema ?? {};
  if (typeof properties !== "object" || properties === null) return [];
  return Object.keys(properties).flatMap((name) =>
    tokensOf(name.replaceAll("_", " ")).filter((word) => word !== "id").map(stemOf)
  );
}

/** `billing is handled by our Node.js payments service`: which system is meant by which words. */
export function favouredIn(text: string, systems: readonly string[]) {
  const [, subject = "", rest = ""] =
    /^(.*?)\b(?:is|are|runs|lives|lies)\b(.*)$/i.exec(withoutPhrases(text)) ?? [];
  if (subject === "") return [];
  const said = new Set(tokensOf(`${subject} ${rest}`).map(stemOf));
  const topic = new Set(wordsOf(subject).map(({ stem }) => stem));
  return systems.flatMap((system) => {
    const parts = tokensOf(system.replaceAll(/[_-]/g, " ")).map(stemOf);
    return parts.length > 0 && parts.every((part) => said.has(part)) ? [{ topic, system }] : [];
  });
}
