/** Similar failures: which earlier ones resemble this one, the newer the more. Pure. */

/** An earlier failure, or many of one kind. */
export interface Past {
  /** Its cluster. */
  readonly cluster: string;
  readonly words: readonly string[];
  /** What has to be equal to count: class, code, step, system. */
  readonly facts: readonly string[];
  readonly count: number;
  readonly lastAtMs: number;
}

/** How much an earlier failure resembles: 1 is the same at the same moment. */
export interface Similar {
  readonly past: Past;
  readonly score: number;
}

/** What an earlier failure counts halves in this time: 94 % of recurrences come within 20 days. */
const HALF_LIFE_MS = 20 * 24 * 3_600_000;

/** BM25's saturation and length normalisation. Source: Robertson and Zaragoza, 2009. */
const K1 = 1.2;
const B = 0.75;

/** How much of the score are words, and how much is equal facts. */
const WORDS_SHARE = 0.5;

/**
 * Ranks earlier failures by how much they resemble one.
 *
 * Method: BM25 over the words of message templates, relative to what the failure itself would get, and
 * the share of equal facts; both halved every 20 days. Cost: O(words of all).
 */
export function similarTo(
  subject: Pick<Past, "words" | "facts">,
  pasts: readonly Past[],
  { nowMs, limit }: { readonly nowMs: number; readonly limit: number },
): Similar[] {
  const texts = [subject.words, ...pasts.map(({ words }) => words)];
  const mean = Math.max(1, texts.reduce((sum, words) => sum + words.length, 0) / texts.length);
  const counts = new Map<string, number>();
  for (const words of texts) {
    for (const word of new Set(words)) counts.set(word, (counts.get(word) ?? 0) + 1);
  }
  const rarity = (word: string) => {
    const count = counts.get(word) ?? 0;
    return Math.log(1 + (texts.length - count + 0.5) / (count + 0.5));
  };
  const asked = [...new Set(subject.words)];
  const scoreOf = (words: readonly string[]) =>
    asked.reduce((sum, word) => {
      const times = words.filter((one) => one === word).length;
      const norm = K1 * (1 - B + B * words.length / mean);
      return sum + rarity(word) * times * (K1 + 1) / (times + norm);
    }, 0);
  const own = scoreOf(subject.words);
  const scored = pasts.map((past) => {
    const words = own === 0 ? 0 : Math.min(1, scoreOf(past.words) / own);
    const facts = subject.facts.filter((fact) => past.facts.includes(fact)).length /
      Math.max(1, subject.facts.length);
    const age = Math.max(0, nowMs - past.lastAtMs);
    const score = (WORDS_SHARE * words + (1 - WORDS_SHARE) * facts) * 2 ** (-age / HALF_LIFE_MS);
    return { past, score };
  });
  return scored.sort((a, b) => b.score - a.score || (a.past.cluster < b.past.cluster ? -1 : 1))
    .slice(0, limit);
}
