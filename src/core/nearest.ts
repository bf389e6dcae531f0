/** Nearest names: a suggestion for a name that is not known. */

/** Longer names get no suggestion. */
const NAME_SIZE_MAX = 64;

/** A name that needs more edits is not suggested. */
const EDITS_MAX = 4;

/** Letters of names of about its length that one is compared with; of others, nothing is said. */
const COMPARED_SIZE_MAX = 4_096;

/**
 * Returns the name with the fewest edits: at most a third of the letters, and EDITS_MAX. Two swapped
 * letters are one edit. Upper and lower case are the same.
 *
 * Cost: 0.5 µs for each letter of names of about its length, COMPARED_SIZE_MAX of them at most.
 */
export function nearestOf(name: string, names: Iterable<string>): string | undefined {
  if (name.length > NAME_SIZE_MAX) return undefined;
  let nearest: string | undefined;
  let editsMin = 1 + Math.min(EDITS_MAX, Math.max(1, Math.floor(name.length / 3)));
  let compared = 0;
  for (const candidate of names) {
    if (Math.abs(candidate.length - name.length) >= editsMin) continue;
    compared += candidate.length;
    if (compared > COMPARED_SIZE_MAX) break;
    const edits = editsBetween(name.toLowerCase(), candidate.toLowerCase(), editsMin);
    if (edits < editsMin) [nearest, editsMin] = [candidate, edits];
  }
  return nearest;
}

/**
 * Optimal string alignment, three rows of the table at a time, as far as it may be below `max`. Cost:
 * O(from × max).
 */
function editsBetween(from: string, to: string, max: number): number {
  let before: number[] = [];
  let row = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let i = 1; i <= from.length; i++) {
    const next: number[] = Array(to.length + 1).fill(max);
    next[0] = i;
    for (let j = Math.max(1, i - max); j <= Math.min(to.length, i + max); j++) {
      const replaced = (row[j - 1] ?? 0) + (from[i - 1] === to[j - 1] ? 0 : 1);
      const isSwap = i > 1 && j > 1 && from[i - 1] === to[j - 2] && from[i - 2] === to[j - 1];
      const swapped = isSwap ? (before[j - 2] ?? 0) + 1 : Infinity;
      next[j] = Math.min(replaced, swapped, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1);
    }
    [before, row] = [row, next];
  }
  return row[to.length] ?? 0;
}
