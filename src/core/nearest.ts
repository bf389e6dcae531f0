/** Nearest names: a suggestion for a name that is not known. */

/** Longer names get no suggestion. */
const NAME_SIZE_MAX = 64;

/** A name that needs more edits is not suggested. */
const EDITS_MAX = 4;

/**
 * Returns the name with the fewest edits: at most a third of the letters, and EDITS_MAX. Two swapped
 * letters are one edit. Upper and lower case are the same.
 */
export function nearestOf(name: string, names: Iterable<string>): string | undefined {
  if (name.length > NAME_SIZE_MAX) return undefined;
  let nearest: string | undefined;
  let editsMin = 1 + Math.min(EDITS_MAX, Math.max(1, Math.floor(name.length / 3)));
  for (const candidate of names) {
    if (Math.abs(candidate.length - name.length) >= editsMin) continue;
    const edits = editsBetween(name.toLowerCase(), candidate.toLowerCase());
    if (edits < editsMin) [nearest, editsMin] = [candidate, edits];
  }
  return nearest;
}

/** Optimal string alignment, three rows of the table at a time. Cost: O(from × to). */
function editsBetween(from: string, to: string): number {
  let before: number[] = [];
  let row = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let i = 1; i <= from.length; i++) {
    const next = [i];
    for (let j = 1; j <= to.length; j++) {
      const replaced = (row[j - 1] ?? 0) + (from[i - 1] === to[j - 1] ? 0 : 1);
      const isSwap = i > 1 && j > 1 && from[i - 1] === to[j - 2] && from[i - 2] === to[j - 1];
      const swapped = isSwap ? (before[j - 2] ?? 0) + 1 : Infinity;
      next.push(Math.min(replaced, swapped, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    [before, row] = [row, next];
  }
  return row[to.length] ?? 0;
}
