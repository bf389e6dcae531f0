/** Slices: work on many things that leaves the event loop to others in between. */

import type { Runtime } from "../src/core/ports.ts";

/** Things that are worked on in one iteration of the event loop; each may begin an attempt. */
const SLICE = 256;

/** Acts on each item, the first slice at once and each other in an iteration of its own. */
export function inSlices<T>(
  runtime: Pick<Runtime, "soon">,
  items: readonly T[],
  act: (item: T) => void,
): void {
  const workFrom = (from: number): void => {
    const until = Math.min(items.length, from + SLICE);
    for (let at = from; at < until; at++) act(items[at] as T);
    if (until < items.length) runtime.soon(() => workFrom(until));
  };
  workFrom(0);
}
