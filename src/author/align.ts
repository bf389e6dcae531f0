/** Alignment: which items of a changed list are those of the list before. */

import { isSame } from "./document.ts";
import { isRecord } from "./yaml_text.ts";

/** Which items of a list are which of another: by name, or by what they have at both ends. */
export function alignItems(
  before: readonly unknown[],
  after: readonly unknown[],
): readonly (readonly [from: number, to: number])[] {
  if (before.length === after.length) return before.map((_, index) => [index, index]);
  const [old, now] = [namesOf(before), namesOf(after)];
  if (old !== undefined && now !== undefined) {
    const pairs = [...old].flatMap(([name, from]) => {
      const to = now.get(name);
      return to === undefined ? [] : [[from, to] as const];
    });
    if (pairs.every(([, to], index) => to > (pairs[index - 1]?.[1] ?? -1))) return pairs;
  }
  const shorter = Math.min(before.length, after.length);
  let head = 0;
  while (head < shorter && isSame(before[head], after[head])) head++;
  let tail = 0;
  while (
    tail < shorter - head && isSame(before.at(-1 - tail), after.at(-1 - tail))
  ) tail++;
  const pairs: [number, number][] = [];
  for (let index = 0; index < shorter - tail; index++) pairs.push([index, index]);
  for (let index = tail; index > 0; index--) {
    pairs.push([before.length - index, after.length - index]);
  }
  return pairs;
}

/** Index by name; undefined when an item has none, or shares it. */
function namesOf(items: readonly unknown[]): ReadonlyMap<unknown, number> | undefined {
  const names = new Map<unknown, number>();
  items.forEach((item, index) => {
    if (isRecord(item) && typeof item.name === "string") names.set(item.name, index);
  });
  return names.size === items.length ? names : undefined;
}
