/** Spelling: a word that nobody knows is read as the known one that it is nearest to. */

import { nearestOf } from "../../core/nearest.ts";

/** Shorter words are taken as they are: too many others are near. */
const LENGTH_MIN = 4;
/** Words that are remembered. */
const MEMORY_MAX = 20_000;

/** Corrects words by those that are known. Cost: O(words known) once for each unknown word. */
export class Spelling {
  readonly #byInitial: ReadonlyMap<string, readonly string[]>;
  readonly #known: ReadonlySet<string>;
  readonly #memory = new Map<string, string | undefined>();

  constructor(known: Iterable<string>) {
    this.#known = new Set(known);
    this.#byInitial = Map.groupBy(this.#known, (word) => word[0] ?? "");
  }

  /** Returns the known word that was meant; undefined: it is known, or none is near. */
  correct(word: string): string | undefined {
    if (word.length < LENGTH_MIN || this.#known.has(word)) return undefined;
    if (this.#memory.has(word)) return this.#memory.get(word);
    const initials = [word[0] ?? "", word[1] ?? ""];
    const candidates = initials.flatMap((initial) => this.#byInitial.get(initial) ?? [])
      .filter((one) => Math.abs(one.length - word.length) <= 2 && one.length >= LENGTH_MIN - 1);
    const near = nearestOf(word, candidates);
    const found = near !== undefined && isNear(word, near) ? near : undefined;
    if (this.#memory.size < MEMORY_MAX) this.#memory.set(word, found);
    return found;
  }
}

/** A short word may have one letter more, less or in place of another; a long one two. */
function isNear(word: string, known: string): boolean {
  const isReplaced = word.length === known.length && word.length > LENGTH_MIN;
  const wrongMax = word.length > 6 || isReplaced ? 2 : 1;
  const count = (text: string, letter: string) => text.split(letter).length - 1;
  const letters = new Set([...word, ...known]);
  const different = [...letters]
    .reduce((sum, letter) => sum + Math.abs(count(word, letter) - count(known, letter)), 0);
  return different <= wrongMax;
}
